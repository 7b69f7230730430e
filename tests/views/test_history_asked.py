"""Times as persons say them when they ask for a report."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from fleet.cli.parser import parse
from fleet.views.history.asked import NotUnderstood, choice_of, moment, zone_of
from tests.history.ledgers import ms

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 10, 27, 12, tzinfo=BERLIN)
"""Two days after the clocks went back."""


@pytest.mark.parametrize(
    ("said", "end", "at"),
    [
        ("2026-10-25", False, "2026-10-25T00:00"),
        ("2026-10-25", True, "2026-10-26T00:00"),
        ("2026-10-25T10:30", True, "2026-10-25T10:30"),
        ("3d", False, "2026-10-24T12:00"),
        ("1 w", True, "2026-10-20T12:00"),
        ("36h", False, "2026-10-26T00:00"),
    ],
)
def test_times_are_those_of_the_persons_clock(said: str, end: bool, at: str) -> None:
    assert moment(said, NOW, BERLIN, end=end) == ms(at, "Europe/Berlin")


def test_a_day_whose_clocks_go_back_is_an_hour_longer() -> None:
    begin, end = (moment("2026-10-25", NOW, BERLIN, end=end) for end in (False, True))
    assert end - begin == 25 * 3_600_000


def test_a_zone_that_is_said_with_the_time_counts() -> None:
    assert moment("2026-10-25T10:00+00:00", NOW, BERLIN, end=False) == ms("2026-10-25T10:00")


@pytest.mark.parametrize("said", ["", "soon", "7", "2026-02-30", "9999999999999d", "25:00"])
def test_what_is_no_time_is_refused(said: str) -> None:
    with pytest.raises(NotUnderstood, match="is no time: write a day"):
        moment(said, NOW, BERLIN, end=False)


@pytest.mark.parametrize("name", ["", "Mars/Olympus", "../etc/passwd", "Europe"])
def test_what_is_no_zone_is_refused(name: str) -> None:
    with pytest.raises(NotUnderstood, match="is no time zone"):
        zone_of(name)


def test_a_path_is_made_whole_and_a_name_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/ada")
    said = {".": str(tmp_path), "./below/": f"{tmp_path}/below", "~/src": "/home/ada/src", "clocks": "clocks"}
    for project, meant in said.items():
        assert choice_of(parse(["history", "--project", project]), None).project == meant
    assert choice_of(parse(["history", "--own"]), None).fleet is False
    assert choice_of(parse(["history"]), None).fleet is None
