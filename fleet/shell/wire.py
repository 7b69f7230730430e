"""Persons' requests as JSON, for the way from a command to the coordinator; and what their own client tells."""

from __future__ import annotations

from typing import Any, get_args

from pydantic import TypeAdapter

from fleet.core import events

_ADAPTERS: dict[str, TypeAdapter[Any]] = {
    kind.__name__: TypeAdapter(kind) for kind in (*get_args(events.Person), events.AccountRead)
}


def encode(event: events.Person | events.AccountRead) -> dict[str, Any]:
    name = type(event).__name__
    return {"kind": name, "event": _ADAPTERS[name].dump_python(event, mode="json")}


def decode(request: dict[str, Any]) -> events.Event:
    """Raises ValueError when it is no request that this version knows."""
    adapter = _ADAPTERS.get(str(request.get("kind")))
    if adapter is None:
        raise ValueError(
            f"this coordinator does not know the request {request.get('kind')!r}: is it an older version?"
        )
    event: events.Event = adapter.validate_python(request.get("event"))
    return event
