"""Looks for credentials in what a branch would bring into its target."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from workers.git import GitFailed, RunsGit

A_MESSAGE = "a commit's message, or a file's name"
_AT_ONCE_BYTES = 32_000_000
"""So much of what git has is read at once; a larger file is read alone."""


def exposed(git: RunsGit, secrets: Collection[str], tip: str, base: str) -> list[str]:
    """Where one of `secrets` stands in the commits of `tip` that `base` does not have: paths, or `A_MESSAGE`.

    All of each commit counts, names and messages, too, and what a later commit has taken away: a merge brings the
    history with it. Only what stands there as it is can be found, nothing that a worker hides on purpose (encoded,
    encrypted). Raises GitError, also where something cannot be read: then nothing was decided.
    """
    if not secrets:
        return []
    named = dict(_named(line) for line in git.run("rev-list", "--objects", tip, f"^{base}", "--").lines)
    found = {
        named[name] or A_MESSAGE
        for group in _groups(git, list(named))
        if _any(secrets, _contents(git, group))
        for name in group
        if _any(secrets, _contents(git, [name]))
    }
    return sorted(found)


def _named(line: str) -> tuple[str, str]:
    name, _, path = line.partition(" ")
    return name, path


def _any(secrets: Collection[str], text: str) -> bool:
    return any(secret in text for secret in secrets)


def _groups(git: RunsGit, names: list[str]) -> Iterator[list[str]]:
    """The objects in groups of about `_AT_ONCE_BYTES`."""
    asked = ("cat-file", "--batch-check=%(objectsize)")
    sizes = git.run(*asked, stdin="\n".join(names).encode() + b"\n").lines if names else []
    group: list[str] = []
    total = 0
    for name, size in zip(names, sizes, strict=True):
        if not size.isdigit():
            raise GitFailed(asked, git.directory, 0, f"the object {name} cannot be read: {size}")
        if group and total + int(size) > _AT_ONCE_BYTES:
            yield group
            group, total = [], 0
        group.append(name)
        total += int(size)
    if group:
        yield group


def _contents(git: RunsGit, names: list[str]) -> str:
    return git.run("cat-file", "--batch", stdin="\n".join(names).encode() + b"\n").out
