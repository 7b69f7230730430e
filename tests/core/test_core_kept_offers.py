"""What dispatch keeps from round to round: it makes the placements that one makes who remembers nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import islice
from random import Random

import pytest

from fleet.core.capacity.experience import with_task
from fleet.core.dispatch import Chooser, Placement, choose
from fleet.core.model import (
    Account,
    Attempt,
    Bucket,
    Fleet,
    Host,
    Pause,
    Task,
    TaskSpec,
    Unfit,
    Worktree,
    bucket_key,
    queue_of,
)
from fleet.core.model.learned import Experience, Rate
from fleet.core.model.policy import STRATEGIES, Floor, Limit, Project, Reservation, Spent, Tier
from fleet.core.model.prices import Prices
from fleet.core.model.protection import Protection, Protections
from fleet.core.model.tokens import Tokens
from tests.sizes import large

NOW_MS = 1_760_000_000_000
HOUR_MS = 3_600_000
SOON_MS = 600_000
"""Within this time nothing else changes by itself: an answer proves its account for longer."""
TIERS = ("haiku", "sonnet", "opus")
WINDOWS = (("five_hour", None), ("seven_day", None), ("seven_day_opus", "opus"))
PROJECTS = ("/r0", "/r1", "/r2")
ACCOUNTS = tuple(f"a{n}" for n in range(5))
HOSTS = ("local", "h1", "h2")


def account(name: str, **other: object) -> Account:
    tiers = tuple((tier, tier) for tier in TIERS)
    made = Account(name, "subscription", tiers, 6, name, NOW_MS, allowance=6, answered_ms=NOW_MS)
    return replace(made, **other)  # type: ignore[arg-type]


def bucket(pool: str, name: str, scope: str | None, used: float = 0.2, **other: object) -> Bucket:
    made = Bucket(pool, name, scope, NOW_MS, "stream", used, NOW_MS + 2 * HOUR_MS)
    return replace(made, **other)  # type: ignore[arg-type]


def task(number: int, *, session: str | None = None, **other: object) -> Task:
    spec = TaskSpec("do", PROJECTS[number % 3], f"task {number}", TIERS[number % 3 :], "main")
    made = Task(f"t{number}", number, spec, NOW_MS - 60_000 * number, "queued")
    if session is not None:
        made = replace(made, session_id=f"s{number}", session_account=session, attempts=1, tier_work=1_000.0)
    return replace(made, **other)  # type: ignore[arg-type]


def attempt(of: Task, on: str, host: str) -> Attempt:
    return Attempt(f"{of.id}.9", of.id, 9, on, "sonnet", "sonnet", host, "s", NOW_MS, "running", answers=1)


def fleet(tasks: list[Task], places: int = 1, running: int = 0) -> Fleet:
    """As many places on the hosts as that, beside those of the running work."""
    going = [task(100 + n, state="running", attempt=f"t{100 + n}.9") for n in range(running)]
    accounts = {name: account(name) for name in ACCOUNTS}
    hosts = {name: Host(name, 0, 10**13, cores=64, address=f"ssh://{name}") for name in HOSTS}
    hosts["local"] = Host("local", places + running, 10**13, cores=64)
    return Fleet(
        now_ms=NOW_MS,
        home_id="kept",
        tasks={one.id: one for one in [*tasks, *going]},
        attempts={f"{one.id}.9": attempt(one, ACCOUNTS[n % 5], "local") for n, one in enumerate(going)},
        accounts=accounts,
        buckets={bucket_key(n, w): bucket(n, w, scope) for n in ACCOUNTS for w, scope in WINDOWS},
        hosts=hosts,
        worktrees={
            one.id: Worktree(one.id, one.spec.repo, one.number, "ready", "/w", "local") for one in going
        },
        queue=queue_of(tasks),
    )


def put(before: Fleet, name: str, *values: object, **singles: object) -> Fleet:
    """The fleet with these values of a map, by their own keys, and the queue that follows from its tasks."""
    there = dict(getattr(before, name))
    for value in values:
        there[_key(value)] = value
    after = replace(before, **{name: there}, **singles)  # type: ignore[arg-type]
    if name != "tasks":
        return after
    queue = queue_of(
        after.tasks.values()
    )  # as a draft does it, lanes that stay as they are stay the same object
    same = {lane: ranks for lane, ranks in before.queue.items() if queue.get(lane) == ranks}
    return replace(after, queue={**queue, **same})


def _key(value: object) -> str:
    if isinstance(value, Bucket):
        return bucket_key(value.pool, value.name)
    if isinstance(value, Rate):
        return f"{value.pool}/{value.bucket}/{value.tier}"
    for name in ("id", "name", "key", "task", "limit"):
        if hasattr(value, name):
            return str(getattr(value, name))
    raise AssertionError(value)


def two_sessions() -> Fleet:
    """One place, and sessions that stay on two accounts. Those of `a1` are worth more, so that what is found out of
    `a0` is kept and not used."""
    tasks = [task(n, session=on) for n, on in ((1, "a0"), (2, "a1"), (3, "a0"), (4, "a1"))]
    dear = [replace(one, spec=replace(one.spec, priority=2 * (one.session_account == "a1"))) for one in tasks]
    return fleet([replace(one, spec=replace(one.spec, tiers=("sonnet",), repo="/r0")) for one in dear])


def without_the_dear(before: Fleet) -> Fleet:
    return put(before, "tasks", *(replace(before.tasks[name], state="failed") for name in ("t2", "t4")))


def _of(name: str, **other: object) -> Callable[[Fleet], Fleet]:
    return lambda before: put(before, "accounts", replace(before.accounts[name], **other))  # type: ignore[arg-type]


def _bucket(key: str, **other: object) -> Callable[[Fleet], Fleet]:
    return lambda before: put(before, "buckets", replace(before.buckets[key], **other))  # type: ignore[arg-type]


def _task(name: str, **other: object) -> Callable[[Fleet], Fleet]:
    return lambda before: put(before, "tasks", replace(before.tasks[name], **other))  # type: ignore[arg-type]


def _at(ms: int) -> Callable[[Fleet], Fleet]:
    return lambda before: replace(before, now_ms=before.now_ms + ms)


def _workers_on(name: str) -> Callable[[Fleet], Fleet]:
    def more(before: Fleet) -> Fleet:
        new = [task(200 + n, state="running", attempt=f"t{200 + n}.9") for n in range(6)]
        hosts = put(before, "hosts", replace(before.hosts["local"], workers_max=7))
        there = put(hosts, "tasks", *new)
        return put(there, "attempts", *(attempt(one, name, "local") for one in new))

    return more


def _refused(ms: int) -> Callable[[Fleet], Fleet]:
    return _bucket("a0/five_hour", refused_until_ms=NOW_MS + ms, refused_ms=NOW_MS)


TOUCHES: dict[str, tuple[Callable[[Fleet], Fleet], Callable[[Fleet], Fleet]]] = {
    "an account is paused": (_at(0), _of("a0", paused=True)),
    "an account has less concurrency": (_at(0), _of("a0", concurrency=0)),
    "an account is overloaded": (_at(0), _of("a0", busy_until_ms=NOW_MS + 60_000)),
    "an overload has passed": (_of("a0", busy_until_ms=NOW_MS + 60_000), _at(60_000)),
    "an account has other tiers": (_at(0), _of("a0", tiers=(("opus", "opus"),))),
    "an account has all its workers": (_at(0), _workers_on("a0")),
    "a bucket refuses": (_at(0), _refused(HOUR_MS)),
    "a refusal has passed": (_refused(60_000), _at(60_000)),
    "a bucket is full": (_at(0), _bucket("a0/seven_day", utilization=1.0)),
    "a full bucket is reset": (_bucket("a0/five_hour", utilization=1.0), _at(2 * HOUR_MS)),
    "a bucket has too little left": (_at(0), _bucket("a0/five_hour", utilization=0.99999)),
    "the little that is left will do before the reset": (
        _bucket("a0/five_hour", utilization=0.998, resets_ms=NOW_MS + 480_000),
        _at(420_000),
    ),
    "automation stays away from what is kept": (
        _at(0),
        _bucket("a0/five_hour", protected_until_ms=NOW_MS + HOUR_MS),
    ),
    "it comes back": (_bucket("a0/five_hour", protected_until_ms=NOW_MS + HOUR_MS), _at(HOUR_MS)),
    "a rate is learned": (
        _at(0),
        lambda before: put(before, "rates", Rate("a0", "five_hour", "sonnet", share=90.0, work=100_000.0)),
    ),
    "a rate of all pools is learned": (
        _at(0),
        lambda before: put(before, "rates", Rate("", "five_hour", "sonnet", share=90.0, work=100_000.0)),
    ),
    "a class has learned": (
        _at(0),
        lambda before: put(before, "experience", Experience("sonnet", 50.0, 24.0, 1.0, 14.0, 1.0)),
    ),
    "a floor": (_at(0), lambda before: put(before, "floors", Floor("f1", 1.0, "a0"))),
    "a reservation": (
        _at(0),
        lambda before: put(
            before,
            "reservations",
            Reservation("v1", "a0", None, 1.0, ((NOW_MS, NOW_MS + 2 * HOUR_MS),)),
        ),
    ),
    "a reservation falls": (
        lambda before: put(
            before,
            "reservations",
            Reservation("v1", "a0", None, 0.9, ((NOW_MS, NOW_MS + SOON_MS),)),
        ),
        _at(SOON_MS - 1_000),
    ),
    "a forecast falls": (
        lambda before: replace(
            before,
            protections=Protections(
                NOW_MS,
                {
                    "a0/five_hour": Protection(
                        NOW_MS + 2 * HOUR_MS, ((NOW_MS, 0.9), (NOW_MS + SOON_MS, 0.0)), (), 0.5, 0.9, 9.0
                    )
                },
            ),
        ),
        _at(SOON_MS),
    ),
    "a limit": (
        _at(0),
        lambda before: put(before, "limits", Limit("l1", "account", "a0", "day", "tokens", 1.0, 0)),
    ),
    "a project that may not use the account": (
        _at(0),
        lambda before: put(before, "projects", Project("/r0", accounts=("a1",))),
    ),
    "prices": (
        _at(0),
        lambda before: replace(before, prices=Prices(NOW_MS, "programme", {"a0/five_hour": 1_000.0})),
    ),
    "a task is revised": (
        _at(0),
        lambda before: _task("t3", spec=replace(before.tasks["t3"].spec, size=500.0))(before),
    ),
    "a task has been worked on": (_at(0), _task("t3", tier_work=3_000_000.0)),
    "the first task backs off": (_at(0), _task("t3", not_before_ms=NOW_MS + 5_000)),
    "its back-off ends": (_task("t3", not_before_ms=NOW_MS + 5_000), _at(5_000)),
    "a task is paused": (
        _at(0),
        lambda before: _task("t3", spec=replace(before.tasks["t3"].spec, paused=Pause("person", "")))(before),
    ),
    "its worktree is being removed": (
        _at(0),
        lambda before: put(before, "worktrees", Worktree("t3", "/r0", 1, "removing", "/w", host="local")),
    ),
    "its last worker is still there": (
        lambda before: _task("t3", attempt="t3.9")(before),
        lambda before: put(
            put(before, "attempts", attempt(before.tasks["t3"], "a2", "h1")),
            "hosts",
            replace(before.hosts["h1"], workers_max=0),
        ),
    ),
    "its work lies on a host without a place": (
        _at(0),
        lambda before: put(
            before, "worktrees", Worktree("t3", "/r0", 1, "ready", "/w", host="h1", left_ms=NOW_MS)
        ),
    ),
    "the only host's git refuses a repository": (
        _at(0),
        lambda before: put(
            before,
            "hosts",
            replace(before.hosts["local"], unfit=(Unfit("/r0", "no", NOW_MS, NOW_MS + 60_000),)),
        ),
    ),
}


def _project_of_its_own(before: Fleet) -> Fleet:
    """One worker at once for the project of `a0`'s tasks, and another project for those of `a1`."""
    others = [replace(before.tasks[n], spec=replace(before.tasks[n].spec, repo="/r1")) for n in ("t2", "t4")]
    return put(put(before, "tasks", *others), "projects", Project("/r0", workers=1))


def _worker_of_its_project(before: Fleet) -> Fleet:
    one = task(300, state="running", attempt="t300.9")
    there = put(before, "hosts", replace(before.hosts["local"], workers_max=2))
    return put(put(there, "tasks", one), "attempts", attempt(one, "a2", "local"))


def _price(share: float) -> Callable[[Fleet], Fleet]:
    """A price of `a0`, by so much more than what its best task is worth now."""

    def priced(before: Fleet, price: float) -> Fleet:
        return replace(before, prices=Prices(NOW_MS, "programme", {"a0/five_hour": price}))

    def dear(before: Fleet) -> Fleet:
        least, most = 0.0, 10_000.0
        for _ in range(60):
            price = (least + most) / 2
            if list(choose(priced(without_the_dear(before), price))):
                least = price
            else:
                most = price
        return priced(before, most * (1.0 + share))

    return dear


def _limited(before: Fleet) -> Fleet:
    return put(before, "limits", Limit("l1", "account", "a0", "day", "tokens", 1e9, NOW_MS))


TOUCHES |= {
    "its project has all its workers": (_project_of_its_own, _worker_of_its_project),
    "it has become worth its price": (_price(0.0003), _at(SOON_MS - 60_000)),
    "a limit is used up": (_limited, lambda before: put(before, "spent", Spent("l1", 0, 1e9))),
}


@pytest.mark.parametrize("what", sorted(TOUCHES))
def test_whatever_touches_an_offer_that_was_kept_makes_it_anew(what: str) -> None:
    first, then = TOUCHES[what]
    kept, before = Chooser(), first(two_sessions())
    for _ in range(3):  # what is kept is used, and not only made
        assert list(kept(before)) == list(choose(before))
    after = without_the_dear(then(before))
    expected = list(choose(after))
    assert _told(expected) != _told(choose(without_the_dear(before))), "it touches nothing"
    assert list(kept(after)) == expected


def heavy_first() -> Fleet:
    """Behind the first task of `a0`, which has become large, stands one that is worth more for what it takes; between
    them lies what `a1` offers. One place at home, and one on `h1`."""
    tasks = [task(n, session=on) for n, on in ((1, "a0"), (2, "a1"), (3, "a0"))]
    first, between, heavy = (
        replace(one, spec=replace(one.spec, tiers=("sonnet",), repo="/r0")) for one in tasks
    )
    between = replace(between, tier_work=600_000.0)
    before = fleet([first, between, replace(heavy, tier_work=5_000_000.0)])
    return put(before, "hosts", replace(before.hosts["h1"], workers_max=1))


def _lies_on_h1(before: Fleet) -> Fleet:
    return put(before, "worktrees", Worktree("t3", "/r0", 1, "ready", "/w", host="h1", left_ms=NOW_MS))


def _h1_is_full(before: Fleet) -> Fleet:
    return put(before, "hosts", replace(before.hosts["h1"], workers_max=0))


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (_h1_is_full, _lies_on_h1),
        (_lies_on_h1, _h1_is_full),
        (_h1_is_full, _task("t3", not_before_ms=NOW_MS + 5_000)),
        (
            _h1_is_full,
            lambda before: _task("t3", spec=replace(before.tasks["t3"].spec, paused=Pause("p", "")))(before),
        ),
    ],
    ids=["its work lies elsewhere", "its host is full", "it backs off", "it is paused"],
)
def test_behind_a_head_that_cannot_go_the_next_of_its_lane_counts(
    first: Callable[[Fleet], Fleet], then: Callable[[Fleet], Fleet]
) -> None:
    kept, before = Chooser(), first(heavy_first())
    for _ in range(3):
        assert list(islice(kept(before), 1)) == list(islice(choose(before), 1))
    assert next(choose(before)).task == "t2"
    after = then(before)
    assert next(choose(after)).task == "t1"
    assert list(kept(after)) == list(choose(after))


def _told(placements: Iterable[Placement]) -> list[tuple[object, ...]]:
    """What the work is given; of its worth only what does not grow with its age."""
    return [(p.task, p.account, p.tier, p.quote and p.quote.need) for p in placements]


def test_another_accounts_offer_counts_when_a_stronger_tier_is_no_longer_served_anywhere() -> None:
    """What a stronger tier would make of a failure is part of what a weaker one is worth, wherever it is served."""
    tiers = ("haiku", "opus")
    weak = (("haiku", "haiku"),)
    tasks = [task(1, session="a0"), task(2, session="a0"), task(3, session="a1")]
    before = fleet([replace(one, spec=replace(one.spec, tiers=tiers, kind="reasoning")) for one in tasks])
    before = put(before, "accounts", *(account(n, tiers=weak) for n in ACCOUNTS[:4]))
    kept = Chooser()
    for _ in range(3):
        assert list(kept(before)) == list(choose(before))
    after = _of("a4", paused=True)(before)
    assert list(kept(after)) == list(choose(after)) != list(choose(before))


def test_an_offer_counts_for_more_when_a_stronger_tier_is_served_elsewhere_again() -> None:
    one, other = task(1, session="a0"), task(2, session="a1")
    one = replace(one, spec=replace(one.spec, tiers=("haiku", "opus"), kind="reasoning"))
    other = replace(other, spec=replace(other.spec, tiers=("haiku",), kind="reasoning", priority=1))
    served = fleet([one, other])
    served = put(served, "accounts", *(account(n, tiers=(("haiku", "haiku"),)) for n in ACCOUNTS[:4]))
    before = _of("a4", paused=True)(served)
    kept = Chooser()
    for _ in range(3):
        assert list(kept(before)) == list(choose(before))
    assert next(choose(before)).task == "t2" and next(choose(served)).task == "t1"
    assert list(kept(served)) == list(choose(served))


@pytest.mark.parametrize("session", [None, "a0"])
def test_a_task_whose_repository_no_host_takes_any_more_is_not_looked_at_for_ever(
    session: str | None,
) -> None:
    kept, before = Chooser(), fleet([task(n, session=session) for n in (3, 6)], places=2)
    for _ in range(3):
        assert list(kept(before)) == list(choose(before)) != []
    unfit = (Unfit("/r0", "no", NOW_MS, NOW_MS + 60_000),)
    after = put(before, "hosts", replace(before.hosts["local"], unfit=unfit))
    assert list(islice(kept(after), 3)) == list(choose(after)) == []


def test_a_round_that_may_make_few_placements_goes_on_from_where_it_left_off() -> None:
    now, kept = fleet([task(n) for n in range(1, 12)], places=7), Chooser(at_once=3)
    made: list[int] = []
    while not made or kept.left_off:
        expected = list(choose(now))[:3]
        assert list(kept(now)) == expected
        now, made = _begun(now, expected), [*made, len(expected)]
    assert made == [3, 3, 1]


def test_a_placement_that_did_not_come_about_is_made_again() -> None:
    kept, before = Chooser(), without_the_dear(two_sessions())
    assert list(islice(kept(before), 1)) == list(islice(kept(before), 1)) == list(islice(choose(before), 1))


def test_a_clock_that_is_put_back_makes_everything_anew() -> None:
    kept, before = Chooser(), _refused(60_000)(two_sessions())
    later = _at(60_000)(before)
    for _ in range(3):
        assert list(kept(later)) == list(choose(later))
    before, later = without_the_dear(before), without_the_dear(later)
    assert list(kept(before)) == list(choose(before)) != list(choose(later))


WALKS = 8
WENT_WRONG = (481, 1315)
"""Walks on which lanes that are alike were once given an account that was full, and nothing."""


@pytest.mark.parametrize("seed", [*range(WALKS), *WENT_WRONG, *large(*range(WALKS, 150))])
def test_a_fleet_that_goes_on_is_given_the_placements_of_one_who_remembers_nothing(seed: int) -> None:
    rng = Random(seed)
    tasks = [task(n, session=rng.choice([None, *ACCOUNTS])) for n in range(1, rng.choice([6, 20, 40]))]
    now, kept = fleet(tasks, places=rng.choice([1, 2, 8]), running=rng.choice([0, 4])), Chooser()
    for number in range(60):
        for _ in range(rng.choice([0, 1, 1, 2])):
            now = rng.choice(CHANGES)(now, rng)
        expected = list(choose(now))
        some = rng.choice([None, None, 0, 1])
        assert list(islice(kept(now), some)) == expected[:some], f"seed {seed}, round {number}"
        if rng.random() < 0.5:
            now = _begun(now, expected[: rng.choice([1, 2])])


@pytest.mark.parametrize("seed", [*range(WALKS), *large(*range(WALKS, 150))])
def test_a_fleet_that_learns_all_the_time_is_given_the_placements_of_one_who_remembers_nothing(
    seed: int,
) -> None:
    """Little else changes meanwhile, so that lanes rest on what was believed before."""
    rng = Random(seed)
    tasks = [
        replace(one, spec=_some_spec(one.spec, rng), tier_work=rng.choice([0.0, 0.0, 3e4, 1e6]))
        for one in (task(n, session=rng.choice([None, *ACCOUNTS])) for n in range(1, rng.choice([20, 60])))
    ]
    now, kept = fleet(tasks, places=rng.choice([1, 3]), running=rng.choice([0, 12])), Chooser()
    for one in rng.sample(sorted(now.buckets), rng.choice([0, 3, 9])):
        used = rng.choice([0.9, 0.97, 0.99])
        now = put(now, "buckets", replace(now.buckets[one], utilization=used))
    if rng.random() < 0.3:
        now = put(now, "floors", Floor("f", 0.5, rng.choice(ACCOUNTS)))
    for number in range(40):
        changes = [_work_learned, _work_learned, _work_learned, _some_work, _time]
        now = rng.choice(changes)(now, rng)
        expected = list(choose(now))
        some = rng.choice([None, 0, 1, 1])
        assert list(islice(kept(now), some)) == expected[:some], f"seed {seed}, round {number}"
        if rng.random() < 0.3:
            now = _begun(now, expected[:1])


def _some_spec(spec: TaskSpec, rng: Random) -> TaskSpec:
    return replace(
        spec,
        size=rng.choice([0.1, 1.0, 1.0, 7.0, 40.0]),
        priority=rng.randint(-1, 3),
        kind=rng.choice(["execution", "reasoning"]),
        tiers=rng.choice([("auto",), TIERS, TIERS[1:], ("opus",)]),
    )


def _work_learned(now: Fleet, rng: Random) -> Fleet:
    """As one more task that was verified, or was not, teaches it: of all classes that it belongs to."""
    tier = rng.choice(TIERS)
    kind = f"{rng.choice(['execution', 'reasoning'])}\x1f{tier}"
    log_work, log_ms = rng.uniform(9, 14), rng.uniform(11, 15)
    won = rng.random() < 0.6
    for key in (tier, kind, f"{rng.choice(PROJECTS)}\x1f{kind}"):
        before = now.experience.get(key) or Experience(key)
        now = put(now, "experience", with_task(before, log_work=log_work, log_ms=log_ms, won=won))
    return now


def _begun(now: Fleet, placements: list[Placement]) -> Fleet:
    for placed in placements:
        one = now.tasks[placed.task]
        name = f"{one.id}.{one.attempts + 1}"
        running = replace(one, state="running", attempt=name, attempts=one.attempts + 1)
        now = put(now, "tasks", running)
        new = replace(attempt(running, placed.account, placed.host), id=name, tier=placed.tier, answers=0)
        now = put(now, "attempts", new)
        now = put(
            now, "worktrees", Worktree(one.id, one.spec.repo, one.number, "ready", "/w", host=placed.host)
        )
    return now


def _time(now: Fleet, rng: Random) -> Fleet:
    return replace(
        now, now_ms=now.now_ms + rng.choice([1, 50, 5_000, 60_000, HOUR_MS, 6 * HOUR_MS, -HOUR_MS])
    )


def _some_account(now: Fleet, rng: Random) -> Fleet:
    one = now.accounts[rng.choice(ACCOUNTS)]
    changes: list[dict[str, object]] = [
        {"allowance": rng.randint(0, 6)},
        {"concurrency": rng.randint(1, 6)},
        {"paused": not one.paused},
        {"busy_until_ms": now.now_ms + rng.choice([0, 1_000, 60_000])},
        {"answered_ms": now.now_ms},
        {"answered_ms": None},
        {"spend": rng.choice(["free", "when-needed", "never", None])},
        {"kind": rng.choice(["subscription", "subscription", "api-key"])},
        {"state": rng.choice(["ready", "ready", "silent", "quarantined"])},
        {"tiers": tuple((tier, tier) for tier in rng.sample(TIERS, rng.randint(1, 3)))},
        {"unreached": rng.choice(["", "locked"]), "unreached_ms": now.now_ms},
        {"login": not one.login},
        {"pool": rng.choice(ACCOUNTS[:2])},
    ]
    return put(now, "accounts", replace(one, **rng.choice(changes)))  # type: ignore[arg-type]


def _some_bucket(now: Fleet, rng: Random) -> Fleet:
    one = now.buckets[rng.choice(sorted(now.buckets))]
    changes: list[dict[str, object]] = [
        {"utilization": rng.choice([None, 0.0, 0.5, 0.97, 0.999, 1.0]), "observed_ms": now.now_ms},
        {"resets_ms": rng.choice([None, now.now_ms + rng.randint(1, 5 * HOUR_MS)])},
        {"refused_until_ms": rng.choice([None, now.now_ms + rng.choice([1, 60_000, HOUR_MS])])},
        {"protected_until_ms": rng.choice([None, now.now_ms + 60_000])},
        {"observed_ms": now.now_ms + rng.choice([-5 * HOUR_MS, 0, HOUR_MS])},
        {"granted": not one.granted},
    ]
    return put(now, "buckets", replace(one, **rng.choice(changes)))  # type: ignore[arg-type]


def _some_work(now: Fleet, rng: Random) -> Fleet:
    """A worker answers, or ends."""
    if not now.attempts:
        return now
    one = now.attempts[rng.choice(sorted(now.attempts))]
    if rng.random() < 0.5:
        answered = replace(one, answers=one.answers + 1, tokens=one.tokens + Tokens(rng.randint(1, 50_000)))
        return put(now, "attempts", answered)
    of = now.tasks[one.task]
    left = {key: value for key, value in now.attempts.items() if key != one.id}
    back = rng.choice([0, 2_000, 600_000])
    after = replace(
        of,
        state=rng.choice(["queued", "queued", "failed"]),
        session_id=rng.choice([None, "s"]),
        session_account=one.account,
        not_before_ms=now.now_ms + back,
        tier_work=of.tier_work + 1_000.0,
    )
    now = put(replace(now, attempts=left), "tasks", after)
    if of.id in now.worktrees:
        now = put(now, "worktrees", replace(now.worktrees[of.id], left_ms=now.now_ms))
    return now


def _some_task(now: Fleet, rng: Random) -> Fleet:
    queued = sorted(one.id for one in now.tasks.values() if one.state == "queued")
    if not queued or rng.random() < 0.3:
        number = 1_000 + len(now.tasks)
        return put(now, "tasks", task(number, session=rng.choice([None, *ACCOUNTS])))
    one = now.tasks[rng.choice(queued)]
    spec = one.spec
    changes = [
        {"spec": replace(spec, priority=rng.randint(-1, 3))},
        {"spec": replace(spec, size=rng.choice([0.1, 1.0, 7.0, 300.0]))},
        {"spec": replace(spec, deadline_ms=now.now_ms + rng.choice([HOUR_MS, 9 * HOUR_MS]))},
        {"spec": replace(spec, tiers=rng.choice([("auto",), TIERS, ("opus",)]))},
        {"spec": replace(spec, kind=rng.choice(["execution", "reasoning"]))},
        {"spec": replace(spec, plan_tier=rng.choice([None, "opus"]))},
        {"not_before_ms": now.now_ms + rng.choice([0, 5_000, 700_000])},
        {"shuns": tuple(rng.sample(ACCOUNTS, 1))},
        {"bound": not one.bound},
        {"tier_failed": rng.choice([None, "haiku"])},
        {"reason": "another"},
        {"late": one.spec.deadline_ms is not None},
    ]
    return put(now, "tasks", replace(one, **rng.choice(changes)))  # type: ignore[arg-type]


def _some_worktree(now: Fleet, rng: Random) -> Fleet:
    one = now.tasks[rng.choice(sorted(now.tasks))]
    state = rng.choice(["ready", "ready", "removing", "removed"])
    if one.attempt in now.attempts:
        state = "ready"
    left_ms = rng.choice([None, now.now_ms, now.now_ms - 200_000])
    made = Worktree(one.id, one.spec.repo, one.number, state, "/w", host=rng.choice(HOSTS), left_ms=left_ms)  # type: ignore[arg-type]
    return put(now, "worktrees", made)


def _some_host(now: Fleet, rng: Random) -> Fleet:
    one = now.hosts[rng.choice(HOSTS)]
    changes: list[dict[str, object]] = [
        {"workers_max": rng.randint(0, 8)},
        {"load": rng.choice([None, 1.0, 900.0])},
        {"memory_free_bytes": rng.choice([None, 10**8, 10**13])},
        {"draining": not one.draining},
        {"state": rng.choice(["ready", "ready", "suspected"]) if one.address else "ready"},
        {"unfit": (Unfit("/r1", "no", now.now_ms, now.now_ms + 5_000),) if not one.unfit else ()},
        {"warm": tuple(rng.sample(PROJECTS, 1))},
    ]
    return put(now, "hosts", replace(one, **rng.choice(changes)))  # type: ignore[arg-type]


def _something_learned(now: Fleet, rng: Random) -> Fleet:
    if rng.random() < 0.3:
        key = rng.choice(["haiku", "sonnet", "execution\x1fsonnet", "/r1\x1fexecution\x1fhaiku"])
        learned = Experience(key, 5.0, rng.uniform(9, 15), 1.0, rng.uniform(11, 15), 1.0, 4.0, 1.0)
        return put(now, "experience", learned)
    pool, (window, _), tier = rng.choice(["", *ACCOUNTS]), rng.choice(WINDOWS), rng.choice(TIERS)
    before = now.rates.get(f"{pool}/{window}/{tier}") or Rate(pool, window, tier)
    if rng.random() < 0.5:
        return put(now, "rates", replace(before, pending=before.pending + 10.0))
    return put(now, "rates", replace(before, share=rng.uniform(0, 0.5), work=rng.choice([1e4, 1e6])))


def _something_laid_down(now: Fleet, rng: Random) -> Fleet:
    name = rng.choice(ACCOUNTS)
    span = (now.now_ms + rng.randint(-HOUR_MS, HOUR_MS), now.now_ms + 3 * HOUR_MS)
    window = Protection(
        None, (), ((now.now_ms - HOUR_MS, rng.random()), (now.now_ms + 9 * HOUR_MS, 0.1)), 0.1, 0.9, 5
    )
    made: list[Callable[[], Fleet]] = [
        lambda: put(now, "floors", Floor("f", rng.choice([0.1, 0.6]), name)),
        lambda: replace(now, floors={}),
        lambda: put(now, "reservations", Reservation("v", name, None, rng.choice([0.2, 0.9]), (span,))),
        lambda: replace(now, reservations={}),
        lambda: put(now, "limits", Limit("l", "project", "/r1", "hour", "tokens", 1e6, now.now_ms)),
        lambda: put(now, "spent", Spent("l", 0, rng.choice([0.0, 1e6]))),
        lambda: replace(now, limits={}),
        lambda: put(
            now, "projects", Project("/r0", rng.choice([1.0, 5.0]), workers=rng.choice([None, 1, 3]))
        ),
        lambda: put(now, "projects", Project("/r1", accounts=tuple(rng.sample(ACCOUNTS, 2)))),
        lambda: replace(now, projects={}),
        lambda: replace(now, protections=Protections(now.now_ms, {f"{name}/five_hour": window})),
        lambda: replace(now, protections=None),
        lambda: replace(now, policy=replace(now.policy, strategy=rng.choice(STRATEGIES))),
        lambda: replace(now, policy=replace(now.policy, faults=now.policy.faults + 1)),
        lambda: replace(
            now,
            policy=replace(
                now.policy, tiers=(Tier("haiku", 1.0), Tier("sonnet", rng.random()), Tier("opus", 5.0))
            ),
        ),
        lambda: replace(now, prices=None),
        lambda: replace(
            now,
            prices=Prices(
                now.now_ms,
                "programme",
                {f"{one}/five_hour": rng.choice([0.0, 0.5, 40.0]) for one in ACCOUNTS},
                hosts=rng.choice([0.0, 0.1]),
            ),
        ),
    ]
    return rng.choice(made)()


CHANGES: list[Callable[[Fleet, Random], Fleet]] = [
    *[_time, _some_work] * 3,
    *[_some_account, _some_bucket, _some_task, _some_host, _something_learned] * 2,
    _some_worktree,
    _something_laid_down,
]
