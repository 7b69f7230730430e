"""What persons lay down, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fleet.core import events
from fleet.core.model.policy import AUTO, STRATEGIES, Floor, Limit, Project, Reservation, Spent, Tier
from fleet.core.rules.tasks import Refused
from tests.core.story import HOUR_MS, START_MS, Story, account, reading, spec

EVENING = Reservation(
    "", "a", "opus", 0.4, ((START_MS + HOUR_MS, START_MS + 4 * HOUR_MS),), said="Thu 19:00-22:00"
)
DAILY = Limit("", "fleet", "", "day", "tokens", 2e6, START_MS)


def person() -> Story:
    return Story(account("a"), account("k", kind="api-key"))


def test_each_thing_laid_down_is_given_an_id_of_its_own() -> None:
    story = person()
    for _ in range(2):
        story.tell(events.ReservationAdded, reservation=EVENING)
        story.tell(events.LimitAdded, limit=DAILY)
        story.tell(events.FloorAdded, floor=Floor("", 0.1))
    story.tell(events.ReservationRemoved, name="r1")
    story.tell(events.ReservationAdded, reservation=EVENING)
    assert [*story.fleet.reservations, *story.fleet.limits, *story.fleet.floors] == [
        *("r2", "r3", "l1", "l2", "f1", "f2")
    ]
    assert story.fleet.reservations["r3"] == replace(EVENING, id="r3")


def test_what_is_taken_back_is_gone_with_what_was_counted() -> None:
    story = person()
    story.tell(events.LimitAdded, limit=DAILY)
    story.tell(events.FloorAdded, floor=Floor("", 0.1))
    story.fleet = replace(story.fleet, spent={"l1": Spent("l1", 0, 5.0)})
    story.tell(events.LimitRemoved, name="l1")
    story.tell(events.LimitRemoved, name="f1")
    assert not (story.fleet.limits or story.fleet.floors or story.fleet.spent)


def test_a_project_is_laid_down_in_place_of_what_held_before() -> None:
    story = person()
    story.tell(events.ProjectSet, project=Project("/repo", 2.0, ("a",), ("sonnet",), 4))
    story.tell(events.ProjectSet, project=Project("/repo", 3.0))
    assert story.fleet.projects == {"/repo": Project("/repo", 3.0)}
    assert "project /repo: weight 2, only on a, only with sonnet, at most 4 workers at once" in story.notes()


def test_a_strategy_is_set_and_the_breaker_keeps_its_count_while_it_is_open() -> None:
    story = person()
    story.tell(events.StrategySet, strategy=STRATEGIES[0])
    story.tell(events.BreakerSet, why="the month's bill", faults_max=7)
    policy = story.fleet.policy
    assert (policy.strategy.name, policy.breaker, policy.breaker_faults) == (
        *("after-hours", "the month's bill", 7),
    )
    story.tell(events.BreakerSet, faults_max=8)
    assert story.fleet.policy.breaker == "the month's bill"
    story.tell(events.BreakerSet, why="")
    assert story.fleet.policy.breaker == ""


def test_auto_takes_the_cheapest_tier_of_the_ordering_that_was_laid_down_last() -> None:
    story = Story(*(account(name, tiers=(("haiku", "h"), ("sonnet", "s"))) for name in ("a", "b")))
    story.tell(events.TiersSet, tiers=(Tier("haiku", 1.0), Tier("sonnet", 3.0)))
    assert "tiers: haiku (1) < sonnet (3)" in story.notes()
    story.add(spec(tiers=(AUTO,), kind="execution"))
    story.tell(events.TiersSet, tiers=(Tier("sonnet", 3.0),))
    story.add(spec(tiers=(AUTO,), kind="execution"))
    assert [story.fleet.attempts[name].tier for name in ("t1.1", "t2.1")] == ["haiku", "sonnet"]


def spans(*hours: tuple[float, float]) -> tuple[tuple[int, int], ...]:
    return tuple((START_MS + int(s * HOUR_MS), START_MS + int(e * HOUR_MS)) for s, e in hours)


REFUSED: list[tuple[type[events.Event], dict[str, Any], str]] = [
    (events.ReservationAdded, {"reservation": replace(EVENING, account="z")}, "no account z: see `fleet acc"),
    (
        events.ReservationAdded,
        {"reservation": replace(EVENING, tier="fable")},
        "a has no tier fable.*has haiku",
    ),
    (events.ReservationAdded, {"reservation": replace(EVENING, amount=0.0)}, "0% cannot be reserved"),
    (events.ReservationAdded, {"reservation": replace(EVENING, amount=1.01)}, "101% cannot be reserved"),
    (events.ReservationAdded, {"reservation": replace(EVENING, amount=float("nan"))}, "cannot be reserved"),
    (events.ReservationAdded, {"reservation": replace(EVENING, spans=())}, "“Thu 19:00-22:00” is past"),
    (
        events.ReservationAdded,
        {"reservation": replace(EVENING, spans=spans((-3, -1)))},
        "is past: name a time",
    ),
    (
        events.ReservationAdded,
        {"reservation": replace(EVENING, spans=spans((1, 3), (2, 4)))},
        "overlaps itself",
    ),
    (events.ReservationAdded, {"reservation": replace(EVENING, spans=spans((2, 2)))}, "overlaps itself"),
    (
        events.ReservationAdded,
        {"reservation": replace(EVENING, bucket="seven_day_sonnet")},
        "seven_day_sonnet of a is for sonnet only: opus draws on others",
    ),
    (events.ReservationRemoved, {"name": "r9"}, "no reservation r9: see `fleet reserve list`"),
    (events.LimitAdded, {"limit": replace(DAILY, amount=0.0)}, "must be above 0"),
    (events.LimitAdded, {"limit": replace(DAILY, amount=float("inf"))}, "must be above 0"),
    (events.LimitAdded, {"limit": replace(DAILY, unit="share")}, "--share together with --bucket"),
    (events.LimitAdded, {"limit": replace(DAILY, bucket="five_hour")}, "--share together with --bucket"),
    (events.LimitAdded, {"limit": replace(DAILY, scope="account", name="z")}, "no account z"),
    (
        events.LimitAdded,
        {"limit": replace(DAILY, scope="task", name="t9")},
        "no task t9: see `fleet task list`",
    ),
    (
        events.LimitAdded,
        {"limit": replace(DAILY, scope="account", name="a", unit="usd")},
        "a bills no dollars by the token",
    ),
    (events.FloorAdded, {"floor": Floor("", 0.0)}, "0% is no floor"),
    (events.FloorAdded, {"floor": Floor("", 1.0)}, "100% is no floor"),
    (events.FloorAdded, {"floor": Floor("", 0.1, account="z")}, "no account z"),
    (events.LimitRemoved, {"name": "l9"}, "no limit or floor l9: see `fleet limit list`"),
    (events.ProjectSet, {"project": Project("x", 0.0)}, "weight of x is 0: it must be above 0"),
    (events.ProjectSet, {"project": Project("x", float("nan"))}, "must be above 0"),
    (events.ProjectSet, {"project": Project("x", workers=0)}, "0 workers do nothing for x: name at least 1"),
    (events.ProjectSet, {"project": Project(" ")}, "needs a name"),
    (events.ProjectSet, {"project": Project("x", accounts=("z",))}, "no account z"),
    (events.ProjectSet, {"project": Project("x", tiers=(AUTO,))}, "leave them out"),
    (events.StrategySet, {"strategy": replace(STRATEGIES[0], haste=float("nan"))}, "are no strategy"),
    (events.StrategySet, {"strategy": replace(STRATEGIES[0], quantile=1.0)}, "are no strategy"),
    (events.TiersSet, {"tiers": ()}, "keep at least one"),
    (
        events.TiersSet,
        {"tiers": (Tier("x", 1.0), Tier("y", 1.0), Tier("x", 2.0))},
        "x is in the ordering twice",
    ),
    (events.TiersSet, {"tiers": (Tier("x", 0.0),)}, "weight of x is 0: it must be above 0"),
    (events.TiersSet, {"tiers": (Tier("x", float("inf")),)}, "weight of x is inf"),
    (events.TiersSet, {"tiers": (Tier("x", float("nan")),)}, "weight of x is nan"),
    (events.TiersSet, {"tiers": (Tier(AUTO, 1.0),)}, "auto is no tier"),
    (events.TiersSet, {"tiers": (Tier(" ", 1.0),)}, "is no name of a tier"),
    (events.TiersSet, {"tiers": (Tier("a,b", 1.0),)}, "is no name of a tier"),
    (events.BreakerSet, {"faults_max": 0}, "at least 1"),
]


@pytest.mark.parametrize(("kind", "what", "story"), REFUSED)
def test_what_cannot_be_meant_is_refused_in_words(
    kind: type[events.Event], what: dict[str, Any], story: str
) -> None:
    told = person()
    told.tell(
        events.AccountVerified, name="a", ok=True, readings=(reading("seven_day_sonnet", scope="sonnet"),)
    )
    before = told.fleet
    with pytest.raises(Refused, match=story):
        told.tell(kind, **what)
    assert told.fleet == before


def test_an_account_can_be_removed_while_something_is_reserved_on_it() -> None:
    story = person()
    story.tell(events.ReservationAdded, reservation=EVENING)
    story.tell(events.LimitAdded, limit=replace(DAILY, scope="account", name="a"))
    story.tell(events.AccountRemoved, name="a")
    assert story.fleet.accounts["a"].state == "removed"
    story.add(spec())
    story.tell(events.ReservationRemoved, name="r1")
    assert story.fleet.reservations == {}
