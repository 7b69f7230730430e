"""A window of an account in few words, as `status` and `account verify` say it."""

from __future__ import annotations

from datetime import UTC, datetime

from fleet.cli.show import clock, window

RESETS = datetime.now(UTC).isoformat()


def test_a_window_says_until_only_where_it_refuses() -> None:
    open_one = {"name": "five_hour", "utilization": 0.31, "status": "allowed", "resets_at": RESETS}
    assert window(open_one) == f"five_hour 31% resets {clock(RESETS)}"
    refused = {**open_one, "utilization": 1.0, "status": "rejected"}
    assert window(refused) == f"five_hour 100% refused until {clock(RESETS)}"
    unknown = {"name": "seven_day", "utilization": None, "status": "unknown", "resets_at": None}
    assert window(unknown) == "seven_day ?"
