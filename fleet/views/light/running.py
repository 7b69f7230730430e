"""Which coordinator runs on a home: what the holder of its lock says of itself. Light: see `reading`."""

from __future__ import annotations

import fcntl
import os

from fleet.moments import iso
from fleet.store.bodies import parsed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fleet.views.light.records import Record

_LOCK = "coordinator.lock"
"""`Home.lock`'s name; `fleet.shell.homelock` writes it."""


def coordinator(home: str | os.PathLike[str]) -> Record | None:
    """`pid` and `since` of the running coordinator, and the `sandbox` that its workers run in, or why they run in none
    (None: it does not say); None when none runs, or only a short command holds the home."""
    said = _said(home)
    return None if said is None else {key: said[key] for key in ("pid", "since", "sandbox")}


def socket_of(home: str | os.PathLike[str]) -> str | None:
    """Where the running coordinator takes requests; None when none runs."""
    said = _said(home)
    return None if said is None else said["socket"]


def _said(home: str | os.PathLike[str]) -> Record | None:
    try:
        lock = open(os.path.join(os.fspath(home), _LOCK), encoding="utf-8")  # noqa: PTH118, PTH123, SIM115
    except (FileNotFoundError, NotADirectoryError):
        return None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _parsed(lock.read())
    return None


def _parsed(text: str) -> Record | None:
    """None also while the holder has not yet written who it is."""
    try:
        said = parsed(text)
        if not said["socket"]:
            return None
        since = iso(int(said["since"] * 1000))
        sandbox = said.get("sandbox")
        return {"pid": int(said["pid"]), "since": since, "socket": str(said["socket"]), "sandbox": sandbox}
    except (ValueError, KeyError, TypeError):
        return None
