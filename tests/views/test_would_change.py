"""The arithmetic that `why` shows, and what it says would change the choice."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from fleet.core import events
from fleet.core.dispatch import choose
from fleet.core.model import Fleet, queue_of
from fleet.core.model.policy import Limit, Reservation, Spent
from fleet.core.model.prices import Prices
from fleet.spoken.clock import local_time
from fleet.views.why import as_data, as_words, reasons
from tests.core.story import HOUR_MS, START_MS, Story, account, reading, refusal, spec

RESETS_MS = START_MS + 2 * HOUR_MS


def story_of(used: float = 0.3, price: float | None = None, **names: Any) -> Story:
    """One account with a five-hour window; with a price, one of the whole window."""
    story = Story(account("a", allowance=8, answered_ms=START_MS, **names))
    window = reading(used=used, resets_ms=RESETS_MS)
    story.tell(events.AccountVerified, name="a", ok=True, readings=(window,))
    if price is not None:
        story.tell(events.Priced, prices=Prices(START_MS, "programme", {"a/five_hour": price}))
    return story


def told(fleet: Fleet, task: str = "t1") -> tuple[str, ...]:
    return reasons(fleet, fleet.tasks[task]).would_change


def with_spec(fleet: Fleet, **but: Any) -> Fleet:
    task = fleet.tasks["t1"]
    changed = {**fleet.tasks, "t1": replace(task, spec=replace(task.spec, **but))}
    return replace(fleet, tasks=changed, queue=queue_of(changed.values()))


def places(fleet: Fleet) -> list[str]:
    return [placement.task for placement in choose(fleet)]


def number(pattern: str, text: str) -> float:
    found = re.search(pattern, text)
    assert found is not None, text
    return float(found[1])


def test_a_task_that_is_too_dear_is_told_the_priority_and_the_price_that_would_let_it_run() -> None:
    story = story_of(price=300.0)
    story.add(spec(priority=1))
    assert story.task().state == "queued"
    by_priority, by_price = told(story.fleet)
    assert by_priority.startswith("it would run on a with sonnet now if its priority were ")
    priority = int(number(r"were (\d+) ", by_priority))
    assert places(with_spec(story.fleet, priority=priority)) == ["t1"]
    assert places(with_spec(story.fleet, priority=priority - 1)) == []
    below = number(r"the price of five_hour fell below ([\d.]+) ", by_price)
    for factor, taken in ((0.98, ["t1"]), (1.02, [])):
        prices = Prices(START_MS, "programme", {"a/five_hour": below * factor})
        assert places(replace(story.fleet, prices=prices)) == taken


def test_of_a_task_with_a_value_the_value_is_named() -> None:
    story = story_of(price=300.0)
    story.add(spec(value=1.5))
    value = number(r"its value were ([\d.]+) or more \(it is 1\.5\)", told(story.fleet)[0])
    assert places(with_spec(story.fleet, value=value)) == ["t1"]
    assert places(with_spec(story.fleet, value=value / 2)) == []


def test_what_does_better_later_is_told_when_that_is() -> None:
    story = story_of(price=20.0)
    later_ms = START_MS + 3 * HOUR_MS
    prices = replace(
        Prices(START_MS, "programme", {"a/five_hour": 20.0}),
        edges=(later_ms,),
        later={"sonnet": (0.0,)},
        places={"sonnet": (0.0,)},
    )
    story.tell(events.Priced, prices=prices)
    story.add()
    assert f"with sonnet at about {local_time(later_ms)}, when its capacity" in " ".join(told(story.fleet))


def test_where_too_little_is_left_the_reset_would_change_it() -> None:
    story = story_of(used=0.999)
    story.add(spec(size=4.0))
    assert told(story.fleet) == (
        f"it would run on a with sonnet after {local_time(RESETS_MS)}, when five_hour resets",
    )


def test_where_capacity_is_kept_its_release_would_change_it_before_the_reset() -> None:
    story = story_of(used=0.3)
    begins_ms, ends_ms = START_MS, START_MS + HOUR_MS
    reserved = Reservation("", "a", None, 0.7, ((begins_ms, ends_ms),), said="now")
    story.tell(events.ReservationAdded, reservation=reserved)
    story.add()
    released, reset = told(story.fleet)
    assert "when enough of what five_hour keeps is given back" in released and "resets" in reset
    for minute in range(0, 60, 5):
        at_ms = START_MS + minute * 60_000
        if local_time(at_ms) in released:
            assert places(replace(story.fleet, now_ms=at_ms)) == ["t1"]
            assert places(replace(story.fleet, now_ms=at_ms - 600_000)) == []
            return
    raise AssertionError(released)


def test_a_limit_that_is_used_up_would_change_with_its_period() -> None:
    story = story_of()
    limit = Limit("", "fleet", "", "day", "tokens", 2e7, START_MS)
    story.tell(events.LimitAdded, limit=limit)
    story.fleet = replace(story.fleet, spent={"l1": Spent("l1", 0, 2e7)})
    story.add()
    again = local_time(START_MS + 24 * HOUR_MS)
    assert told(story.fleet) == (
        f"it would run on a with sonnet after {again}, when that limit begins to count anew",
    )


def test_what_is_closed_would_change_with_what_opens_first() -> None:
    story = Story(account("a"), account("b"))
    for name, resets_ms in (("a", RESETS_MS), ("b", RESETS_MS + HOUR_MS)):
        story.tell(events.AccountVerified, name=name, ok=True, readings=(refusal(resets_ms=resets_ms),))
    story.add()
    assert told(story.fleet) == (
        f"it would run on a with sonnet after {local_time(RESETS_MS)}, when that is over: five_hour was refused",
    )


def test_behind_others_of_its_kind_the_priority_that_passes_them_is_named() -> None:
    story = Story(account("a"), workers_max=0)
    story.add(spec(priority=3), spec(priority=0))
    (passing,) = told(story.fleet, "t2")
    priority = int(number(r"its priority were (\d+) or more \(it is 0\)", passing))
    first = Story(account("a"), workers_max=0)
    first.add(spec(priority=3), spec(priority=priority))
    assert told(first.fleet, "t2") == ()
    assert told(story.fleet, "t1") == (), "it is the first"


def test_a_worker_is_told_with_what_else_would_have_done() -> None:
    story = Story(account("a"), account("b"))
    for name, used in (("a", 0.1), ("b", 0.5)):
        story.tell(events.AccountVerified, name=name, ok=True, readings=(reading(used=used),))
    story.add()
    found = reasons(story.fleet, story.task())
    taken, other = as_data(found)["quotes"]
    assert (taken["account"], taken["taken"], taken["why"]) == ("a", True, "")
    assert (other["account"], other["taken"]) == ("b", False) and other["why"]
    assert found.would_change[0].startswith("it would run instead on b with sonnet if ")
    assert "\n  → a with sonnet: worth 1 × chance" in as_words(found)


def test_the_arithmetic_is_shown_in_words_after_a_paragraph_that_explains_it() -> None:
    story = story_of(price=300.0)
    story.add()
    lines = as_words(reasons(story.fleet, story.task())).splitlines()
    assert lines[0].startswith("t1 is queued: waits: on a with sonnet its capacity is worth ")
    assert lines[1].startswith("  Worth × chance is what running it would bring")
    assert lines[4].startswith("  · a with sonnet: worth 1 × chance 95% − 2.")
    assert lines[5].startswith("      not taken: its capacity is worth ")
    assert all(line.startswith("  it would run on a with sonnet now if ") for line in lines[6:])


def test_the_arithmetic_is_data_that_adds_up() -> None:
    story = story_of(price=300.0)
    story.add()
    data = as_data(reasons(story.fleet, story.task()))
    (quote,) = data["quotes"]
    ((bucket, share, price),) = [charge.values() for charge in quote["charges"]]
    assert (bucket, price, quote["taken"]) == ("five_hour", 300.0, False)
    charged = share * price + quote["place"] + quote["money"]
    assert quote["net"] == pytest.approx(quote["worth"] * quote["chance"] + quote["after"] - charged)
    assert quote["why"] == data["considered"][0]["why"]
    assert json.loads(json.dumps(data)) == data


def test_tiers_that_an_account_does_not_have_fill_one_line() -> None:
    story = Story(account("a"), workers_max=0)
    story.add(spec(tiers=("auto",)))
    told_so = as_words(reasons(story.fleet, story.task()))
    assert "  not a with local, opusplan, fable: has no such tier\n" in told_so
