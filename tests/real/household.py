"""A home, a repository and a double for one test, and the real `fleet` command to use on them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from fleet.double import Double
from fleet.views.light import state
from tests.patience import PATIENCE_S, until
from tests.proofs import lend
from tests.real_client import CLIENT
from tests.warm import Begun, begin_fleet, run_fleet

Running: TypeAlias = Begun | subprocess.Popen[bytes]
"""A coordinator in the background."""

OFF = """
import sys, time
from pathlib import Path
off = Path(sys.argv.pop(1))
real = time.time_ns
time.time_ns = lambda: real() + int(off.read_text()) * 1_000_000
from fleet.cli import main
sys.exit(main())
"""
"""The command, by a clock that is as many milliseconds ahead as a file says. The client and the double have the real
one."""


@dataclass
class Household:
    """Everything lies below `root`, which is the tests' own HOME too: nothing of this machine's user is touched."""

    root: Path
    double: Double
    extra_env: dict[str, str] = field(default_factory=dict)
    without: set[str] = field(default_factory=set)
    """Variables that it does not have after all."""
    sandbox: str = "none"
    """`fleet up --sandbox`: most tests look at what work does from outside, and let it do things there."""
    forecasts: bool = False
    """Whether it keeps capacity by forecasts. Those begin a scan of the transcripts with each coordinator, which most
    tests have no use for."""

    def __post_init__(self) -> None:
        lend(self.home)

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def repo(self) -> Path:
        return self.root / "repo"

    @property
    def tmp(self) -> Path:
        """Made when it is asked for: the client and its tools leave files there."""
        path = self.root / "tmp"
        path.mkdir(parents=True, exist_ok=True)
        return path

    @property
    def env(self) -> dict[str, str]:
        found = {
            "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(self.root),
            "LANG": "C.UTF-8",
            "TMPDIR": str(self.tmp),
            "FLEET_HOME": str(self.home),
            "FLEET_CLIENT": str(CLIENT),
            # A real backend of a public library: plain text, in this test's own directory.
            "PYTHON_KEYRING_BACKEND": "keyrings.alt.file.PlaintextKeyring",
            "XDG_DATA_HOME": str(self.root / "data"),
            # Where these tests run: hours are said and told in its time zone.
            **{name: os.environ[name] for name in ("TZ",) if name in os.environ},
            **self.extra_env,
        }
        return {name: value for name, value in found.items() if name not in self.without}

    def set_clock(self, ahead_ms: int) -> None:
        """From now on, also for what runs already if this was called before it began."""
        draft = self.root / "clock.draft"
        draft.write_text(str(ahead_ms))
        draft.replace(self._clock)

    @property
    def _clock(self) -> Path:
        return self.root / "clock"

    def _in_sandbox(self, words: Sequence[str]) -> Sequence[str]:
        asked = words[:1] == ("up",) and "--sandbox" not in words and "--dry-run" not in words
        return (*words, "--sandbox", self.sandbox) if asked else words

    def _command(self, words: Sequence[str]) -> list[str]:
        if self._clock.exists():
            return [sys.executable, "-c", OFF, str(self._clock), *words]
        return [sys.executable, "-m", "fleet.cli", *words]

    def fleet(self, *words: str, stdin: str = "", code: int | None = 0, cwd: Path | None = None) -> str:
        """Runs a command, checks its exit code (None: any), and returns its standard output."""
        ended = self.run(*words, stdin=stdin, cwd=cwd)
        story = f"fleet {' '.join(words)} ended with {ended.returncode}\n{ended.stdout}\n{ended.stderr}"
        assert code is None or ended.returncode == code, story
        return ended.stdout

    def run(self, *words: str, stdin: str = "", cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        words = tuple(self._in_sandbox(words))
        if not self._clock.exists():
            return run_fleet(words, self.env, cwd or self.root, stdin, PATIENCE_S)
        return subprocess.run(
            self._command(words),
            input=stdin,
            env=self.env,
            cwd=cwd or self.root,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )

    def begin(self, *words: str) -> subprocess.Popen[str]:
        """Starts a command that goes on; end it with `communicate`."""
        return subprocess.Popen(
            self._command(self._in_sandbox(words)),
            env=self.env,
            cwd=self.root,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )

    def json(self, *words: str) -> Any:
        return json.loads(self.fleet(*words, "--json"))

    def task(self, task_id: str) -> dict[str, Any]:
        shown: dict[str, Any] = self.json("task", "show", task_id)
        return shown

    def seen(self, task_id: str) -> dict[str, Any]:
        """The same without a process of its own, to be asked often."""
        return state.task(self.home, task_id)

    def make_repo(self, files: Mapping[str, str] | None = None, checked_out: str = "elsewhere") -> Path:
        """A repository with `main`, and (by default) another branch checked out, so that merges may land on main. Its
        person has agreed to the `.fleet.toml` that it begins with."""
        self.repo.mkdir(parents=True)
        self.git("init", "--quiet", "--initial-branch=main")
        self.git("config", "user.name", "Test")
        self.git("config", "user.email", "test@localhost")
        for name, text in (files or {"README.md": "A sample.\n"}).items():
            path = self.repo / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "-m", "Begin")
        if checked_out != "main":
            self.git("switch", "--quiet", "--create", checked_out)
        if ".fleet.toml" in (files or {}):
            self.fleet("project", "allow", str(self.repo), "--yes")
        return self.repo

    def git(self, *words: str) -> str:
        return subprocess.run(
            ["git", "-C", str(self.repo), *words], env=self.env, capture_output=True, text=True, check=True
        ).stdout

    def add_account(
        self, name: str, *more: str, kind: str = "subscription", token: str | None = None
    ) -> None:
        """The double knows an account by the token `tok-NAME`, unless another is given."""
        words = (
            "account",
            "add",
            name,
            "--kind",
            kind,
            "--token-stdin",
            "--base-url",
            self.double.base_url,
            *more,
        )
        first = not (self.home / "fleet.db").exists()
        self.fleet(*words, stdin=token or f"tok-{name}")
        if first and not self.forecasts:
            self.fleet("reserve", "auto", "off")

    def add_task(self, prompt: str, *more: str) -> str:
        return self.fleet("task", "add", prompt, "--repo", str(self.repo), *more).strip()

    def up_until_idle(self, *more: str, code: int | None = 0) -> list[dict[str, Any]]:
        """Runs the coordinator to its end and returns its log."""
        ended = self.run("up", "--until-idle", "--log-format", "json", *more)
        assert code is None or ended.returncode == code, f"{ended.returncode}\n{ended.stdout}\n{ended.stderr}"
        return [json.loads(line) for line in ended.stderr.splitlines() if line.startswith("{")]

    @contextmanager
    def coordinator(self, *more: str) -> Iterator[Running]:
        """A coordinator in the background; its log goes to `root/up.log`. Its workers are stopped at the end."""
        with (self.root / "up.log").open("ab") as log:
            process = self.start_coordinator(log, *more)
            try:
                yield process
            finally:
                if process.poll() is None:
                    self.run("down", "--stop-workers")
                    if process.poll() is None:
                        process.send_signal(signal.SIGTERM)
                    process.wait(PATIENCE_S)

    def start_coordinator(self, log: Any, *more: str) -> Running:
        process = self._begin_up(("up", "--log-format", "json", *more), log)
        self.wait_for(
            lambda: state.status(self.home)["coordinator"] is not None or process.poll() is not None,
            "no coordinator",
        )
        return process

    def _begin_up(self, words: Sequence[str], log: Any) -> Running:
        words = self._in_sandbox(words)
        with Path(os.devnull).open("rb") as nothing:
            if not self._clock.exists():
                return begin_fleet(words, self.env, self.root, (nothing.fileno(), log.fileno(), log.fileno()))
            return subprocess.Popen(
                self._command(words), env=self.env, cwd=self.root, stdin=nothing, stdout=log, stderr=log
            )

    def wait_for(self, holds: Callable[[], object], story: str, patience_s: float = PATIENCE_S) -> None:
        """Polls until `holds`; fails with `story` and the coordinator's log when it never does."""
        log = self.root / "up.log"
        until(story, holds, 0.05, lambda: log.read_text() if log.exists() else "", patience_s)

    def wait_for_state(self, task_id: str, *states: str, patience_s: float = PATIENCE_S) -> dict[str, Any]:
        story = f"{task_id} never became {states}"
        self.wait_for(lambda: self.seen(task_id)["state"] in states, story, patience_s)
        return self.seen(task_id)

    def leftovers(self) -> list[int]:
        """Living processes of this home's runs: after everything has ended there must be none."""
        home_id = self.home_id()
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) != os.getpid():
                try:
                    environ = (entry / "environ").read_bytes()
                except OSError:
                    continue
                if f"@{home_id}".encode() in environ:
                    found.append(int(entry.name))
        return found

    def home_id(self) -> str:
        import sqlite3

        with closing(sqlite3.connect(self.home / "fleet.db")) as database, database:
            return str(database.execute("SELECT home_id FROM meta").fetchone()[0])
