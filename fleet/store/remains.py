"""What a home has without its database. A home that was used is never taken for a new one: its accounts and tasks would
be forgotten without a word. Light: `fleet status` may meet it."""

from __future__ import annotations

import os

from fleet.store.errors import StoreGone

MARK = "home-id"
"""The file beside the database that says under which id this home was made; made after the database."""

_FOLDERS = {
    "accounts": "accounts",
    "runs": "runs of workers",
    "worktrees": "worktrees",
    "checks": "logs of verifications",
    "pictured": "pictures of repositories",
}


def expect_none(database: str | os.PathLike[str], what: str) -> None:
    """Whether the database, which is `what` (missing, empty), may be made. Raises StoreGone when its home has been used
    before, OSError."""
    path = os.fspath(database)
    home = os.path.dirname(path)  # noqa: PTH120 pathlib costs `fleet status` its start
    found = [told for folder, told in _FOLDERS.items() if _entries(os.path.join(home, folder))]  # noqa: PTH118
    if os.path.exists(os.path.join(home, MARK)):  # noqa: PTH110, PTH118
        found.append("the mark of a database that was made here")
    if _has_something(f"{path}-wal"):
        found.append("what was written to it last (fleet.db-wal)")
    if found:
        raise StoreGone(
            f"{path} is {what}, but {home} has {_listed(found)}: it is no new home, and nothing was begun. Put a "
            "backup in its place (fleet database restore FILE), or say that this home begins anew, without the "
            "accounts and tasks that it had: fleet database anew"
        )


def _entries(folder: str) -> list[str]:
    """What lies there, but for what is hidden: programs that Fleet makes anew."""
    try:
        return [name for name in os.listdir(folder) if not name.startswith(".")]  # noqa: PTH208
    except (FileNotFoundError, NotADirectoryError):
        return []


def _has_something(path: str) -> bool:
    try:
        return os.stat(path).st_size > 0  # noqa: PTH116
    except (FileNotFoundError, NotADirectoryError):
        return False


def _listed(found: list[str]) -> str:
    return found[0] if len(found) == 1 else f"{', '.join(found[:-1])} and {found[-1]}"
