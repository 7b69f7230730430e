"""The encrypted file shows nothing, opens for its passphrase alone, and notices every change."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from profiles.errors import NoUsableKeyring
from profiles.sealed_file import SealedFileSecrets, passphrase_source
from tests.patience import PATIENCE_S

SECRET = "sk-ant-oat01-planted"
ROOT = Path(__file__).parents[2]


def sealed(tmp_path: Path, passphrase: str = "correct horse battery") -> SealedFileSecrets:
    return SealedFileSecrets(tmp_path / "secrets.sealed", lambda new: passphrase)


def test_neither_account_nor_credential_can_be_read_from_the_file_and_only_its_owner_may_open_it(
    tmp_path: Path,
) -> None:
    sealed(tmp_path).put("workaccount", SECRET)
    path = tmp_path / "secrets.sealed"
    assert SECRET.encode() not in path.read_bytes()
    assert b"workaccount" not in path.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_wrong_passphrase_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    sealed(tmp_path).put("work", SECRET)
    with pytest.raises(NoUsableKeyring, match="the passphrase is not the one"):
        sealed(tmp_path, "another passphrase").get("work")
    with pytest.raises(NoUsableKeyring, match="the passphrase is not the one"):
        sealed(tmp_path, "another passphrase").put("side", "x")
    assert sealed(tmp_path).get("work") == SECRET


@pytest.mark.parametrize("part", ["salt", "nonce", "sealed"])
def test_one_changed_bit_is_noticed(tmp_path: Path, part: str) -> None:
    sealed(tmp_path).put("work", SECRET)
    path = tmp_path / "secrets.sealed"
    document = json.loads(path.read_text())
    raw = bytearray(base64.b64decode(document[part]))
    raw[0] ^= 1
    document[part] = base64.b64encode(raw).decode()
    path.write_text(json.dumps(document))
    with pytest.raises(NoUsableKeyring, match="or the file was changed"):
        sealed(tmp_path).get("work")


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"format": "fleet-sealed-secrets-1"}', '{"format": "later"}']
)
def test_a_damaged_file_is_refused_and_left_as_it_is(tmp_path: Path, content: str) -> None:
    path = tmp_path / "secrets.sealed"
    path.write_text(content)
    with pytest.raises(NoUsableKeyring, match=str(path)):
        sealed(tmp_path).put("work", SECRET)
    assert path.read_text() == content


def test_processes_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    program = (
        "import sys, pathlib; from profiles.sealed_file import SealedFileSecrets as S\n"
        "S(pathlib.Path('secrets.sealed'), lambda new: 'correct horse battery').put(sys.argv[1], 'x' + sys.argv[1])"
    )
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    names = ["a", "b", "c", "d"]
    writers = [subprocess.Popen([sys.executable, "-c", program, n], cwd=tmp_path, env=env) for n in names]
    assert [writer.wait(timeout=PATIENCE_S) for writer in writers] == [0, 0, 0, 0]
    assert {n: sealed(tmp_path).get(n) for n in names} == {n: f"x{n}" for n in names}


def test_threads_that_want_it_first_and_at_once_all_get_it_and_the_passphrase_is_asked_for_once(
    tmp_path: Path,
) -> None:
    # In a process of its own: threads that block each other in OpenSSL can't be ended.
    program = (
        "import pathlib; from concurrent.futures import ThreadPoolExecutor as Pool\n"
        "from profiles.sealed_file import SealedFileSecrets as S\n"
        "asked = []\n"
        "def phrase(new): asked.append(new); return 'correct horse battery'\n"
        "secrets = S(pathlib.Path('secrets.sealed'), phrase)\n"
        "with Pool(4) as pool: print(list(pool.map(secrets.get, ['work'] * 4)), len(asked))"
    )
    sealed(tmp_path).put("work", "x")
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    run = [sys.executable, "-c", program]
    done = subprocess.run(
        run, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=PATIENCE_S, check=True
    )
    assert done.stdout == "['x', 'x', 'x', 'x'] 1\n"


def test_a_passphrase_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "passphrase"
    path.write_text("correct horse battery\n")
    path.chmod(0o644)
    with pytest.raises(NoUsableKeyring, match="chmod 600"):
        passphrase_source({"FLEET_KEYRING_PASSPHRASE_FILE": str(path)})(False)


@pytest.mark.parametrize("content", ["", "\n", "short\n"])
def test_an_empty_or_short_passphrase_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "passphrase"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(NoUsableKeyring, match="shorter than 8"):
        passphrase_source({"FLEET_KEYRING_PASSPHRASE_FILE": str(path)})(False)


def test_a_missing_passphrase_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(NoUsableKeyring, match="gone can't be read"):
        passphrase_source({"FLEET_KEYRING_PASSPHRASE_FILE": str(tmp_path / "gone")})(False)


def test_without_a_terminal_the_variable_for_the_passphrase_file_is_named(tmp_path: Path) -> None:
    program = (
        "from profiles.sealed_file import passphrase_source as p; from profiles.errors import NoUsableKeyring as N\n"
        "try: p({})(True)\nexcept N as e: print(e)"
    )
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    asked = subprocess.run(
        [sys.executable, "-c", program],
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        start_new_session=True,
        timeout=PATIENCE_S,
    )
    assert "FLEET_KEYRING_PASSPHRASE_FILE" in asked.stdout
