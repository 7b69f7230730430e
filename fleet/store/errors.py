"""Why a database cannot be used, for the person who reads it. Failed writes are `ports.StoreFailed`."""

from __future__ import annotations


class StoreUnreadable(Exception):
    """The database cannot be used as it is. Nothing in it has been changed."""


class StoreCorrupt(StoreUnreadable):
    """The file is damaged, or a row of it does not say what it should."""


class StoreNewer(StoreUnreadable):
    """The database was written by a newer version of fleet."""


class StoreOlder(StoreUnreadable):
    """The database has not been brought to this version yet, and reading alone may not do it."""


class StoreUnmade(StoreUnreadable):
    """The file is there, but empty: a coordinator is making it right now, or was killed while it did."""


class StoreGone(StoreUnreadable):
    """There is no database (any more), or nothing in it, but its home was used before."""


def corrupt_file(path: object, detail: object) -> StoreCorrupt:
    return StoreCorrupt(
        f"{path} cannot be read as fleet's database ({detail}). Stop fleet (fleet down), then put a backup in its "
        "place: fleet database restore FILE, which keeps the damaged one beside it. Without a backup: fleet database "
        f"anew begins without it; or keep a copy, try `sqlite3 {path} .recover | sqlite3 recovered.db`, and restore "
        "recovered.db"
    )


def corrupt_row(path: object, table: str, row: str, detail: object) -> StoreCorrupt:
    return StoreCorrupt(
        f"{path}: the row {row} of table {table} cannot be read: {detail}. Every other row is untouched. Put a backup "
        f"in its place (fleet database restore FILE), or keep a copy of the file, then correct or delete that row with "
        f"`sqlite3 {path}`; fleet database check looks at all rows"
    )


def newer_database(path: object, found: int, known: int) -> StoreNewer:
    return StoreNewer(
        f"{path} was written by a newer version of fleet (its schema is {found}, this version knows {known}): "
        f"upgrade fleet, or use another FLEET_HOME"
    )


def older_database(path: object, found: int, known: int) -> StoreOlder:
    return StoreOlder(
        f"{path} was written by an older version of fleet (its schema is {found}, this version's is {known}): "
        f"`fleet up` brings it up to date"
    )
