"""Make a worktree ready: added from the target's commit, with submodules, seeded files, and its setup commands run.

Safe to repeat after a crash at any instant: what was finished is found again, what was not is made again, and whatever
lay there with work in it is preserved, or moved aside, first.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from workers.command import raise_if_machines, run_shell
from workers.git import HEADS, Git, GitError, GitFailed, GitTookTooLong
from workers.git_commands import NO_SUCH_COMMAND
from workers.worktree.branch import claim, key_of
from workers.worktree.checkouts import persons_checkout
from workers.worktree.deleting import beside
from workers.worktree.entry import Entry, admin_dir, entry_at
from workers.worktree.filters import lend_keys, names_a_filter, refused
from workers.worktree.hooks import bring_hooks
from workers.worktree.known_again import known_again, lacks_its_notes
from workers.worktree.lock import held
from workers.worktree.picture import take_picture, write_picture
from workers.worktree.preserve import preserve, preserve_remains
from workers.worktree.ready import Ready, read_ready, ready_at, write_ready
from workers.worktree.remove import keep_beside, take_down
from workers.worktree.repository import Place, locate
from workers.worktree.restore import NOTHING, restore
from workers.worktree.seed import seed
from workers.worktree.set_aside import put_back
from workers.worktree.submodules import Sources, populate
from workers.worktree.wanted import WorktreeSettings

SETUP_TIMEOUT_S = 1800.0


class WorktreeRefused(GitError):
    """Something lies where the worktree must be that may neither be used nor be moved."""


class SetupFailed(GitError):
    """A setup command of the repository did not succeed. `tail` is the end of what it said."""

    def __init__(self, command: str, code: int | None, tail: str, timed_out: bool) -> None:
        self.command, self.code, self.tail, self.timed_out = command, code, tail, timed_out
        how = "ran out of time" if timed_out else f"failed with code {code}"
        super().__init__(f"setup command {command!r} of .fleet.toml {how}; the end of its output:\n{tail}")


@dataclass(frozen=True)
class Made:
    """A worktree in which work can begin. `base_commit` is what its branch started from."""

    branch: str
    base_commit: str
    setup_output: str


@dataclass(frozen=True)
class Site:
    """Where a worktree is, or will be, of which repository, under a lock that is held on `lock_fd`."""

    place: Place
    path: Path
    lock_fd: int

    @property
    def repository(self) -> Git:
        return Git(self.place.root, held_fds=(self.lock_fd,))

    @property
    def here(self) -> Git:
        return Git(self.path, held_fds=(self.lock_fd,))

    @property
    def sources(self) -> Sources:
        return Sources(self.place.common_dir / "modules", persons_checkout(self.place))


def make_ready(
    repo_path: Path,
    worktree_path: Path,
    *,
    branch: str,
    base: str,
    settings: Callable[[Git, str], WorktreeSettings],
    ports: range | None = None,
    marker_env: Mapping[str, str],
    setup_timeout_s: float = SETUP_TIMEOUT_S,
    preserved: str | None = None,
) -> Made:
    """Make the worktree at `worktree_path` on a branch named `branch` (or nearly so: see `claim`) from branch `base`.

    Work that an earlier worktree of this branch left under the reference `preserved` is brought back into one that has
    to be made.

    `settings` tells what the repository wants as of a commit. Setup commands run with `marker_env`, FLEET_PORT (the
    first of `ports`) and FLEET_PORTS, each for at most `setup_timeout_s` seconds. Raises GitError: NotARepository,
    SettingsWrong, SetupFailed, WorktreeRefused, PreserveFailed, BranchTaken, SubmoduleMissing, WorktreeBusy, GitFailed.
    Nothing is lost when it does.
    """
    worktree_path = worktree_path.absolute()
    if (worktree_path / ".git").is_file():
        with held(worktree_path):
            put_back(worktree_path)
            ready = ready_at(repo_path, worktree_path)
        if ready is not None and ready.branch is not None:
            return Made(ready.branch, ready.base_commit, ready.setup_output)
    place = locate(repo_path)
    env = {**marker_env, **port_variables(ports)}
    with held(worktree_path) as lock_fd:
        site = Site(place, worktree_path, lock_fd)
        known_again(site.repository, place.common_dir, worktree_path)
        entry = entry_at(site.repository, worktree_path)
        ready = finished(site, entry)
        if ready is not None and ready.branch is not None:
            return Made(ready.branch, ready.base_commit, ready.setup_output)
        base_commit = _commit(site, base)
        wanted = settings(site.repository, base_commit)
        preserved = clear(site, entry) or preserved
        claimed = claim(site.repository, worktree_path, branch, base_commit)
        notes = add_on(site, claimed.branch)
        brought = restore(site.here, preserved) if preserved else NOTHING
        output = notes + brought.told + equip(site, wanted, env, setup_timeout_s)
        made = Ready(branch=claimed.branch, base_commit=claimed.base_commit, setup_output=output)
        finish(site, made, brought.files)
    return Made(claimed.branch, claimed.base_commit, output)


def make_detached(site: Site, commit: str) -> str:
    """Make, or find, a worktree that is on no branch; gives what hooks said. Raises as `make_ready` does."""
    entry = entry_at(site.repository, site.path)
    if finished(site, entry) is not None:
        return ""
    clear(site, entry)
    notes = add(site, commit)
    finish(site, Ready(branch=None, base_commit=commit))
    return notes


def port_variables(ports: range | None) -> dict[str, str]:
    """FLEET_PORT, the first port, and FLEET_PORTS, like `20000-20009`; nothing for no ports."""
    return {"FLEET_PORT": str(ports[0]), "FLEET_PORTS": f"{ports[0]}-{ports[-1]}"} if ports else {}


def _commit(site: Site, base: str) -> str:
    commit = site.repository.commit_of(f"{HEADS}{base.removeprefix(HEADS)}")
    if commit is None:
        raise WorktreeRefused(f"{site.place.root} has no branch {base!r} (any more) to start from")
    return commit


def finished(site: Site, entry: Entry | None) -> Ready | None:
    """The record of the worktree that is registered as `entry`, when it was made to the end."""
    admin = admin_dir(site.place.common_dir, site.path) if entry and not entry.missing else None
    return read_ready(admin) if admin else None


def finish(site: Site, ready: Ready, work: Collection[str] = ()) -> None:
    """Record that the worktree was made to the end, and what lies in it now, but for files of earlier `work`. Raises
    WorktreeRefused when it vanished meanwhile."""
    admin = admin_dir(site.place.common_dir, site.path)
    if admin is None:
        raise WorktreeRefused(
            f"git no longer knows the worktree {site.path}, which was just made: make it again"
        )
    write_picture(admin, take_picture(site.here, work))
    write_ready(admin, ready)


def clear(site: Site, entry: Entry | None) -> str | None:
    """Make room for the worktree. What was not finished, or has lost its directory, is preserved and removed; the
    reference with what is to be brought back, as git had lost a finished one with all that was noted of it."""
    if entry is None:
        _move_aside(site)
        return None
    if entry.main or entry.bare:
        raise WorktreeRefused(
            f"{site.path} is the repository itself: a worktree needs a directory of its own"
        )
    if entry.lock_reason is not None and not entry.half_made:
        raise WorktreeRefused(
            f"{site.path} is locked ({entry.lock_reason or 'no reason given'}): if nobody needs the lock, run "
            f"`git -C {site.place.root} worktree unlock {site.path}`"
        )
    ref = f"refs/fleet/preserved/{key_of(site.path)}/remade"
    admin = admin_dir(site.place.common_dir, site.path)
    wanted = None
    if not entry.missing:
        kept = preserve(site.path, ref, ignored=True)
        if admin is not None and lacks_its_notes(admin):
            keep_beside(site.path, admin)
            wanted = ref if kept else None
        take_down(site.path)
    else:
        if admin is not None:
            preserve_remains(admin, ref)
        _move_aside(site)
    site.repository.run("worktree", "remove", "--force", "--force", str(site.path))
    return wanted


def _move_aside(site: Site) -> None:
    """A directory that is no worktree of this repository may be anything: keep it, under another name."""
    if not site.path.is_dir() or not any(site.path.iterdir()):
        if site.path.is_dir():
            site.path.rmdir()
        return
    if Git(site.path).run("rev-parse", "--git-dir", check=False).ok and (site.path / ".git").exists():
        raise WorktreeRefused(f"{site.path} belongs to another git repository: move it away, then try again")
    site.path.rename(beside(site.path))


def add_on(site: Site, branch: str) -> str:
    """The worktree on a branch. It is added at the branch's commit, for `git worktree add` takes a name for the tag of
    that name."""
    ref = f"{HEADS}{branch}"
    tip = site.repository.commit_of(ref)
    if tip is None:
        raise WorktreeRefused(f"{site.place.root} has no branch {branch!r} any more: try again")
    notes = add(site, tip)
    site.here.run("symbolic-ref", "-m", "fleet: made", "HEAD", ref)
    return notes


def add(site: Site, commit: str) -> str:
    """`git worktree add`, detached. A post-checkout hook that fails, or does not end, does not undo the worktree: what
    it said is given back. Raises FilterFailed.

    First without its files: what runs as they come (filters, that hook) may be a worker's, and runs where a worker's
    programs may (`workers.sandbox.rooms`).
    """
    site.repository.run("worktree", "add", "--quiet", "--no-checkout", "--detach", str(site.path), commit)
    lacking = _laid_out(site)
    if lacking:
        admin = admin_dir(site.place.common_dir, site.path)
        if admin is not None:
            lend_keys(site.place.common_dir, admin)
        lacking = _laid_out(site, with_keys=True)
    return (f"a filter did not run: {lacking.strip()}\n" if lacking else "") + _told_the_hook(site, commit)


def _laid_out(site: Site, *, with_keys: bool = False) -> str:
    """All files of HEAD; what git says of a filter that did not run for some of them. Raises FilterFailed where that is
    not for want of the keys that are lent to it."""
    words = ("reset", "--quiet", "--hard")
    result = site.here.run(*words, check=False)
    lacking = result.err if names_a_filter(result.err) else ""
    if not result.ok and lacking and with_keys:
        raise refused(site.place.root, result.err)
    if not result.ok and not lacking:
        raise GitFailed(words, site.path, result.code, result.err or result.out)
    return lacking


def _told_the_hook(site: Site, commit: str) -> str:
    """What there is to say of the repository's post-checkout hook, which is told what git tells it of a worktree."""
    folder = site.path / site.here.said("rev-parse", "--git-path", "hooks")
    if not os.access(folder / "post-checkout", os.X_OK):
        return ""
    words = ("hook", "run", "post-checkout", "--", "0" * len(commit), commit, "1")
    try:
        result = site.here.run(*words, check=False)
        if NO_SUCH_COMMAND in result.err:
            result = site.here.run("checkout", "--quiet", "--detach", commit, check=False)
    except GitTookTooLong as late:
        return f"the post-checkout hook: {late}\n"
    if result.ok:
        return ""
    return f"the post-checkout hook failed with code {result.code}: {result.err.strip()}\n"


def equip(site: Site, settings: WorktreeSettings, env: Mapping[str, str], timeout_s: float) -> str:
    """Submodules, seeded files and setup commands; gives what they said. Raises SetupFailed and others."""
    populate(site.path, site.sources, (site.lock_fd,))
    notes = [f"{note}\n" for note in seed(settings, site.sources.checkout, site.path)]
    bring_hooks(site.sources.checkout, site.path)
    return "".join(notes) + set_up(site, settings.setup, env, timeout_s)


def set_up(site: Site, commands: Sequence[str], env: Mapping[str, str], timeout_s: float) -> str:
    """Run the setup commands, each for at most `timeout_s` seconds; gives what they said. Raises SetupFailed."""
    said = []
    for command in commands:
        ended = run_shell(command, cwd=site.path, env=env, timeout_s=timeout_s, held_fds=(site.lock_fd,))
        if ended.timed_out or ended.code != 0:
            raise_if_machines(ended.tail, site.path)
            raise SetupFailed(command, ended.code, ended.tail, ended.timed_out)
        said.append(ended.tail)
    return "".join(said)
