"""Ports are tried before they are handed out, and two homes never hand out each other's."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from workers.port_blocks import BEING_MADE_S, PORTS_PER_WORKTREE, PortBlocks, of_this_person


@contextmanager
def listening(family: socket.AddressFamily, address: str, port: int) -> Iterator[None]:
    with socket.socket(family) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind((address, port))
        server.listen()
        yield


@pytest.fixture
def blocks(tmp_path: Path) -> PortBlocks:
    """Of its own ports in each process of tests, as they run side by side."""
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) + 1
    return PortBlocks(tmp_path / "ports", range(20_000 + 1_000 * number, 60_000))


def made(path: Path) -> Path:
    path.mkdir(parents=True)
    return path


def test_a_worktree_keeps_its_block_and_no_other_has_it(blocks: PortBlocks, tmp_path: Path) -> None:
    """Also while something of its own listens there."""
    one, other = made(tmp_path / "one"), made(tmp_path / "other")
    first, second = blocks.claim(one), blocks.claim(other)
    assert first is not None and second is not None and len(first) == PORTS_PER_WORKTREE
    assert not set(first) & set(second)
    with listening(socket.AF_INET, "127.0.0.1", first.start):
        assert replace(blocks).claim(one) == first


@pytest.mark.parametrize(
    ("family", "address"),
    [
        (socket.AF_INET, "127.0.0.1"),
        (socket.AF_INET, "0.0.0.0"),
        (socket.AF_INET6, "::1"),
        (socket.AF_INET6, "::"),
    ],
)
def test_a_block_in_which_somebody_listens_is_not_handed_out(
    blocks: PortBlocks, tmp_path: Path, family: socket.AddressFamily, address: str
) -> None:
    free = blocks.claim(tmp_path / "asks")
    assert free is not None
    blocks.release(tmp_path / "asks")
    with listening(family, address, free[7]):
        got = blocks.claim(tmp_path / "asks")
    assert got is not None and free[7] not in got


def test_what_was_claimed_is_free_again_when_its_worktree_is_gone(blocks: PortBlocks, tmp_path: Path) -> None:
    """Released, or left by a crash: while a worktree is being made its directory is not there yet."""
    block = blocks.claim(tmp_path / "one")
    assert blocks.claim(tmp_path / "two") != block
    blocks.release(tmp_path / "one")
    assert blocks.claim(tmp_path / "three") == block
    file = blocks.folder / "claims.json"
    assert block is not None
    old = {block.start: [str(tmp_path / "three"), time.time() - BEING_MADE_S - 1]}
    file.write_text(json.dumps(old))
    assert blocks.claim(tmp_path / "four") == block


@pytest.mark.parametrize("text", ["", "nonsense", "[]", '{"x": 1}', '{"20000": ["/x"]}'])
def test_a_list_that_cannot_be_read_keeps_nobody_from_working(
    blocks: PortBlocks, tmp_path: Path, text: str
) -> None:
    blocks.folder.mkdir()
    (blocks.folder / "claims.json").write_text(text)
    got = blocks.claim(tmp_path / "one")
    assert got is not None and blocks.claim(tmp_path / "one") == got


CLAIMS = "import sys; from pathlib import Path; from workers.port_blocks import of_this_person as p\n"
CLAIMS += "print([p().claim(Path(sys.argv[1], str(n))).start for n in range(20)])"


def test_homes_of_one_person_that_claim_at_once_never_share_a_port(tmp_path: Path) -> None:
    env = {**os.environ, "HOME": str(tmp_path)}
    env.pop("XDG_STATE_HOME", None)
    homes = [
        subprocess.Popen(
            [sys.executable, "-c", CLAIMS, str(tmp_path / name)], env=env, stdout=subprocess.PIPE
        )
        for name in ("home", "other")
    ]
    firsts = [first for home in homes for first in json.loads(home.communicate()[0])]
    assert len(firsts) == len(set(firsts)) == 40


def test_all_homes_of_a_person_look_at_one_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FLEET_HOME", str(tmp_path / "one"))
    one = of_this_person()
    monkeypatch.setenv("FLEET_HOME", str(tmp_path / "other"))
    assert of_this_person() == one and str(tmp_path / "one") not in str(one.folder)
