"""The week to come of a home, as a scenario: from the real database, and through the simulator."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import datetime
from math import log
from pathlib import Path
from typing import Any

import pytest

from fleet.core.capacity import rates
from fleet.core.events import (
    AccountAdded,
    AccountVerified,
    Answered,
    CancelAsked,
    ProjectSet,
    WindowReading,
)
from fleet.core.model import Account, Fleet
from fleet.core.model.learned import Demand, Experience, Rate
from fleet.core.model.policy import Project
from fleet.core.model.tokens import Tokens
from fleet.errors import NotDone
from fleet.home import Home
from fleet.ports import Change
from fleet.service import limits, reservations, tasks
from fleet.service.own_week import OwnWeek, own_week, run
from fleet.service.requests import submit
from fleet.shell.stamp import stamp
from fleet.simulate.cases import draw
from fleet.simulate.founding import found as found_at_the_start
from fleet.simulate.run import START_MS
from fleet.simulate.scenario import Scenario, read
from fleet.simulate.world import Meter, Server
from fleet.store.sqlite import SqliteStore
from fleet.views.snapshot import snapshot
from tests.core.story import Story, account, spec
from tests.service.repositories import repository

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "two-accounts.toml"
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
TIERS = (("haiku", "h"), ("sonnet", "s"), ("opus", "o"))


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "home")
    add_account(made, "work")
    return made


@pytest.fixture
def repo(tmp_path: Path) -> str:
    return str(repository(tmp_path / "clock"))


def add_account(
    home: Home, name: str, kind: Any = "subscription", pool: str = "", concurrency: int = 4
) -> None:
    account = Account(name, kind, TIERS, concurrency, pool or f"account:{name}", now_ms())
    submit(home, AccountAdded(**stamp(), account=account))


def show(home: Home, *readings: WindowReading, account: str = "work") -> None:
    submit(home, AccountVerified(**stamp(), name=account, ok=True, readings=readings))


def window(name: str, used: float, in_ms: int, scope: str | None = None) -> WindowReading:
    return WindowReading(name, scope, used, now_ms() + in_ms, "allowed")


def add_task(home: Home, repo: str, **more: Any) -> None:
    asked = tasks.make_request({"prompt": "x", "repo": repo, **more}, "")
    tasks.add(home, [asked], datetime.now().astimezone())


def learn(home: Home, **maps: Any) -> None:
    """Puts into the home what a fleet learns in weeks of work."""
    store = SqliteStore(home.database)
    before = store.load().fleet
    store.commit(Change(before, replace(before, **maps)))
    store.close()


def rate(bucket: str, tier: str, whole: float) -> dict[str, Rate]:
    """So learned that `whole` work units with the tier fill the bucket."""
    known = Rate("account:work", bucket, tier, share=1e6, work=1e6 * whole)
    return {rates.rate_key(known.pool, bucket, tier): known}


def took(key: str, work: float, ms: float, count: float = 1000.0) -> dict[str, Experience]:
    return {key: Experience(key, count, log(work), 0.0, log(ms), 0.0, won=3 * count, lost=count)}


def week_of(home: Home, **more: Any) -> tuple[Scenario, OwnWeek]:
    found = own_week(snapshot(home), **more)
    return found.scenario, found


def test_a_bucket_holds_what_was_learned_of_it_and_stands_where_its_reading_says(
    home: Home, repo: str
) -> None:
    show(home, window("five_hour", 0.3, 2 * HOUR_MS), window("seven_day_opus", 0.2, 3 * DAY_MS, "opus"))
    learn(home, rates=rate("five_hour", "sonnet", 8e6) | rate("five_hour", "opus", 2e6))
    add_task(home, repo)
    scenario, week = week_of(home)
    five, opus = scenario.accounts[0].buckets
    assert five.capacity == pytest.approx(8e6, rel=0.01)
    assert five.weights["opus"] == pytest.approx(4.0, rel=0.01)
    assert isinstance(five.start, int)
    assert five.start == pytest.approx(2 * HOUR_MS, abs=60_000)
    assert (five.length, five.used, opus.used) == (5 * HOUR_MS, 0.3, 0.2)
    assert list(opus.weights) == ["opus"]
    assert "work has used 30% of five_hour, 20% of seven_day_opus" in week.basis.learned
    assert any(
        told.startswith("what work holds, by what work took of it: five_hour 8,0")
        for told in week.basis.learned
    )
    assert any(told.startswith("what work holds: seven_day_opus") for told in week.basis.guessed)


def test_a_subscription_that_has_shown_nothing_is_given_the_usual_windows_and_it_is_said(
    home: Home, repo: str
) -> None:
    add_account(home, "key", "api-key")
    add_task(home, repo)
    scenario, week = week_of(home)
    key, work = scenario.accounts
    assert [(b.name, b.start, b.used) for b in work.buckets] == [
        ("five_hour", "first-use", 0.0),
        ("seven_day", "first-use", 0.0),
    ]
    assert [b.name for b in key.buckets] == ["unmetered"]
    guessed = "\n".join(week.basis.guessed)
    assert "work has shown no bucket so far: a five-hour window and a week are supposed" in guessed
    assert "key has shown no bucket so far: it is taken for one without limits" in guessed
    assert "what API keys cost: key counts as already paid for" in week.basis.left_out


def test_a_bucket_of_which_hardly_anything_was_seen_is_no_measurement(home: Home, repo: str) -> None:
    show(home, window("five_hour", 0.3, 2 * HOUR_MS))
    glimpse = Rate("account:work", "five_hour", "sonnet", share=0.01, work=1e5)
    learn(home, rates={rates.rate_key("account:work", "five_hour", "sonnet"): glimpse})
    add_task(home, repo)
    _, week = week_of(home)
    assert any(told.startswith("what work holds: five_hour") for told in week.basis.guessed)


def test_accounts_of_one_organisation_are_one_account_and_what_is_in_quarantine_is_none(
    home: Home, repo: str
) -> None:
    add_account(home, "mate", pool="account:work", concurrency=2)
    add_account(home, "broken")
    submit(home, AccountVerified(**stamp(), name="broken", ok=False, detail="401"))
    add_task(home, repo)
    scenario, week = week_of(home)
    assert [(a.name, a.concurrency) for a in scenario.accounts] == [("mate+work", 6)]
    assert "accounts in quarantine: broken (`fleet account verify`)" in week.basis.left_out


def test_what_a_task_takes_is_what_was_learned_of_its_class(home: Home, repo: str) -> None:
    learn(home, experience=took(f"{repo}\x1fexecution\x1fsonnet", 5e5, 600_000))
    add_task(home, repo, tier=["auto"])
    scenario, week = week_of(home)
    (kind,) = scenario.kinds
    assert kind.doing["sonnet"].work == pytest.approx(5e5, rel=0.05)
    assert kind.doing["sonnet"].duration == pytest.approx(600_000, rel=0.05)
    assert kind.doing["sonnet"].chance == pytest.approx(0.75, abs=0.01)
    assert "what execution takes with sonnet (1000 tasks)" in week.basis.learned
    assert any(told.startswith("what execution takes with haiku, opus: about") for told in week.basis.guessed)


def test_a_kind_that_two_projects_have_is_one_class_in_each(home: Home, repo: str, tmp_path: Path) -> None:
    other = str(repository(tmp_path / "other"))
    for path in (repo, other, repo):
        add_task(home, path)
    scenario, _ = week_of(home)
    assert [task.kind for task in scenario.tasks] == [
        f"execution {repo}",
        f"execution {other}",
        f"execution {repo}",
    ]
    assert [task.project for task in scenario.tasks] == [repo, other, repo]


def test_tasks_are_in_it_as_they_stand(home: Home, repo: str) -> None:
    add_task(home, repo, priority=3, size="L", tier=["opus"])
    add_task(home, repo, after=["t1"], deadline="5h", value=7.5, tier=["auto"])
    (first, second) = week_of(home)[0].tasks
    assert (first.key, first.value, first.size, first.tiers) == ("t1", 8.0, 2.0, ("opus",))
    assert (second.after, second.value, second.tiers) == (("t1",), 7.5, ())
    assert second.deadline == pytest.approx(5 * HOUR_MS, abs=60_000)


def test_of_a_task_that_runs_only_the_rest_is_in_it() -> None:
    story = Story(account("a"))
    story.add(spec())
    story.opened()
    whole = own_week(story.fleet).scenario.tasks[0]
    story.says("t1.1", Answered("m1", Tokens(input=150_000)))
    rest = own_week(story.fleet).scenario.tasks[0]
    assert (whole.size, rest.key) == (1.0, "t1")
    assert 0.1 < rest.size < 0.95


def test_what_cannot_run_is_left_out_with_all_that_waits_for_it(home: Home, repo: str) -> None:
    add_task(home, repo)
    add_task(home, repo, after=["t1"])
    add_task(home, repo, after=["t2"])
    add_task(home, repo)
    add_task(home, repo, tier=["nobody-has-it"])
    submit(home, CancelAsked(**stamp(), task="t1"))
    scenario, week = week_of(home)
    assert [task.key for task in scenario.tasks] == ["t4"]
    assert any(told.startswith("tasks t2, t3, t5: no ready account") for told in week.basis.left_out)


def test_what_arrives_is_expected_at_the_rate_that_was_learned(home: Home, repo: str) -> None:
    add_task(home, repo)
    seen = Demand("k", repo, "judgement", ("auto",), 2.0, 1.5, 60.0, now_ms() - 14 * DAY_MS, now_ms())
    learn(home, demand={"k": seen}, projects={repo: Project(repo, tiers=("sonnet", "opus"))})
    scenario, week = week_of(home)
    (stream,) = scenario.streams
    assert (stream.kind, stream.project, stream.tiers) == ("judgement", repo, ("sonnet", "opus"))
    assert (stream.size, stream.value) == (1.5, 3.0)
    assert 30 < stream.per_week < 90
    assert any(told.endswith("(judgement), by 14.0 days") for told in week.basis.learned)


def test_reservations_are_in_it_where_they_fall(home: Home, repo: str) -> None:
    add_task(home, repo)
    now = datetime.now().astimezone()
    for bucket in ("five_hour", "month"):
        reservations.reserve(
            home, account="work", at="daily 00:00-24:00", amount="40%", now=now, tier="opus", bucket=bucket
        )
    scenario, week = week_of(home, weeks=0.5)
    (laid,) = scenario.reservations
    assert (laid.account, laid.tier, laid.amount, laid.bucket) == ("work", "opus", 0.4, "five_hour")
    assert laid.spans[0].begins <= 1000
    assert 4 <= len(laid.spans) <= 5
    assert "the reservation r2: work has no bucket month here" in week.basis.left_out


def test_what_the_format_cannot_say_is_told(home: Home, repo: str) -> None:
    add_task(home, repo)
    limits.lay_floor(home, share="10%")
    submit(home, ProjectSet(**stamp(), project=Project(repo, workers=1)))
    left_out = week_of(home)[1].basis.left_out
    assert "limits and floors" in left_out
    assert "which accounts a project may use, its weight and its workers" in left_out


@pytest.mark.parametrize(
    ("fleet", "story"), [(Fleet(), "no account is ready"), (None, "no task waits and none has arrived")]
)
def test_a_home_with_nothing_to_simulate_is_told_what_is_missing(
    home: Home, fleet: Fleet | None, story: str
) -> None:
    with pytest.raises(NotDone, match=story):
        own_week(fleet or snapshot(home))


def test_what_a_fleet_has_learned_of_a_scenario_is_found_in_its_own_week_again() -> None:
    truth = read(EXAMPLE)
    case = draw(truth, seed=1)
    servers = {
        one.name: Server(
            one, tuple(Meter(one.name, b, truth.tiers_of(one), START_MS) for b in one.buckets), START_MS
        )
        for one in truth.accounts
    }
    found = own_week(found_at_the_start(case, servers, START_MS)).scenario
    for one in truth.accounts:
        again = next(other for other in found.accounts if other.name == one.name)
        assert again.tiers == truth.tiers_of(one)
        for bucket, other in zip(one.buckets, again.buckets, strict=True):
            assert (other.name, other.start, other.used) == (bucket.name, bucket.start, bucket.used)
            for tier, weight in other.weights.items():
                assert other.capacity / weight == pytest.approx(
                    bucket.capacity / bucket.weights[tier], rel=1e-3
                )
    doing = {kind.name: kind.doing for kind in truth.kinds}
    for kind in found.kinds:
        for tier, does in kind.doing.items():
            assert does.work == pytest.approx(doing[kind.name][tier].work, rel=0.02)
            assert does.chance == pytest.approx(doing[kind.name][tier].chance, abs=0.03)
    assert sum(stream.per_week for stream in found.streams) == pytest.approx(250, rel=0.1)
    assert found.noise == pytest.approx(truth.noise, rel=0.05)
    assert found.reservations[0].spans == truth.reservations[0].spans


def crowd(home: Home, repo: str) -> None:
    """More work than the account's window gives in the day."""
    show(home, window("five_hour", 0.9, 4 * HOUR_MS))
    learn(home, rates=rate("five_hour", "sonnet", 4e5))
    for _ in range(30):
        add_task(home, repo)
    learn(home, demand={})


def own(home: Home, *like: str, policy: str = "least-recent", weeks: float = 1 / 7) -> run.Own:
    return run.simulated_own(home, policy, 1, weeks=weeks, strategy=None, like=like, picture=False)


def test_one_more_account_does_more_where_the_first_is_full_and_the_home_stays_as_it_was(
    home: Home, repo: str
) -> None:
    crowd(home, repo)
    before = home.database.read_bytes()
    found = own(home, "work", "work")
    assert found.added == ("work #2", "work #3")
    assert found.with_more is not None
    assert found.as_it_is.score.tasks == found.with_more.score.tasks == 30
    assert found.with_more.score.value > 1.5 * found.as_it_is.score.value
    assert home.database.read_bytes() == before


def test_where_capacity_is_plenty_one_more_account_changes_nothing(home: Home, repo: str) -> None:
    add_task(home, repo)
    learn(home, demand={})
    found = own(home, "work")
    assert found.with_more is not None
    assert found.as_it_is.score.value == found.with_more.score.value


def test_an_account_to_add_must_be_like_one_there_is(home: Home, repo: str) -> None:
    add_task(home, repo)
    with pytest.raises(NotDone, match="no ready account other to add another one like: there are work"):
        own(home, "other")


def test_what_was_written_down_is_the_week_itself_and_can_be_edited(
    home: Home, repo: str, tmp_path: Path
) -> None:
    crowd(home, repo)
    path = tmp_path / "week.json"
    run.write_own(home, path, weeks=2.0, strategy="after-hours", like=["work"])
    written = read(path)
    assert (written.strategy, written.horizon, len(written.tasks)) == ("after-hours", 14 * DAY_MS, 30)
    assert [account.name for account in written.accounts] == ["work", "work #2"]
    assert '"horizon": "14d"' in path.read_text()
    with pytest.raises(NotDone, match=r"name .*week\.json instead of .*week\.toml"):
        run.write_own(home, tmp_path / "week.toml", weeks=1.0, strategy=None, like=[])


def test_a_strategy_nobody_knows_is_refused(home: Home, repo: str) -> None:
    add_task(home, repo)
    with pytest.raises(NotDone, match="no strategy lazy: name after-hours or full-time"):
        week_of(home, strategy="lazy")
