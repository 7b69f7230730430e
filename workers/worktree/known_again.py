"""A worktree that git has lost is made known to it again, with its files as they lie there. Travels.

What git has of a linked worktree lies in two places that name each other: the file `.git` in it, and a directory in the
repository with its HEAD and index (gitrepository-layout(5), "worktrees"). While work is under way a session, a person
or a cleaner may delete either, and the second may belong to another worktree by then. What lies in the worktree may be
in no commit yet, so it is what counts.
"""

from __future__ import annotations

import glob
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path

from workers.git import HEADS, Git
from workers.plain_files import text_if_plain
from workers.private import write_whole
from workers.worktree.branch import claimed
from workers.worktree.deleting import BESIDE, beside
from workers.worktree.entry import admin_dir, named_in
from workers.worktree.lock import held
from workers.worktree.notes import AGAIN
from workers.worktree.ready import read_ready
from workers.worktree.repository import common_dir_of
from workers.worktree.restore import is_told_of_loss

TYPE_CHECKING = False
if TYPE_CHECKING:
    from workers.worktree.make import Made

_BYTES_MAX = 10_000
_HEAD = re.compile(r"(?:ref: refs/\S+|[0-9a-f]{40}|[0-9a-f]{64})\n?")


@dataclass(frozen=True)
class Found:
    """`remade`: the directory is another one than before. `told`: what a person should know of it, if anything."""

    remade: bool
    told: str


def found_again(
    repo: Path, path: Path, make: Callable[[], Made], branches: Mapping[str, str] | None = None
) -> Found:
    """Sees to it that there is a worktree to go on with. One that cannot go on as it lies there, since nobody knows any
    more what the set-up made and what the session, is made anew by `make`, which brings its files back (`make.clear`).
    `branches` as in `known_again`. Raises what `make` does, GitError, OSError."""
    common_dir, told = common_dir_of(repo), ""
    if is_known(common_dir, path) and _is_emptied(path):
        (path / ".git").unlink()  # the one file that a cell keeps from a session that deletes its worktree
    if not is_known(common_dir, path):
        with held(path):
            told = known_again(Git(repo), common_dir, path, branches)
    admin = named_in(path)
    if admin is not None and is_known(common_dir, path):
        if not lacks_its_notes(admin):
            return Found(False, told)
        told = told or _told(path)
    gone = f"its worktree {path} was gone, with all that was in no commit: made anew from its branch"
    before = _kept_beside(path)
    lines = make().setup_output.splitlines()
    beside_it = [f"what was in its place lies in {kept}" for kept in sorted(_kept_beside(path) - before)]
    return Found(True, "; ".join([told or gone, *beside_it, *filter(is_told_of_loss, lines)]))


def _is_emptied(path: Path) -> bool:
    """Whether nothing is left of a worktree but what a cell holds fast, though its index has files. Raises GitError,
    OSError."""
    return [child.name for child in path.iterdir()] == [".git"] and bool(Git(path).said("ls-files"))


def _kept_beside(path: Path) -> set[Path]:
    return set(path.parent.glob(f"{glob.escape(path.name)}{BESIDE}*"))


def is_known(common_dir: Path, path: Path) -> bool:
    """Whether the worktree and git's own directory for it name each other, and git can work with that."""
    admin = named_in(path)
    return (
        admin is not None
        and _is_place(common_dir, admin)
        and _belongs_to(admin, path)
        and (admin / "commondir").is_file()
        and _HEAD.fullmatch(_text(admin / "HEAD")) is not None
    )


def lacks_its_notes(admin: Path) -> bool:
    """Whether all that Fleet had noted of the worktree was lost with git's own directory, which was made again."""
    return (admin / AGAIN).exists() and read_ready(admin) is None


def known_again(git: Git, common_dir: Path, path: Path, branches: Mapping[str, str] | None = None) -> str:
    """Makes git know the worktree again, where it was lost; what there is to tell of that, empty where it was not, or
    where nothing of a worktree is left.

    Where its HEAD is gone it is on the last of `branches`, each with the commit to make it at where it is gone, too;
    by default those that were claimed for it. The caller holds its lock. Can be repeated. Raises GitError, OSError.
    """
    if not path.is_dir() or is_known(common_dir, path):
        return ""
    named = named_in(path)
    ours = named is not None and _is_place(common_dir, named)
    admin = admin_dir(common_dir, path)
    if admin is None and named is not None and ours and _belongs_to(named, path, unless_said=True):
        admin = named
    head = "" if admin is None else _text(admin / "HEAD")
    if not _HEAD.fullmatch(head):
        branch = _there(git, claimed(git, path) if branches is None else branches)
        if branch is None:
            return ""
        head = f"ref: {HEADS}{branch}\n"
    if not (
        any(child.name != ".git" for child in path.iterdir()) if ours else _is_of(git, admin, head, path)
    ):
        return ""
    told = _told(path)
    if (path / ".git").is_dir() and not (path / ".git").is_symlink():
        kept = beside(path)
        kept.mkdir(mode=0o700)
        (path / ".git").rename(kept / ".git")
        told += f"; the repository that was made in it is kept in {kept}"
    _link(admin or _free(common_dir, path.name), head, path)
    return told


def _told(path: Path) -> str:
    return f"git had lost its worktree {path}: it is known again, with all that lay there"


def _link(admin: Path, head: str, path: Path) -> None:
    """The file `.git` comes last but for the index, which is as HEAD has it."""
    admin.mkdir(parents=True, exist_ok=True)
    texts = {"commondir": "../..\n", "gitdir": f"{path / '.git'}\n", "HEAD": head, AGAIN: ""}
    for name, text in texts.items():
        write_whole(admin / name, text.encode(errors="surrogateescape"))
    write_whole(path / ".git", f"gitdir: {admin}\n".encode(errors="surrogateescape"))
    if not (admin / "index").exists():
        Git(path).run("read-tree", "HEAD")


def _there(git: Git, branches: Mapping[str, str]) -> str | None:
    """The last of them, made where it is gone; None where there is none."""
    for name, start in sorted(branches.items(), reverse=True):
        ref = f"{HEADS}{name}"
        if git.commit_of(ref) is None:
            git.run("update-ref", "-m", "fleet: the branch was gone", ref, start, "0" * len(start))
        return name
    return None


def _is_of(git: Git, admin: Path | None, head: str, path: Path) -> bool:
    """Whether any file lies there that git tracks in that worktree: else it is somebody else's by now."""
    if admin is not None and (admin / "index").exists():
        there = {"GIT_DIR": str(admin), "GIT_WORK_TREE": str(path)}
        found = Git(path).run("ls-files", "-z", env=there, check=False)
    else:
        words = ("ls-tree", "-r", "-z", "--name-only", "--full-tree", head.removeprefix("ref: ").strip())
        found = git.run(*words, check=False)
    return any((path / name).exists() for name in found.fields)


def _is_place(common_dir: Path, admin: Path) -> bool:
    """Whether git keeps a worktree of that repository there."""
    return admin.parent.resolve() == (common_dir / "worktrees").resolve() and admin.name not in ("", "..")


def _belongs_to(admin: Path, path: Path, *, unless_said: bool = False) -> bool:
    """`unless_said`: also where it does not say whose it is."""
    said = _text(admin / "gitdir").rstrip("\n")
    return (admin / said).resolve() == (path / ".git").resolve() if said else unless_said


def _free(common_dir: Path, name: str) -> Path:
    """A directory of git's own that no other worktree has, named as git names them."""
    names = chain((name,), (f"{name}{number}" for number in count(1)))
    return next(place for place in (common_dir / "worktrees" / one for one in names) if not place.exists())


def _text(file: Path) -> str:
    return text_if_plain(file, _BYTES_MAX)
