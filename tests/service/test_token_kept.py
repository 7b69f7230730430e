"""The token of an account that could not be added."""

from __future__ import annotations

import os
import pty
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from fleet.errors import NotDone, NotKnown
from fleet.home import Home
from fleet.service import accounts
from fleet.service.making_home import home_id
from profiles.profile import make_profile
from profiles.secrets import Secrets, open_secrets
from tests.service.answering import Answering

REFUSED = b'{"ok": false, "error": "the disk is full"}\n'
TOKEN = "sk-ant-oat01-abcdefghijkl"
PROFILE = make_profile(name="work", kind="subscription")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    (tmp_path / "passphrase").write_text("correct horse\n")
    (tmp_path / "passphrase").chmod(0o600)
    monkeypatch.setenv("FLEET_KEYRING", "encrypted-file")
    monkeypatch.setenv("FLEET_KEYRING_PASSPHRASE_FILE", str(tmp_path / "passphrase"))
    return Home(tmp_path / "home")


def kept(home: Home) -> Secrets:
    return open_secrets(home_id(home), home.root)


def test_the_token_of_an_account_that_was_refused_is_forgotten(home: Home) -> None:
    home_id(home)
    with Answering(home, REFUSED), pytest.raises(NotDone, match="the disk is full"):
        accounts.add(home, PROFILE, TOKEN)
    assert kept(home).get("work") is None


def test_an_earlier_token_of_that_name_comes_back_when_the_account_is_refused(home: Home) -> None:
    """Two persons adding the same name at once: the one that is refused must not take the other's token."""
    kept(home).put("work", "the-earlier-token")
    with Answering(home, REFUSED), pytest.raises(NotDone):
        accounts.add(home, PROFILE, TOKEN)
    assert kept(home).get("work") == "the-earlier-token"


def test_the_token_stays_when_it_is_not_known_whether_the_account_was_added(home: Home) -> None:
    home_id(home)
    with Answering(home, b""), pytest.raises(NotKnown):
        accounts.add(home, PROFILE, TOKEN)
    assert kept(home).get("work") == TOKEN


def test_a_token_that_could_not_be_reached_when_its_account_was_removed_is_taken_out_later(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts.add(home, PROFILE, TOKEN)
    with monkeypatch.context() as away:
        away.setenv("FLEET_KEYRING_PASSPHRASE_FILE", str(home.root / "no such file"))
        with pytest.raises(NotDone, match="run fleet account remove work again"):
            accounts.remove(home, "work")
    assert kept(home).get("work") == TOKEN
    accounts.remove(home, "work")
    assert kept(home).get("work") is None
    with pytest.raises(NotDone, match="there is no account work"):
        accounts.remove(home, "work")


def test_a_token_that_is_typed_at_a_terminal_is_not_shown(home: Home) -> None:
    command = [sys.executable, "-m", "fleet.cli", "account", "add", "work", "--kind", "subscription"]
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ["FLEET_HOME"] = str(home.root)
        os.execv(sys.executable, [*command, "--token-stdin"])
    shown = b""
    while b"Enter: " not in shown:
        shown += os.read(terminal, 1000)
    os.write(terminal, f"{TOKEN}\n".encode())
    with suppress(OSError):  # it has ended
        while more := os.read(terminal, 1000):
            shown += more
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, shown
    os.close(terminal)
    assert kept(home).get("work") == TOKEN and TOKEN.encode() not in shown
