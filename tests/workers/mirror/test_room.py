"""What a host sends leaves home the room that it needs itself; it waits for more, and nobody is to blame."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.small_disks import mounted
from tests.workers.mirror.wires import Wires
from workers.remote.copying import Copy
from workers.remote.disk_space import KEPT_SHARE, check_room
from workers.remote.sessions import pull

SESSION = "7c1b3f0e-0000-4000-8000-000000000007"


def kept(disk: Path) -> bool:
    usage = shutil.disk_usage(disk)
    return usage.free >= int(KEPT_SHARE * usage.total)


def test_a_spool_that_would_take_the_last_room_is_taken_in_when_there_is_more(tmp_path: Path) -> None:
    with mounted(tmp_path / "runs", 1_024) as disk:
        filler = disk / "filler"
        filler.write_bytes(bytes(500_000))
        copy = Copy(disk / "t1.1" / "spool")
        piece = b"o 1 x\n" * 50_000
        assert copy.take(0, piece) == len(piece)
        assert copy.take(len(piece), piece) == 0, "it is not acknowledged, so no more is sent"
        assert copy.blocked and copy.size == len(piece) and kept(disk)
        filler.unlink()
        assert (copy.write(), copy.blocked) == (len(piece), False)
        assert (disk / "t1.1" / "spool").read_bytes() == piece * 2
        copy.close()


def test_a_session_that_would_take_the_last_room_is_not_brought_home(
    host: Wires, root: Path, tmp_path: Path
) -> None:
    there = root / "accounts" / "work" / "projects" / "x" / f"{SESSION}.jsonl"
    there.parent.mkdir(parents=True)
    there.write_bytes(b'{"a": 1}\n' * 120_000)
    with mounted(tmp_path / "account", 1_024) as account:
        with pytest.raises(
            OSError, match=r"no room for 1080000 bytes from a host: .* are kept for this machine"
        ):
            pull(host, "work", SESSION, account)
        assert kept(account) and not list(account.rglob("*.jsonl"))


@pytest.mark.parametrize(
    ("wanted", "fits"), [(0, True), (500_000, True), (1_040_000, False), (1 << 60, False)]
)
def test_a_disk_keeps_a_share_of_itself(tmp_path: Path, wanted: int, fits: bool) -> None:
    with mounted(tmp_path / "disk", 1_024) as disk:
        if fits:
            check_room(disk, wanted)
            return
        with pytest.raises(OSError, match="no room"):
            check_room(disk, wanted)
