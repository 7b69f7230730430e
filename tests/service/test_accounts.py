"""One token is one account, and each plan is the person's own."""

from __future__ import annotations

import json
import os
import pty
import shutil
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from fleet.cli import main
from fleet.core.events import AccountAdded
from fleet.core.model import Account
from fleet.errors import NotDone
from fleet.home import Home
from fleet.run.doctor import examine
from fleet.service import accounts, verifying
from fleet.service.making_home import home_id
from fleet.service.requests import submit
from fleet.shell.stamp import stamp
from fleet.views.light import state
from fleet.views.snapshot import snapshot
from profiles.profile import Profile, make_profile
from profiles.secrets import open_secrets
from tests.proofs import real_version, vouch
from tests.real_client import CLIENT
from tests.shell.loopback_world import plant_login

TOKEN, OTHER = "sk-ant-oat01-abcdefghijkl", "sk-ant-oat01-mnopqrstuvwx"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """With one subscription, and a file of plain text as its keyring."""
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyrings.alt.file.PlaintextKeyring")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setattr("keyring.core._keyring_backend", None)
    monkeypatch.setenv("FLEET_CLIENT", str(tmp_path / "no-such-client"))
    monkeypatch.setenv("FLEET_HOME", str(tmp_path / "home"))
    made = Home(tmp_path / "home")
    accounts.add(made, plan("work"), TOKEN)
    return made


def plan(name: str, **but: object) -> Profile:
    return make_profile(**{"name": name, "kind": "subscription", **but})


def token_of(home: Home, name: str) -> str | None:
    return open_secrets(home_id(home), home.root).get(name)


def test_the_same_token_under_another_name_is_refused_and_nothing_is_kept(home: Home) -> None:
    with pytest.raises(NotDone, match=r"the token of account work: .* counted twice") as refused:
        accounts.add(home, plan("side"), TOKEN, mine=True)
    assert TOKEN not in str(refused.value)
    assert token_of(home, "side") is None and list(snapshot(home).accounts) == ["work"]
    accounts.add(home, plan("side"), OTHER, mine=True)
    with pytest.raises(NotDone, match="the token of account work"):
        verifying.renew(home, "side", TOKEN)
    assert token_of(home, "side") == OTHER


@pytest.mark.client
def test_the_same_login_under_another_name_is_refused(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the same person and organisation, as the real client says, or copied; the same person's in another is not."""
    planted = home.root / "planted"

    def logs_in_as(mail: str, organisation: str | None) -> None:
        plant_login(planted, "invented", "user:inference")
        known = {
            "accountUuid": "u",
            "emailAddress": mail,
            "organizationUuid": organisation,
            "organizationName": "O",
        }
        (planted / ".claude.json").write_text(json.dumps({"oauthAccount": known} if organisation else {}))

    client = home.root / "client"
    client.write_text(
        f'#!/bin/sh\ncase "$*" in *"auth login"*) cp -p {planted}/.c*.json "$CLAUDE_CONFIG_DIR"; exit;; esac\n'
        f'exec {CLIENT} "$@"\n'
    )
    client.chmod(0o755)
    monkeypatch.setenv("FLEET_CLIENT", str(client))
    vouch(client, real_version(), home.root)
    logs_in_as("me@example.org", "o-1")
    accounts.add(home, plan("first", login=True), None, mine=True)
    with pytest.raises(NotDone, match=r"this is the login of account first: .* Nothing was added"):
        accounts.add(home, plan("second", login=True), None)
    assert "second" not in snapshot(home).accounts
    logs_in_as("me@example.org", "o-2")
    (planted / ".credentials.json").write_text((planted / ".credentials.json").read_text() + " ")
    accounts.add(home, plan("second", login=True), None)
    logs_in_as("", None)
    with pytest.raises(NotDone, match="the login of account first"):
        accounts.add(home, plan("third", login=True), None)
    shutil.copytree(home.config_dir("first"), home.config_dir("second"), dirs_exist_ok=True)
    found = {finding.what: finding.story for finding in examine(home, os.environ)}
    assert found["accounts first, second"] == "both have the same login"


def test_a_word_that_a_local_server_takes_for_a_token_and_a_key_of_another_address_are_no_same_account(
    home: Home,
) -> None:
    for name in ("box", "further"):
        local = plan(name, kind="local", base_url="http://127.0.0.1:9", tiers={"s": "m"})
        accounts.add(home, local, "any-word")
    accounts.add(home, plan("gate", kind="api-key", base_url="https://gateway.example"), TOKEN)


def test_a_name_that_differs_by_case_is_refused_before_anything_is_kept(home: Home) -> None:
    with pytest.raises(NotDone, match="there is an account work: names that differ only by case"):
        accounts.add(home, plan("Work"), OTHER, mine=True)
    assert token_of(home, "work") == TOKEN  # this keyring, too, takes both names for one


def test_a_second_subscription_is_confirmed_once(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a terminal by the word that is named. An API key needs none, nor a server of this machine's own."""
    words = ["account", "add", "side", "--kind", "subscription", "--login"]
    assert main(words) == 1
    told = capsys.readouterr().err
    assert accounts.THEIR_OWN in told and accounts.TERMS in told and "confirm that with --mine" in told
    with pytest.raises(NotDone, match="--mine"):
        accounts.add(home, plan("side"), OTHER)
    accounts.add(home, plan("key", kind="api-key"), "sk-ant-api03-abcdefghijkl")
    accounts.add(home, plan("double", base_url="http://127.0.0.1:9"), "tok-double")
    accounts.add(home, plan("side"), OTHER, mine=True)
    accounts.add(home, plan("third"), "sk-ant-oat01-third-token")
    assert list(snapshot(home).accounts) == ["work", "key", "double", "side", "third"]


def test_at_a_terminal_it_is_asked_for_a_second_subscription_also_while_the_token_is_piped_in(
    home: Home,
) -> None:
    add = f"{sys.executable} -m fleet.cli account add side --kind subscription --token-stdin"
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv("/bin/sh", ["sh", "-c", f"echo {OTHER} | {add}"])
    shown = b""
    while b"[y/N] " not in shown:
        shown += os.read(terminal, 1000)
    os.write(terminal, b"y\n")
    with suppress(OSError):  # it has ended
        while more := os.read(terminal, 1000):
            shown += more
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, shown
    assert accounts.TERMS.encode() in shown and snapshot(home).accounts["side"].mine


def test_the_doctor_tells_of_accounts_that_are_the_same_in_a_home_of_an_older_release(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    open_secrets(home_id(home), home.root).put("side", TOKEN)
    old = Account("side", "subscription", (("sonnet", "sonnet"),), 1, "account:side", added_ms=1)
    submit(home, AccountAdded(**stamp(), account=old))
    found = {finding.what: finding for finding in examine(home, os.environ)}
    both = found["accounts side, work"]
    assert (both.grade, both.story) == ("error", "both have the same token")
    assert found["account work"].grade == "ok"
    assert "its token ends" in found["account side"].story and "fleet account token side" in str(found)
    for words in (["account", "list"], ["status"]):
        assert main(words) == 0
        assert "its token ends by" in capsys.readouterr().out


def test_settings_are_changed_by_the_command_and_nothing_else_of_the_account(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    before = state.account(home.root, "work")
    words = [
        "--base-url",
        "http://127.0.0.1:9/",
        "--tier-map",
        "opus=o5",
        "--concurrency",
        "2",
        "--spend",
        "never",
    ]
    assert main(["account", "set", "work", *words]) == 0
    after = state.account(home.root, "work")
    changed = {key for key in after if before[key] != after[key]}
    assert changed == {"base_url", "tiers", "concurrency", "spend"}
    assert (after["base_url"], after["tiers"], after["concurrency"]) == (
        "http://127.0.0.1:9",
        {"opus": "o5"},
        2,
    )
    assert main(["account", "set", "work", "--base-url", "default"]) == 0
    assert state.account(home.root, "work")["base_url"] is None
    for wrong, why in (
        (["--base-url", "ftp://x"], "http://"),
        (["--tier-map", "opus"], "TIER=MODEL"),
        ([], "say what to set"),
    ):
        assert main(["account", "set", "work", *wrong]) == 1 and why in capsys.readouterr().err


def test_pausing_and_resuming_are_told_and_shown(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["account", "pause", "work"]) == 0
    assert "to go on: fleet resume --account work" in capsys.readouterr().err
    assert main(["account", "list"]) == 0
    assert "paused by you" in capsys.readouterr().out
    assert main(["status"]) == 0
    assert "work (paused): paused by you" in capsys.readouterr().out
    assert main(["account", "pause", "work"]) == 0 and "was paused already" in capsys.readouterr().err
    assert main(["account", "resume", "work", "--json"]) == 0
    assert '"state": "ready"' in capsys.readouterr().out
