"""Lays a home that an older Fleet left into a test's household, as if that had been killed half an hour ago."""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

from fleet.core.model import Task, TaskSpec
from fleet.home import Home
from fleet.shell.places import worktree_path
from tests.real.household import Household
from tests.real_client import CLIENT
from workers.client.session import slug
from workers.worktree.branch import key_of

HERE = Path(__file__).parent
AGO_MS = 30 * 60_000


def lay(house: Household) -> None:
    """The household's home and repository must not be there yet."""
    words = _words(house)
    sql = (HERE / "fleet.sql").read_text()
    later_ms = time.time_ns() // 1_000_000 - AGO_MS - _last_ms(sql)

    def filled(text: str) -> str:
        for word, meant in words.items():
            text = text.replace(word, meant)
        return re.sub(r"\b1[78]\d{11}\b", lambda found: str(int(found[0]) + later_ms), text)

    subprocess.run(["git", "init", "--quiet", "--initial-branch=main", str(house.repo)], check=True)
    export = filled((HERE / "repository.fast-export").read_text())
    subprocess.run(
        ["git", "-C", str(house.repo), "fast-import", "--quiet"], input=export, text=True, check=True
    )
    for name, text in json.loads((HERE / "files.json").read_text()).items():
        path = house.root / filled(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(filled(text))
    house.git("switch", "--quiet", "elsewhere")
    for tree in _trees(house).iterdir():
        subprocess.run(["git", "-C", str(tree), "reset", "--quiet"], check=True)
        subprocess.run(["git", "-C", str(tree), "checkout-index", "--all"], check=True)
    with closing(sqlite3.connect(house.home / "fleet.db")) as database:
        database.executescript(
            re.sub(r"\{applied (\S+) (\d+)\}", lambda found: _size(house, found), filled(sql))
        )
        database.commit()


def _words(house: Household) -> dict[str, str]:
    trees = _trees(house)
    words = {"{root}": str(house.root), "{double}": house.double.base_url, "{worktrees}": trees.name}
    words |= {
        "{client}": str(CLIENT),
        "{bin}": str(Path(sys.executable).parent),
        "{agreed}": _agreed(house.repo),
    }
    for number in range(1, 10):
        tree = trees / f"t{number}"
        words |= {f"{{slug {tree.name}}}": slug(str(tree.resolve())), f"{{key {tree.name}}}": key_of(tree)}
    return words


def _agreed(repo: Path) -> str:
    """The name of the file with what is agreed to of a repository (`fleet.shell.agreed`)."""
    return hashlib.sha256(bytes(repo.resolve() / ".git")).hexdigest()[:16]


def _trees(house: Household) -> Path:
    task = Task(
        "t1", 1, TaskSpec(prompt="", repo=str(house.repo), title="", tiers=(), target="main"), 0, "queued"
    )
    return worktree_path(Home(house.home), task).parent


def _last_ms(sql: str) -> int:
    """The time of the home's last event."""
    row = next(line for line in sql.splitlines() if line.startswith('INSERT INTO "meta"'))
    return int(row.split(",")[2])


def _size(house: Household, applied: re.Match[str]) -> str:
    """How many bytes the lines are that had been applied."""
    spool = (house.home / "runs" / applied[1] / "spool").read_bytes()
    return str(sum(map(len, spool.splitlines(keepends=True)[: int(applied[2])])))
