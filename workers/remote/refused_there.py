"""What git on a host refused: whether home would refuse it, too, and what of it another host would say as well."""

from __future__ import annotations

import re

from workers.git import HEADS, Git, GitError, GitFailed

_GIST_MAX = 300
_SAID_MAX = 1_000
_SAID = re.compile(r"^(?:remote: )*(?:fatal|error): (.*)$", re.MULTILINE)
# What differs from host to host, or from try to try: quoted names, paths, ids, numbers.
_OWN = re.compile(r"'[^']*'|\"[^\"]*\"|\S*/\S*|\b[0-9a-f]{7,64}\b|\d+")


class RefusedThere(GitError):
    """What git on the host `at` refused of work that lies there, as it refuses its repository now; the cause is what it
    said first."""

    def __init__(self, host: str, story: str) -> None:
        super().__init__(f"host {host} does not give the work home that lies there: {story}")
        self.at = host


def expect_whole(git: Git, target: str, branch: str | None) -> None:
    """Raises GitError where home itself lacks something of what a start is made from: then a host says nothing new."""
    names = [f"{HEADS}{name}" for name in (target, branch) if name]
    for name in names:
        if name == names[0] and git.commit_of(name) is None:
            raise GitError(f"{git.directory} has no branch {target!r} (any more) to start from")
    there = [name for name in names if git.commit_of(name) is not None]
    git.run("rev-list", "--objects", "--quiet", *there, "--")


def story_of(failed: GitError) -> str:
    """What git says first, then where that was."""
    cause = _cause(failed)
    if not isinstance(cause, GitFailed) or not cause.stderr.strip():
        return str(failed)
    said = "; ".join(line.strip() for line in cause.stderr.strip().splitlines())[-_SAID_MAX:]
    return f"{said} (`git {' '.join(cause.command)}` in {cause.directory} ended with {cause.code})"


def _cause(failed: GitError) -> GitError:
    return failed.__cause__ if isinstance(failed.__cause__, GitFailed) else failed


def gist_of(failed: GitError) -> str:
    """The first thing that git itself says is wrong, without what is a host's own in it; never empty."""
    cause = _cause(failed)
    said = cause.stderr if isinstance(cause, GitFailed) else str(cause)
    found = _SAID.search(said)
    words = found[1] if found else said
    return " ".join(_OWN.sub("…", words).split())[:_GIST_MAX] or type(failed).__name__
