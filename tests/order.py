"""In which order tests run where several processes run them. A pytest plugin, switched on in pyproject.toml.

Files of tests that wait for real programs stand between those that compute, so that the processors have work all the
time; and before the last part of a run, so that no process is left alone with a long test at the end. Each process of
tests takes the next one from the front (`--dist load --maxschedchunk 1`).
"""

from __future__ import annotations

from collections import defaultdict
from itertools import groupby
from pathlib import Path

import pytest

SLOW_ROOMS = ("faults", "packaging", "real")
SLOW_END = 0.8
"""The share of a run by which the slow rooms have begun their last file."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):
        items[:] = side_by_side(items)


def side_by_side(items: list[pytest.Item]) -> list[pytest.Item]:
    """The rooms' files, each in its room's order, spread over the run: tests of one file stay together."""
    rooms: dict[str, list[list[pytest.Item]]] = defaultdict(list)
    for path, found in groupby(items, key=lambda item: item.path):
        rooms[_room(path)].append(list(found))
    placed: list[tuple[float, list[pytest.Item]]] = []
    for room, files in rooms.items():
        end, size, before = SLOW_END if room in SLOW_ROOMS else 1.0, sum(map(len, files)), 0
        for tests in files:
            placed.append((end * before / size, tests))
            before += len(tests)
    return [item for _, tests in sorted(placed, key=lambda one: one[0]) for item in tests]


def _room(path: Path) -> str:
    """The directory below `tests`, or the name of a file that lies there itself."""
    parts = path.parts
    return parts[len(parts) - parts[::-1].index("tests")]
