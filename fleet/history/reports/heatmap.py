"""What was used in each hour of the week, by the zone's own clock."""

from __future__ import annotations

from dataclasses import dataclass

from fleet.history.reports.choice import Choice
from fleet.history.reports.spans import local_time
from fleet.history.reports.statements import ask

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from datetime import tzinfo

MEASURES = {"answers": 1, "tokens": 2, "work": 3, "cost": 4}
"""Columns of the statement. Work is in work units: tokens weighed as list prices weigh them."""

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@dataclass(frozen=True, slots=True)
class Heatmap:
    """`cells[weekday][hour]` (Monday is 0) sums all weeks from `first` to `last` (ISO days, empty without any use)."""

    measure: str
    cells: tuple[tuple[float, ...], ...]
    first: str
    last: str

    @property
    def most(self) -> float:
        return max(max(row) for row in self.cells)


def heatmap(
    connection: sqlite3.Connection, choice: Choice, measure: str = "work", zone: tzinfo | None = None
) -> Heatmap:
    """Without a zone: by the system's clock."""
    rows = ask(connection, "by_quarter", choice.parameters(connection))
    cells = [[0.0] * 24 for _ in DAYS]
    column = MEASURES[measure]
    for row in rows:
        at = local_time(row[0], zone)
        cells[at.weekday()][at.hour] += row[column]
    ends = [local_time(row[0], zone).date().isoformat() for row in (rows[:1] + rows[-1:])]
    return Heatmap(measure, tuple(map(tuple, cells)), *(ends or ("", "")))
