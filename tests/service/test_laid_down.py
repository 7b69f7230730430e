"""What persons lay down, through the real database, with and without a coordinator."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from fleet.core.events import AccountAdded, AccountVerified, WindowReading
from fleet.core.model import Account, Fleet, Reviewer
from fleet.core.model.policy import Spent
from fleet.errors import NotDone
from fleet.home import Home
from fleet.ports import Change
from fleet.service import limits, policy, projects, reservations, tasks, tiers
from fleet.service.requests import submit
from fleet.service.reservations import Laid
from fleet.shell.stamp import stamp
from fleet.spoken.amounts import UnknownAmount, parse_count, parse_share
from fleet.store.sqlite import SqliteStore
from fleet.views import laid_down
from fleet.views.light import state
from fleet.views.snapshot import snapshot
from tests.service.answering import Answering
from tests.service.repositories import repository

HOUR_MS = 3_600_000
TIERS = (("sonnet", "sonnet"), ("opus", "opus"))


def now() -> datetime:
    return datetime.now().astimezone()


def now_ms() -> int:
    return int(now().timestamp() * 1000)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """With a subscription and an API key."""
    made = Home(tmp_path / "home")
    for name, kind in (("work", "subscription"), ("key", "api-key")):
        account = Account(name, kind, TIERS, 4, f"account:{name}", now_ms())  # type: ignore[arg-type]
        submit(made, AccountAdded(**stamp(), account=account))
    return made


def read(home: Home, used: float, name: str = "five_hour", in_ms: int = HOUR_MS) -> None:
    reading = WindowReading(name, None, used, now_ms() + in_ms, "allowed")
    submit(home, AccountVerified(**stamp(), name="work", ok=True, readings=(reading,)))


def change(home: Home, changed: Callable[[Fleet], Fleet]) -> None:
    store = SqliteStore(home.database)
    before = store.load().fleet
    store.commit(Change(before, changed(before)))
    store.close()


def reserve(home: Home, at: str = "daily 00:00-24:00", amount: str = "40%", **more: Any) -> Laid:
    return reservations.reserve(home, **{"account": "work", "at": at, "amount": amount, "now": now(), **more})


def test_a_reservation_is_kept_shown_and_given_back(home: Home) -> None:
    laid = reserve(home, "Thu 19:00-22:00", tier="opus")
    assert laid == Laid("r1")
    (shown,) = laid_down.reservations(home)
    assert (shown["id"], shown["account"], shown["tier"], shown["amount"]) == ("r1", "work", "opus", 0.4)
    assert (shown["said"], shown["bucket"], shown["occurrences"] > 100) == (
        "Thu 19:00-22:00",
        "five_hour",
        True,
    )
    reservations.unreserve(home, "r1")
    assert laid_down.reservations(home) == []
    with pytest.raises(NotDone, match="there is no reservation r1"):
        reservations.unreserve(home, "r1")


def test_what_is_reserved_once_comes_once(home: Home) -> None:
    reserve(home, "Thu  19:00-22:00", once=True)
    (shown,) = laid_down.reservations(home)
    assert (shown["said"], shown["occurrences"]) == ("Thu 19:00-22:00 once", 1)
    assert shown["next"]["ends_at"] == shown["until"]


def test_hours_that_run_now_show_what_is_kept_of_the_bucket(home: Home) -> None:
    reserve(home)
    (shown,) = laid_down.reservations(home)
    assert 0 < shown["kept"] <= 0.4


def test_what_cannot_be_honoured_now_is_told_at_once(home: Home) -> None:
    read(home, used=0.99)
    laid = reserve(home, amount="100%")
    (note,) = laid.notes
    assert "five_hour of work has 1% left until" in note and "this would keep" in note
    read(home, used=0.1)
    assert reserve(home, amount="1%").notes == ()


def test_a_bucket_that_the_account_has_never_shown_is_told(home: Home) -> None:
    assert reserve(home, bucket="sevenday").notes == ()
    read(home, used=0.1)
    assert reserve(home, bucket="sevenday").notes == (
        "work has shown no bucket sevenday so far (but five_hour)",
    )


@pytest.mark.parametrize(
    ("more", "story"),
    [
        ({"at": "Thu"}, "are no hours"),
        ({"amount": "40"}, "'40' is no share"),
        ({"amount": "0%"}, "0% cannot be reserved"),
        ({"account": "nobody"}, "there is no account nobody"),
        ({"tier": "fable"}, "work has no tier fable"),
        ({"at": "2020-01-01 10:00-11:00"}, "is past"),
        ({"at": "2030-01-01 10:00-11:00", "weekly": True}, "is a date, which comes once"),
    ],
)
def test_what_cannot_be_reserved_is_told(home: Home, more: dict[str, Any], story: str) -> None:
    with pytest.raises(NotDone, match=story):
        reserve(home, **more)
    assert laid_down.reservations(home) == []


def test_limits_are_shown_with_what_their_period_has_used(home: Home) -> None:
    at = now()
    lay = {"scope": "fleet", "name": "", "per": "day", "now": at}
    assert limits.lay_limit(home, **lay, unit="tokens", amount="2M") == "l1"  # type: ignore[arg-type]
    assert limits.lay_floor(home, share="10%", account="work") == "f1"
    change(home, lambda fleet: replace(fleet, spent={"l1": Spent("l1", 0, 500_000.0)}))
    found = laid_down.limits(home)
    (limit,) = found["limits"]
    assert (limit["amount"], limit["used"], limit["left"]) == (2e6, 5e5, 1.5e6)
    # In the night of a change to or from summer time it has another offset than now.
    midnight = at.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    assert datetime.fromisoformat(limit["next_period_at"]).timestamp() == midnight.timestamp() + 86_400
    assert found["floors"] == [{"id": "f1", "share": 0.1, "account": "work", "bucket": None}]
    limits.take_back(home, "l1")
    limits.take_back(home, "f1")
    assert laid_down.limits(home) == {"limits": [], "floors": []}


def test_a_week_is_counted_from_monday_and_a_month_from_its_first(home: Home) -> None:
    at = datetime(2026, 11, 26, 15, 0).astimezone()
    for per in ("week", "month"):
        limits.lay_limit(home, scope="fleet", name="", per=per, unit="tokens", amount="1M", now=at)
    anchors = [datetime.fromtimestamp(one.anchor_ms / 1000) for one in snapshot(home).limits.values()]
    assert anchors == [datetime(2026, 11, 23), datetime(2026, 11, 1)]


def test_dollars_are_limited_on_accounts_that_bill_them(home: Home) -> None:
    lay = {"scope": "account", "per": "month", "unit": "usd", "now": now()}
    assert limits.lay_limit(home, **lay, name="key", amount="$5.50") == "l1"  # type: ignore[arg-type]
    assert snapshot(home).limits["l1"].amount == 5.5
    with pytest.raises(NotDone, match="work bills no dollars"):
        limits.lay_limit(home, **lay, name="work", amount="5")  # type: ignore[arg-type]


def test_a_project_is_laid_down_by_its_name_or_its_repository(home: Home, tmp_path: Path) -> None:
    repo = repository(tmp_path / "clock")
    name = projects.set_project(
        home, str(repo), weight=2.0, accounts=["work"], tiers=["sonnet,opus"], workers=3
    )
    assert name == str(repo)
    assert projects.set_project(home, "side", weight=0.5, accounts=[], tiers=[]) == "side"
    asked = tasks.make_request({"prompt": "x", "repo": str(repo)}, "")
    tasks.add(home, [asked], now())
    found = {one["name"]: one for one in projects.projects(home)}
    assert found[str(repo)] == {
        "name": str(repo),
        "weight": 2.0,
        "accounts": ["work"],
        "tiers": ["sonnet", "opus"],
        "workers": 3,
        "paused": None,
        "sandbox_read": [],
        "sandbox_write": [],
        "running": 0,
        "tasks": {"queued": 1},
    }
    side = projects.project(home, "side")
    assert (side["weight"], side["workers"]) == (0.5, None)


def test_what_the_sandbox_lets_a_project_do_is_added_and_forgotten_path_by_path(
    home: Home, tmp_path: Path
) -> None:
    """And the command that `fleet why` names takes nothing back that was laid down before."""

    def lay(weight: float | None = None, **paths: list[str]) -> dict[str, object]:
        sandbox = projects.SandboxPaths(**paths)
        projects.set_project(home, "side", weight=weight, accounts=[], tiers=[], sandbox=sandbox)
        shown = projects.project(home, "side")
        return {key: shown[key] for key in ("weight", "sandbox_read", "sandbox_write")}

    data, hooks = str(tmp_path / "data"), str(tmp_path / "hooks")
    lay(weight=2.0)
    assert lay(read=[data]) == {"weight": 2.0, "sandbox_read": [data], "sandbox_write": []}
    assert lay(write=[hooks]) == {"weight": 2.0, "sandbox_read": [data], "sandbox_write": [hooks]}
    assert lay(weight=3.0) == {"weight": 3.0, "sandbox_read": [data], "sandbox_write": [hooks]}
    assert lay(forget=[data]) == {"weight": 3.0, "sandbox_read": [], "sandbox_write": [hooks]}
    for too_much in (str(Path.home()), "/", str(home.root), str(home.root / "accounts")):
        with pytest.raises(NotDone, match=r"is too much|is the fleet's own"):
            lay(read=[too_much])


def test_a_repository_with_tasks_is_a_project_of_which_nothing_is_laid_down(
    home: Home, tmp_path: Path
) -> None:
    repo = repository(tmp_path / "clock")
    tasks.add(home, [tasks.make_request({"prompt": "x", "repo": str(repo)}, "")], now())
    shown = projects.project(home, str(repo))
    assert (shown["weight"], shown["accounts"], shown["tasks"]) == (1.0, [], {"queued": 1})


def test_a_strategy_is_chosen_and_explained(home: Home) -> None:
    assert [one["name"] for one in policy.strategies(home) if one["chosen"]] == ["full-time"]
    policy.set_strategy(home, "after-hours")
    shown = {one["name"]: one for one in policy.strategies(home)}
    assert [name for name, one in shown.items() if one["chosen"]] == ["after-hours"]
    assert all(one["about"] for one in shown.values())
    assert snapshot(home).policy.strategy.protect == shown["after-hours"]["weights"]["protect"]


def ordering(home: Home) -> list[str]:
    return [one["name"] for one in tiers.tiers(home) if one["place"]]


def test_a_tier_is_added_moved_and_taken_out_of_the_ordering(home: Home) -> None:
    tiers.set_tier(home, "small", weight=0.5, first=True)
    tiers.set_tier(home, "wise", weight=20)
    tiers.set_tier(home, "opus", after="haiku")
    assert ordering(home) == ["small", "local", "haiku", "opus", "sonnet", "opusplan", "fable", "wise"]
    tiers.set_tier(home, "opus", weight=6)
    for name in ("small", "local", "haiku", "opusplan", "sonnet"):
        tiers.remove_tier(home, name)
    found = [{key: value for key, value in one.items() if key != "reviews"} for one in tiers.tiers(home)]
    assert found == [
        {"place": 1, "name": "opus", "weight": 6.0, "accounts": ["key", "work"]},
        {"place": 2, "name": "fable", "weight": 10.0, "accounts": []},
        {"place": 3, "name": "wise", "weight": 20.0, "accounts": []},
        {"place": None, "name": "sonnet", "weight": 3.0, "accounts": ["key", "work"]},
    ]
    assert [one.name for one in snapshot(home).policy.tiers] == ["opus", "fable", "wise"]


def test_a_tier_says_how_often_its_reviews_were_right(home: Home) -> None:
    counted = Reviewer("opus", passed=7, missed=1, objected=4, confirmed=3)
    store = SqliteStore(home.database)
    fleet = store.load().fleet
    store.commit(Change(fleet, replace(fleet, reviewers={"opus": counted})))
    store.close()
    found = {one["name"]: one["reviews"] for one in tiers.tiers(home)}
    assert found["opus"] == {"passed": 7, "missed": 1, "objected": 4, "confirmed": 3, "overruled": 0}
    assert set(found["haiku"].values()) == {0}


def test_an_ordering_that_cannot_be_meant_is_told(home: Home) -> None:
    before = ordering(home)
    with pytest.raises(NotDone, match="new is not in the ordering yet: say what it costs, --weight W"):
        tiers.set_tier(home, "new")
    for after in ("nobody", "new"):
        with pytest.raises(NotDone, match=f"new cannot come after {after}: the other tiers are local, haiku"):
            tiers.set_tier(home, "new", weight=1, after=after)
    with pytest.raises(NotDone, match="weight of opus is -1: it must be above 0"):
        tiers.set_tier(home, "opus", weight=-1)
    with pytest.raises(NotDone, match="no tier new in the ordering: it has local, haiku"):
        tiers.remove_tier(home, "new")
    for name in before[1:]:
        tiers.remove_tier(home, name)
    with pytest.raises(NotDone, match="keep at least one"):
        tiers.remove_tier(home, before[0])


def test_the_breaker_is_opened_shown_and_closed(home: Home) -> None:
    policy.set_faults(home, 5)
    policy.open_breaker(home, "the month's bill")
    assert policy.breaker(home) == {"open": True, "why": "the month's bill", "faults": 0, "faults_max": 5}
    assert state.status(home.root)["breaker"] == "the month's bill"
    policy.close_breaker(home)
    assert policy.breaker(home)["open"] is False
    assert state.status(home.root)["breaker"] == ""
    with pytest.raises(NotDone, match="say why"):
        policy.open_breaker(home, " ")


def test_a_running_coordinator_lays_it_down_and_names_it(home: Home) -> None:
    answer = json.dumps({"ok": True, "tasks": [], "made": ["f7"]}).encode() + b"\n"
    with Answering(home, answer) as asked:
        assert limits.lay_floor(home, share="10%") == "f7"
    assert asked.taken == 1


@pytest.mark.parametrize(
    ("text", "share"), [("40%", 0.4), ("0.4", 0.4), (" 12.5% ", 0.125), ("1", 1.0), ("0", 0.0)]
)
def test_shares_are_read(text: str, share: float) -> None:
    assert parse_share(text) == pytest.approx(share)


@pytest.mark.parametrize("text", ["", "%", "40", "-1%", "101%", "nan", "inf", "half"])
def test_what_is_no_share_is_told(text: str) -> None:
    with pytest.raises(UnknownAmount, match=r"is no share: write 40% or 0\.4"):
        parse_share(text)


@pytest.mark.parametrize(
    ("text", "count"),
    [("2M", 2e6), ("500k", 5e5), ("1.5M", 1.5e6), ("2_000_000", 2e6), ("7", 7.0), ("1g", 1e9)],
)
def test_counts_are_read(text: str, count: float) -> None:
    assert parse_count(text) == count


@pytest.mark.parametrize("text", ["", "M", "2X", "-2M", "1.2.3", "nan"])
def test_what_is_no_count_is_told(text: str) -> None:
    with pytest.raises(UnknownAmount, match="is no number of tokens"):
        parse_count(text)
