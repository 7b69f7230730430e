from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.workers.supervision.yard import Yard, opened


@pytest.fixture
def yard(tmp_path: Path) -> Iterator[Yard]:
    with opened(tmp_path) as made:
        yield made
