"""What a repository wants in its worktrees and at its gate: the plain values of `.fleet.toml`."""

from __future__ import annotations

from dataclasses import dataclass, field

from workers.git import GitError

FILE = ".fleet.toml"


class SettingsWrong(GitError):
    """`.fleet.toml` cannot be used; the message names the key and what is allowed."""


@dataclass(frozen=True)
class WorktreeSettings:
    """How a worktree is made ready: `ports` is how many ports it gets, `copy_paths` and `link` name ignored files."""

    setup: tuple[str, ...] = ()
    copy_paths: tuple[str, ...] = ()
    link: tuple[str, ...] = ()
    ports: int = 10


@dataclass(frozen=True)
class VerifySettings:
    """The commands of the gate for every task of this repository."""

    commands: tuple[str, ...] = ()


@dataclass(frozen=True)
class Settings:
    """All of `.fleet.toml`. `land_message` and `commit_message` are what the fleet's own merges and commits say, with
    fields in braces (`workers.messages`); None where that is left to the fleet.

    `text` is what all of this was read from, and `commit` has it: whoever runs commands of these settings asks first
    whether a person has agreed to that text."""

    worktree: WorktreeSettings = WorktreeSettings()
    verify: VerifySettings = VerifySettings()
    land_message: str | None = None
    commit_message: str | None = None
    text: str = field(default="", compare=False)
    commit: str = field(default="", compare=False)

    @property
    def commands(self) -> tuple[str, ...]:
        """All that its repository wants to be run."""
        return (*self.worktree.setup, *self.verify.commands)
