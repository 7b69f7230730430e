"""A linear programme while it is being written down, and its solution by HiGHS.

Maximise Σ value·x with 0 ≤ x ≤ upper, where a row says Σ coefficient·x ≤ limit, or = 0 if it is a balance. So a dual
value is the gain from one unit more of the row's limit; none but those of balances can be negative.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fleet.installed import not_whole
from fleet.planning.answer import NoPlan

NOISE = 1e-9
"""Duals below are rounding; values on a sheet are about 1."""

OPTIONS = {"output_flag": False, "threads": 1, "random_seed": 0, "solver": "simplex", "simplex_strategy": 4}
"""One thread, so that the answer is always the same. Primal simplex (4) took half the time of the dual one and of the
interior point on planning problems of 100 and 1,000 tasks (20 ms instead of 40), presolved or not."""


@dataclass(frozen=True, slots=True)
class Solved:
    """`primal` by column, `duals` by row."""

    value: float
    primal: list[float]
    duals: list[float]


class Sheet:
    """Columns and rows are numbered from 0 in the order in which they are written."""

    def __init__(self) -> None:
        self._values: list[float] = []
        self._uppers: list[float] = []
        self._limits: list[float] = []
        self._balances: list[int] = []
        self._runs: list[tuple[int, int, int, int, float]] = []
        self._solver: Any = None

    @property
    def column_count(self) -> int:
        return len(self._values)

    @property
    def row_count(self) -> int:
        return len(self._limits)

    def columns(self, values: Sequence[float], upper: float = float("inf")) -> int:
        """Writes columns with these values, each from 0 to `upper`; returns the first one's number."""
        self._values.extend(values)
        self._uppers.extend([upper] * len(values))
        return len(self._values) - len(values)

    def revalue(self, column: int, values: Sequence[float]) -> None:
        """Other values for the columns from `column` on. What was solved already is solved anew from where it ended,
        which takes a part of the time."""
        self._values[column : column + len(values)] = values

    def rows(self, limits: Sequence[float]) -> int:
        """Writes rows with these limits, empty so far; returns the first one's number."""
        self._limits.extend(limits)
        return len(self._limits) - len(limits)

    def balances(self, count: int) -> int:
        """Writes rows that say that what comes in goes out; returns the first one's number."""
        first = self.rows([0.0] * count)
        self._balances.extend(range(first, first + count))
        return first

    def run(self, row: int, column: int, length: int, coefficient: float, *, row_step: int = 1) -> None:
        """Writes a coefficient at `length` places: the column goes up by one each time, the row by `row_step`. What is
        written twice at one place adds up."""
        if length and coefficient:
            self._runs.append((row, column, length, row_step, coefficient))

    def solve(self, time_limit_s: float) -> Solved:
        """Raises NoPlan unless the optimum was found in time."""
        highspy, np = _library("highspy"), _library("numpy")
        if not self._values:
            return Solved(0.0, [], [0.0] * len(self._limits))
        highs = self._solver = self._begun(highspy, np) if self._solver is None else self._resumed(np)
        highs.setOptionValue("time_limit", highs.getRunTime() + time_limit_s)
        highs.run()
        status = highs.getModelStatus()
        if status != highspy.HighsModelStatus.kOptimal:
            raise NoPlan(
                f"HiGHS ended with `{highs.modelStatusToString(status)}` on {self.column_count} columns and "
                f"{self.row_count} rows, after at most {time_limit_s:g} s: the prices made before stay in force"
            )
        solution = highs.getSolution()
        duals = [0.0 if abs(dual) < NOISE else dual for dual in (-np.asarray(solution.row_dual)).tolist()]
        return Solved(-highs.getInfo().objective_function_value, list(solution.col_value), duals)

    def _begun(self, highspy: Any, np: Any) -> Any:
        highs = highspy.Highs()
        for name, setting in OPTIONS.items():
            highs.setOptionValue(name, setting)
        if highs.passModel(self._model(highspy, np)) == highspy.HighsStatus.kError:
            raise NoPlan(
                "HiGHS refused the programme: one of its numbers is not a number. Report this as a bug of Fleet's"
            )
        return highs

    def _resumed(self, np: Any) -> Any:
        """The solver with the present values; what it knows of the last solution stays."""
        count = self.column_count
        self._solver.changeColsCost(count, np.arange(count, dtype=np.int32), -np.array(self._values))
        return self._solver

    def _model(self, highspy: Any, np: Any) -> Any:
        """The programme as HiGHS takes it: minimised, by column."""
        lp = highspy.HighsLp()
        lp.num_col_, lp.num_row_ = self.column_count, self.row_count
        lp.col_cost_ = -np.array(self._values)
        lp.col_lower_ = np.zeros(self.column_count)
        lp.col_upper_ = np.array(self._uppers)
        lower = np.full(self.row_count, -np.inf)
        lower[self._balances] = 0.0
        lp.row_lower_ = lower
        lp.row_upper_ = np.array(self._limits)
        start, index, value = self._by_column(np)
        lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
        lp.a_matrix_.start_, lp.a_matrix_.index_, lp.a_matrix_.value_ = start, index, value
        return lp

    def _by_column(self, np: Any) -> tuple[Any, Any, Any]:
        """Runs written out, what is at one place added up, in the order of columns."""
        if not self._runs:
            return np.zeros(self.column_count + 1, np.int32), np.zeros(0, np.int32), np.zeros(0)
        row, column, length, step = np.array([run[:4] for run in self._runs], dtype=np.int64).T
        coefficient = np.array([run[4] for run in self._runs])
        which = np.repeat(np.arange(len(length)), length)
        nth = np.arange(len(which)) - np.repeat(np.cumsum(length) - length, length)
        place = (column[which] + nth) * self.row_count + row[which] + nth * step[which]
        places, back = np.unique(place, return_inverse=True)
        value = np.bincount(back, weights=coefficient[which], minlength=len(places))
        ends = np.searchsorted(places, np.arange(self.column_count + 1) * self.row_count)
        return ends.astype(np.int32), (places % self.row_count).astype(np.int32), value


def _library(name: str) -> Any:
    """Imported when needed: most commands of Fleet never plan."""
    try:
        return importlib.import_module(name)
    except (ImportError, MemoryError) as missing:
        told = not_whole(getattr(missing, "name", None) or name, missing)
        raise NoPlan(f"{told}. Until then work is placed by its density, without prices") from missing
