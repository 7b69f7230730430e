"""What was used, by day, week, month, project, model, account or session."""

from __future__ import annotations

import json
from dataclasses import dataclass

from fleet.history.reports.choice import QUARTER_MS, Choice
from fleet.history.reports.statements import ask

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable
    from datetime import tzinfo
    from typing import Any

BY_TIME = ("day", "week", "month")
BY_WHAT = ("project", "model", "account", "session")


@dataclass(frozen=True, slots=True)
class Use:
    """Answers, tokens by kind, and US dollars by list price. `cost_usd` is None when none of the answers has a price,
    else it is the sum of those that have one; `unpriced` counts the others. What a local server answered is never
    either."""

    key: str
    answers: int
    input: int
    output: int
    cache_write_5m: int
    cache_write_1h: int
    cache_read: int
    cost_usd: float | None
    unpriced: int

    @property
    def tokens(self) -> int:
        return self.input + self.output + self.cache_write_5m + self.cache_write_1h + self.cache_read


def uses(connection: sqlite3.Connection, by: str, choice: Choice, zone: tzinfo | None = None) -> list[Use]:
    """Rows with at least one answer: units of time in their order, everything else by cost, the dearest first. Days and
    weeks are those of `zone`, without one of the system's."""
    parameters = choice.parameters(connection)
    if by in BY_TIME:
        return _by_time(connection, by, parameters, zone)
    if by == "session":
        return _by_session(connection, choice, parameters)
    found = ask(connection, "by_what", {**parameters, "by": by})
    return [use_of((text, *row)) for text, _, *row in found]


def _by_time(
    connection: sqlite3.Connection, unit: str, parameters: dict[str, Any], zone: tzinfo | None
) -> list[Use]:
    # Calendars are not needed for any other report.
    from fleet.history.reports.spans import spans

    ((first, last),) = ask(connection, "extent", parameters)
    if first is None:
        return []
    units = json.dumps(list(spans(unit, first, last, zone)))
    return [use_of(row) for row in ask(connection, "by_time", {**parameters, "spans": units})]


def _by_session(connection: sqlite3.Connection, choice: Choice, parameters: dict[str, Any]) -> list[Use]:
    """Sessions that lie within the time are summed already; of the others their answers are counted."""
    times = {
        "since_ms": parameters["since"] * QUARTER_MS,
        "until_ms": parameters["until"] * QUARTER_MS,
    }
    return [use_of(row) for row in ask(connection, "by_session", {**parameters, **times})]


def use_of(row: tuple[Any, ...]) -> Use:
    """Of a row: key, answers, five kinds of tokens, cost of the priced answers, count of the unpriced, and of those
    that nobody bills."""
    key, answers, given, output, write_5m, write_1h, read, cost, without, free = row
    usd = None if without + free == answers else cost
    return Use(key, answers, given, output, write_5m, write_1h, read, usd, without)


def total(rows: Iterable[Use], key: str = "total") -> Use:
    every = list(rows)
    costs = [row.cost_usd for row in every if row.cost_usd is not None]
    return Use(
        key,
        sum(row.answers for row in every),
        sum(row.input for row in every),
        sum(row.output for row in every),
        sum(row.cache_write_5m for row in every),
        sum(row.cache_write_1h for row in every),
        sum(row.cache_read for row in every),
        sum(costs) if costs else None,
        sum(row.unpriced for row in every),
    )


@dataclass(frozen=True, slots=True)
class Unpriced:
    """A model that has no price: what was used of it, tokens of all kinds together."""

    model: str
    answers: int
    tokens: int


def unpriced(connection: sqlite3.Connection, choice: Choice) -> list[Unpriced]:
    """The models of the report that have no price, those used most first."""
    return [Unpriced(*row) for row in ask(connection, "unpriced", choice.parameters(connection))]
