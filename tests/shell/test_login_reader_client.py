"""The real client of an idle login, with an invented one: what it is asked, and what it asks of the world."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet.core.events import WindowReading
from fleet.double import Account, Double, Script, Window
from fleet.home import Home
from fleet.ports import NoReading
from fleet.shell.hosts.driver import Client
from fleet.shell.login_reader import ClientReader
from tests.core.story import account
from tests.own_home import HOME_ID
from tests.patience import PATIENCE_S
from tests.real_client import CLIENT
from tests.shell.loopback_world import HOST, World, loopback_world, plant_login
from workers import processes

pytestmark = pytest.mark.client

SCOPES = ("user:inference", "user:profile", "user:mcp_servers")
KNOWN = frozenset({"--safe-mode", "--no-session-persistence"})
LOGIN = account("home", login=True, tiers=(("sonnet", "sonnet"), ("opus", "opus")))
WINDOWS = (
    Window("five_hour", utilization=0.25, resets_in_s=3600),
    Window("seven_day", utilization=0.5),
    Window("seven_day_opus", models=("opus",)),
)


@pytest.fixture
def double() -> Iterator[Double]:
    with Double(Script(accounts=(Account("a", "tok-a", windows=WINDOWS),), tasks=())) as started:
        yield started


@pytest.fixture
def world(double: Double, tmp_path: Path) -> Iterator[World]:
    with loopback_world(double, tmp_path) as started:
        yield started


@pytest.fixture
def reader(world: World, tmp_path: Path) -> ClientReader:
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TMPDIR": str(tmp_path), **world.environ}
    return ClientReader(Home(tmp_path / "home"), HOME_ID, Client(CLIENT, "", KNOWN), environ, PATIENCE_S)


def test_an_idle_login_tells_its_windows_without_a_token_spent(
    reader: ClientReader, double: Double, world: World
) -> None:
    config_dir = reader.home.config_dir("home")
    login = plant_login(config_dir, "tok-a", *SCOPES)
    before = login.read_bytes()
    found = {one.name: one for one in reader(LOGIN)}
    windows = double.account("a").windows()
    resets_ms = windows["five_hour"]["resets_at"] * 1000
    assert found["five_hour"] == WindowReading("five_hour", None, 0.25, resets_ms, None)
    assert found["seven_day_opus"] == WindowReading("seven_day_opus", "opus", 0.0, None, None)
    assert set(found) == {"five_hour", "seven_day", "seven_day_opus"}
    assert [one.account for one in double.requests if one.outcome == "usage"] == ["a"]
    assert double.turns == []
    assert not [one for one in double.requests if "mcp" in one.path]
    assert set(world.asked) == {f"{HOST}:443"}
    assert login.read_bytes() == before
    assert not (config_dir / "projects").exists()
    assert processes.find(f"usage-home@{HOME_ID}") == set()


def remember_for(config_dir: Path, minutes: int) -> None:
    """Makes what the client remembers of its last answer older."""
    state = config_dir / ".claude.json"
    kept = json.loads(state.read_text())
    kept["cachedUsageUtilization"]["fetchedAtMs"] -= minutes * 60_000
    state.write_text(json.dumps(kept))


def test_a_login_that_is_refused_is_no_reading_not_even_one_from_memory(
    reader: ClientReader, double: Double
) -> None:
    config_dir = reader.home.config_dir("home")
    plant_login(config_dir, "tok-a", *SCOPES)
    assert reader(LOGIN)
    double.account("a").expire_login()
    remember_for(config_dir, minutes=10)
    with pytest.raises(NoReading, match="could not be fetched"):
        reader(LOGIN)
    assert [one.status for one in double.requests if one.path.startswith("/api/oauth/usage")] == [200, 401]


def test_a_login_without_the_right_to_ask_says_so(reader: ClientReader, double: Double) -> None:
    plant_login(reader.home.config_dir("home"), "tok-a", "user:inference")
    with pytest.raises(NoReading, match="does not allow"):
        reader(LOGIN)
    assert not [one for one in double.requests if one.outcome == "usage"]
