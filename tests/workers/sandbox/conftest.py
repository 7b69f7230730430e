from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.sandboxes import bubblewrap
from tests.workers.worktree.repositories import git, repository
from workers.sandbox.cell import Cell, Needs, Sandbox
from workers.sandbox.rooms import Rooms


@dataclass
class House:
    """A person's home with a fleet's home, a repository and two worktrees of it below."""

    root: Path
    more_env: Mapping[str, str] = field(default_factory=dict)

    @property
    def person(self) -> Path:
        return self.root / "person"

    @property
    def fleet(self) -> Path:
        return self.person / ".local" / "state" / "fleet"

    @property
    def repo(self) -> Path:
        return self.person / "src" / "app"

    @property
    def tree(self) -> Path:
        return self.fleet / "worktrees" / "app" / "t1"

    @property
    def neighbour(self) -> Path:
        return self.fleet / "worktrees" / "app" / "t2"

    @property
    def env(self) -> dict[str, str]:
        names = {"GIT_AUTHOR_NAME": "Ann", "GIT_AUTHOR_EMAIL": "a@b.c"}
        names |= {"GIT_COMMITTER_NAME": "Ann", "GIT_COMMITTER_EMAIL": "a@b.c"}
        scratch = self.root / "tmp"
        scratch.mkdir(exist_ok=True)
        path = f"{self.person}/.local/bin:/usr/local/bin:/usr/bin:/bin"
        return {"HOME": str(self.person), "PATH": path, "TMPDIR": str(scratch), **names, **self.more_env}

    def make(self) -> None:
        repository(self.repo)
        for tree in (self.tree, self.neighbour):
            tree.parent.mkdir(parents=True, exist_ok=True)
            git(self.repo, "worktree", "add", "--quiet", "-b", tree.name, str(tree))
        self.write(self.fleet / "fleet.db", "all state")
        self.write(self.fleet / "accounts" / "side" / ".credentials.json", "token")
        self.write(self.person / ".ssh" / "id_ed25519", "key")
        self.write(self.person / ".netrc", "key")
        self.tool("greet", "echo hello")

    def tool(self, name: str, script: str) -> None:
        path = self.person / ".local" / "bin" / name
        self.write(path, f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def write(self, path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def rooms(self, program: str = "") -> Rooms:
        sandbox = Sandbox(program or bubblewrap(), self.env, self.fleet)
        return Rooms(sandbox, self.fleet / "worktrees", self.fleet / "kept")

    def cell(self, **more: Sequence[Path]) -> Cell:
        return self.rooms().room(
            self.tree, Needs("an app", **{name: tuple(paths) for name, paths in more.items()})
        )

    def run(self, command: str, cell: Cell | None = None) -> subprocess.CompletedProcess[str]:
        """A shell command within."""
        scratch = self.root / "scratch"
        scratch.mkdir(exist_ok=True)
        words = [*(cell or self.cell()).before(scratch, self.tree), "sh", "-c", command]
        return subprocess.run(words, env=self.env, capture_output=True, text=True, check=False)


@pytest.fixture
def house(tmp_path: Path) -> House:
    assert os.environ["HOME"] != str(tmp_path)
    made = House(tmp_path)
    made.make()
    return made
