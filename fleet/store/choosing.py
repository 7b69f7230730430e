"""The question to the database for the tasks that a person describes, made of the pieces in `choosing.sql`.

What is not asked for is not in the question: without a filter the newest fifty of ten thousand tasks are found without
looking at the others.
"""

from __future__ import annotations

from typing import Any

from fleet.spoken.choice import ALL, Choice
from fleet.store.statements import statements

PARTS_OF_STATES = ("paused", "on-branch")


def question(
    choice: Choice | None, order: str = "added", *, reverse: bool = False, limit: int | None = None
) -> tuple[str, dict[str, Any]]:
    """The statement and its parameters: the tasks of the choice in that order, at most so many. What has no value in
    the order comes last."""
    pieces = statements("choosing.sql")
    by, way = pieces[f"by_{order}"], "DESC" if reverse else "ASC"
    ordered = f"{by} {way}" if order == "added" else f"{by} IS NULL, {by} {way}, seq {way}"
    where, said = _where(choice or ALL, pieces)
    most = "" if limit is None else " LIMIT :limit"
    return f"{pieces['select']}{where} ORDER BY {ordered}{most}", {**said, "limit": limit}


def count(choice: Choice) -> tuple[str, dict[str, Any]]:
    """The same, for how many there are."""
    pieces = statements("choosing.sql")
    where, said = _where(choice, pieces)
    return f"{pieces['count']}{where}", said


def _where(choice: Choice, pieces: dict[str, str]) -> tuple[str, dict[str, Any]]:
    asked = choice._asdict()
    of = [pieces[name] for name, value in asked.items() if name != "states" and value is not None]
    if choice.states:
        whole = [state for state in choice.states if state not in PARTS_OF_STATES]
        parts = [pieces[state] for state in choice.states if state in PARTS_OF_STATES]
        of.append(f"({' OR '.join([*([pieces['states']] if whole else []), *parts])})")
        asked["states"] = _json(whole)
    if choice.text is not None:
        asked["text"] = choice.text.casefold()
    return f" WHERE {' AND '.join(of)}" if of else "", asked


def _json(words: list[str]) -> str:
    import json

    return json.dumps(words)
