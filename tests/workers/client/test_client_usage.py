"""What the client answers about an idle account's windows. The shapes were recorded with 2.1.330."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.client.listen.windows import WindowReading
from workers.client.probe.usage import NoUsage, read_usage

RESETS = "2026-11-22T22:00:00.123456+00:00"
RESETS_MS = 1_795_384_800_123


def limit(group: str, percent: float, model: str | None = None) -> dict[str, Any]:
    scope = None if model is None else {"model": {"id": None, "display_name": model}, "surface": None}
    kind = "weekly_scoped" if model else group
    return {"kind": kind, "group": group, "percent": percent, "resets_at": RESETS, "scope": scope}


def answer(*limits: dict[str, Any], **windows: object) -> dict[str, Any]:
    told = {**windows, "limits": list(limits)}
    return {"subscription_type": "max", "rate_limits_available": True, "rate_limits": told, "behaviors": None}


def read(*limits: dict[str, Any], **windows: object) -> dict[str, WindowReading]:
    return {one.name: one for one in read_usage(answer(*limits, **windows))}


def test_percents_become_shares_and_times_epoch_milliseconds() -> None:
    found = read(
        limit("session", 25),
        five_hour={"utilization": 25.0, "resets_at": RESETS},
        seven_day={"utilization": 0.5, "resets_at": "2026-11-22T22:00:00Z"},
    )
    assert found == {
        "five_hour": WindowReading("five_hour", 0.25, RESETS_MS),
        "seven_day": WindowReading("seven_day", 0.005, RESETS_MS - 123),
    }


def test_a_window_that_has_not_begun_has_no_reset() -> None:
    assert read(five_hour={"utilization": 0, "resets_at": None}) == {
        "five_hour": WindowReading("five_hour", 0.0, None)
    }


def test_the_week_of_a_model_is_found_where_only_the_list_of_limits_has_it() -> None:
    found = read(
        limit("weekly", 3, "Opus"),
        limit("weekly", 33.5, "Fable"),
        limit("weekly", 8, "Sonnet"),
        seven_day_opus=None,
        seven_day_sonnet={"utilization": 9, "resets_at": RESETS},
    )
    shares = {name: one.utilization for name, one in found.items()}
    assert shares == {
        "seven_day_opus": 0.03,
        "seven_day_overage_included": 0.335,  # as the stream calls it
        "seven_day_sonnet": 0.09,
    }


def test_money_and_code_names_are_no_windows() -> None:
    spent = {"is_enabled": True, "monthly_limit": 5000, "used_credits": 100, "utilization": 2.0}
    trial = {"utilization": 100, "resets_at": None, "limit_dollars": 10}
    assert set(read(extra_usage=spent, cinder_cove=trial, new_month={"utilization": 7})) == {"new_month"}


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ({"rate_limits_available": False, "rate_limits": None}, "does not allow"),
        ({"rate_limits_available": True, "rate_limits": None}, "could not be fetched"),
        ({}, "too old"),
    ],
)
def test_what_was_not_told_is_said(told: dict[str, Any], why: str) -> None:
    with pytest.raises(NoUsage, match=why):
        read_usage(told)


def test_what_the_client_only_remembers_is_no_reading() -> None:
    """It says the same again for an hour when the endpoint refuses it; only the list of limits is missing then."""
    remembered = answer(five_hour={"utilization": 25.0, "resets_at": RESETS})
    del remembered["rate_limits"]["limits"]
    remembered["rate_limits"]["model_scoped"] = []
    with pytest.raises(NoUsage, match="could not be fetched"):
        read_usage(remembered)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda part: st.lists(part, max_size=3) | st.dictionaries(st.text(max_size=5), part, max_size=3),
    max_leaves=8,
)
entries = anything | st.fixed_dictionaries({"utilization": anything, "resets_at": anything})
limits = anything | st.fixed_dictionaries(
    {
        "group": st.sampled_from(["weekly", "session", "monthly"]),
        "percent": anything,
        "resets_at": anything,
        "scope": anything
        | st.fixed_dictionaries({"model": st.fixed_dictionaries({"display_name": anything})}),
    }
)


@given(st.dictionaries(st.sampled_from(["five_hour", "seven_day_opus", "x"]), entries), st.lists(limits))
def test_whatever_it_says_a_reading_is_a_share_with_a_time_or_none(
    windows: dict[str, Any], listed: list[Any]
) -> None:
    told = {"rate_limits_available": True, "rate_limits": {**windows, "limits": listed}}
    for one in read_usage(told):
        assert one.utilization is not None
        assert 0 <= one.utilization <= 10
        assert one.resets_at_ms is None or one.resets_at_ms > 978_000_000_000
