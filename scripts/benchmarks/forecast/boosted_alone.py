"""Run by itself, where LightGBM is: boosted_alone.py DIRECTORY reads asked.json, writes quantiles.npz."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

ANEW_H = 28 * 24
SPANS_H = (3, 12, 24, 72, 168, 672)


def main(directory: Path) -> None:
    asked = json.loads((directory / "asked.json").read_text())
    use = {name: np.array(hours) for name, hours in asked["use"].items()}
    answers = {
        one["key"]: quantiles(
            use[one["key"].rsplit(" ", 1)[0]], one["length"], one["origins"], asked["quantiles"]
        )
        for one in asked["asked"]
    }
    np.savez(directory / "quantiles.npz", **answers)


def quantiles(use: Any, length: int, origins: list[int], levels: list[float]) -> Any:
    import lightgbm  # type: ignore[import-not-found]

    total = np.concatenate([[0.0], np.cumsum(use)])
    sums = total[length:] - total[:-length]
    rows = features(total, length)
    found = np.zeros((len(origins), len(levels)))
    at = np.array(origins)
    for begin in range(int(at.min()), int(at.max()) + 1, ANEW_H):
        now = np.flatnonzero((at >= begin) & (at < begin + ANEW_H))
        known = np.arange(begin - length + 1)
        for column, level in enumerate(levels):
            constants = {"objective": "quantile", "alpha": level, "learning_rate": 0.08, "num_leaves": 15}
            constants |= {"min_data_in_leaf": 40, "num_threads": 1, "seed": 0, "verbose": -1}
            model = lightgbm.train(constants, lightgbm.Dataset(rows[known], sums[known]), 60)
            found[now, column] = np.maximum(model.predict(rows[at[now]]), 0)
    return np.sort(found, axis=1)


def features(total: Any, length: int) -> Any:
    """Hour of day, day of week, use of the last hours, days and weeks, and the sums one and two weeks ago."""
    hours = np.arange(len(total))
    columns = [hours % 24, hours // 24 % 7]
    columns += [total - total[np.maximum(hours - span, 0)] for span in SPANS_H]
    for weeks in (1, 2):
        begun = np.maximum(hours - 168 * max(weeks, weeks + length // 169), 0)
        columns.append(total[np.minimum(begun + length, hours)] - total[begun])
    return np.stack(columns, axis=1).astype(np.float64)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
