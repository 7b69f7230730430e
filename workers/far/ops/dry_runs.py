"""What a start of a worker needs of this host's git, done once in a directory of its own. Travels.

`name` is the dry run's, drawn by home for each. Nothing of it lies among mirrors and worktrees, so one that was broken
off is nobody's work; the next one clears it away.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from workers.far.ops import Answer, Args, Here, Op
from workers.far.ops.mirrors import make_bare
from workers.git import Git
from workers.worktree.commit import commit_work
from workers.worktree.mirrored import Asked, make_from_mirror

LEFT_S = 3600.0
"""One that has lain for so long was broken off."""
FILE = "answer"


def begin(here: Here, args: Args, _: bytes) -> Answer:
    """{name} → {path: of a bare repository}"""
    folder = here.directory.dry_run(args["name"])
    for left in folder.parent.glob("*"):
        if time.time() - left.stat().st_mtime > LEFT_S:
            shutil.rmtree(left, ignore_errors=True)
    mirror = _mirror(folder)
    make_bare(mirror)
    return Answer({"path": str(mirror)})


def work(here: Here, args: Args, _: bytes) -> Answer:
    """{name, commit, branch, answer: text, identity: variables} → {head}: of a commit with the answer in a file, made
    in a worktree at `commit`. Raises GitError, OSError."""
    folder = here.directory.dry_run(args["name"])
    worktree = folder / "worktree"
    commit, branch = args["commit"], args["branch"]
    make_from_mirror(_mirror(folder), worktree, Asked(branch, commit, commit, None, None, {}, (), 0.0, b""))
    (worktree / FILE).write_text(args["answer"], encoding="utf-8")
    commit_work(worktree, "fleet: dry run", branch=branch, writer=args["identity"])
    return Answer({"head": Git(worktree).said("rev-parse", "HEAD")})


def end(here: Here, args: Args, _: bytes) -> Answer:
    """{name} → {}"""
    shutil.rmtree(here.directory.dry_run(args["name"]), ignore_errors=True)
    return Answer({})


def _mirror(folder: Path) -> Path:
    return folder / "mirror.git"


OPS: dict[str, Op] = {"dry_run_begin": begin, "dry_run_work": work, "dry_run_end": end}
