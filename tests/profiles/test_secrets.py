"""Every place for credentials keeps the same promises, and says what to do when it can't."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import keyring.backend
import pytest

from profiles.errors import NoUsableKeyring
from profiles.sealed_file import SealedFileSecrets, passphrase_source
from profiles.secrets import KeyringSecrets, MemorySecrets, Secrets, open_secrets
from tests.patience import PATIENCE_S
from tests.profiles.keyring_service import keyring_service

ROOT = Path(__file__).parents[2]
SECRET = "sk-ant-oat01-planted-ünïcode-🔑"

Place = Callable[[str], Secrets]
"""Opens the place anew, as another process would, for the home of the given id."""


@pytest.fixture(autouse=True)
def own_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither this machine's keyring nor its configuration may be used, and no backend chosen by another test."""
    for name in ("PYTHON_KEYRING_BACKEND", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "DBUS_SESSION_BUS_ADDRESS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setattr("keyring.core._keyring_backend", None)
    vars(keyring.backend.get_all_keyring).pop("saved_result", None)


@pytest.fixture
def passphrase_file(tmp_path: Path) -> Path:
    path = tmp_path / "passphrase"
    path.write_text("correct horse battery\n")
    path.chmod(0o600)
    return path


@pytest.fixture(params=["memory", "sealed file", pytest.param("keyring", marks=pytest.mark.keyring)])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    if request.param == "memory":
        kept: dict[str, Secrets] = {}
        yield lambda home: kept.setdefault(home, MemorySecrets())
    elif request.param == "sealed file":
        source = passphrase_source(
            {"FLEET_KEYRING_PASSPHRASE_FILE": str(request.getfixturevalue("passphrase_file"))}
        )
        yield lambda home: SealedFileSecrets(tmp_path / home / "secrets.sealed", source)
    else:
        with keyring_service(tmp_path / "keyring", "correct horse") as env:
            monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", env["DBUS_SESSION_BUS_ADDRESS"])
            yield KeyringSecrets


def test_what_was_put_is_there_for_whoever_opens_the_place_next(place: Place) -> None:
    place("home1").put("work", SECRET)
    assert place("home1").get("work") == SECRET


def test_the_last_one_put_counts(place: Place) -> None:
    place("home1").put("work", "first-secret")
    place("home1").put("work", "second-secret")
    assert place("home1").get("work") == "second-secret"


def test_an_account_without_a_credential_has_none(place: Place) -> None:
    place("home1").put("work", SECRET)
    assert place("home1").get("side") is None


def test_what_was_deleted_is_gone_and_deleting_it_again_is_no_error(place: Place) -> None:
    place("home1").put("work", SECRET)
    place("home1").put("side", "stays")
    place("home1").delete("work")
    place("home1").delete("work")
    assert place("home1").get("work") is None
    assert place("home1").get("side") == "stays"


def test_two_homes_never_touch_each_other(place: Place) -> None:
    place("home1").put("work", "of-home1")
    place("home2").put("work", "of-home2")
    place("home2").delete("work")
    assert place("home1").get("work") == "of-home1"
    assert place("home2").get("work") is None


def names_the_choices(said: str) -> bool:
    return all(
        choice in said
        for choice in ("gnome-keyring", "KWallet", "dbus-run-session", "encrypted-file", "--login")
    )


@pytest.mark.parametrize(
    "backend",
    [
        "keyring.backends.fail.Keyring",
        "keyring.backends.null.Keyring",
        "no.such.Backend",
        "nodots",
        "keyring.backends.fail.Gone",
    ],
)
def test_a_backend_that_keeps_nothing_is_refused_with_the_choices(
    backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", backend)
    with pytest.raises(NoUsableKeyring) as refused:
        KeyringSecrets("home1").put("work", SECRET)
    assert names_the_choices(str(refused.value))
    assert SECRET not in str(refused.value)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems always have a keychain")
def test_without_a_service_nothing_is_written_anywhere(tmp_path: Path) -> None:
    """Also with keyrings.alt installed, which would offer a plain text file."""
    with pytest.raises(NoUsableKeyring, match="no keyring service is running") as refused:
        KeyringSecrets("home1").put("work", SECRET)
    assert names_the_choices(str(refused.value))
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_the_secret_service_asked_for_by_name_without_a_bus_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.SecretService.Keyring")
    with pytest.raises(NoUsableKeyring, match="DBUS_SESSION_BUS_ADDRESS"):
        KeyringSecrets("home1").get("work")


@pytest.mark.keyring
def test_a_locked_keyring_is_refused_with_the_choices(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with keyring_service(tmp_path / "keyring", "correct horse") as env:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", env["DBUS_SESSION_BUS_ADDRESS"])
        KeyringSecrets("home1").put("work", SECRET)
    program = (
        "from profiles.errors import NoUsableKeyring as N; from profiles.secrets import KeyringSecrets as K\n"
        "try: K('home1').get('work')\nexcept N as e: print(e)"
    )
    # In a process of its own, as keyring leaves its connection open when the unlocking fails.
    with keyring_service(tmp_path / "keyring", None) as env:
        command = [sys.executable, "-c", program]
        env["PYTHONPATH"] = str(ROOT)
        said = subprocess.run(command, env=env, capture_output=True, text=True, timeout=PATIENCE_S).stdout
    assert "the keyring is locked" in said
    assert names_the_choices(said)


def test_the_users_own_keyring_configuration_holds(tmp_path: Path) -> None:
    """A backend named by PYTHON_KEYRING_BACKEND is used, whatever it is."""
    (tmp_path / "mykeyring.py").write_text(
        "import pathlib\nfrom keyring.backend import KeyringBackend\n"
        "class Mine(KeyringBackend):\n"
        "    priority = 0.1\n"
        "    def get_password(self, s, u): return None\n"
        "    def set_password(self, *said): print(*said, file=pathlib.Path('said').open('a'))\n"
        "    def delete_password(self, s, u): pass\n"
    )
    program = "from profiles.secrets import KeyringSecrets; KeyringSecrets('h1').put('work', 'abc')"
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": f"{tmp_path}:{ROOT}"}
    env["PYTHON_KEYRING_BACKEND"] = "mykeyring.Mine"
    subprocess.run([sys.executable, "-c", program], check=True, cwd=tmp_path, env=env)
    assert "fleet:h1 work abc" in (tmp_path / "said").read_text().splitlines()


def test_the_encrypted_file_is_used_only_when_asked_for(tmp_path: Path, passphrase_file: Path) -> None:
    asked = {"FLEET_KEYRING": "encrypted-file", "FLEET_KEYRING_PASSPHRASE_FILE": str(passphrase_file)}
    assert isinstance(open_secrets("h1", tmp_path, {}), KeyringSecrets)
    assert isinstance(open_secrets("h1", tmp_path, {"FLEET_KEYRING_PASSPHRASE_FILE": "x"}), KeyringSecrets)
    assert isinstance(open_secrets("h1", tmp_path, asked), SealedFileSecrets)
    with pytest.raises(NoUsableKeyring, match="'plaintext'"):
        open_secrets("h1", tmp_path, {"FLEET_KEYRING": "plaintext"})
