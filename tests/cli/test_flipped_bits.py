"""A database in which bits were flipped: every command works, or refuses it in words; none breaks."""

from __future__ import annotations

import random
import shutil
from contextlib import closing
from pathlib import Path

import pytest

from fleet.cli import main
from fleet.home import Home
from fleet.ports import Change, StoreFailed
from fleet.run.up import taken_up
from fleet.store.errors import StoreUnreadable
from fleet.store.sqlite import SqliteStore
from tests.cli.commands import Shell
from tests.contract.full_fleet import EFFECTS, full_fleet
from tests.sizes import large

COMMANDS = (
    *(("status",), ("task", "list"), ("task", "show", "t2"), ("why", "t3"), ("account", "list")),
    *(
        ("account", "show", "work"),
        ("worktree", "list"),
        ("host", "list"),
        ("limit", "list"),
        ("reserve", "list"),
    ),
    *(("tier", "list"), ("breaker", "show"), ("task", "cancel", "t3"), ("database", "check")),
)


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    """A fleet with something in every field, in one file."""
    (tmp_path / "sound").mkdir()
    with closing(SqliteStore(tmp_path / "sound" / "fleet.db")) as store:
        before = store.load().fleet
        store.commit(Change(before, full_fleet(before.home_id), decided=EFFECTS))
    return tmp_path / "sound" / "fleet.db"


def flipped(sound: Path, database: Path, seed: int) -> None:
    """Up to eight bits, anywhere, or all of them in one row of the file: a cell of a page, or a piece of it."""
    draw = random.Random(seed)
    content = bytearray(sound.read_bytes())
    around = draw.randrange(len(content))
    for _ in range(draw.randint(1, 8)):
        at = draw.randrange(len(content)) if seed % 2 else min(around + draw.randrange(64), len(content) - 1)
        content[at] ^= 1 << draw.randrange(8)
    database.write_bytes(content)


def tried(shell: Shell, sound: Path, seed: int) -> dict[str, str]:
    """What each command, and a coordinator that begins, made of it: "" where it went well, else the words."""
    home = Home(shell.home)
    shutil.rmtree(home.root, ignore_errors=True)
    home.make()
    flipped(sound, home.database, seed)
    found = {}
    for words in COMMANDS:
        code = main(list(words))
        assert code in (0, 1), f"seed {seed}: {words} ended with {code}"
        found[" ".join(words)] = str(code)
    try:
        with closing(SqliteStore(home.database)) as store:
            taken_up(store)
    except (StoreUnreadable, StoreFailed) as refused:
        found["up"] = str(refused)
    return found


@pytest.mark.parametrize("seeds", [range(8), *large(range(1_000))])
def test_no_command_breaks_on_a_database_with_flipped_bits(
    shell: Shell,
    sound: Path,
    seeds: range,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in shell.environment().items():
        monkeypatch.setenv(name, value)
    refused = advised = 0
    for seed in seeds:
        found = tried(shell, sound, seed)
        said = capsys.readouterr()
        assert "Traceback" not in said.err + said.out, f"seed {seed}"
        if "up" in found:
            refused += 1
            assert "fleet database" in found["up"] or "upgrade fleet" in found["up"], (
                f"seed {seed}: {found['up']}"
            )
        advised += found["database check"] == "1"
    assert refused and advised >= refused, "some of the flips hit something, and `check` finds what `up` does"
    print(f"{len(seeds)} seeds: up refused {refused}, check refused {advised}")
