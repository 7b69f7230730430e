"""What the fleet's own store knows of buckets now, as readings of the ledger's form."""

from __future__ import annotations

from fleet.history.reports import readings
from fleet.store.sqlite_reader import SqliteReader

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os


def latest_of_store(home: str | os.PathLike[str]) -> list[readings.Reading]:
    """The last reading of each bucket, for each account that draws on it. A home without a store has none. Raises
    StoreUnreadable."""
    with SqliteReader(home) as reader:
        accounts = reader.accounts()
        buckets = reader.buckets()
    return [
        readings.Reading(
            account["name"], bucket["name"], bucket["observed_ms"], bucket["utilization"], bucket["resets_ms"]
        )
        for account in accounts
        for bucket in buckets
        if bucket["pool"] == account["pool"] and bucket["utilization"] is not None
    ]
