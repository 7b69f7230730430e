"""What a git command does, as far as it matters to who runs it: how long it may take, which hooks it runs, and whether
it can do anything else than read. Travels."""

from __future__ import annotations

from collections.abc import Sequence

PLUMBING_S = 300.0
"""So long may a git take that only reads, or writes little."""
HOOKS_S = 600.0
"""So long one that runs hooks of the repository: a minute of tests before each commit is ordinary, a gate is better."""
STILL_S = 10.0
"""So long may one that runs hooks do nothing at all (`workers.stillness`)."""
FILES_S = 1_800.0
"""So long one that reads or writes all files of a worktree, through the repository's filters."""
TRANSFER_S = 21_600.0
"""So long one that sends or fetches commits; a wire that is dead is noticed long before."""
LIMITS_S = {
    **dict.fromkeys(("commit", "hook", "merge"), HOOKS_S),
    **dict.fromkeys(
        ("add", "checkout", "clean", "reset", "restore", "rev-list", "submodule", "worktree"), FILES_S
    ),
    **dict.fromkeys(("fetch", "push"), TRANSFER_S),
}
"""By command; PLUMBING_S for all others."""
HOOKS = {
    "checkout": ("post-checkout",),
    "commit": ("pre-commit", "prepare-commit-msg", "commit-msg", "post-commit"),
    "hook": ("prepare-commit-msg", "commit-msg", "post-checkout"),
    "merge": ("pre-merge-commit", "prepare-commit-msg", "commit-msg", "post-merge"),
    "update-ref": ("reference-transaction",),
}
"""The hooks that a command runs, in order."""

NO_SUCH_COMMAND = "is not a git command"
"""Of `git hook`, say, which came with git 2.36."""

_READ_ONLY = frozenset(
    [
        *(
            "cat-file",
            "check-ignore",
            "diff-tree",
            "for-each-ref",
            "ls-files",
            "ls-tree",
            "merge-base",
            "reflog",
        ),
        *("rev-list", "rev-parse"),
        # These write what no worker in a sandbox can reach: a repository's configuration, and one that is new.
        *("config", "init"),
    ]
)
_READ_ONLY_WITH = {
    "log": ("--format",),
    "show": ("--no-patch",),
    "symbolic-ref": ("--quiet",),
    "worktree": ("list",),
}
"""What only reads with one of these words among its own."""
_WRITES = (
    "-p",
    "--patch",
    "-m",
    "--modified",
    "--deleted",
    "--textconv",
    "--filters",
    "delete",
    "expire",
)
_OF_A_WIRE = "fd::"


def verb(args: Sequence[str]) -> str:
    """The command, without the settings that go before it."""
    words = iter(args)
    for word in words:
        if word == "-c":
            next(words, "")
        elif not word.startswith("-"):
            return word
    return ""


def only_reads(args: Sequence[str]) -> bool:
    """Whether it writes no file of a repository and runs no program that one names (hook, filter, driver of merges or
    differences), whatever lies there. In doubt it does not. What talks over a wire that it was handed runs with no
    hook, and into a directory of its own (`workers.remote.transport`)."""
    if any(word in _WRITES for word in args):
        return False
    command = verb(args)
    if command in _READ_ONLY or any(word.startswith(_OF_A_WIRE) for word in args):
        return True
    wanted = _READ_ONLY_WITH.get(command, ())
    return any(word.partition("=")[0] in wanted for word in args)
