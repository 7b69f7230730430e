"""Persons' requests as JSON, for the way from a command to the coordinator; and what their own client tells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, get_args

from pydantic import TypeAdapter

from fleet.core import events

_ADAPTERS: dict[str, TypeAdapter[Any]] = {
    kind.__name__: TypeAdapter(kind) for kind in (*get_args(events.Person), events.AccountRead)
}


SEVERAL = "several"
"""A request that is many requests of a person; what each came to is answered, in their order, under `came`."""


def encode_all(asked: Sequence[events.Person]) -> dict[str, Any]:
    """One request for all of them."""
    requests = [encode(event) for event in asked]
    return requests[0] if len(requests) == 1 else {"kind": SEVERAL, "requests": requests}


def decode_all(request: dict[str, Any]) -> list[events.Event]:
    """Raises ValueError as `decode` does, also where that is so for one of several."""
    if request.get("kind") != SEVERAL:
        return [decode(request)]
    requests = request.get("requests")
    if not isinstance(requests, list) or not all(isinstance(one, dict) for one in requests):
        raise ValueError("several requests are a list of JSON objects")
    return [decode(one) for one in requests]


def encode(event: events.Person | events.AccountRead) -> dict[str, Any]:
    name = type(event).__name__
    return {"kind": name, "event": _ADAPTERS[name].dump_python(event, mode="json")}


def decode(request: dict[str, Any]) -> events.Event:
    """Raises ValueError when it is no request that this version knows, or says more than this version would obey."""
    adapter = _ADAPTERS.get(str(request.get("kind")))
    if adapter is None:
        raise ValueError(
            f"this coordinator does not know the request {request.get('kind')!r}: is it an older version?"
        )
    event: events.Event = adapter.validate_python(request.get("event"), extra="forbid")
    return event


def words(request: dict[str, Any]) -> str:
    """All that a request says, as it was said, each on lines of its own: to look for credentials. In JSON the line
    break, quotation mark or letter before one is written so that it ends in another letter."""
    return "\n".join(_strings(request))


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for pair in value.items():
            yield from _strings(pair)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _strings(one)
