"""`fleet history burn` and `blocks` say what they do not know."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from fleet.cli import main
from tests.history.ledgers import Made, Where

HOUR_MS = 3_600_000


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Made:
    monkeypatch.setenv("FLEET_HOME", str(tmp_path))
    return Made(tmp_path)


def test_burn_names_who_was_not_read_and_what_cannot_be_reckoned(
    made: Made, capsys: pytest.CaptureFixture[str]
) -> None:
    now = time.time_ns() // 1_000_000
    with made:
        made.answer(now - HOUR_MS)
        made.answer(now - HOUR_MS, Where(account="side", session="s2"))
        made.reading(now - 2 * HOUR_MS, 0.3, now + HOUR_MS)
    assert main(["history", "burn"]) == 0
    told = capsys.readouterr()
    (row,) = told.out.splitlines()[1:]
    assert "30% or more  unknown  unknown" in " ".join(row.split()).replace(" unknown", "  unknown")
    assert "unknown: side was used within five hours" in told.err and "work was used" not in told.err
    assert main(["history", "burn", "--json"]) == 0
    (record,) = json.loads(capsys.readouterr().out)
    assert (record["now"], record["used_since"], record["utilization"]) == (None, True, 0.3)


def test_blocks_say_that_they_are_a_guess_where_no_reset_was_read(
    made: Made, capsys: pytest.CaptureFixture[str]
) -> None:
    now = time.time_ns() // 1_000_000
    with made:
        made.answer(now - 60_000)
        made.answer(now - 60_000, Where(account="side", session="s2"))
        made.reading(now - 30_000, 0.3, now + 2 * HOUR_MS)
    assert main(["history", "blocks"]) == 0
    told = capsys.readouterr().err
    assert "1 of 2 blocks are a guess" in told and "work: its window resets" in told
    assert main(["history", "blocks", "--json"]) == 0
    found = {row["account"]: row["reset_read"] for row in json.loads(capsys.readouterr().out)}
    assert found["side"] is None and found["work"] is not None
