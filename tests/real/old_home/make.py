"""Makes the files beside it: a home as a version of Fleet leaves it, killed in the middle of its work.

    git worktree add /tmp/old COMMIT
    cd /tmp/old && PYTHONPATH=/tmp/old PYTHON MAKE.PY DIRECTORY

The home is made by that version's code, its double and its tests' household, with the real client. These are of
7c6f25c (30 November 2026), the last commit with schema 2 and with specs that do not store their session. Written down
are the database as SQL, the repository as git exports it, and the files that matter; places are {words}, which
`restoring.py` fills in.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import fleet
from fleet.double import Account, Double, Script, Task
from tests.real.household import Household
from tests.real.staging import answered, prompt, step, write, writes
from tests.real_client import CLIENT
from workers.client.session import slug
from workers.worktree.branch import key_of

MERGE = ("--land", "merge", "--target", "main")
KEPT = (
    "home/accounts/work/projects/*-t5/*.jsonl",
    "home/agreed/*",
    "home/coordinator.lock",
    "home/runs/t5.1/sp*",
    "home/runs/t6.1/spool",
    "repo/.git/config",
    "repo/.git/info/exclude",
    "repo/.git/worktrees/t*/HEAD",
    "repo/.git/worktrees/t*/commondir",
    "repo/.git/worktrees/t*/gitdir",
    "repo/.git/worktrees/t*/fleet-ready.json",
    "home/worktrees/*/t*/.git",
    "home/worktrees/*/t5/slow1.txt",
    "data/python_keyring/keyring_pass.cfg",
)
"""What matters of the home beside its database. Runs that had ended are left out, to keep this small."""


def tasks() -> tuple[Task, ...]:
    first, second = write("slow1.txt", "slow1.txt of slow\n"), write("slow2.txt", "slow2.txt of slow\n")
    slow = Task(
        "slow", (step("I begin.", first), step("I go on.", second, delay_s=900), step("slow is done."))
    )
    return (
        *(writes(name, f"{name}.txt") for name in ("landed", "failed", "held", "checked", "landing")),
        slow,
    )


def live(house: Household) -> None:
    house.make_repo()
    house.add_account("work", "--concurrency", "2", "--tier", "sonnet=sonnet")
    house.add_account("side", "--concurrency", "1", "--tier", "opus=opus")
    house.fleet("reserve", "add", "--account", "work", "--at", "Sun 03:00-03:30", "--amount", "5%")
    house.fleet("limit", "add", "--fleet", "--per", "day", "--tokens", "900M")
    house.fleet("limit", "add", "--account", "side", "--floor", "10%")
    house.fleet("project", "set", str(house.repo), "--weight", "2")
    house.add_task(prompt("landed"), *MERGE, "--verify", "test -f landed.txt")
    house.add_task(prompt("failed"), "--verify", "false")
    house.add_task("Never mind.")
    house.fleet("task", "cancel", "t3")
    house.add_task(prompt("held"), "--land", "merge", "--target", "elsewhere")
    house.up_until_idle(code=1)
    house.add_task(prompt("slow"), *MERGE)
    checking = f"test -e {house.root}/checked || {{ touch {house.root}/checking; exec sleep 900; }}"
    house.add_task(prompt("checked"), *MERGE, "--verify", checking)
    landing = (
        'case "$PWD" in */landing-*) test -e {0}/landed || {{ touch {0}/landing; exec sleep 900; }};; esac'
    )
    house.add_task(prompt("landing"), *MERGE, "--priority", "5", "--verify", landing.format(house.root))
    house.add_task(prompt("after"), *MERGE, "--after", "t5")
    log = (house.root / "up.log").open("ab")
    process = house.start_coordinator(log)
    house.wait_for(lambda: (house.root / "checking").exists(), "t6 is not checked")
    house.wait_for(lambda: (house.root / "landing").exists(), "t7 is not landing")
    house.wait_for(lambda: len(answered(house, "slow")) >= 1, "t5 is not at work")
    house.wait_for(lambda: any(house.home.glob("worktrees/*/t5/slow1.txt")), "t5 has written nothing")
    house.add_task(prompt("queued"), *MERGE, "--priority", "-1")
    time.sleep(1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    for pid in house.leftovers():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def written_down(house: Household) -> dict[str, str]:
    """The three files: the database, the repository, and all else."""
    trees = next(house.home.glob("worktrees/*"))
    paths = [trees / f"t{n}" for n in range(1, 10)]
    words = [(slug(str(path.resolve())), f"{{slug {path.name}}}") for path in paths]
    words += [(key_of(path), f"{{key {path.name}}}") for path in paths]
    words += [(path.stem, "{agreed}") for path in (house.home / "agreed").iterdir()]
    words += [(trees.name, "{worktrees}"), (str(house.root), "{root}"), (house.double.base_url, "{double}")]
    words += [(str(CLIENT), "{client}"), (str(Path(sys.executable).parent), "{bin}")]

    def blank(text: str) -> str:
        for found, word in words:
            text = text.replace(found, word)
        return text

    with contextlib.closing(sqlite3.connect(house.home / "fleet.db")) as database:
        version = database.execute("PRAGMA user_version").fetchone()[0]
        sql = "\n".join([*database.iterdump(), f"PRAGMA user_version = {version};\n"])
    files = {
        blank(str(path.relative_to(house.root))): blank(_text(path))
        for pattern in KEPT
        for path in sorted(house.root.glob(pattern))
    }
    for attempt in ("t5.1", "t6.1"):
        sql = _by_lines(sql, attempt, (house.home / "runs" / attempt / "spool").read_bytes())
    export = ["git", "-C", str(house.repo), "fast-export", "--all"]
    return {
        "fleet.sql": blank(sql),
        "repository.fast-export": blank(
            subprocess.run(export, capture_output=True, text=True, check=True).stdout
        ),
        "files.json": json.dumps(files, indent=0, ensure_ascii=False) + "\n",
    }


def _by_lines(sql: str, attempt: str, spool: bytes) -> str:
    """Bytes of a spool that were applied, as lines: how many bytes they are depends on where the home lies."""
    row = next(
        line
        for line in sql.splitlines()
        if line.startswith('INSERT INTO "attempts"') and f"'{attempt}'" in line
    )
    offset = int(row.partition('"offset":')[2].partition(",")[0].rstrip("}')"))
    lines = spool[:offset].count(b"\n")
    return sql.replace(row, row.replace(f'"offset":{offset}', f'"offset":{{applied {attempt} {lines}}}'))


def _text(path: Path) -> str:
    if path.suffix != ".jsonl":
        return path.read_text()
    kept, instead = [], {}
    for line in map(json.loads, path.read_text().splitlines()):
        # What the client keeps for itself is large: the shape of requests, lists of its tools and skills.
        if line["type"].startswith("api-request"):
            continue
        if line["type"] == "attachment":
            instead[line["uuid"]] = line["parentUuid"]
            continue
        while line.get("parentUuid") in instead:
            line["parentUuid"] = instead[line["parentUuid"]]
        kept.append(json.dumps(line) + "\n")
    return "".join(kept)


def main() -> None:
    root = Path(tempfile.mkdtemp(prefix="old-home-"))
    with Double(Script((Account("work", "tok-work"), Account("side", "tok-side")), tasks())) as double:
        house = Household(root, double, {"PYTHONPATH": str(Path(fleet.__file__).parents[1])})
        live(house)
        for name, text in written_down(house).items():
            (Path(sys.argv[1]) / name).write_text(text)
    shutil.rmtree(root)


main()
