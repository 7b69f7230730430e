"""Spans of time as people write them, and as they are said."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.spoken.spans import SPAN_MS_MAX, UnknownSpan, in_words, lasted, span_ms, span_text


@pytest.mark.parametrize(
    ("text", "ms"),
    [("90s", 90_000), ("15m", 900_000), (" 2 H ", 7_200_000), ("1.5d", 129_600_000), ("1d12h", 129_600_000)],
)
def test_a_span_is_the_sum_of_its_parts(text: str, ms: int) -> None:
    assert span_ms(text) == ms


@pytest.mark.parametrize("said", ["", "18:30", "fifteen", "-1m", "90", "2h30", "1h-5m", "h", True, 1.5, None])
def test_what_is_no_span_is_refused_with_examples(said: object) -> None:
    with pytest.raises(UnknownSpan, match="such as 45m, 5h or 1d12h"):
        span_ms(said)


@pytest.mark.parametrize("text", ["99999999999w", "9" * 400 + "s"])
def test_no_span_is_longer_than_any_calendar(text: str) -> None:
    with pytest.raises(UnknownSpan, match="longer than any span"):
        span_ms(text)


@given(st.integers(0, SPAN_MS_MAX))
def test_what_is_written_is_read_as_the_same(ms: int) -> None:
    assert span_ms(span_text(ms)) == ms


@pytest.mark.parametrize(
    ("ms", "said"), [(-5, "0 s"), (119_999, "119 s"), (120_000, "2 min"), (7_200_001, "2 h 1 min")]
)
def test_what_lasts_is_said_in_seconds_first(ms: int, said: str) -> None:
    assert lasted(ms) == said


@pytest.mark.parametrize(
    ("ms", "said"),
    [(-5, "0 min"), (1, "1 min"), (3_540_000, "59 min"), (5_400_000, "1 h 30 min"), (180_000_000, "2 d 2 h")],
)
def test_a_span_is_said_in_whole_minutes_rounded_up(ms: int, said: str) -> None:
    """Nobody comes too early who waits so long."""
    assert in_words(ms) == said
