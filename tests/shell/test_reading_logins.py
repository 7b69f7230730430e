"""When an idle account is asked about its windows. No time passes here: it is said."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.core.model import Attempt, Bucket, Fleet
from fleet.shell.reading_logins import (
    EVERY_S,
    JITTER,
    NEVER,
    PAUSE_S_MAX,
    Asked,
    ReadingLogins,
    can_be_asked,
    is_due,
    pause_s,
)
from tests.core.story import START_MS, account

HOUR_S, HOUR_MS = 3_600.0, 3_600_000
LOGIN = account("home", login=True)
FLEET = Fleet(home_id="h", accounts={"home": LOGIN})


def read(ago_ms: int, pool: str = "home") -> Fleet:
    bucket = Bucket(pool, "five_hour", None, START_MS - ago_ms, "stream", 0.2)
    return replace(FLEET, buckets={f"{pool}/five_hour": bucket})


def due(fleet: Fleet, asked: Asked = NEVER, now_s: float = 0.0) -> bool:
    return is_due(fleet, fleet.accounts["home"], asked, START_MS, now_s)


def test_an_account_that_nobody_has_read_is_due_at_once() -> None:
    assert due(FLEET)
    assert due(read(0, pool="another"))


@pytest.mark.parametrize(
    "but",
    [
        {"kind": "api-key"},
        {"login": False},
        {"state": "quarantined"},
        {"state": "removed"},
        {"base_url": "https://gateway.example"},
    ],
)
def test_only_a_ready_subscription_whose_login_the_client_keeps_can_be_asked(but: dict[str, Any]) -> None:
    assert can_be_asked(LOGIN)
    assert not due(replace(FLEET, accounts={"home": replace(LOGIN, **but)}))


def test_a_recent_reading_makes_the_question_needless_wherever_it_came_from() -> None:
    assert not due(read(int(HOUR_MS * (1 - JITTER)) - 1))
    assert due(read(int(HOUR_MS * (1 + JITTER)) + 1))


def test_a_reading_from_a_clock_that_was_ahead_does_not_count() -> None:
    assert due(read(-24 * HOUR_MS))


def test_an_account_with_a_worker_is_not_asked_as_that_tells_by_itself() -> None:
    attempt = Attempt("t1.1", "t1", 1, "home", "sonnet", "s", "here", "session", START_MS)
    assert not due(replace(FLEET, attempts={"t1.1": attempt}))
    assert due(replace(FLEET, attempts={"t1.1": replace(attempt, account="other")}))


def test_after_a_question_the_account_is_left_alone_whatever_the_wall_clock_says() -> None:
    assert not due(FLEET, Asked(100.0, 1), 100.0 + HOUR_S * (1 - JITTER) - 1)
    assert due(FLEET, Asked(100.0, 1), 100.0 + HOUR_S * (1 + JITTER) + 1)


@given(st.text(max_size=8), st.integers(0, 10**6), st.integers(0, 10**6))
def test_pauses_double_with_each_failure_up_to_a_day_within_the_jitter(
    name: str, times: int, failures: int
) -> None:
    pause = pause_s(name, Asked(0.0, times, failures))
    plain = min(EVERY_S * 2 ** min(failures, 20), PAUSE_S_MAX)
    assert plain * (1 - JITTER) <= pause <= plain * (1 + JITTER)
    assert pause == pause_s(name, Asked(99.0, times, failures))


def test_pauses_differ_between_accounts_and_from_one_question_to_the_next() -> None:
    assert len({pause_s(name, Asked(0.0, n)) for name in ("a", "b", "c") for n in range(10)}) == 30


def test_of_several_the_longest_unasked_is_next_and_failures_push_an_account_back() -> None:
    fleet = replace(FLEET, accounts={"home": LOGIN, "work": account("work", login=True)})
    reading = ReadingLogins()

    def asked(now_s: float) -> str | None:
        found = reading.due(fleet, START_MS, now_s)
        return None if found is None else found.name

    assert asked(10.0) == "home"
    reading.failed("home", 10.0)
    assert asked(11.0) == "work"
    reading.answered("work", 11.0)
    assert asked(12.0) is None
    assert asked(11.0 + 1.3 * HOUR_S) == "work"  # home has failed, and waits for two hours
    reading.answered("work", 11.0 + 1.3 * HOUR_S)
    assert asked(10.0 + 2.51 * HOUR_S) == "home"
    reading.answered("home", 10.0 + 2.51 * HOUR_S)
    reading.answered("work", 10.0 + 2.6 * HOUR_S)
    assert asked(10.0 + 3.8 * HOUR_S) == "home"  # an answer ends the row of failures
