"""What persons say a report is to be of: times, a zone, a project."""

from __future__ import annotations

import os
import re
from datetime import date, datetime, time, timedelta

from fleet.history.reports.choice import Choice

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from datetime import tzinfo

_AGO = re.compile(r"(\d+)\s*([hdw])", re.IGNORECASE)
_UNITS = {"h": "hours", "d": "days", "w": "weeks"}


class NotUnderstood(ValueError):
    """What was said is no time, or no zone; the message says what would be."""


def zone_of(name: str | None) -> tzinfo | None:
    """The zone of that name; None for the system's. Raises NotUnderstood."""
    if name is None:
        return None
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(name)
    except (OSError, ValueError, LookupError):
        raise NotUnderstood(f"{name!r} is no time zone: write one such as Europe/Berlin or UTC") from None


def choice_of(args: Namespace, zone: tzinfo | None) -> Choice:
    """Raises NotUnderstood."""
    now = datetime.now().astimezone(zone)
    return Choice(
        since_ms=None if args.since is None else moment(args.since, now, zone, end=False),
        until_ms=None if args.until is None else moment(args.until, now, zone, end=True),
        account=args.account,
        project=None if args.project is None else _project(args.project),
        model=args.model,
        fleet=True if args.fleet else False if args.own else None,
    )


def moment(said: str, now: datetime, zone: tzinfo | None, *, end: bool) -> int:
    """Epoch milliseconds of `7d` (so long before `now`), `2026-11-22` (all of that day: its end where `end`) or
    `2026-11-22T10:00`. Raises NotUnderstood."""
    ago = _AGO.fullmatch(said.strip())
    try:
        if ago:
            return _ms(now - timedelta(**{_UNITS[ago[2].lower()]: int(ago[1])}))
        if len(said.strip()) == len("2026-11-22"):
            day = date.fromisoformat(said.strip()) + timedelta(days=1 if end else 0)
            return _ms(datetime.combine(day, time(), zone))
        at = datetime.fromisoformat(said.strip())
    except (ValueError, OverflowError):
        raise NotUnderstood(
            f"{said!r} is no time: write a day (2026-11-22), a time (2026-11-22T10:00), or how long ago (36h, 7d, 4w)"
        ) from None
    return _ms(at if at.tzinfo else at.replace(tzinfo=zone))


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def _project(said: str) -> str:
    """What looks like a path is one, made absolute; anything else is a name."""
    if "/" not in said and said not in (".", "..", "~"):
        return said
    return os.path.abspath(os.path.expanduser(said))  # noqa: PTH100, PTH111 pathlib costs start-up
