"""Values of the core as JSON, and back.

A field that a later version added takes its default when an older body is read. A field that this version does not
know is an error: dropping it would lose what a newer version has written.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from fleet.core import decisions
from fleet.core.decisions import Effect
from fleet.core.model import Account, Attempt, Bucket, Host, Reviewer, Task, Worktree
from fleet.core.model.learned import Demand, Experience, Rate
from fleet.core.model.policy import Floor, Limit, Policy, Project, Reservation, Spent
from fleet.core.model.prices import Prices
from fleet.core.model.protection import Protections

V = TypeVar("V")

VALUES: dict[str, type[Any]] = {
    "tasks": Task,
    "accounts": Account,
    "attempts": Attempt,
    "buckets": Bucket,
    "hosts": Host,
    "worktrees": Worktree,
    "projects": Project,
    "reservations": Reservation,
    "limits": Limit,
    "floors": Floor,
    "spent": Spent,
    "rates": Rate,
    "experience": Experience,
    "demand": Demand,
    "reviewers": Reviewer,
}
"""The kind of value in each map of the fleet, those first that others refer to."""

SINGLES: dict[str, type[Any]] = {"policy": Policy, "prices": Prices, "protections": Protections}
"""The values of the fleet of which there is one; without a row each is as a new fleet has it."""

EFFECTS: dict[str, type[Effect]] = {kind.__name__: kind for kind in Effect.__args__}

_ADAPTERS: dict[type[Any], TypeAdapter[Any]] = {
    kind: TypeAdapter(kind)
    for kind in (*VALUES.values(), *SINGLES.values(), *EFFECTS.values(), decisions.Note, dict)
}


class Undecodable(Exception):
    """The text is no body of that kind; the message names each place and what is wrong there."""


def encode(value: Any) -> str:
    """The value as JSON. Half of a surrogate pair, which is no text, becomes U+FFFD; an infinite number null."""
    try:
        return _ADAPTERS[type(value)].dump_json(value).decode()
    except PydanticSerializationError:
        found = value if isinstance(value, dict) else asdict(value)
        return json.dumps(_as_text(found), ensure_ascii=False, separators=(",", ":"))


def decode(kind: type[V], body: str) -> V:
    """The value of a body. Raises Undecodable."""
    try:
        value: V = _ADAPTERS[kind].validate_json(body, extra="forbid")
    except (TypeError, UnicodeDecodeError) as error:
        raise Undecodable(str(error)) from None
    except ValidationError as error:
        raise Undecodable("; ".join(_sentence(e) for e in error.errors(include_url=False))) from None
    return value


def as_text(text: str) -> str:
    """The text with each half of a surrogate pair replaced: a client cuts words where it likes, and what is no text
    cannot be stored."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def _as_text(value: Any) -> Any:
    if isinstance(value, str):
        return as_text(value)
    if isinstance(value, dict):
        return {key: _as_text(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_as_text(item) for item in value]
    return value


def _sentence(error: Any) -> str:
    where = ".".join(str(part) for part in error["loc"]) or "the whole body"
    if error["type"] == "unexpected_keyword_argument":
        return f"{where} is a field that this version of fleet does not know (upgrade fleet)"
    return f"{where}: {error['msg']}"
