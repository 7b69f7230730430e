"""A home and a repository that nothing has happened in yet."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleet.home import Home
from tests.service.repositories import repository
from workers.git import Git


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "home")
    made.make()
    return made


@pytest.fixture
def git(tmp_path: Path) -> Git:
    return Git(repository(tmp_path / "clock"))
