from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.own_home import HOME_ID
from tests.workers.remote.far_process import Far, command, packed, reached
from tests.workers.supervision.yard import Yard
from workers.host import LocalHost


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The far end as it travels."""
    return packed(tmp_path_factory.mktemp("far"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The directory on the host."""
    return tmp_path / "on host"


@pytest.fixture
def far(archive: Path, root: Path) -> Iterator[Far]:
    with reached(command(archive, root)) as far:
        yield far


@pytest.fixture
def runs_there(tmp_path: Path, root: Path) -> Iterator[Yard]:
    """The host's own view of its runs; whatever still runs is ended when the test is over."""
    yard = Yard(tmp_path, root / "runs")
    yard.host = LocalHost(root / "runs", HOME_ID)
    try:
        yield yard
    finally:
        yard.close()
