"""Nothing waits for ever, nothing waits for nothing, and nothing is taken that is kept."""

from __future__ import annotations

from math import log2
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.core import events
from fleet.core.capacity import costs
from fleet.core.dispatch.refusals import PATIENCE
from fleet.core.dispatch.tiers import allowed
from fleet.core.model import AGE_DOUBLES_MS
from fleet.core.model.policy import Floor
from fleet.core.model.prices import Prices
from fleet.core.model.tokens import Tokens
from tests.core.story import HOUR_MS, START_MS, Story, account, spec

DAY_MS = 24 * HOUR_MS
STEP_MS = DAY_MS


def landed(story: Story, attempt: str) -> None:
    if story.attempt(attempt).state == "starting":
        story.opened(attempt)
    story.answer(attempt)
    story.finish(attempt)
    story.check(attempt=attempt)
    story.exit(attempt)


def priced(story: Story, times: float, *, falling: bool) -> None:
    """A place costs so many times what the old task is worth; `falling`: tomorrow it is free."""
    hours = costs.expected(story.fleet, story.task("t1").spec, "sonnet").ms / HOUR_MS
    edges = (story.now_ms + DAY_MS,) if falling else ()
    free = {"sonnet": (0.0,) if falling else ()}
    prices = Prices(
        story.now_ms, "programme", slots={"a": times / hours}, edges=edges, later=free, places=free
    )
    story.tell(events.Priced, prices=prices)


@settings(max_examples=15)
@given(dearer=st.integers(0, 4), times=st.sampled_from([0.0, 0.5, 4.0, 20.0]), falling=st.booleans())
def test_in_an_endless_stream_of_dearer_tasks_an_old_one_runs_after_a_bounded_time(
    dearer: int, times: float, falling: bool
) -> None:
    """Its worth doubles with each week, so that it passes what is worth n times as much and came log2 n weeks after it;
    those that came before go first, one a day. It passes any price likewise; and waiting for lower prices ends when
    what they save is less than `PATIENCE` of its worth."""
    story = Story(account("a", concurrency=1), workers_max=1)
    story.add(spec(title="running"))
    story.add(spec(title="the old one"))
    beats = times / PATIENCE if falling else times / 0.9
    weeks = dearer + log2(max(beats, 1.0))
    story.opened("t1.1")
    for _ in range(int(weeks * AGE_DOUBLES_MS / STEP_MS) + 4):
        story.now_ms += STEP_MS
        story.add(spec(priority=dearer))
        priced(story, times, falling=falling)
        for attempt in list(story.fleet.attempts):
            landed(story, attempt)
        if story.task("t2").state != "queued":
            return
    raise AssertionError(f"it still waits after {weeks:.1f} weeks: {story.why('t2')}")


@st.composite
def specs(draw: st.DrawFn, with_size: bool) -> dict[str, Any]:
    more: dict[str, Any] = {
        "tiers": draw(
            st.sampled_from([("haiku",), ("sonnet", "haiku"), ("opus",), ("auto",), ("fable", "opus")])
        ),
        "kind": draw(st.sampled_from(["execution", "judgement", "reasoning"])),
        "repo": draw(st.sampled_from(["/r1", "/r2"])),
        "priority": draw(st.integers(-2, 5)),
        "size": draw(st.sampled_from([0.5, 5.0, 20.0, 100.0])) if with_size else 0.01,
    }
    if draw(st.booleans()):
        more["deadline_ms"] = START_MS + draw(st.integers(-1, 9)) * HOUR_MS
    return more


@st.composite
def fleets(draw: st.DrawFn) -> Story:
    has = st.lists(st.sampled_from([("haiku", "h"), ("sonnet", "s"), ("opus", "o")]), min_size=1, unique=True)
    accounts = [
        account(f"a{n}", tiers=tuple(draw(has)), concurrency=draw(st.integers(1, 30)))
        for n in range(draw(st.integers(1, 4)))
    ]
    story = Story(*accounts, workers_max=99)
    for one in accounts:
        used = draw(st.sampled_from([None, 0.0, 0.3, 0.8]))
        window = events.WindowReading("five_hour", None, used, story.now_ms + 3 * HOUR_MS, "allowed")
        story.tell(events.AccountVerified, name=one.name, ok=True, readings=(window,))
    return story


@settings(max_examples=60)
@given(story=fleets(), asked=st.lists(specs(with_size=True), min_size=1, max_size=25))
def test_with_free_prices_only_what_every_account_refuses_is_left_in_the_queue(
    story: Story, asked: list[dict[str, Any]]
) -> None:
    story.add(*(spec(**one) for one in asked))
    for task in story.fleet.tasks.values():
        if task.state == "queued":
            against = story.why(task.id).refusals
            places = len(story.fleet.accounts) * len(allowed(story.fleet, task))
            assert len(against) == places, story.why(task.id)
            assert not any("elsewhere" in one.why or "later" in one.why for one in against)


@settings(max_examples=40)
@given(story=fleets(), asked=st.lists(specs(with_size=False), min_size=1, max_size=25))
def test_with_room_for_all_every_task_that_some_account_has_a_tier_for_runs(
    story: Story, asked: list[dict[str, Any]]
) -> None:
    for name in list(story.fleet.accounts):
        roomy = account(name, tiers=story.fleet.accounts[name].tiers, concurrency=64, allowance=64)
        story.tell(events.AccountRemoved, name=name)
        story.tell(events.AccountAdded, account=roomy)
    story.add(spec(size=0.01, tiers=("auto",), title="first"))
    story.opened()
    for n in range(7):
        story.answer("t1.1", f"m{n}")
    story.add(*(spec(**one) for one in asked))
    for name in sorted(story.fleet.accounts):
        for n in range(7):
            for attempt in [a.id for a in story.fleet.attempts.values() if a.account == name][:1]:
                if story.attempt(attempt).state == "starting":
                    story.opened(attempt)
                story.answer(attempt, f"n{n}")
    served = {tier for one in story.fleet.accounts.values() for tier, _ in one.tiers}
    for task in story.fleet.tasks.values():
        runs = bool(served & set(allowed(story.fleet, task)))
        assert (task.state == "running") == runs, story.why(task.id)


@settings(max_examples=40)
@given(
    share=st.sampled_from([0.1, 0.5, 0.9]),
    workers=st.integers(1, 6),
    order=st.lists(st.integers(0, 5), max_size=60),
)
def test_automation_passes_a_floor_by_no_more_than_what_is_under_way_when_it_is_reached(
    share: float, workers: int, order: list[int]
) -> None:
    """Workers answer in any order, each time for 2 % of the window: the first that passes the floor stops them all."""
    story = Story(account("a", concurrency=workers, allowance=workers, answered_ms=START_MS))
    story.tell(events.FloorAdded, floor=Floor("", share))
    story.add(*(spec(size=0.01) for _ in range(9)))
    used = 0.0
    for n, which in enumerate(order):
        for attempt in list(story.fleet.attempts):
            if story.attempt(attempt).state == "starting":
                story.opened(attempt)
        running = [a.id for a in story.fleet.attempts.values() if a.state == "running"]
        if not running:
            break
        used += 0.02
        window = events.WindowReading("five_hour", None, used, START_MS + 4 * HOUR_MS, "allowed")
        who = running[which % len(running)]
        story.says(who, events.Answered(f"m{n}", Tokens(0, 100)), events.WindowsRead((window,), story.now_ms))
        for attempt in [a.id for a in story.fleet.attempts.values() if a.state == "stopping"]:
            story.exit(attempt)
    assert used <= 1.0 - share + 0.02 + 1e-9
