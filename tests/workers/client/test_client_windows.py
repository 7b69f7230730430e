from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.workers.client import recordings
from workers.client.listen.stream import read
from workers.client.listen.windows import WindowReading, Windows

RESET_S = 1_795_400_000
RESET_MS = RESET_S * 1000


def windows(**info: object) -> Windows:
    line = read(json.dumps({"type": "rate_limit_event", "rate_limit_info": info}).encode())
    assert isinstance(line, Windows)
    return line


def recorded(name: str) -> Windows:
    return [line for line in recordings.lines(name) if isinstance(line, Windows)][-1]


def only(**fields: object) -> WindowReading:
    (reading,) = windows(status="allowed", unifiedWindows={"five_hour": fields}).windows
    return reading


def test_all_windows_of_an_event_are_read() -> None:
    """Every window that came with an answer is a reading, in epoch milliseconds."""
    assert recorded("warning").windows == (
        WindowReading("five_hour", 0.93, RESET_MS, "allowed"),
        WindowReading("seven_day", 0.31, (RESET_S + 200_000) * 1000, "allowed"),
    )


def test_a_refusal_by_an_unlisted_window_is_added_to_the_listed_ones() -> None:
    """The client lists five_hour and seven_day only; the window that refused is still among the readings."""
    found = recorded("limited_unknown_window")
    assert [one.name for one in found.windows] == ["five_hour", "seven_day", "thirty_day_fable"]
    assert found.refused_by == WindowReading("thirty_day_fable", None, RESET_MS, "rejected")


def test_a_refusal_without_a_window_blames_none() -> None:
    """`rejected` with no window is a busy server."""
    found = recorded("busy_429")
    assert (found.status, found.refused_by, found.windows) == ("rejected", None, ())


def test_older_clients_give_one_window() -> None:
    """Without unifiedWindows, the representative window is a reading of its own."""
    found = windows(status="allowed_warning", resetsAt=RESET_S, rateLimitType="seven_day", utilization=0.8)
    assert found.windows == (WindowReading("seven_day", 0.8, RESET_MS, "allowed_warning"),)


def test_a_rejection_outranks_the_listed_status() -> None:
    """If the top level says rejected and the list says allowed, the window is rejected."""
    listed = {"five_hour": {"utilization": 0.99, "resetsAt": RESET_S, "status": "allowed"}}
    found = windows(status="rejected", rateLimitType="five_hour", unifiedWindows=listed)
    assert found.refused_by == WindowReading("five_hour", 0.99, RESET_MS, "rejected")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -0.1, 93, "0.9", True, None, [], 10**400])
def test_an_absurd_utilization_is_unknown(value: Any) -> None:
    """Unknown is not zero: what cannot be a share is None. 93 would be a percentage, of which nobody told
    us.
    """
    assert only(utilization=value).utilization is None


def test_more_than_full_is_possible() -> None:
    """A window that is over its limit is kept as it is."""
    assert only(utilization=1.07).utilization == 1.07


@pytest.mark.parametrize(
    "value",
    [
        RESET_S,
        float(RESET_S),
        RESET_MS,
        "2026-11-23T02:13:20Z",
        "2026-11-23T03:13:20+01:00",
        "2026-11-23T02:13:20",
    ],
)
def test_a_reset_is_the_same_instant_in_any_unit(value: object) -> None:
    """Seconds, milliseconds or ISO 8601 by mistake: the same reset."""
    assert only(resetsAt=value).resets_at_ms == RESET_MS


@pytest.mark.parametrize(
    "value", [0, -5, 1, float("nan"), 10**18, 10**400, "soon", "9999-12-31", "", True, {}]
)
def test_an_absurd_reset_is_unknown(value: Any) -> None:
    """A reset that lies outside 2001–2100 is none."""
    assert only(resetsAt=value).resets_at_ms is None


@given(st.dictionaries(st.text(max_size=12), st.none() | st.dictionaries(st.text(max_size=4), st.integers())))
def test_any_set_of_windows_is_read(listed: dict[str, dict[str, int] | None]) -> None:
    """The set of windows is open: each that has a name and an object is one reading."""
    found = windows(status="allowed", unifiedWindows=listed)
    assert [one.name for one in found.windows] == [k for k, v in listed.items() if k and v is not None]
