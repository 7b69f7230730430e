"""A keyring that can't be reached is told from one that has no such credential, and is used again once it can be."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from profiles.errors import NoUsableKeyring
from profiles.patience import Patience
from profiles.sealed_file import SealedFileSecrets, passphrase_source
from profiles.secrets import Secrets, kept_token
from tests.patience import until
from tests.profiles.keyring_service import keyring_service

ROOT = Path(__file__).parents[2]

_ASKING = """
import json, sys
from profiles.secrets import KeyringSecrets, kept_token
from profiles.errors import NoUsableKeyring
secrets = KeyringSecrets("h1", patience_s=float(sys.argv[1]))
for line in sys.stdin:
    how, *words = json.loads(line)
    try:
        said = kept_token(secrets, *words) if how == "kept" else getattr(secrets, how)(*words)
    except NoUsableKeyring as failed:
        said = {"away": failed.why}
    print(json.dumps(said), flush=True)
"""

_PROMPTER = """
from jeepney import message_bus
from jeepney.io.blocking import open_dbus_connection, Proxy
bus = open_dbus_connection()
Proxy(message_bus, bus).RequestName("org.gnome.keyring.SystemPrompter")
print("there", flush=True)
while True:
    bus.receive()
"""


class Asker:
    """A process that uses the keyring of its environment for as long as it lives, as a coordinator does."""

    def __init__(self, env: Mapping[str, str], patience_s: float, path: Path) -> None:
        command = [sys.executable, "-c", _ASKING, str(patience_s)]
        self.process = subprocess.Popen(
            command,
            env={**env, "PYTHONPATH": f"{path}:{ROOT}"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __call__(self, how: str, *words: str) -> Any:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps([how, *words]) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


@contextmanager
def asker(env: Mapping[str, str], patience_s: float = 60.0, path: Path = ROOT) -> Iterator[Asker]:
    """`path`: where it finds further modules."""
    made = Asker(env, patience_s, path)
    with made.process:
        yield made


def is_away(said: object, why: str = "") -> bool:
    return isinstance(said, dict) and why in said["away"]


@pytest.mark.keyring
def test_what_a_second_session_puts_in_the_keyring_can_be_had_in_the_first(tmp_path: Path) -> None:
    """Two gnome-keyrings over one file, as of two `dbus-run-session`: neither spoils it for who uses the other."""
    with keyring_service(tmp_path / "k", "pw") as env, asker(env) as first:
        first("put", "work", "one")
        with keyring_service(tmp_path / "k", "pw") as env, asker(env) as second:
            # Put again, as a gnome-keyring that has read the file sees no change of it within the same second.
            until(
                "the first session has it, too",
                lambda: second("put", "side", "two") is None and first("kept", "side") == "two",
            )
        assert (first("kept", "work"), first("kept", "side")) == ("one", "two")


@pytest.mark.keyring
def test_a_token_that_is_gone_is_told_from_another_keyring(tmp_path: Path) -> None:
    with keyring_service(tmp_path / "own", "pw") as env, asker(env) as ask:
        ask("put", "work", "one")
        ask("put", "side", "two")
        ask("delete", "work")
        assert (ask("kept", "work"), ask("kept", "side")) == (None, "two")
    with keyring_service(tmp_path / "another", "pw") as env, asker(env) as ask:
        assert is_away(ask("kept", "side"), "it is another one than that in which the token of side was put")


@pytest.mark.keyring
@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no session bus")
def test_a_process_that_cron_starts_reaches_the_keyring_as_soon_as_it_is_there(tmp_path: Path) -> None:
    """Nobody names it the bus of the session, and there is none yet; then one comes, goes, and comes back locked."""
    runtime = tmp_path / "run"
    runtime.mkdir()
    cron = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "XDG_RUNTIME_DIR": str(runtime)}
    with asker(cron) as ask:
        assert is_away(ask("kept", "work"), "no keyring service is running")
        with keyring_service(tmp_path / "k", "pw", bus=runtime / "bus"):
            ask("put", "work", "one")
            assert ask("kept", "work") == "one"
        until("the service is gone", lambda: is_away(ask("kept", "work")))
        (runtime / "bus").unlink(missing_ok=True)
        with keyring_service(tmp_path / "k", None, bus=runtime / "bus"):
            assert is_away(ask("kept", "work"), "locked")


@pytest.mark.keyring
def test_a_prompt_that_nobody_answers_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    with keyring_service(tmp_path / "k", "pw") as env, asker(env) as ask:
        ask("put", "work", "one")
    with keyring_service(tmp_path / "k", None) as env, asker(env, patience_s=1.0) as ask:
        prompter = [sys.executable, "-c", _PROMPTER]
        with subprocess.Popen(prompter, env=env, stdout=subprocess.PIPE, text=True) as silent:
            assert silent.stdout is not None and silent.stdout.readline() == "there\n"
            assert is_away(ask("kept", "work"), "no answer for 1 s: it may have opened a prompt")
            assert is_away(ask("kept", "work"), "no answer for 1 s: it may have opened a prompt")
            silent.kill()


def test_who_asks_while_a_prompt_is_open_is_refused_at_once_and_answered_after_it() -> None:
    from threading import Event

    answered, patience = Event(), Patience(0.01)
    with pytest.raises(NoUsableKeyring, match="no answer"):
        patience.call(answered.wait)
    with pytest.raises(NoUsableKeyring, match="no answer"):
        patience.call(lambda: pytest.fail("a second prompt was opened"))
    answered.set()

    def gets_through() -> bool:
        try:
            return patience.call(lambda: True)
        except NoUsableKeyring:
            return False

    until("the next call goes through", gets_through)


def test_who_still_waits_for_a_keyring_when_the_process_ends_waits_no_longer() -> None:
    """Of a coordinator that is stopped: its threads would else hold it until their patience is at its end."""
    from threading import Event, Thread

    asked, never, patience = Event(), Event(), Patience(10_000.0)
    ends = []

    def waits(ask: Callable[[], object]) -> None:
        with pytest.raises(NoUsableKeyring, match="not waited for any longer"):
            patience.call(ask)
        ends.append(ask)

    def hangs() -> None:
        asked.set()
        never.wait()

    waiting = [Thread(target=waits, args=(ask,)) for ask in (hangs, lambda: pytest.fail("it was begun"))]
    waiting[0].start()
    assert asked.wait(60)
    waiting[1].start()
    patience.end()
    for one in waiting:
        one.join(60)
    never.set()
    assert len(ends) == 2


def test_whatever_a_backend_does_is_no_verdict_and_its_words_are_not_repeated(tmp_path: Path) -> None:
    (tmp_path / "failing.py").write_text(
        "from keyring.backend import KeyringBackend\n"
        "class Failing(KeyringBackend):\n"
        "    priority = 1\n"
        "    def get_password(self, s, u): raise LookupError('sk-ant-oat01-planted')\n"
        "    set_password = delete_password = None\n"
    )
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHON_KEYRING_BACKEND": "failing.Failing"}
    with asker(env, 60.0, tmp_path) as ask:
        for how in (("kept", "work"), ("put", "work", "one")):
            said = ask(*how)
            assert is_away(said, "the keyring's backend failed with ") and "planted" not in str(said)


def sealed(home: Path, passphrase: Path) -> Secrets:
    source = passphrase_source({"FLEET_KEYRING_PASSPHRASE_FILE": str(passphrase)})
    return SealedFileSecrets(home / "secrets.sealed", source)


def test_an_encrypted_file_that_is_not_there_or_does_not_open_says_nothing_of_a_token(tmp_path: Path) -> None:
    phrase = tmp_path / "phrase"
    phrase.write_text("correct horse\n")
    phrase.chmod(0o600)
    mine = sealed(tmp_path / "mine", phrase)
    mine.put("work", "one")
    assert kept_token(mine, "side") is None
    with pytest.raises(NoUsableKeyring, match="another one"):
        kept_token(sealed(tmp_path / "other", phrase), "work")
    away = phrase.rename(tmp_path / "away")
    with pytest.raises(NoUsableKeyring, match="can't be read"):
        kept_token(sealed(tmp_path / "mine", phrase), "side")
    away.rename(phrase)
    file = (tmp_path / "mine" / "secrets.sealed").rename(tmp_path / "sealed")
    (tmp_path / "mine" / "secrets.sealed").mkdir()
    with pytest.raises(NoUsableKeyring, match="can't be read"):
        kept_token(sealed(tmp_path / "mine", phrase), "side")
    (tmp_path / "mine" / "secrets.sealed").rmdir()
    file.rename(tmp_path / "mine" / "secrets.sealed")
    assert kept_token(sealed(tmp_path / "mine", phrase), "work") == "one"


@pytest.mark.parametrize("there", [True, False])
def test_a_passphrase_that_is_too_short_is_told_before_it_is_needed(tmp_path: Path, there: bool) -> None:
    phrase = tmp_path / "phrase"
    phrase.touch(0o600)
    if there:
        phrase.write_text("correct horse\n")
        sealed(tmp_path, phrase).put("work", "one")
        sealed(tmp_path, phrase).prove()
    phrase.write_text("ab\n")
    with pytest.raises(NoUsableKeyring, match="shorter than 8"):
        sealed(tmp_path, phrase).prove()
