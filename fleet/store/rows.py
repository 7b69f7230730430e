"""What of a value stands in columns beside its body."""

from __future__ import annotations

from typing import Any

from fleet.core.decisions import Effect, Note
from fleet.core.model import Fleet
from fleet.store.codec import as_text, encode

Row = dict[str, str | int | None]

_COLUMNS = ("task", "account", "host", "state", "pool")


def value_row(key: str, value: Any) -> Row:
    """The parameters of the statement that puts the value; it uses those its table has."""
    found = ((name, getattr(value, name, None)) for name in _COLUMNS)
    columns = {name: as_text(text) for name, text in found if text is not None}
    return {"id": as_text(key), **columns, "body": encode(value)}


def effect_row(effect: Effect) -> Row:
    return {
        "id": effect.id,
        "kind": type(effect).__name__,
        "attempt": getattr(effect, "attempt", None),
        "task": getattr(effect, "task", None),
        "body": encode(effect),
    }


def note_row(at_ms: int, note: Note) -> Row:
    return {
        "at_ms": at_ms,
        "level": note.level,
        "type": note.type,
        "task": note.task,
        "attempt": note.attempt,
        "account": note.account,
        "host": note.host,
        "text": as_text(note.text),
        "data": encode(note.data),
    }


def meta_row(fleet: Fleet) -> Row:
    return {
        "home_id": fleet.home_id,
        "now_ms": fleet.now_ms,
        "tasks_made": fleet.tasks_made,
        "decisions_made": fleet.decisions_made,
        "draining": int(fleet.draining),
    }
