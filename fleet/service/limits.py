"""Limits and floors: laid down and taken back. `fleet.views.laid_down` lists them."""

from __future__ import annotations

from datetime import datetime, timedelta

from fleet.core.events import FloorAdded, LimitAdded, LimitRemoved
from fleet.core.model.policy import Floor, Limit, Per, Scope, Unit
from fleet.errors import NotDone
from fleet.home import Home
from fleet.service.projects import project_name
from fleet.service.requests import submit
from fleet.shell.stamp import stamp
from fleet.spoken.amounts import UnknownAmount, parse_count, parse_share


def lay_limit(
    home: Home,
    *,
    scope: Scope,
    name: str,
    per: Per,
    unit: Unit,
    amount: str,
    now: datetime,
    bucket: str | None = None,
) -> str:
    """The id of the new limit. Raises NotDone."""
    if scope == "project":
        name = project_name(name)
    limit = Limit("", scope, name, per, unit, _amount(unit, amount), _anchor_ms(per, now), bucket)
    return submit(home, LimitAdded(**stamp(), limit=limit)).made[0]


def _amount(unit: Unit, text: str) -> float:
    try:
        if unit == "share":
            return parse_share(text)
        return parse_count(text.removeprefix("$") if unit == "usd" else text)
    except UnknownAmount as failed:
        raise NotDone(
            f"{text!r} is no sum of dollars: write 5 or 0.50" if unit == "usd" else str(failed)
        ) from failed


def _anchor_ms(per: Per, now: datetime) -> int:
    """The midnight that the periods are counted from: today's, Monday's, that of the first of the month."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    if per == "week":
        midnight -= timedelta(days=midnight.weekday())
    elif per == "month":
        midnight = midnight.replace(day=1)
    return int(midnight.timestamp() * 1000)


def lay_floor(home: Home, *, share: str, account: str | None = None, bucket: str | None = None) -> str:
    """The id of the new floor. Raises NotDone."""
    floor = Floor("", _amount("share", share), account, bucket)
    return submit(home, FloorAdded(**stamp(), floor=floor)).made[0]


def take_back(home: Home, name: str) -> None:
    """A limit or a floor. Raises NotDone."""
    submit(home, LimitRemoved(**stamp(), name=name))
