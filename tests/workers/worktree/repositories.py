"""Real repositories for the tests, each in a directory of its own, made with plain git."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

from tests.own_home import HOME_ID
from workers.git import Git
from workers.worktree.settings import worktree_settings
from workers.worktree.wanted import WorktreeSettings

MARKER = {"FLEET_RUN": f"t1.1@{HOME_ID}"}


def git(directory: Path, *args: str, check: bool = True) -> str:
    """Run git as a person with a name would, apart from this machine's configuration."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    env |= {"GIT_AUTHOR_NAME": "Ann", "GIT_AUTHOR_EMAIL": "ann@example.org"}
    env |= {"GIT_COMMITTER_NAME": "Ann", "GIT_COMMITTER_EMAIL": "ann@example.org"}
    words = ["git", "-c", "protocol.file.allow=always", *args]
    ended = subprocess.run(words, cwd=directory, env=env, capture_output=True, text=True, check=False)
    if check and ended.returncode:
        raise AssertionError(f"git {args} in {directory}: {ended.stderr}")
    return ended.stdout.strip()


def of_target(repository: Git, target: str, merged: str) -> WorktreeSettings:
    """What a landing is made ready with, where nobody has to agree to it."""
    return worktree_settings(repository, target)


def repository(directory: Path, files: dict[str, str] | None = None) -> Path:
    """A repository on branch main with one commit."""
    directory.mkdir(parents=True)
    git(directory, "init", "--quiet", "-b", "main")
    commit(directory, files or {"a.txt": "one\n", ".gitignore": "*.log\n.env\ncache/\n"}, "first")
    return directory


def commit(directory: Path, files: dict[str, str], message: str = "change") -> str:
    write(directory, files)
    git(directory, "add", "-A")
    git(directory, "commit", "--quiet", "--no-verify", "-m", message)
    return git(directory, "rev-parse", "HEAD")


def write(directory: Path, files: dict[str, str]) -> None:
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


def hook(directory: Path, name: str, script: str) -> None:
    common = Path(git(directory, "rev-parse", "--path-format=absolute", "--git-common-dir"))
    file = common / "hooks" / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)


def show(directory: Path, commit: str, path: str) -> str:
    return git(directory, "show", f"{commit}:{path}")


def fingerprint(checkout: Path) -> dict[str, str]:
    """Every file of a checkout, its HEAD and its index, byte by byte (not git's object store and references)."""
    files = [
        path
        for path in checkout.rglob("*")
        if path.is_file() and ".git" not in path.relative_to(checkout).parts
    ]
    files += [checkout / ".git" / "HEAD", checkout / ".git" / "index"]
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
