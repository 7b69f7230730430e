"""What a start of a worker needs of this host's git, done once in a directory of its own. Travels.

`name` is the dry run's, drawn by home for each. Its worktree does not lie among those of tasks, and hangs on a
repository of its own, or on the mirror of the one that is tried. So one that was broken off is nobody's work; the next
one clears it away.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from workers.far.ops import Answer, Args, Here, Op
from workers.far.ops.mirrors import make_bare
from workers.git import HEADS, Git
from workers.worktree.commit import commit_work
from workers.worktree.mirrored import Asked, make_from_mirror

LEFT_S = 3600.0
"""One that has lain for so long was broken off."""
FILE = ".fleet-dry-run"


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
    """{name, commit, branch, answer: text, identity: variables, mirror: optional, the name of the one that has the
    commit} → {head}: of a commit with the answer in a file, made in a worktree at `commit`. Raises GitError, OSError.
    """
    folder = here.directory.dry_run(args["name"])
    worktree = folder / "worktree"
    commit, branch = args["commit"], args["branch"]
    asked = Asked(branch, commit, commit, None, None, {}, (), 0.0, b"")
    make_from_mirror(_hangs_on(here, args), worktree, asked)
    (worktree / FILE).write_text(args["answer"], encoding="utf-8")
    commit_work(worktree, "fleet: dry run", branch=branch, writer=args["identity"], though_ignored=(FILE,))
    return Answer({"head": Git(worktree).said("rev-parse", "HEAD")})


def end(here: Here, args: Args, _: bytes) -> Answer:
    """{name, mirror and branch: where it hung on one} → {}"""
    folder = here.directory.dry_run(args["name"])
    if args.get("mirror"):
        git = Git(_hangs_on(here, args))
        git.run("worktree", "remove", "--force", "--force", str(folder / "worktree"), check=False)
        git.run("update-ref", "-d", f"{HEADS}{args['branch']}", check=False)
    shutil.rmtree(folder, ignore_errors=True)
    return Answer({})


def _hangs_on(here: Here, args: Args) -> Path:
    name = args.get("mirror")
    return here.directory.mirror(name) if name else _mirror(here.directory.dry_run(args["name"]))


def _mirror(folder: Path) -> Path:
    return folder / "mirror.git"


OPS: dict[str, Op] = {"dry_run_begin": begin, "dry_run_work": work, "dry_run_end": end}
