"""A git repository as a person might have it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path


def git(path: Path, *words: str) -> str:
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(path),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_SYSTEM": os.devnull,
        **{f"GIT_{who}_{what}": "a@b.c" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
    }
    ended = subprocess.run(["git", *words], cwd=path, env=env, capture_output=True, text=True, check=True)
    return ended.stdout.strip()


def repository(path: Path) -> Path:
    """One commit on `main`, which is checked out."""
    path.mkdir(parents=True)
    git(path, "init", "--quiet", "--initial-branch=main")
    (path / "clock.txt").write_text("12:00\n")
    git(path, "add", "--all")
    git(path, "commit", "--quiet", "--message", "Begin")
    return path
