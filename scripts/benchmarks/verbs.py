"""What a person waits for who does one thing to a thousand tasks while a coordinator runs, or looks at a difference.

The coordinator is a real one with 10,000 tasks and no account, so that nothing starts; the commands are whole
processes. The difference is of 20 files with a lock file of 20,000 lines, by the view that `fleet task diff` shows.
"""

from __future__ import annotations

import json
import os
import resource
import sqlite3
import subprocess
import sysconfig
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

from benchmarks.figure import Figure, Options, spread
from benchmarks.machine import beside
from fleet.core.events import TasksAdded
from fleet.core.model import Fleet, Task, TaskSpec
from fleet.engine import Engine
from fleet.home import Home
from fleet.ports import Change
from fleet.shell import homelock
from fleet.shell.stamp import stamp
from fleet.store.sqlite import SqliteStore
from fleet.views.diffs import diff

TASKS = 10_000
MANY = 1_000
MANY_S_MAX = 2.0
FILE_S_MAX = 0.1
REFUSED_SOME = 3
"""The exit code of a command that was refused for some of its tasks."""

VERBS = (
    ("edit", "t1..t1000", "--priority", "3"),
    ("pause", "t1..t1000", "--reason", "lunch"),
    ("resume", "t1..t1000"),
    ("say", "t1..t1000", "Keep it small"),
    ("approve", "t1001..t2000"),
    ("cancel", "t1..t1000"),
    ("retry", "t1..t1000", "t99999"),
)
"""The last has one task that is not there."""

FILES = 20
LINES = 20_000
BRANCH = "fleet/t1-change"


def many_at_once(options: Options) -> list[Figure]:
    """Each verb over a thousand tasks, at a running coordinator."""
    fleet = str(Path(sysconfig.get_path("scripts")) / "fleet")
    with tempfile.TemporaryDirectory(prefix="fleet-bench-") as root:
        home = Home(Path(root) / "home")
        home.make()
        repo = _repository(Path(root) / "repo")
        _fill(home, repo)
        environment = {"PATH": os.environ["PATH"], "HOME": root, "FLEET_HOME": str(home.root)}
        figures = []
        with _coordinator(fleet, home, environment) as pid:
            for verb, *words in VERBS[: 2 if options.quick else len(VERBS)]:
                before, used_s, began = _revision(home), _cpu_s(pid), time.perf_counter()
                ended = subprocess.run(
                    [fleet, "task", verb, *words, "--json"], env=environment, capture_output=True, check=False
                )
                took = time.perf_counter() - began
                done = len(json.loads(ended.stdout or "{}").get("done", ()))
                if done != MANY or ended.returncode not in (0, REFUSED_SOME):
                    raise AssertionError(f"fleet task {verb}: {done} done, {ended.stderr.decode()[:500]}")
                cpu_s = round(_cpu_s(pid) - used_s, 2)
                told = {"cpu_s": cpu_s, "commits": _revision(home) - before, **beside()}
                figures.append(Figure(f"task {verb} of {MANY:,}", round(took, 2), MANY_S_MAX, "s", told))
        return figures


def _fill(home: Home, repo: Path) -> None:
    """The second thousand waits for a review, at the commit of one branch that all of them share."""
    store = SqliteStore(home.database)
    engine = Engine(store)
    spec = TaskSpec("Change it.", str(repo), "Change", ("sonnet",), "main", review="person")
    engine.apply([TasksAdded(**stamp(), specs=(spec,) * TASKS)])
    before = engine.fleet
    commit = _git(repo, "rev-parse", BRANCH)

    def reviewed(task: Task) -> Task:
        in_review = MANY < task.number <= 2 * MANY
        return replace(task, state="review", branch=BRANCH, commit=commit) if in_review else task

    tasks = {name: reviewed(task) for name, task in before.tasks.items()}
    after: Fleet = replace(before, tasks=tasks, queue={})
    store.commit(Change(before, after))
    store.close()


@contextmanager
def _coordinator(fleet: str, home: Home, environment: Mapping[str, str]) -> Iterator[int]:
    words = [fleet, "up", "--sandbox", "none", "--log-format", "json"]
    with (
        (home.root / "log").open("wb") as log,
        subprocess.Popen(words, env=environment, stdout=log, stderr=log) as process,
    ):
        try:
            while (holder := homelock.holder(home)) is None or not holder.socket:
                if process.poll() is not None:
                    raise AssertionError((home.root / "log").read_text()[-2_000:])
                time.sleep(0.05)
            yield process.pid
        finally:
            process.terminate()
            process.wait()


def _cpu_s(pid: int) -> float:
    """What the coordinator has used of a processor, and the commands that have ended: whatever else runs here."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return ended.ru_utime + ended.ru_stime + (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _revision(home: Home) -> int:
    with closing(sqlite3.connect(home.database)) as database:
        return int(database.execute("SELECT revision FROM meta").fetchone()[0])


def differences(options: Options) -> list[Figure]:
    """The list of the files, and each file's difference."""
    with tempfile.TemporaryDirectory(prefix="fleet-bench-") as root:
        home = Home(Path(root) / "home")
        home.make()
        repo = _repository(Path(root) / "repo")
        _changed(repo)
        store = SqliteStore(home.database)
        engine = Engine(store)
        spec = TaskSpec("Change it.", str(repo), "Change", ("sonnet",), "main")
        engine.apply([TasksAdded(**stamp(), specs=(spec,))])
        before = engine.fleet
        task = replace(before.tasks["t1"], branch=BRANCH, base_commit=_git(repo, "rev-parse", "main"))
        store.commit(Change(before, replace(before, tasks={"t1": task}, queue={})))
        store.close()
        lists_s, files_s = [], []
        for _ in range(2 if options.quick else 10):
            began = time.perf_counter()
            with diff(home, "t1") as found:
                files = found.changes.files()
                lists_s.append(time.perf_counter() - began)
                for file in files:
                    began = time.perf_counter()
                    found.changes.patch(file)
                    files_s.append(time.perf_counter() - began)
    detail = {"files": len(files), **spread("list", lists_s), **spread("file", files_s), **beside()}
    return [
        Figure(f"the list of {FILES} files that differ", round(min(lists_s), 4), FILE_S_MAX, "s", detail),
        Figure("… the slowest file's difference, median of rounds", _slowest(files_s), FILE_S_MAX, "s"),
    ]


def _slowest(files_s: list[float]) -> float:
    """The files come in the same order in each round."""
    rounds = sorted(max(files_s[at : at + FILES]) for at in range(0, len(files_s), FILES))
    return round(rounds[len(rounds) // 2], 4)


def _repository(root: Path) -> Path:
    root.mkdir()
    _git(root, "init", "--quiet", "--initial-branch=main")
    for number in range(FILES - 1):
        (root / f"file{number}.py").write_text("line\n" * 200)
    (root / "some.lock").write_text("".join(f"package {number} = 1.0\n" for number in range(LINES)))
    _commit(root)
    _git(root, "branch", BRANCH)
    return root


def _changed(root: Path) -> None:
    _git(root, "switch", "--quiet", BRANCH)
    for number in range(FILES - 1):
        (root / f"file{number}.py").write_text("line\nanother\n" * 100)
    (root / "some.lock").write_text("".join(f"package {number} = 1.1\n" for number in range(LINES)))
    _commit(root)
    _git(root, "switch", "--quiet", "main")


def _commit(root: Path) -> None:
    who = ("-c", "user.name=Bench", "-c", "user.email=bench@localhost")
    _git(root, "add", "--all")
    _git(root, *who, "commit", "--quiet", "--message", "Change")


def _git(root: Path, *words: str) -> str:
    return subprocess.run(
        ["git", "-C", str(root), *words], check=True, capture_output=True, text=True
    ).stdout.strip()
