"""A worktree on a host, made from a mirror of the repository. Home says what the branch is and where it stands.

As safe to repeat as `make_ready`, and as careful with whatever lies there.
"""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from workers.git import HEADS, Git
from workers.plain_files import reached, written
from workers.private import write_whole
from workers.worktree.branch import key_of
from workers.worktree.entry import entry_at, git_dir
from workers.worktree.known_again import known_again
from workers.worktree.lock import held
from workers.worktree.make import (
    Made,
    Site,
    WorktreeRefused,
    add_on,
    clear,
    finish,
    finished,
    port_variables,
    set_up,
)
from workers.worktree.notes import SEEDS
from workers.worktree.ready import Ready, ready_at
from workers.worktree.repository import locate
from workers.worktree.restore import NOTHING, restore
from workers.worktree.seed import ignored
from workers.worktree.set_aside import put_back
from workers.worktree.submodules import populate
from workers.worktree.wanted import FILE, SettingsWrong


@dataclass(frozen=True)
class Asked:
    """What home wants: `branch` at `tip`, whose work is based on `base_commit`; both are in the mirror.

    `preserved` is a commit or a reference with loose work to lay back, `files` a tar of ignored files that the
    repository wants copied (empty for none), `setup` the commands that follow.
    """

    branch: str
    tip: str
    base_commit: str
    preserved: str | None
    ports: range | None
    marker_env: Mapping[str, str]
    setup: Sequence[str]
    setup_timeout_s: float
    files: bytes

    @classmethod
    def again(cls, branch: str, tip: str, base_commit: str) -> Asked:
        """What a worktree that was made before, and is gone, had committed: the branch as the mirror has it."""
        return cls(branch, tip, base_commit, None, None, {}, (), 0.0, b"")


def found_ready(mirror: Path, worktree_path: Path) -> Made | None:
    """The worktree when it is there and was made to the end."""
    ready = ready_at(mirror, worktree_path)
    if ready is None or ready.branch is None:
        return None
    return Made(ready.branch, ready.base_commit, ready.setup_output)


def make_from_mirror(mirror: Path, worktree_path: Path, asked: Asked) -> Made:
    """Make the worktree, or find it as an earlier call made it. Raises GitError as `make_ready` does."""
    if (worktree_path / ".git").is_file():
        with held(worktree_path):
            put_back(worktree_path)
            made = found_ready(mirror, worktree_path)
        if made is not None:
            return made
    place = locate(mirror)
    with held(worktree_path) as lock_fd:
        site = Site(place, worktree_path, lock_fd)
        tip = _tip(site, asked)
        known_again(site.repository, place.common_dir, worktree_path, {asked.branch: tip})
        entry = entry_at(site.repository, worktree_path)
        ready = finished(site, entry)
        if ready is not None and ready.branch is not None:
            return Made(ready.branch, ready.base_commit, ready.setup_output)
        _set_branch(site, asked.branch, tip)
        preserved = clear(site, entry) or asked.preserved
        output = add_on(site, asked.branch)
        brought = restore(site.here, preserved) if preserved else NOTHING
        output += brought.told
        populate(worktree_path, site.sources, (lock_fd,))
        lay_down(asked.files, worktree_path)
        write_whole(git_dir(worktree_path) / SEEDS, asked.files)
        env = {**asked.marker_env, **port_variables(asked.ports)}
        output += set_up(site, asked.setup, env, asked.setup_timeout_s)
        finish(site, Ready(asked.branch, asked.base_commit, output), brought.files)
    return Made(asked.branch, asked.base_commit, output)


def make_ready_again(
    worktree_path: Path, lock_fd: int, setup: Sequence[str], env: Mapping[str, str], timeout_s: float
) -> None:
    """Bring back what the set-up had made and is gone. The caller holds the lock. Raises SetupFailed, GitError."""
    seeds = git_dir(worktree_path) / SEEDS
    lay_down(seeds.read_bytes() if seeds.exists() else b"", worktree_path)
    set_up(Site(locate(worktree_path), worktree_path, lock_fd), setup, env, timeout_s)


def _tip(site: Site, asked: Asked) -> str:
    """The commit that the branch is to be at. Raises WorktreeRefused."""
    tip = site.repository.commit_of(asked.tip)
    if tip is None:
        raise WorktreeRefused(f"the mirror {site.place.root} has no commit {asked.tip}: send it there first")
    return tip


def _set_branch(site: Site, branch: str, tip: str) -> None:
    """Point the branch where home has it. What the mirror alone has of it is kept under a reference first."""
    git, ref = site.repository, f"{HEADS}{branch}"
    now = git.commit_of(ref)
    if now is not None and not git.asks("merge-base", "--is-ancestor", now, tip):
        kept = f"refs/fleet/preserved/{key_of(site.path)}/branch-{now[:12]}"
        git.run("update-ref", "-m", "fleet: preserve", kept, now)
    git.run("update-ref", "-m", "fleet: as home has it", ref, tip, now or "0" * 40)


def lay_down(files: bytes, worktree: Path) -> None:
    """Unpack what the worktree does not have yet. Raises SettingsWrong for what git would commit or what leads out."""
    if not files:
        return
    with tarfile.open(fileobj=io.BytesIO(files)) as archive:
        members = [member for member in archive.getmembers() if not member.isdir()]
        for member in members:
            _refuse_outside(member, worktree)
        allowed = ignored(Git(worktree), [member.name for member in members])
        for member in members:
            if member.name not in allowed:
                raise SettingsWrong(
                    f"{FILE}: {member.name!r} is not ignored by git, so it would be committed with the work: add it to "
                    ".gitignore"
                )
            place = worktree / member.name
            # A link that came before it may lead out by now.
            _refuse_outside(member, worktree)
            if not place.exists() and not place.is_symlink():
                _unpack(archive, member, worktree)


def _refuse_outside(member: tarfile.TarInfo, worktree: Path) -> None:
    place = worktree / member.name
    plain = member.isreg() or member.issym()
    parts = PurePosixPath(member.name).parts
    if not plain or ".." in parts or not place.parent.resolve().is_relative_to(worktree.resolve()):
        raise SettingsWrong(f"{FILE}: {member.name!r} is no plain file or leads out of the worktree")


def _unpack(archive: tarfile.TarFile, member: tarfile.TarInfo, worktree: Path) -> None:
    with reached(worktree, member.name, make=True) as (folder, name):
        if member.issym():
            os.symlink(member.linkname, name, dir_fd=folder)
            return
        content = archive.extractfile(member)
        assert content is not None
        with content, written(folder, name) as file:
            file.write(content.read())
            os.fchmod(file.fileno(), member.mode & 0o777)
