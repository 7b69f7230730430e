from __future__ import annotations

from pathlib import Path

import pytest

from tests.workers.worktree.repositories import repository


@pytest.fixture(autouse=True)
def _own_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of this machine's git configuration takes part."""
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "home" / "gitconfig"))


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """The user's repository at home, on main."""
    return repository(tmp_path / "repo")
