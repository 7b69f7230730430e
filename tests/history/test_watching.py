"""Readings told between scans: what changed is kept, once, and nobody waits."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fleet.history.ledger import DATABASE, Ledger
from fleet.history.watching import AGAIN_MS, Latest, Level, latest, take

NOON = 1_795_000_000_000
RESET = NOON + 3_600_000
FIVE = Level("five_hour", 0.38, RESET)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(tmp_path / DATABASE) as made:
        yield made


def told(ledger: Ledger, *what: Level, at_ms: int = NOON, account: str = "work") -> int:
    return take(ledger, account, what, at_ms, "status line")


def test_what_is_told_again_and_again_is_kept_once(ledger: Ledger) -> None:
    assert told(ledger, FIVE, Level("seven_day", 0.1, None)) == 2
    assert told(ledger, FIVE, Level("seven_day", 0.1, None), at_ms=NOON + 300) == 0
    assert told(ledger, replace(FIVE, resets_ms=RESET + 1_000), at_ms=NOON + 600) == 0, "a reset jitters"
    assert told(ledger, FIVE, at_ms=NOON + 900, account="side") == 1


@pytest.mark.parametrize(
    ("change", "after_ms"),
    [
        (Level("five_hour", 0.39, RESET), 1),
        (Level("five_hour", 0.38, RESET + 5 * 3_600_000), 1),
        (Level("five_hour", 0.38, None), 1),
        (Level("five_hour", None, RESET), 1),
        (FIVE, AGAIN_MS),
    ],
)
def test_what_changed_is_kept_and_what_did_not_is_now_and_then(
    change: Level, after_ms: int, ledger: Ledger
) -> None:
    told(ledger, FIVE)
    assert told(ledger, change, at_ms=NOON + after_ms) == 1


def test_the_latest_reading_of_each_bucket_that_told_something_is_found(ledger: Ledger) -> None:
    assert latest(ledger.connection) == []
    told(ledger, FIVE, Level("seven_day", 0.1, None))
    told(ledger, replace(FIVE, utilization=0.5), at_ms=NOON + 1)
    told(ledger, replace(FIVE, utilization=None), at_ms=NOON + 2)
    told(ledger, FIVE, account="side")
    assert latest(ledger.connection) == [
        Latest("side", "five_hour", NOON, 0.38, RESET),
        Latest("work", "five_hour", NOON + 1, 0.5, RESET),
        Latest("work", "seven_day", NOON, 0.1, None),
    ]


def test_a_scan_that_writes_is_not_waited_for(ledger: Ledger) -> None:
    told(ledger, FIVE)
    with Ledger(ledger.path) as scanning:
        scanning.connection.execute("BEGIN IMMEDIATE")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            told(ledger, replace(FIVE, utilization=0.9))
        assert told(ledger, FIVE) == 0, "nothing new needs no writing"
        scanning.connection.execute("ROLLBACK")
    assert told(ledger, replace(FIVE, utilization=0.9), at_ms=NOON + 1) == 1
