"""Times as people write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.spoken.times import UnknownTime, parse_when

NOW = datetime(2026, 11, 22, 18, 30, 15, tzinfo=timezone(timedelta(hours=2)))


def at(text: str) -> str:
    return datetime.fromtimestamp(parse_when(text, NOW) / 1000, NOW.tzinfo).isoformat()


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("90s", "2026-11-22T18:31:45+02:00"),
        ("2h", "2026-11-22T20:30:15+02:00"),
        ("+1.5 H", "2026-11-22T20:00:15+02:00"),
        ("3d", "2026-11-25T18:30:15+02:00"),
        ("1w", "2026-11-29T18:30:15+02:00"),
        ("18:31", "2026-11-22T18:31:00+02:00"),
        ("18:30", "2026-11-23T18:30:00+02:00"),
        (" 7:05 ", "2026-11-23T07:05:00+02:00"),
        ("2026-11-30", "2026-11-30T00:00:00+02:00"),
        ("2026-11-30T18:30", "2026-11-30T18:30:00+02:00"),
        ("2026-11-30 18:30Z", "2026-11-30T20:30:00+02:00"),
    ],
)
def test_a_time_is_what_a_person_means_by_it(text: str, meant: str) -> None:
    """A time of day is the next one; what names no zone is in the person's own."""
    assert at(text) == meant


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "25:00",
        "18:60",
        "2h30",
        "-2h",
        "2026-13-01",
        "2 fortnights",
        "99999999999w",
        "9" * 400 + "s",
    ],
)
def test_what_is_no_time_is_refused_with_examples(text: str) -> None:
    with pytest.raises(UnknownTime, match=r"write a span|further away than any calendar"):
        parse_when(text, NOW)


def test_a_deadline_may_be_said_in_several_units() -> None:
    assert at("1d 2h30m") == "2026-11-23T21:00:15+02:00"


@given(st.text(max_size=20) | st.from_regex(r"\+?[0-9.: T+-]{1,20}[smhdw]?", fullmatch=True))
def test_any_text_is_a_time_or_is_refused(text: str) -> None:
    try:
        assert isinstance(parse_when(text, datetime.now(UTC)), int)
    except UnknownTime as refused:
        assert repr(text) in str(refused)
