"""A household for each test: its own home, repository and double."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from fleet.double import Double, Script
from tests.real.household import Household

MakeHousehold = Callable[[Script], Household]


@pytest.fixture
def household(tmp_path: Path) -> Iterator[MakeHousehold]:
    """Makes a household whose double plays a script. A second one in the same test lies beside the first."""
    with ExitStack() as doubles:
        made: list[Household] = []

        def make(script: Script) -> Household:
            root = tmp_path / f"house{len(made)}"
            root.mkdir()
            made.append(Household(root, doubles.enter_context(Double(script))))
            return made[-1]

        yield make
