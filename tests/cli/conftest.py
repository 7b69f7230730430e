from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.commands import Shell
from tests.service.repositories import repository


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path / "home")


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    return repository(tmp_path / "clock")
