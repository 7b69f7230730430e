"""The token of an account that could not be added."""

from __future__ import annotations

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
