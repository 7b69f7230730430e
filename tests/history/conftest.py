from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.history.writing import Disk

# The benchmarks are a package below scripts/, which is on no path.
sys.path.append(str(Path(__file__).parents[2] / "scripts"))


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    disk = Disk(tmp_path)
    yield disk
    disk.ledger.close()
