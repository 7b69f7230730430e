"""What a start of a worker needs of this host's git, done once in a directory of its own. Travels.

`name` is the dry run's, drawn by home for each. Its worktree does not lie among those of tasks, and hangs on a
repository of its own, or on the mirror of the one that is tried. So one that was broken off is nobody's work; the next
one clears it away.
"""

from __future__ import annotations

import shutil
import time
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

from workers.far.ops import Answer, Args, Here, Op
from workers.git import HEADS, Git, GitError
from workers.sandbox.confined import confined
from workers.worktree.commit import commit_work
from workers.worktree.mirrored import Asked, make_from_mirror

LEFT_S = 3600.0
"""One that has lain for so long was broken off."""
FILE = "fleet-dry-run"
OWN = "mirror.git"
"""The repository of one that hangs on no mirror; home makes it as it sends the commit."""


def work(here: Here, args: Args, _: bytes) -> Answer:
    """{name, commit, branch, answer: text, identity: variables, mirror: optional, the name of the one that has the
    commit} → {head}: of a commit with the answer in a file, made in a worktree at `commit`. Raises GitError, OSError.
    """
    folder = here.directory.dry_run(args["name"])
    for left in folder.parent.glob("*"):
        if time.time() - left.stat().st_mtime > LEFT_S:
            shutil.rmtree(left, ignore_errors=True)
    worktree = folder / "worktree"
    commit, branch = args["commit"], args["branch"]
    asked = Asked(branch, commit, commit, None, None, {}, (), 0.0, b"")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _with_room_for(here, folder):
        make_from_mirror(_hangs_on(here, args), worktree, asked)
    (worktree / FILE).write_text(args["answer"], encoding="utf-8")
    though_ignored = (FILE,) if args.get("mirror") else ()
    head = commit_work(
        worktree, "fleet: dry run", branch=branch, writer=args["identity"], though_ignored=though_ignored
    )
    if head is None:
        raise GitError(
            f"it ignores a new file of an ordinary name ({FILE}), so new files of work would not be committed: look at "
            "core.excludesFile of its user (`git config --show-origin --get core.excludesFile`)"
        )
    return Answer({"head": head})


def end(here: Here, args: Args, _: bytes) -> Answer:
    """{name, mirror and branch: where it hung on one} → {}. Raises GitError; its files are gone all the same."""
    folder = here.directory.dry_run(args["name"])
    try:
        if args.get("mirror"):
            git = Git(_hangs_on(here, args))
            with _with_room_for(here, folder):
                git.run("worktree", "remove", "--force", "--force", str(folder / "worktree"), check=False)
            git.run("update-ref", "-d", f"{HEADS}{args['branch']}", check=False)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return Answer({})


def _with_room_for(here: Here, folder: Path) -> AbstractContextManager[None]:
    """Its worktree is Fleet's own and in no cell; but git in a mirror, where a worker may have laid links, still writes
    nowhere else."""
    return confined(None if here.rooms is None else replace(here.rooms, own_writes=(folder,)))


def _hangs_on(here: Here, args: Args) -> Path:
    name = args.get("mirror")
    return here.directory.mirror(name) if name else here.directory.dry_run(args["name"]) / OWN


OPS: dict[str, Op] = {"dry_run_work": work, "dry_run_end": end}
