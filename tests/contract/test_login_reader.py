"""What holds for every reader of idle accounts: the scripted one and the one that starts a client."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from fleet.core.events import WindowReading
from fleet.home import Home
from fleet.ports import LoginReader, NoReading
from fleet.shell.hosts.driver import Client
from fleet.shell.login_reader import ClientReader
from tests.core.story import account
from tests.own_home import HOME_ID
from tests.patience import PATIENCE_S
from tests.proofs import vouch
from tests.shell.logins import ScriptedReader
from workers import processes

LOGIN = account("home", login=True, tiers=(("quick", "haiku"), ("deep", "claude-opus-4-8")))
WINDOWS = (
    WindowReading("five_hour", None, 0.25, 1_795_384_800_000, None),
    WindowReading("seven_day_opus", "deep", 0.0, None, None),
)
TOLD = {
    "five_hour": {"utilization": 25, "resets_at": "2026-11-22T22:00:00Z"},
    "seven_day_opus": {"utilization": 0, "resets_at": None},
    "limits": [],
}
MARKER = f"usage-home@{HOME_ID}"

Make = Callable[[Path, bool], LoginReader]


def scripted(root: Path, answers: bool) -> LoginReader:
    return ScriptedReader(WINDOWS if answers else None)


def with_a_client(root: Path, answers: bool) -> LoginReader:
    told = json.dumps({"rate_limits_available": True, "rate_limits": TOLD if answers else None})
    client = root / "claude"
    client.write_text(
        f"#!{sys.executable}\nimport json, os, sys\n"
        f"asked = json.loads(sys.stdin.readline())['request_id']\n"
        f"said = dict(subtype='success', request_id=asked, response=json.loads({told!r}))\n"
        "print(json.dumps(dict(type='control_response', response=said)), flush=True)\nsys.stdin.read()\n"
    )
    client.chmod(0o755)
    vouch(client, "2.1.330", root / "home")
    environ = {"PATH": os.environ["PATH"], "HOME": str(root), "ANTHROPIC_API_KEY": "of-another"}
    return ClientReader(
        Home(root / "home"), HOME_ID, Client(client, "2.1.330", frozenset()), environ, PATIENCE_S
    )


@pytest.fixture(params=[scripted, with_a_client])
def make(request: pytest.FixtureRequest) -> Make:
    made: Make = request.param
    return made


def test_each_window_is_told_as_a_share_with_its_tier(make: Make, tmp_path: Path) -> None:
    assert make(tmp_path, True)(LOGIN) == WINDOWS


def test_what_cannot_be_read_is_no_reading_with_a_reason(make: Make, tmp_path: Path) -> None:
    with pytest.raises(NoReading, match=r"\w+ \w+"):
        make(tmp_path, False)(LOGIN)


def test_nothing_is_left_running(make: Make, tmp_path: Path) -> None:
    make(tmp_path, True)(LOGIN)
    assert processes.find(MARKER) == set()


def test_a_directory_that_cannot_be_used_is_no_reading_either(tmp_path: Path) -> None:
    reader = with_a_client(tmp_path, True)
    (tmp_path / "home" / "accounts").write_text("no directory")
    with pytest.raises(NoReading, match="accounts"):
        reader(LOGIN)
