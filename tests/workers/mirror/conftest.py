from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.workers.mirror.wires import Wires
from tests.workers.remote.far_process import command, packed, reached
from tests.workers.worktree.repositories import repository


@pytest.fixture(autouse=True)
def _own_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of this machine's git configuration takes part."""
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "home" / "gitconfig"))


@pytest.fixture(scope="session")
def packed_far(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The far end as it travels."""
    return packed(tmp_path_factory.mktemp("far"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The directory on the host."""
    return tmp_path / "on host"


@pytest.fixture
def host(packed_far: Path, root: Path) -> Iterator[Wires]:
    """A host with a far end, reached without ssh."""
    with reached(command(packed_far, root)) as far:
        yield Wires(far)


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """The user's repository at home, on main."""
    return repository(tmp_path / "repo")
