"""Commit what a worker left uncommitted, with the repository's hooks, on the task's branch and no other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from workers import trouble
from workers.command import raise_if_machines
from workers.git import (
    HEADS,
    Git,
    GitError,
    GitFailed,
    GitResult,
    GitTookTooLong,
    head_branch,
    identity,
)
from workers.messages import fitting
from workers.plain_files import text_if_plain
from workers.worktree.dead_locks import clear_dead_locks
from workers.worktree.entry import git_dir
from workers.worktree.index_copy import as_stdin
from workers.worktree.inner_repositories import bring_in
from workers.worktree.lock import held
from workers.worktree.ready import read_ready
from workers.worktree.repository import locate
from workers.worktree.set_aside import put_back
from workers.worktree.submodules import Sources, share

_LOG_BYTES_MAX = 64 << 20


class HookRefused(GitError):
    """A hook of the repository refused the commit. `output` is what it said."""

    def __init__(self, output: str) -> None:
        self.output = output
        super().__init__(
            f"a hook of the repository refused the commit; it said:\n{output.strip() or '(nothing)'}"
        )


class WorkUnfinished(GitError):
    """The worker stopped in the middle of something, or left something that git cannot take up: only it (or a person)
    can finish that. Nothing was lost."""


def commit_work(
    worktree_path: Path,
    *messages: str,
    branch: str | None = None,
    writer: Mapping[str, str] | None = None,
    though_ignored: Sequence[str] = (),
) -> str | None:
    """Commit all that is not committed and not ignored, and the files of `though_ignored`; None when there is nothing.

    Afterwards the worktree is on `branch` (default: the one it was made with), and that branch has everything the
    worker committed, wherever it did so. The commit is not signed: nobody is there to answer for it with a key.
    `writer` are the variables that name who writes, where this machine's own configuration does not count. The first of
    `messages` is used that the repository's commit-msg hook lets pass.
    Raises HookRefused, WorkUnfinished, MessageRefused, WorktreeBusy; GitFailed for what no session can mend.
    """
    # The lock is not inherited: a hook may leave a process behind that lives for ever.
    with held(worktree_path.absolute()):
        put_back(worktree_path.absolute())
        git = Git(worktree_path)
        try:
            return _commit_work(git, messages, branch, writer, though_ignored)
        except GitFailed as failed:
            if trouble.is_of_work(failed.code, failed.stderr):
                raise WorkUnfinished(_as_the_sessions(git, failed)) from None
            raise


def _as_the_sessions(git: Git, failed: GitFailed) -> str:
    meaning = trouble.of_work(failed.stderr)
    advice = "" if meaning is None else f"{meaning}. "
    return f"your work in {git.directory} cannot be committed: {advice}git says:\n{failed.stderr.strip()}"


def _commit_work(
    git: Git,
    messages: Sequence[str],
    branch: str | None,
    writer: Mapping[str, str] | None,
    though_ignored: Sequence[str],
) -> str | None:
    worktree_path = git.directory
    admin = git_dir(worktree_path)
    branch = branch or _branch_made_with(admin, worktree_path)
    clear_dead_locks(admin)
    _bring_back_its_branch(git, admin)
    _refuse_unfinished(git, admin, branch)
    current = head_branch(git)
    if current != branch:
        # Never onto a branch that is not ours: the worker may have checked out the target itself.
        git.run("checkout", "--quiet", "--detach", check=False)
        if git.asks("symbolic-ref", "--quiet", "HEAD"):
            raise WorkUnfinished(
                f"{worktree_path} is on {current!r} and could not be taken off it: switch to {branch!r}"
            )
    if though_ignored:
        words = ("add", "--force", "--sparse", "--pathspec-from-file=-", "--pathspec-file-nul")
        git.run(*words, stdin=as_stdin(though_ignored), env={"GIT_LITERAL_PATHSPECS": "1"})
    commit = _commit_all(git, admin, messages, identity(git) if writer is None else writer)
    if current != branch:
        _return_to(git, branch)
    _share_submodules(worktree_path)
    return commit


def _branch_made_with(admin: Path, worktree_path: Path) -> str:
    ready = read_ready(admin)
    if ready is None or ready.branch is None:
        raise WorkUnfinished(f"{worktree_path} has no record of the branch it was made for: name the branch")
    return ready.branch


def _bring_back_its_branch(git: Git, admin: Path) -> None:
    """HEAD names a branch that is gone, as one that was deleted under it: the branch is again where HEAD last was. A
    commit there would else be a first one, that has nothing in common with anything."""
    branch = head_branch(git)
    if branch is None or git.commit_of(f"{HEADS}{branch}") is not None:
        return
    tip = next((oid for oid in _where_head_was(admin) if git.commit_of(oid)), None)
    if tip is not None:
        git.run("update-ref", "-m", "fleet: the branch was gone", f"{HEADS}{branch}", tip)


def _where_head_was(admin: Path) -> Iterator[str]:
    """The commits of HEAD's own log, the latest first, then what the worktree was made from; see `git help reflog`."""
    for line in reversed(text_if_plain(admin / "logs" / "HEAD", _LOG_BYTES_MAX).splitlines()):
        before, after, *_ = (*line.split(" ", 2), "", "")
        yield from (oid for oid in (after, before) if oid.strip("0"))
    ready = read_ready(admin)
    if ready is not None:
        yield ready.base_commit


def _refuse_unfinished(git: Git, admin: Path, branch: str) -> None:
    for operation, file in (("rebase", "rebase-merge"), ("rebase or am", "rebase-apply")):
        if (admin / file).exists():
            raise WorkUnfinished(
                f"a {operation} is in progress in {git.directory}: finish it with `git rebase --continue`, or give it "
                f"up with `git rebase --abort`, so that the work is on {branch!r}"
            )
    unmerged = git.run("diff", "--name-only", "--diff-filter=U", "-z").fields
    if unmerged:
        raise WorkUnfinished(
            f"a merge is in progress in {git.directory} with conflicts in {', '.join(sorted(set(unmerged)))}: resolve "
            "them and `git add` them, or give it up with `git merge --abort`"
        )


def _commit_all(git: Git, admin: Path, messages: Sequence[str], writer: Mapping[str, str]) -> str | None:
    _bring_in(git, admin)
    _add_all(git)
    if (
        git.asks("diff", "--cached", "--quiet", "--ignore-submodules=none")
        and not (admin / "MERGE_HEAD").exists()
    ):
        return None
    before, staged = git.commit_of("HEAD"), git.said("write-tree")
    try:
        message = fitting(git, messages, "commit", "message")
        result = _committed(git, message, writer)
        if result.code == 1:
            _add_all(git)
            if (
                git.said("write-tree") != staged
            ):  # the hook has formatted files: with that it may let them pass
                result = _committed(git, message, writer)
    except GitTookTooLong as late:
        done = git.commit_of("HEAD")
        if done != before:
            return done  # it was made, and only a hook that comes after it did not end
        if not late.hooks:
            raise
        raise HookRefused(str(late)) from late
    if result.code == 1:
        raise_if_machines(f"{result.out}\n{result.err}", git.directory)
        raise HookRefused(f"{result.out}\n{result.err}")
    if not result.ok:
        raise GitFailed(_COMMIT, git.directory, result.code, result.err)
    return git.said("rev-parse", "HEAD")


_COMMIT = ("commit", "--quiet", "--no-gpg-sign", "--cleanup=whitespace", "--file=-")


def _committed(git: Git, message: str, writer: Mapping[str, str]) -> GitResult:
    return git.run(*_COMMIT, check=False, stdin=message.encode(), env=writer)


def _add_all(git: Git) -> None:
    words = ("add", "--all", "--sparse")
    result = git.run(*words)
    if trouble.of_work(result.err):  # of a directory that it cannot read git only warns
        raise GitFailed(words, git.directory, result.code, result.err)


def _bring_in(git: Git, admin: Path) -> None:
    ready = read_ready(admin)
    bare = bring_in(git, None if ready is None else ready.base_commit)
    if bare:
        raise WorkUnfinished(
            f"{', '.join(bare)} is in the work only as the id of a commit that nobody else has: commit the files "
            f"themselves, register a submodule that others can fetch (`git submodule add URL {bare[0]}`), or take it "
            f"out with `git rm --cached {bare[0]}`"
        )


def _return_to(git: Git, branch: str) -> None:
    """Bring the task's branch to HEAD, when that only adds to it, and check it out without touching a file."""
    head, tip = git.said("rev-parse", "HEAD"), git.commit_of(f"{HEADS}{branch}")
    if tip is not None and git.asks("merge-base", "--is-ancestor", head, tip):
        git.run("checkout", "--quiet", branch, "--", check=False)
        if head_branch(git) != branch:
            raise WorkUnfinished(
                f"{git.directory} could not be switched back to {branch!r}: do that, then go on"
            )
        return
    if tip is not None and not git.asks("merge-base", "--is-ancestor", tip, head):
        raise WorkUnfinished(
            f"the work in {git.directory} is at {head[:12]}, beside the task's branch {branch!r} at {tip[:12]}: run "
            f"`git checkout {branch} && git merge {head[:12]}` there, so that the branch has both"
        )
    git.run("update-ref", "-m", "fleet: work done elsewhere", f"{HEADS}{branch}", head, tip or "0" * 40)
    git.run("symbolic-ref", "-m", "fleet: back on the task's branch", "HEAD", f"{HEADS}{branch}")


def _share_submodules(worktree_path: Path) -> None:
    if (worktree_path / ".gitmodules").is_file():
        share(worktree_path, Sources(locate(worktree_path).common_dir / "modules", None))
