"""The client's status line: what it says is kept, and nothing in it can make the client fail."""

from __future__ import annotations

import json
import math
import socket
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.core.events import AccountAdded, AccountRead, AccountVerified, WindowReading
from fleet.core.model import Account
from fleet.history.ledger import DATABASE, Ledger
from fleet.history.watching import Latest, Level, latest
from fleet.home import Home
from fleet.service.requests import submit
from fleet.shell.homelock import hold
from fleet.shell.stamp import stamp
from fleet.shell.wire import decode
from fleet.views.history import places
from fleet.views.history.statusline import config_dir, line, windows_of
from tests.patience import PATIENCE_S

HOUR_MS = 3_600_000


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "home")
    made.make()
    return made


def environ(home: Home) -> dict[str, str]:
    return {"HOME": str(home.root.parent), "XDG_CONFIG_HOME": str(home.root.parent / "xdg")}


def said(path: Path | None = None, **windows: tuple[float, float | str | None]) -> str:
    limits = {name: {"used_percentage": used, "resets_at": at} for name, (used, at) in windows.items()}
    transcript = {} if path is None else {"transcript_path": f"{path}/projects/-src/s1.jsonl"}
    return json.dumps({**transcript, "rate_limits": limits})


def kept(home: Home) -> list[Latest]:
    with Ledger(home.root / DATABASE) as ledger:
        return latest(ledger.connection)


def test_percents_and_seconds_become_shares_and_milliseconds(home: Home) -> None:
    now = now_ms()
    resets_s = now // 1000 + 3600
    shown = line(
        home.root, said(None, five_hour=(38, resets_s), seven_day=(100, resets_s + 9)), environ(home), now
    )
    assert kept(home) == [
        Latest("default", "five_hour", now, 0.38, resets_s * 1000),
        Latest("default", "seven_day", now, 1.0, (resets_s + 9) * 1000),
    ]
    assert shown.startswith("*default 0% left (7d until ")


def test_a_reset_told_as_iso_is_understood_too() -> None:
    told = json.loads(said(None, five_hour=(1, "2026-11-22T15:00:00Z")))
    assert list(windows_of(told, 0)) == [Level("five_hour", 0.01, 1_795_359_600_000)]


def test_the_line_shows_every_account_by_its_fullest_bucket(home: Home) -> None:
    now = now_ms()
    for name in ("work", "side", "box"):
        tiers = (("sonnet", "s"),)
        account = Account(name, "subscription", tiers, 4, f"account:{name}", now)
        submit(home, AccountAdded(**stamp(), account=account))
    readings = (
        WindowReading("five_hour", None, 0.25, now + HOUR_MS, "allowed"),
        WindowReading("seven_day", None, 0.5, now + 90 * HOUR_MS, "allowed"),
    )
    submit(home, AccountVerified(**stamp(), name="side", ok=True, readings=readings))
    spent = (WindowReading("five_hour", None, 1.0, now + HOUR_MS, "rejected", refused=True),)
    submit(home, AccountVerified(**stamp(), name="work", ok=True, readings=spent))
    work = home.config_dir("work")
    shown = line(home.root, "{}", {**environ(home), "CLAUDE_CONFIG_DIR": str(work)}).split(" | ")
    box, side, here = shown
    assert box == "box ?", "unknown is not free"
    assert side.startswith("side 50% left (7d until ")
    assert here.startswith("*work 0% left (5h until ")
    later = line(
        home.root, said(work, five_hour=(20, now // 1000 + 5 * 3600)), environ(home), now + 2 * HOUR_MS
    )
    assert "*work 80% left (5h until " in later
    assert "side 50% left" in later
    assert [one.account for one in kept(home)] == ["work"]


def heard(server: socket.socket) -> dict[str, Any]:
    connection, _ = server.accept()
    with connection, connection.makefile("rb") as lines:
        said: dict[str, Any] = json.loads(lines.readline())
    return said


def test_a_running_coordinator_hears_of_what_changed_and_is_not_waited_for(
    home: Home, tmp_path: Path
) -> None:
    """It is not even asked to accept before the line is there."""
    now = now_ms()
    account = Account("work", "subscription", (("opus", "o"),), 4, "account:work", now)
    submit(home, AccountAdded(**stamp(), account=account))
    readings = (WindowReading("seven_day_opus", "opus", 0.25, now + 90 * HOUR_MS, "allowed"),)
    submit(home, AccountVerified(**stamp(), name="work", ok=True, readings=readings))
    path = str(tmp_path / "s")
    told = said(
        home.config_dir("work"), five_hour=(20, now // 1000 + 3600), seven_day_opus=(30, None), odd=(1, None)
    )
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server, hold(home, socket=path):
        server.bind(path)
        server.listen()
        server.settimeout(PATIENCE_S)
        for _ in range(2):
            assert line(home.root, told, environ(home), now).startswith("*work ")
        line(home.root, said(None, five_hour=(20, now // 1000 + 3600)), environ(home), now)
        event = decode(heard(server))
        server.setblocking(False)
        with pytest.raises(BlockingIOError):
            server.accept()  # What was told again, or of no account of the fleet, was not handed over.
    assert isinstance(event, AccountRead)
    assert (event.name, event.seen_ms) == ("work", now)
    assert event.readings == (
        WindowReading("five_hour", None, 0.2, now // 1000 * 1000 + HOUR_MS, None),
        WindowReading("seven_day_opus", "opus", 0.3, None, None),
    )


@pytest.mark.parametrize("path", ["none", "x" * 200])
def test_a_coordinator_that_cannot_be_reached_is_no_failure(path: str, home: Home, tmp_path: Path) -> None:
    account = Account("work", "subscription", (("opus", "o"),), 4, "account:work", now_ms())
    submit(home, AccountAdded(**stamp(), account=account))
    told = said(home.config_dir("work"), five_hour=(20, now_ms() // 1000 + 3600))
    with hold(home, socket=str(tmp_path / path)):
        assert line(home.root, told, environ(home)).startswith("*work 80% left")
    assert [one.account for one in kept(home)] == ["work"]


def test_a_session_belongs_to_where_its_transcript_lies(home: Home) -> None:
    accounts = home.root / "accounts" / "work"
    assert config_dir(json.loads(said(accounts)), {"CLAUDE_CONFIG_DIR": "/other"}) == str(accounts)
    assert config_dir({}, {"CLAUDE_CONFIG_DIR": "/other"}) == "/other"
    assert config_dir({"transcript_path": 5}, {"CLAUDE_CONFIG_DIR": "/other"}) == "/other"


def test_directories_are_labelled_by_their_account(home: Home, tmp_path: Path) -> None:
    around = environ(home)
    assert home.config_dir("work").parent == home.root / places.ACCOUNTS
    assert places.label(home.root, str(home.config_dir("work")), around) == "work"
    assert places.label(home.root, str(tmp_path / ".claude"), around) == places.DEFAULT
    assert places.label(home.root, str(tmp_path / "xdg" / "claude"), around) == places.DEFAULT
    assert places.label(home.root, str(tmp_path / ".claude-side"), around) == "claude-side"


def test_the_default_places_are_those_that_exist_each_once(home: Home, tmp_path: Path) -> None:
    around = environ(home)
    assert list(places.default_dirs(home.root, around)) == []
    for below in ("home/accounts/work", "home/accounts/side", ".claude", "xdg/claude", "more"):
        (tmp_path / below).mkdir(parents=True)
    around["CLAUDE_CONFIG_DIR"] = f"{tmp_path}/more, {tmp_path}/.claude,{tmp_path}/none,"
    found = [Path(one).relative_to(tmp_path) for one in places.default_dirs(home.root, around)]
    assert [str(one) for one in found] == [
        "home/accounts/side", "home/accounts/work", "more", ".claude", "xdg/claude",
    ]  # fmt: skip


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.dictionaries(
        st.sampled_from(["five_hour", "seven_day", "ü"]),
        st.fixed_dictionaries({"used_percentage": JSON, "resets_at": JSON}) | JSON,
    )
    | JSON
)
def test_whatever_the_client_says_is_taken_or_left(limits: Any) -> None:
    for window in windows_of({"rate_limits": limits}, 0):
        assert window.utilization is not None and 0 <= window.utilization < math.inf


HUGE = f'{{"rate_limits": {{"five_hour": {{"used_percentage": 1{"0" * 400}}}}}}}'
"""A number beyond those of floating point."""


@pytest.mark.parametrize("text", ["", "{", "[]", "null", HUGE, "[" * 9999, '{"rate_limits": null}', "\x00"])
def test_what_is_no_status_is_no_failure(text: str, home: Home) -> None:
    assert line(home.root, text, environ(home)) == ""
    assert not (home.root / DATABASE).exists()


@pytest.mark.parametrize("broken", ["fleet.db", "fleet.history.db"])
def test_what_cannot_be_read_costs_only_what_it_knows(broken: str, home: Home) -> None:
    (home.root / broken).write_bytes(bytes(range(256)) * 40)
    resets_s = now_ms() // 1000 + 3600
    shown = line(home.root, said(None, five_hour=(38, resets_s)), environ(home))
    assert shown.startswith("*default 62% left (5h until ")


def test_a_home_that_is_a_file_is_no_failure(home: Home) -> None:
    (home.root / "below").write_text("")
    resets_s = now_ms() // 1000 + 3600
    shown = line(home.root / "below", said(None, five_hour=(38, resets_s)), environ(home))
    assert shown.startswith("*default 62% left")
