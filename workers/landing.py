"""Bring a branch into its target: merged and verified in a worktree of its own, then one compare-and-swap.

The target moves only after the gate opened on exactly what it will hold, only if nobody moved it meanwhile, and never
while anybody has it checked out. Merging the same two commits gives the same commit every time (its dates are theirs),
so a landing that was cut short at any instant can simply be called again.
"""

from __future__ import annotations

import shlex
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from workers.command import raise_if_machines
from workers.git import HEADS, Git, GitFailed, GitTookTooLong, answer, identity
from workers.messages import fitting
from workers.verify import Verdict
from workers.worktree.branch import key_of
from workers.worktree.checkouts import checked_out_at
from workers.worktree.dead_locks import clear_dead_locks
from workers.worktree.deleting import delete
from workers.worktree.entry import admin_dir, git_dir
from workers.worktree.lock import held
from workers.worktree.make import SETUP_TIMEOUT_S, SetupFailed, Site, equip, make_detached, port_variables
from workers.worktree.picture import (
    EMPTY,
    drop_picture,
    read_picture,
    since,
    take_picture,
    untracked,
    write_picture,
)
from workers.worktree.preserve import preserve
from workers.worktree.repository import NoTarget, locate
from workers.worktree.set_aside import put_back
from workers.worktree.wanted import WorktreeSettings

_QUIET_MERGE = (
    "-c",
    "rerere.enabled=false",
    "-c",
    "merge.verifySignatures=false",
    "-c",
    "submodule.recurse=false",
)


@dataclass(frozen=True)
class Landed:
    """The target has the branch's work, at the latest as of `commit`. `by_another`: it had it already, brought by
    somebody else."""

    commit: str
    by_another: bool = False


@dataclass(frozen=True)
class Conflict:
    """The branch does not merge. `files` are the unmerged ones; none when the histories have nothing in common."""

    files: tuple[str, ...]
    output: str


@dataclass(frozen=True)
class VerifyFailed:
    """The gate stayed shut on the merged work: a command, a setup command, or a hook of the repository."""

    verdict: Verdict


@dataclass(frozen=True)
class Held:
    """Verified, but `where` has the target checked out, and a checkout is never moved under anybody.

    `commit` is the result, kept under the verified reference; `advice` the commands that take it in.
    """

    where: Path
    commit: str
    advice: str


@dataclass(frozen=True)
class Moved:
    """Somebody moved the target meanwhile: land again."""


@dataclass(frozen=True)
class Unapproved:
    """The branch is at `commit`, and a person has approved another one."""

    commit: str


Outcome = Landed | Conflict | VerifyFailed | Unapproved | Held | Moved


@dataclass(frozen=True)
class _Errand:
    """One landing: the branch's commit `tip` into `target`, which is at `old`."""

    site: Site
    target: str
    branch: str
    old: str
    tip: str
    messages: Sequence[str]

    @property
    def here(self) -> Git:
        return Git(self.site.path, held_fds=(self.site.lock_fd,))


def land(
    repo: Path,
    *,
    branch: str,
    target: str,
    landing_path: Path,
    messages: Sequence[str],
    verify: Callable[[Path], Verdict],
    settings: Callable[[Git, str, str], WorktreeSettings],
    verified_ref: str,
    marker_env: Mapping[str, str],
    ports: range | None = None,
    setup_timeout_s: float = SETUP_TIMEOUT_S,
    approved: str | None = None,
) -> Outcome:
    """Land `branch` in `target` by way of the worktree at `landing_path`, which is reused from landing to landing.

    `verify` is called with that worktree, merged and equipped as `settings` tells of two commits: the target's, and the
    one that would land. A merge says the first of `messages` that the repository's commit-msg hook lets pass. Call
    again after Moved, and after any crash. Where a commit is `approved`, no other one of the branch lands.
    Raises NoTarget when a branch is missing, MessageRefused, PreserveFailed, WorktreeBusy, SettingsWrong and other
    GitErrors.
    """
    place = locate(repo)
    with held(landing_path.absolute()) as lock_fd:
        site = Site(place, landing_path.absolute(), lock_fd)
        errand = _Errand(site, target, branch, _tip(site, target), _tip(site, branch), messages)
        there = site.repository.asks("merge-base", "--is-ancestor", errand.tip, errand.old)
        verified = site.repository.commit_of(verified_ref) if there else None
        if verified is not None and was_verified(site.repository, errand.tip, verified, errand.old):
            return Landed(errand.old)
        if approved is not None and errand.tip != approved:
            return Unapproved(errand.tip)
        merged = errand.old if there else _prepare_and_merge(errand)
        if not isinstance(merged, str):
            return merged
        if there:
            make_detached(errand.site, errand.old)
            _reset(errand)
        wanted = settings(errand.site.repository, errand.old, merged)
        verdict = _equip_and_verify(
            errand, wanted, {**marker_env, **port_variables(ports)}, setup_timeout_s, verify
        )
        if not verdict.ok:
            drop_picture(git_dir(errand.site.path))
        _clean(errand.here)
        if not verdict.ok:
            return VerifyFailed(verdict)
        if there:
            return Landed(errand.old, by_another=True)
        return _move_target(errand, merged, verified_ref)


def was_verified(git: Git, tip: str, verified: str, target: str) -> bool:
    """Whether the target has the work that ends at `tip` since a gate opened on it, at `verified`: all three commits.
    Whoever else has brought it there: then the gate is asked of the target as it is."""
    return all(
        git.asks("merge-base", "--is-ancestor", *pair) for pair in ((tip, verified), (verified, target))
    )


def is_landed(repo: Path, commit: str, target: str) -> bool:
    """Whether `target` has `commit`, whoever brought it there."""
    git = Git(locate(repo).root)
    tip = git.commit_of(f"{HEADS}{target}")
    return (
        tip is not None
        and git.commit_of(commit) is not None
        and git.asks("merge-base", "--is-ancestor", commit, tip)
    )


def brings_nothing(git: Git, commit: str, target: str) -> bool:
    """Whether `commit` has nothing in its files that the commit `target`, or where it began from it, does not have: no
    commits, empty ones, what was taken back, what the target has from elsewhere."""
    base = answer(git, "merge-base", target, commit)
    if not base.ok:  # they have nothing in common
        return False
    before, after = git.run("rev-parse", f"{base.out}^{{tree}}", f"{commit}^{{tree}}").lines
    return before == after


def _tip(site: Site, branch: str) -> str:
    commit = site.repository.commit_of(f"{HEADS}{branch}")
    if commit is None:
        raise NoTarget(
            f"{site.place.root} has no branch {branch!r} (any more): nothing can be landed from it or in it until "
            f"it is there again: git -C {shlex.quote(str(site.place.root))} branch {shlex.quote(branch)} COMMIT"
        )
    return commit


def _prepare_and_merge(errand: _Errand) -> str | Conflict | VerifyFailed:
    make_detached(errand.site, errand.old)
    _reset(errand)
    if errand.site.repository.asks("merge-base", "--is-ancestor", errand.old, errand.tip):
        errand.here.run("reset", "--quiet", "--hard", errand.tip)
        return errand.tip
    return _merge(errand)


def _reset(errand: _Errand) -> None:
    """Back to the target. A landing that was cut short, or a person, may have left something: that is kept."""
    admin = admin_dir(errand.site.place.common_dir, errand.site.path)
    if admin is not None:
        clear_dead_locks(admin)
    put_back(errand.site.path)
    preserve(errand.site.path, f"refs/fleet/preserved/{key_of(errand.site.path)}/landing")
    # On a branch (somebody's doing) a reset would move that branch.
    errand.here.run("update-ref", "--no-deref", "-m", "fleet: landing", "HEAD", errand.old)
    errand.here.run("reset", "--quiet", "--hard", errand.old)
    _clean(errand.here)


def _clean(here: Git) -> None:
    """Take away what verifying left, so that no gate is opened by what an earlier one made. Ignored files that the
    set-up made stay, as they make the next landing quick; but not those of work that was refused."""
    here.run("reset", "--quiet", "--hard")
    here.run("clean", "--quiet", "-ffd")
    listed = untracked(here)
    if not listed:
        return
    changes = since(here.directory, listed, read_picture(git_dir(here.directory)) or EMPTY)
    for path in (*changes.new, *changes.changed):
        delete(here.directory / path)


def _merge(errand: _Errand) -> str | Conflict | VerifyFailed:
    here = errand.here
    flags = ("--no-ff", "--no-edit", "--no-gpg-sign", "--no-autostash")
    try:
        message = fitting(here, errand.messages, "land", "merge")
        words = (*_QUIET_MERGE, "merge", *flags, "-m", message, errand.tip)
        result = here.run(*words, check=False, env={**identity(here), **_dates(errand)})
    except GitTookTooLong as late:
        return _merged_late(errand, late)
    if result.ok:
        return here.said("rev-parse", "HEAD")
    output = f"{result.out}\n{result.err}".strip()
    unmerged = here.run("diff", "--name-only", "--diff-filter=U", "-z").fields
    here.run("reset", "--quiet", "--hard", errand.old)
    if unmerged or "unrelated histories" in result.err:
        return Conflict(tuple(sorted(set(unmerged))), output)
    if result.code == 1:
        raise_if_machines(output, here.directory)
        command = f"git merge {errand.branch} (a hook of the repository refused)"
        return VerifyFailed(Verdict(False, command, result.code, output, 0.0))
    raise GitFailed(("merge", errand.tip), here.directory, result.code, output)


def _merged_late(errand: _Errand, late: GitTookTooLong) -> str | VerifyFailed:
    """A hook that comes after the merge takes nothing back; one before it has refused. Raises what was no hook's, and
    what hung: that is for a person to look at, not for the session."""
    head = errand.here.said("rev-parse", "HEAD")
    if head != errand.old:
        return head
    errand.here.run("reset", "--quiet", "--hard", errand.old)
    if late.still or not late.hooks:
        raise late
    command = f"git merge {errand.branch} (a hook of the repository did not end)"
    return VerifyFailed(Verdict(False, command, -signal.SIGTERM, str(late), 0.0))


def _dates(errand: _Errand) -> dict[str, str]:
    """The later of the two commits' dates, so that the same merge is the same commit."""
    stamps = errand.here.run("show", "--no-patch", "--format=%ct", errand.old, errand.tip, "--").lines
    latest = max(int(stamp) for stamp in stamps)
    return {"GIT_AUTHOR_DATE": f"@{latest} +0000", "GIT_COMMITTER_DATE": f"@{latest} +0000"}


def _equip_and_verify(
    errand: _Errand,
    settings: WorktreeSettings,
    env: Mapping[str, str],
    setup_timeout_s: float,
    verify: Callable[[Path], Verdict],
) -> Verdict:
    """Set up for the merged work (its dependencies may differ) by the target's settings (not the branch's)."""
    admin = git_dir(errand.site.path)
    drop_picture(admin)
    try:
        equip(errand.site, settings, env, setup_timeout_s)
    except SetupFailed as failed:
        return Verdict(False, failed.command, failed.code, failed.tail, 0.0)
    write_picture(admin, take_picture(errand.here))
    return verify(errand.site.path)


def _move_target(errand: _Errand, merged: str, verified_ref: str) -> Landed | Held | Moved | VerifyFailed:
    git, ref = errand.site.repository, f"{HEADS}{errand.target}"
    git.run("update-ref", "-m", "fleet: verified", verified_ref, merged)
    if git.commit_of(ref) != errand.old:
        return Moved()
    where = checked_out_at(git, errand.target)
    if where is not None:
        return Held(where, merged, _advice(errand, where, merged))
    result = git.run("update-ref", "-m", f"fleet: land {errand.branch}", ref, merged, errand.old, check=False)
    if result.ok:
        return Landed(merged)
    if git.commit_of(ref) != errand.old:
        return Moved()
    if "hook" in result.err:
        return VerifyFailed(
            Verdict(False, "git update-ref (a hook of the repository refused)", 1, result.err, 0.0)
        )
    raise GitFailed(("update-ref", ref, merged, errand.old), git.directory, result.code, result.err)


def _advice(errand: _Errand, where: Path, merged: str) -> str:
    return (
        f"{errand.branch} is verified, but {where} has {errand.target} checked out and it was not moved under you. "
        f"To take the work in, run: git -C {where} merge --ff-only {merged}"
    )
