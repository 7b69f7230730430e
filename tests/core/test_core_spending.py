"""What is paid for goes before what is billed for each token."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from fleet.core import dispatch, events
from fleet.core.capacity import costs, headroom, rates
from fleet.core.dispatch.round import Offer, Round
from fleet.core.dispatch.slots import Slots
from fleet.core.dispatch.spending import LATEST, LATEST_MS
from fleet.core.dispatch.tiers import allowed
from fleet.core.model import Account, Fleet, Host, Spend, Task, bucket_key, queue_of
from fleet.core.model.policy import Project
from fleet.store.codec import decode, encode
from tests.core.story import HOUR_MS, START_MS, Story, account, refusal, spec
from tests.planning.fleets import NOW, bucket, task

KEY = account("key", kind="api-key")


def on(story: Story, name: str) -> list[str]:
    return [a.task for a in story.fleet.attempts.values() if a.account == name]


def needs_ms(fleet: Fleet, one: Task, tier: str) -> int:
    """How long before its deadline work on it has to begin."""
    return LATEST_MS + round(LATEST * costs.remaining(fleet, one, tier).ms)


def test_in_the_first_minute_of_a_fleet_a_subscription_is_tried_and_no_key_is_billed() -> None:
    story = Story(account("plan"), KEY)
    story.add(spec(), spec(), spec())
    assert on(story, "plan") == ["t1"] and on(story, "key") == []
    against = {r.account: r.why for r in story.why("t2").refusals}
    assert against["key"] == "is billed, and plan with sonnet is paid for and can do it"
    story.opened()
    story.answer()
    assert on(story, "plan") == ["t1", "t2"]


@pytest.mark.parametrize(("spend", "taken"), [("free", ["t2"]), ("when-needed", []), ("never", [])])
def test_a_person_says_whether_a_key_takes_work_that_a_subscription_could_do_later(
    spend: Spend, taken: list[str]
) -> None:
    story = Story(account("plan"), replace(KEY, spend=spend))
    story.add(spec(), spec())
    assert on(story, "key") == taken


@pytest.mark.parametrize("spend", ["when-needed", "never"])
def test_a_tier_that_no_subscription_has_is_done_by_a_key_unless_that_takes_nothing(spend: Spend) -> None:
    story = Story(account("plan", tiers=(("sonnet", "s"),)), replace(KEY, spend=spend))
    story.add(spec(tiers=("opus",)))
    assert on(story, "key") == (["t1"] if spend == "when-needed" else [])
    assert story.why().stuck is (spend == "never")


def test_a_project_that_may_use_the_key_alone_uses_it_and_so_does_all_when_no_login_is_left() -> None:
    story = Story(account("plan"), KEY)
    story.tell(events.ProjectSet, project=Project("paid", accounts=("key",)))
    story.add(spec(project="paid"))
    assert on(story, "key") == ["t1"]
    story.tell(events.AccountVerified, name="plan", ok=False, detail="401")
    story.opened()
    story.answer()
    story.add(spec())
    assert on(story, "key") == ["t1", "t2"]


def test_after_a_limit_only_work_that_would_come_too_late_goes_on_on_the_key() -> None:
    story = Story(account("plan"), KEY)
    story.add(spec(), spec(deadline_ms=START_MS + 2 * HOUR_MS))
    first = on(story, "plan")
    story.opened(f"{first[0]}.1")
    story.answer(f"{first[0]}.1")
    story.opened("t2.1" if first == ["t1"] else "t1.1")
    for name in ("t1", "t2"):
        story.limit(f"{name}.1", refusal(resets_ms=START_MS + 4 * HOUR_MS))
    story.wait(600_000)
    assert on(story, "key") == ["t2"]
    assert story.task("t1").state == "queued"
    assert story.why("t1").expects_ms is None or story.why("t1").expects_ms == START_MS + 4 * HOUR_MS


def test_a_task_with_a_deadline_waits_for_a_place_that_is_paid_for_until_the_last_moment_and_no_longer() -> (
    None
):
    story = Story(account("plan", concurrency=1), KEY)
    story.add(spec(priority=3), spec(), spec(deadline_ms=START_MS + 24 * HOUR_MS))
    assert on(story, "plan") == ["t1"]
    assert "can do it in time" in {r.account: r.why for r in story.why("t3").refusals}["key"]
    latest = START_MS + 24 * HOUR_MS - needs_ms(story.fleet, story.task("t3"), "sonnet")
    story.now_ms = latest - 1
    story.wait(0)
    assert on(story, "key") == []
    story.wait(1)
    assert on(story, "key") == ["t3"]


def test_an_account_of_the_last_release_spends_as_is_usual_for_its_kind() -> None:
    for kind, spends in (("subscription", "free"), ("local", "free"), ("api-key", "when-needed")):
        body = encode(account("a", kind=kind)).replace(',"spend":null', "")
        assert "spend" not in body and decode(Account, body).spends == spends


# --- random fleets ---------------------------------------------------------------------------------------

TIERS = ("haiku", "sonnet", "opus")


@st.composite
def fleets(draw: st.DrawFn) -> Fleet:
    """One or two subscriptions, unread, read, full or in quarantine, a key, and tasks with deadlines near and far."""
    accounts, buckets = [], []
    for name in ("a", "b")[: draw(st.integers(1, 2))]:
        tiers = draw(st.sampled_from(["haiku sonnet opus", "haiku sonnet", "haiku"])).split()
        accounts.append(
            account(
                name,
                tiers=tuple((tier, tier) for tier in tiers),
                concurrency=draw(st.integers(1, 3)),
                allowance=3,
                state=draw(st.sampled_from(["ready", "ready", "ready", "quarantined"])),
            )
        )
        for window, most in (("five_hour", 5.0), ("seven_day", 168.0)):
            used = draw(st.none() | st.floats(0.0, 0.999) | st.just(1.0))
            buckets.append(bucket(name, window, used, draw(st.floats(0.1, most))))
    accounts.append(
        account("key", kind="api-key", concurrency=draw(st.integers(1, 4)), allowance=4, answered_ms=NOW)
    )
    tasks = [
        task(
            n,
            value=draw(st.floats(1.0, 1_000.0)),
            size=draw(st.floats(0.1, 10.0)),
            tiers=" ".join(draw(st.lists(st.sampled_from(TIERS), min_size=1, max_size=2, unique=True))),
            due_h=draw(st.none() | st.floats(-1.0, 30.0) | st.floats(0.1, 3.0)),
            on=draw(st.sampled_from([None, None, None, *(a.name for a in accounts)])),
        )
        for n in range(draw(st.integers(1, 10)))
    ]
    return Fleet(
        now_ms=NOW,
        tasks={t.id: t for t in tasks},
        accounts={a.name: a for a in accounts},
        buckets={bucket_key(b.pool, b.name): b for b in buckets},
        hosts={"here": Host("here", 100, memory_free_bytes=10**12)},
        queue=queue_of(tasks),
    )


def replayed(fleet: Fleet) -> Iterator[tuple[Round, dispatch.Placement]]:
    """Each placement of a round, with what was left when it was chosen."""
    going = Round(fleet, Slots(fleet))
    for n, placement in enumerate(dispatch.choose(fleet)):
        yield going, placement
        assert placement.quote is not None
        one, on_account = fleet.tasks[placement.task], fleet.accounts[placement.account]
        going.take(Offer(one, on_account, placement.quote, 0.0, n), placement.host)


def ways(fleet: Fleet, one: Task) -> list[tuple[Account, str]]:
    """How an account that is not billed may do the task, now or later."""
    return [
        (a, tier)
        for a in fleet.accounts.values()
        if a.kind == "subscription" and a.state == "ready"
        for tier in allowed(fleet, one)
        if a.model_of(tier) is not None
    ]


def can_in_time(fleet: Fleet, one: Task, on_account: Account, tier: str) -> bool:
    """Whether it opens early enough for the task and all that is queued with a nearer deadline: the condition of
    docs/dispatch.md, as written there."""
    assert one.spec.deadline_ms is not None
    latest_ms = one.spec.deadline_ms - needs_ms(fleet, one, tier)
    block = headroom.block_of(fleet, on_account, tier)
    if block is not None and block.until_ms > latest_ms:
        return False
    free = [a for a in fleet.accounts.values() if a.kind == "subscription" and a.state == "ready"]
    served = {name for a in free for name, _ in a.tiers}
    ahead_ms = ahead_work = 0.0
    for other in fleet.tasks.values():
        due = other.spec.deadline_ms
        if due is None or due <= NOW or (due, other.number) >= (one.spec.deadline_ms, one.number):
            continue
        first = next((t for t in allowed(fleet, other) if t in served), None)
        if first is not None:
            need = costs.remaining(fleet, other, first)
            ahead_ms += need.ms
            ahead_work += need.work if first == tier else 0.0
    if NOW + round(ahead_ms / sum(a.concurrency for a in free)) > latest_ms:
        return False
    supply = sum(
        supply_of(fleet, a, tier, one.spec.deadline_ms) for a in free if a.model_of(tier) is not None
    )
    return ahead_work + costs.remaining(fleet, one, tier).work <= supply * 1.000001


def supply_of(fleet: Fleet, on_account: Account, tier: str, until_ms: int) -> float:
    """Work units that the windows give until then."""
    most = float("inf")
    for one in headroom.drawn_on(fleet, on_account, tier):
        given = 1.0 - (one.utilization or 0.0)
        length_ms = headroom.length_of(one) or 0
        resets_ms = one.resets_ms or 0
        while resets_ms <= until_ms:
            given, resets_ms = given + 1.0, resets_ms + length_ms
        most = min(most, given / rates.rate(fleet, one.pool, one.name, tier))
    return most


@given(fleets())
@settings(max_examples=50, deadline=None)
def test_nothing_is_billed_that_a_subscription_could_have_done_in_time(fleet: Fleet) -> None:
    for going, placement in replayed(fleet):
        one = fleet.tasks[placement.task]
        if placement.account != "key" or one.session_account == "key":
            continue
        for on_account, tier in ways(fleet, one):
            assert going.refusals.considered(one, on_account, tier)[0] is not None
        due_ms = one.spec.deadline_ms
        if due_ms is None or due_ms <= NOW:
            assert ways(fleet, one) == []
        elif due_ms - needs_ms(fleet, one, placement.tier) > NOW:
            openings = [way for way in ways(fleet, one) if can_in_time(fleet, one, *way)]
            # What is left open is only closed to it by what is in no window: too little left of one until its reset.
            for on_account, tier in openings:
                against = going.refusals.considered(one, on_account, tier)[0]
                assert against is not None and against.until_ms is not None
                assert against.until_ms > due_ms - needs_ms(fleet, one, tier)


@given(fleets())
@settings(max_examples=50, deadline=None)
def test_no_deadline_is_missed_by_waiting_for_a_subscription(fleet: Fleet) -> None:
    """What the key would take, were it as any other account, has time left, and a subscription that can do it."""
    placed = list(replayed(fleet))
    going = placed[-1][0] if placed else Round(fleet, Slots(fleet))
    taken = {placement.task for _, placement in placed}
    as_any_other = {**fleet.accounts, "key": replace(fleet.accounts["key"], spend="free")}
    free = Round(replace(fleet, accounts=as_any_other), going.slots)
    for one in fleet.tasks.values():
        due_ms = one.spec.deadline_ms
        if one.id in taken or due_ms is None or due_ms <= NOW:
            continue
        for tier in allowed(fleet, one):
            if free.refusals.considered(one, as_any_other["key"], tier)[0] is None:
                assert due_ms - needs_ms(fleet, one, tier) > NOW
                assert any(
                    (block := headroom.block_of(fleet, a, t)) is None
                    or block.until_ms <= due_ms - needs_ms(fleet, one, t)
                    for a, t in ways(fleet, one)
                )


def timely(fleet: Fleet) -> list[Task]:
    return [t for t in fleet.tasks.values() if (t.spec.deadline_ms or 0) > NOW and t.session_id is None]


def placed_on(fleet: Fleet) -> dict[str, str]:
    return {placement.task: placement.account for placement in dispatch.choose(fleet)}


@pytest.mark.parametrize("billed", [True, False])
def test_among_the_random_fleets_are_deadlines_that_need_the_key_and_such_as_wait(billed: bool) -> None:
    """Else the properties above would say nothing."""

    def shows(fleet: Fleet) -> bool:
        placed = placed_on(fleet)
        if billed:
            return any(placed.get(t.id) == "key" and ways(fleet, t) for t in timely(fleet))
        accounts = {**fleet.accounts, "key": replace(fleet.accounts["key"], spend="free")}
        as_any_other = placed_on(replace(fleet, accounts=accounts))
        return any(t.id not in placed and as_any_other.get(t.id) == "key" for t in timely(fleet))

    find(fleets(), shows, settings=settings(max_examples=2_000, phases=[Phase.generate], database=None))
