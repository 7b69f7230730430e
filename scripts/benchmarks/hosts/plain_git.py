"""The repository that work starts from, and git's own transfers of its newest commit, as yardsticks."""

from __future__ import annotations

import os
import random
import subprocess
import time
from pathlib import Path

from fleet.core.model import Host
from workers.remote.address import parse

FILES = 300
FILE_BYTES = 4_000
CHANGED = 20
"""Files that a new commit changes."""


def git(repo: Path, *words: str, env: dict[str, str] | None = None) -> None:
    subprocess.run(
        ["git", "-C", str(repo), *words], check=True, capture_output=True, env={**os.environ, **(env or {})}
    )


def make_repository(repo: Path) -> None:
    repo.mkdir()
    git(repo, "init", "--quiet", "--initial-branch=main")
    git(repo, "config", "user.name", "Bench")
    git(repo, "config", "user.email", "bench@localhost")
    for number in range(FILES):
        _write(repo, number)
    git(repo, "add", "--all")
    git(repo, "commit", "--quiet", "-m", "Begin")


def add_commit(repo: Path, number: int) -> None:
    """One more, of as much as `CHANGED` files hold."""
    for changed in range(CHANGED):
        _write(repo, (number * CHANGED + changed) % FILES)
    git(repo, "commit", "--quiet", "--all", "-m", f"Change {number}")


def _write(repo: Path, number: int) -> None:
    path = repo / f"part{number % 10}" / f"{number}.txt"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(random.randbytes(FILE_BYTES // 2).hex().encode())


class PlainGit:
    """Git over OpenSSH to one host, on a connection that stays open, with a copy of the repository at each end."""

    def __init__(self, root: Path, repo: Path, host: Host, known_hosts: Path) -> None:
        reach = parse(host.address)
        self._repo = repo
        self._here, self._there = root / f"{host.name}-here.git", root / f"{host.name}-there.git"
        for copy in (self._here, self._there):
            git(root, "clone", "--quiet", "--bare", str(repo), str(copy))
        self._ssh = (
            f"ssh -p {reach.port} -i {host.identity} -o UserKnownHostsFile={known_hosts} -o BatchMode=yes "
            f"-o ControlMaster=auto -o ControlPersist=60 -o ControlPath={root}/{host.name}.ssh"
        )
        self._at = f"ssh://{reach.user}@{reach.host}:{reach.port}"

    def fetch_s(self) -> float:
        """Seconds to fetch the newest commit over the wire."""
        return self._timed(self._here, "fetch", "--quiet", f"{self._at}{self._repo}", "+main:main")

    def push_s(self) -> float:
        """Seconds to push it."""
        return self._timed(self._repo, "push", "--quiet", f"{self._at}{self._there}", "+main:main")

    def _timed(self, repo: Path, *words: str) -> float:
        began = time.perf_counter()
        git(repo, *words, env={"GIT_SSH_COMMAND": self._ssh})
        return time.perf_counter() - began

    def close(self) -> None:
        host = self._at.removeprefix("ssh://").rpartition(":")[0]
        subprocess.run([*self._ssh.split(), "-O", "exit", host], check=False, capture_output=True)
