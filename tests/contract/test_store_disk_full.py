"""A store on a disk that is really full: a small tmpfs."""

from __future__ import annotations

import errno
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fleet.core.model import Fleet
from fleet.ports import Change, StoreFailed
from fleet.store.sqlite import SqliteStore
from fleet.views.light import state
from tests.contract.full_fleet import EFFECTS, full_fleet, note, with_value


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte. Only root may mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "fleet-test", str(place)]
    mounted = subprocess.run(mount, capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.strip()}")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def fill(disk: Path) -> Path:
    """Takes all the space there is."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError as error:
            assert error.errno == errno.ENOSPC
    return filler


def change(before: Fleet, reason: str) -> Change:
    after = with_value(before, "tasks", "t3", replace(before.tasks["t3"], reason=reason))
    return Change(before, after, decided=EFFECTS, notes=[(1, note("x" * 100_000, "t3"))])


def test_a_full_disk_refuses_the_commit_whole_and_is_forgotten_when_there_is_space(small_disk: Path) -> None:
    """StoreFailed says what to do; nothing of the change is kept; the same change succeeds once there is space."""
    store = SqliteStore(small_disk / "fleet.db")
    empty = store.load().fleet
    committed = full_fleet(empty.home_id)
    store.commit(Change(empty, committed))
    filler = fill(small_disk)
    wanted = change(committed, "wanted")
    for _ in range(3):
        with pytest.raises(StoreFailed, match=r"fleet\.db .*free some space"):
            store.commit(wanted)
        assert store.load().fleet == committed
        assert store.load().outstanding == ()
    assert state.task(small_disk, "t3")["history"] == []
    filler.unlink()
    store.commit(wanted)
    store.close()
    again = SqliteStore(small_disk / "fleet.db")
    assert again.load().fleet == wanted.after
    assert again.load().outstanding == EFFECTS
    again.close()


def test_a_home_cannot_be_made_on_a_full_disk_and_can_when_there_is_space(small_disk: Path) -> None:
    filler = fill(small_disk)
    with pytest.raises(StoreFailed, match=r"could not open .*fleet\.db"):
        SqliteStore(small_disk / "fleet.db")
    filler.unlink()
    store = SqliteStore(small_disk / "fleet.db")
    assert store.load().fleet.home_id
    store.close()
