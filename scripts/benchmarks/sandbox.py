"""Starting a worker in the sandbox, beside starting it without one; and the sandbox's own start.

A start is timed from `Starter.start`, with its worktree already there, to the real client's first line, against the
double; since the start before it another branch has moved, as in a fleet at work. With and without take turns in one
process; the median of the ratios of neighbours is told.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.figure import Figure, Options, spread
from fleet.core.model import HERE, Account, Attempt, Fleet, Task, TaskSpec, Worktree
from fleet.double import Account as DoubleAccount
from fleet.double import Double, Script, Step
from fleet.double import Task as DoubleTask
from fleet.home import Home
from fleet.service.clients import proved_client
from fleet.shell.cells import Cells
from fleet.shell.hosts.all import Hosts
from fleet.shell.hosts.connecting import Connecting
from fleet.shell.hosts.local import LocalDriver
from fleet.shell.places import worktree_path
from fleet.shell.starting import Starter
from profiles.secrets import MemorySecrets
from tests.real_client import CLIENT
from workers.host import LocalHost
from workers.orders import Stop
from workers.sandbox.bubblewrap import Unavailable, find
from workers.sandbox.cell import Sandbox
from workers.sandbox.rooms import Rooms

PAIRS = 30
TARGET = 1.05
TARGET_MS = 50.0
HOME_ID = "benchsandbox"


def measure(options: Options) -> list[Figure]:
    found = find(os.environ)
    if isinstance(found, Unavailable):
        raise SystemExit(f"{found.why}: {found.cure}")
    pairs = 3 if options.quick else PAIRS
    script = Script((DoubleAccount("work", "tok-work"),), (DoubleTask("greet", (Step(text="Hello."),)),))
    with tempfile.TemporaryDirectory(prefix="fleet-bench-") as scratch, Double(script) as double:
        place = _Place(Path(scratch), found, double.base_url)
        return [_workers(place, pairs), _commands(place, pairs)]


def _workers(place: _Place, pairs: int) -> Figure:
    without, within = place.starter(sandboxed=False), place.starter(sandboxed=True)
    for starter in (without, within):
        place.start(starter)
    took = _in_turns(pairs, lambda: place.start(without), lambda: place.start(within))
    return _figure("start of a worker, in the sandbox / without", took, TARGET)


def _commands(place: _Place, pairs: int) -> Figure:
    task = place.task(1)
    worktree = worktree_path(place.home, task)
    words = place.cells().of(task).of_commands(worktree).before(place.root / "tmp", worktree)
    plain, within = lambda: place.run(["true"]), lambda: place.run([*words, "true"])
    took = _in_turns(pairs, plain, within)
    more = statistics.median(b - a for a, b in took) * 1000
    detail = {**spread("plain", [a for a, _ in took]), **spread("within", [b for _, b in took])}
    return Figure("start of a command in the sandbox, more", round(more, 1), TARGET_MS, "ms", detail)


def _in_turns(pairs: int, one: Callable[[], float], other: Callable[[], float]) -> list[tuple[float, float]]:
    """Seconds of both, who is first changing."""
    took = []
    for number in range(pairs):
        if number % 2:
            second = other()
            took.append((one(), second))
        else:
            took.append((one(), other()))
    return took


def _figure(name: str, took: list[tuple[float, float]], target: float) -> Figure:
    ratios = [b / a for a, b in took]
    detail: dict[str, object] = {"pairs": len(took), "ratio_min": round(min(ratios), 3)}
    detail |= {"ratio_max": round(max(ratios), 3), **spread("without", [a for a, _ in took])}
    detail |= spread("within", [b for _, b in took])
    return Figure(name, round(statistics.median(ratios), 3), target, detail=detail)


@dataclass
class _Place:
    root: Path
    program: str
    base_url: str
    started: int = 0

    def __post_init__(self) -> None:
        for path in (self.root / "tmp", self.root / "person"):
            path.mkdir()
        self.home.make()
        self.home.runs.mkdir()
        subprocess.run(["git", "init", "--quiet", "-b", "main", str(self.repo)], check=True)
        self._git("commit", "--quiet", "--allow-empty", "-m", "first")
        self._git("branch", "other")

    def _git(self, *words: str) -> str:
        who = ("-c", "user.name=Bench", "-c", "user.email=bench@localhost")
        ended = subprocess.run(
            ["git", *who, *words], cwd=self.repo, check=True, capture_output=True, text=True
        )
        return ended.stdout.strip()

    def _move_a_branch(self, number: int) -> None:
        made = self._git("commit-tree", "-p", "other", "-m", f"{number}", "other^{tree}")
        self._git("update-ref", "refs/heads/other", made)

    @property
    def home(self) -> Home:
        return Home(self.root / "home")

    @property
    def repo(self) -> Path:
        return self.root / "repo"

    @property
    def environ(self) -> dict[str, str]:
        own = {"HOME": str(self.root / "person"), "TMPDIR": str(self.root / "tmp")}
        return {**os.environ, **own, "FLEET_CLIENT": str(CLIENT)}

    def cells(self) -> Cells:
        sandbox = Sandbox(self.program, self.environ, self.home.root)
        return Cells(Rooms(sandbox, self.home.worktrees, self.home.kept), lambda _: None)

    def starter(self, *, sandboxed: bool) -> Starter:
        client = proved_client(self.home, self.environ)
        cells = self.cells() if sandboxed else None
        runs = LocalHost(self.home.runs, HOME_ID)
        here = LocalDriver(self.home, HOME_ID, runs, client, self.environ, cells=cells)
        secrets = MemorySecrets()
        secrets.put("work", "tok-work")
        return Starter(
            Hosts(here, Connecting(self.home, HOME_ID, Fleet).driver), HOME_ID, secrets, self.home.runs
        )

    def task(self, attempts: int) -> Task:
        prompt = "Do it. [[double:greet]]"
        spec = TaskSpec(prompt, str(self.repo), "Greet", ("sonnet",), "main")
        return Task("t1", 1, spec, 1, "running", attempts=attempts)

    def start(self, starter: Starter) -> float:
        self.started += 1
        number = self.started
        self._move_a_branch(number)
        account = Account(
            "work",
            "subscription",
            (("sonnet", "sonnet"),),
            400,
            base_url=self.base_url,
            pool="work",
            added_ms=1,
        )
        session = f"7c1b3f0e-0000-4000-8000-{number:012d}"
        attempt = Attempt(
            f"t1.{number}", "t1", number, "work", "sonnet", "sonnet", HERE, session, 1, "starting"
        )
        spool = self.home.runs / attempt.id / "spool"
        began = time.perf_counter()
        starter.start(self.task(number), attempt, account, Worktree("t1", str(self.repo), 1, host=HERE))
        while b"\no " not in spool.read_bytes():
            time.sleep(0.002)
        took = time.perf_counter() - began
        runs = starter.drivers.of(HERE).runs
        runs.order(attempt.id, Stop("end", "measured", quick=True))
        while runs.alive(attempt.id):
            time.sleep(0.02)
        return took

    def run(self, words: list[str]) -> float:
        began = time.perf_counter()
        subprocess.run(words, env=self.environ, check=True)
        return time.perf_counter() - began
