from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.small_disks import mounted


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """2 MB."""
    with mounted(tmp_path / "small") as disk:
        yield disk
