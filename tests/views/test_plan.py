"""The next hours as one document, from the real database."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from fleet.core.events import (
    AccountAdded,
    AccountVerified,
    DrainAsked,
    HostSeen,
    PauseAsked,
    WindowReading,
)
from fleet.core.model import Account, Fleet, Pause
from fleet.core.model.policy import Spent
from fleet.engine import Engine
from fleet.home import Home
from fleet.planning import Planned
from fleet.ports import Change
from fleet.run.up import UpOptions
from fleet.service import limits, policy, reservations, tasks
from fleet.service.requests import submit
from fleet.shell import homelock
from fleet.shell.stamp import stamp
from fleet.store.sqlite import SqliteStore
from fleet.views import plan, timeline
from tests.service.repositories import repository

HOUR_MS = 3_600_000
TIERS = (("haiku", "haiku"), ("sonnet", "sonnet"), ("opus", "opus"))
KEYS = {
    *("at", "until", "coordinator", "strategy", "breaker", "notice", "prices", "running", "planned", "later"),
    *("unplanned", "hindered", "placements", "accounts_without_work", "buckets", "reservations", "limits"),
}


def now() -> datetime:
    return datetime.now().astimezone()


def now_ms() -> int:
    return int(now().timestamp() * 1000)


def ms(iso: str) -> int:
    return round(datetime.fromisoformat(iso).timestamp() * 1000)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """With one subscription."""
    made = Home(tmp_path / "home")
    account = Account("work", "subscription", TIERS, 4, "account:work", now_ms())
    submit(made, AccountAdded(**stamp(), account=account))
    return made


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    return repository(tmp_path / "clock")


def read(home: Home, used: float, name: str = "five_hour", in_h: float = 2.0) -> None:
    reading = WindowReading(name, None, used, now_ms() + round(in_h * HOUR_MS), "allowed")
    submit(home, AccountVerified(**stamp(), name="work", ok=True, readings=(reading,)))


def add(home: Home, repo: Path, **values: Any) -> str:
    wanted = {"prompt": "Turn the clock", "tier": "sonnet", "repo": str(repo), **values}
    return tasks.add(home, [tasks.make_request(wanted, "")], now()).ids[0]


def start_work(home: Home) -> None:
    """As a coordinator would that then stops at once: its workers live on."""
    store = SqliteStore(home.database)
    host = HostSeen(**stamp(), host="local", workers_max=4, memory_free_bytes=10**12)
    Engine(store).apply((DrainAsked(**stamp(), on=False), host))
    store.close()


def change(home: Home, changed: Callable[[Fleet], Fleet]) -> None:
    store = SqliteStore(home.database)
    before = store.load().fleet
    store.commit(Change(before, changed(before)))
    store.close()


def test_an_empty_home_has_a_plan_with_nothing_in_it(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    found = plan.plan(home)
    assert set(found) == KEYS
    assert (found["planned"], found["running"], found["buckets"], found["coordinator"]) == ([], [], [], None)
    assert ms(found["until"]) - ms(found["at"]) == 12 * HOUR_MS
    assert not home.root.exists(), "looking makes nothing"


def test_work_is_planned_with_account_tier_hours_and_the_reset_it_is_done_by(home: Home, repo: Path) -> None:
    read(home, used=0.2)
    first = add(home, repo, title="the first")
    second = add(home, repo, title="the second", priority=2)
    third = add(home, repo, title="after it", after=[first])
    found = plan.plan(home)
    rows = {row["task"]: row for row in found["planned"] if row["task"]}
    assert set(rows) == {first, second, third}
    assert (rows[first]["title"], rows[first]["account"], rows[first]["tier"]) == (
        "the first",
        "work",
        "sonnet",
    )
    assert rows[first]["begins_at"] == found["at"] < rows[first]["ends_at"]
    assert rows[first]["resets"]["bucket"] == "five_hour" and rows[first]["resets"]["certain"]
    assert ms(rows[third]["begins_at"]) >= ms(found["at"])
    assert next(iter(rows)) == second, "the dearest of the same hours first"
    assert found["notice"] == "" and found["prices"]["source"] == "programme"


def test_the_hours_asked_for_bound_what_is_shown_and_the_rest_is_counted(home: Home, repo: Path) -> None:
    read(home, used=0.95, in_h=30.0, name="seven_day")
    ids = [add(home, repo, size="XL") for _ in range(3)]
    near, whole = plan.plan(home, hours=1), plan.plan(home, hours=168)
    shown = [row["task"] for row in whole["planned"] if row["task"]]
    assert sorted([*shown, *whole["unplanned"]]) == sorted(ids) and whole["later"] == 0
    assert all(ms(row["begins_at"]) < ms(near["until"]) for row in near["planned"])
    assert len([row for row in near["planned"] if row["task"]]) + near["later"] == len(shown)


def test_a_running_worker_is_shown_with_its_expected_end(home: Home, repo: Path) -> None:
    read(home, used=0.2)
    task = add(home, repo)
    start_work(home)
    found = plan.plan(home)
    (row,) = found["running"]
    assert (row["task"], row["account"], row["tier"], row["attempt"]) == (task, "work", "sonnet", "t1.1")
    assert ms(row["ends_at"]) > ms(found["at"]) and row["resets"]["bucket"] == "five_hour"
    assert [one["committed"] > 0 for one in found["buckets"]] == [True]
    assert task not in [row["task"] for row in found["planned"]] + found["unplanned"]


def test_each_bucket_shows_its_reading_what_is_kept_its_price_and_what_will_expire(
    home: Home, repo: Path
) -> None:
    read(home, used=0.2)
    reservations.reserve(home, account="work", at="daily 00:00-24:00", amount="40%", now=now())
    limits.lay_floor(home, share="10%")
    add(home, repo)
    (bucket,) = plan.plan(home)["buckets"]
    assert (bucket["accounts"], bucket["bucket"], bucket["utilization"]) == (["work"], "five_hour", 0.2)
    assert bucket["headroom"] == pytest.approx(0.8)
    assert 0 < bucket["reserved"] < 0.4 and bucket["floor"] == 0.1
    assert bucket["price"] == 0.0, "one task leaves it plenty"
    assert 0.3 < bucket["expires_unused"] < 0.8 and bucket["closed"] == ""
    assert ms(bucket["resets_at"]) > now_ms()


def test_a_bucket_that_all_want_has_a_price(home: Home, repo: Path) -> None:
    read(home, used=0.9, name="seven_day", in_h=200.0)
    for _ in range(30):
        add(home, repo, size="XL")
    found = plan.plan(home)
    assert found["buckets"][0]["price"] > 0 and found["unplanned"]


def test_what_a_person_laid_down_is_told(home: Home) -> None:
    reservations.reserve(home, account="work", at="daily 00:00-24:00", amount="40%", now=now())
    reservations.reserve(home, account="work", at="2099-01-01 10:00-11:00", amount="40%", now=now())
    limits.lay_limit(home, scope="fleet", name="", per="day", unit="tokens", amount="2M", now=now())
    change(home, lambda fleet: replace(fleet, spent={"l1": Spent("l1", 0, 2e6)}))
    policy.set_strategy(home, "after-hours")
    policy.open_breaker(home, "the bill")
    found = plan.plan(home)
    assert [one["id"] for one in found["reservations"]] == ["r1"] and found["reservations"][0]["kept"] > 0
    (limit,) = found["limits"]
    assert limit["used_up"] and limit["said"] == "the limit of the fleet to 2,000,000 tokens a day"
    assert (found["strategy"], found["breaker"], found["placements"]) == ("after-hours", "the bill", [])


def test_an_account_that_is_paused_gets_nothing_and_the_plan_says_so(home: Home, repo: Path) -> None:
    add(home, repo)
    key = Account("key", "api-key", TIERS, 4, "account:key", now_ms())
    submit(home, AccountAdded(**stamp(), account=key))
    submit(home, PauseAsked(**stamp(), what="account", names=("work",), pause=Pause("a person", "")))
    found = plan.plan(home)
    assert found["accounts_without_work"] == [{"account": "work", "why": "paused by you"}]
    assert found["placements"] == [] and [row for row in found["planned"] if row["account"]] == []


def test_what_would_start_this_moment_comes_with_its_arithmetic(home: Home, repo: Path) -> None:
    read(home, used=0.2)
    task = add(home, repo)
    (placed,) = plan.plan(home)["placements"]
    assert (placed["task"], placed["account"], placed["tier"]) == (task, "work", "sonnet")
    assert placed["net"] > 0 and placed["arithmetic"].startswith("work with sonnet: worth 1 × chance")


def test_without_the_solver_the_order_is_shown_and_what_to_install(
    home: Home, repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "highspy", None)
    read(home, used=0.2)
    plain, dear, alien = add(home, repo), add(home, repo, priority=3), add(home, repo, tier="fable")
    add(home, repo, after=[dear])
    found = plan.plan(home)
    assert found["later"] == 1, "what waits for another comes after it"
    assert "mend it: " in found["notice"] and found["prices"] is None
    assert [row["task"] for row in found["planned"]] == [dear, plain, alien]
    assert [row["begins_at"] for row in found["planned"]] == [None] * 3
    assert (
        found["planned"][2]["account"] is None
        and found["planned"][2]["why"] == "no account can take it (work: has no tier fable)"
    )
    assert set(found) == KEYS and found["buckets"][0]["price"] is None
    assert [placed["task"] for placed in found["placements"]] == [dear]


def test_looking_takes_no_lock_and_changes_nothing(home: Home, repo: Path) -> None:
    add(home, repo)
    store = SqliteStore(home.database, read_only=True)
    before = store.load()
    with homelock.hold(home, "no socket"):
        found = plan.plan(home)
    assert store.load() == before
    store.close()
    assert found["coordinator"] is not None, "who holds the home is seen, and its own hosts count"
    assert found["placements"] == []
    json.dumps(found)


def test_it_assumes_the_workers_that_up_has_unless_told_otherwise() -> None:
    assert UpOptions().workers_max == plan.WORKERS


def part(begins: int, tasks: float, ids: tuple[str, ...] = ("a", "b"), account: str = "work") -> Planned:
    return Planned(
        label="repo execution",
        account=account,
        tier="sonnet",
        begins_ms=begins,
        ends_ms=begins + 10,
        amount=tasks,
        tasks=tasks,
        value=tasks,
        ids=ids,
    )


def test_a_task_that_the_programme_divides_is_shown_where_most_of_it_is_done() -> None:
    rows = timeline.laid_out([part(0, 0.7), part(10, 0.6), part(20, 0.7)])
    assert [(row.task, row.begins_ms) for row in rows] == [("a", 0), ("b", 20)]


def test_a_task_of_which_less_than_half_is_planned_is_not() -> None:
    assert [row.task for row in timeline.laid_out([part(0, 1.4)])] == ["a"]
    assert [row.task for row in timeline.laid_out([part(0, 1.5)])] == ["a", "b"]


def test_expected_work_is_told_by_its_kind_and_crumbs_of_it_are_not() -> None:
    rows = timeline.laid_out([part(0, 0.3, ()), part(0, 0.4, ()), part(10, 0.01, ())])
    assert [(row.task, row.begins_ms, round(row.tasks, 3)) for row in rows] == [(None, 0, 0.7)]


def test_what_waits_comes_after_its_predecessor_and_says_so(home: Home, repo: Path) -> None:
    read(home, used=0.2)
    first = add(home, repo)
    then = add(home, repo, after=[first], priority=5)
    rows = {row["task"]: row for row in plan.plan(home)["planned"] if row["task"]}
    assert list(rows) == [first, then]
    assert (rows[first]["after"], rows[then]["after"]) == ([], [first])


def test_what_no_host_takes_is_not_planned_and_the_label_is_named(home: Home, repo: Path) -> None:
    read(home, used=0.2)
    plain, alien = add(home, repo), add(home, repo, label=["gpu"])
    found = plan.plan(home)
    assert [row["task"] for row in found["planned"] if row["task"]] == [plain]
    assert found["unplanned"] == [alien]
    assert found["hindered"] == {alien: "host local: it has not the label gpu"}
