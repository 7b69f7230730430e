"""Which texts of a repository's `.fleet.toml` a person has agreed to: its commands run only then.

A text is known by the digest of what was read of a commit, and the settings that are judged are those that are run:
nothing is read again in between. What has been asked for is kept as it was judged, so that a person is shown, and
agrees to, that very text, whatever has become of the branch meanwhile.
"""

from __future__ import annotations

import hashlib
import os
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fleet.core.model import Fleet
from workers.git import HEADS, Git, GitError, RunsGit
from workers.printable import one_line
from workers.private import write_whole
from workers.worktree.repository import common_dir_of
from workers.worktree.settings import SettingsWrong, read_settings
from workers.worktree.shared import PersonNeeded
from workers.worktree.wanted import FILE, Settings, WorktreeSettings

COMMANDS_TOLD = 5
COMMAND_CHARS_TOLD = 200
"""In a line of the log, of each command: `fleet project allow` shows all of them, whole."""
LOOK_AGAIN_BEATS = 5
"""After so many beats it is looked again whether a branch still asks for what nobody has agreed to."""


class ConsentNeeded(PersonNeeded):
    """Commands of a text that nobody has agreed to were about to be run. `digest` is that of the text."""

    def __init__(self, repo: Path, settings: Settings, commands: Sequence[str]) -> None:
        self.digest = digest_of(settings.text)
        named = [one_line(command) for command in commands[:COMMANDS_TOLD]]
        shown = [
            f"`{one if len(one) <= COMMAND_CHARS_TOLD else one[:COMMAND_CHARS_TOLD] + '…'}`" for one in named
        ]
        more = f" and {len(commands) - COMMANDS_TOLD} more" if len(commands) > COMMANDS_TOLD else ""
        super().__init__(
            f"{FILE} of {repo}, as of {settings.commit[:12]}, wants to run {', '.join(shown)}{more}, to which nobody "
            f"has agreed: look at it with `{allow_command(str(repo))}`"
        )


def allow_command(repo: str) -> str:
    """What a person types to be asked for their consent."""
    return f"fleet project allow {shlex.quote(repo)}"


def digest_of(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


@dataclass(frozen=True, slots=True)
class Consent:
    """`folder` is where the texts lie: for each repository those agreed to, and those asked for, by their digests."""

    folder: Path

    def expect(self, repo: Path, settings: Settings, commands: Sequence[str]) -> None:
        """Before `commands` of those settings are run. Raises ConsentNeeded, GitError, OSError: then none may be."""
        if not commands:
            return
        common_dir = common_dir_of(repo)
        digest = digest_of(settings.text)
        if not self._has(common_dir, digest):
            self._write(common_dir, "asked", settings.text)
            raise ConsentNeeded(repo, settings, commands)

    def worktree_settings(self, repo: Path) -> Callable[[RunsGit, str], WorktreeSettings]:
        """What a worktree from a commit is made ready with, if a person agreed to it: also to what its gate will run,
        so that nobody works for a gate that cannot be asked. What it gives raises SettingsWrong, and as `expect`."""

        def settings(git: RunsGit, commit: str) -> WorktreeSettings:
            found = read_settings(git, commit)
            self.expect(repo, found, found.commands)
            return found.worktree

        return settings

    def verification(self, repo: Path, commits: Sequence[str]) -> tuple[str, ...]:
        """The commands by which the first of the commits has work verified, and those that each further one adds, if a
        person agreed to their texts. Raises SettingsWrong, and as `expect`."""
        git, asked = Git(repo), dict[str, None]()
        for commit in commits:
            settings = read_settings(git, commit)
            added = [command for command in settings.verify.commands if command not in asked]
            self.expect(repo, settings, added)
            asked |= dict.fromkeys(added)
        return tuple(asked)

    def has(self, repo: Path, digest: str) -> bool:
        """Whether a person has agreed to the text. Raises GitError, OSError."""
        return self._has(common_dir_of(repo), digest)

    def _has(self, common_dir: Path, digest: str) -> bool:
        file = self._folder(common_dir, "agreed") / digest
        try:
            return digest_of(_read(file)) == digest
        except FileNotFoundError:
            return False

    def asked(self, repo: Path, digest: str) -> str | None:
        """The text that was asked for; None when there is none of that digest. Raises GitError, OSError."""
        try:
            text = _read(self._folder(common_dir_of(repo), "asked") / digest)
        except FileNotFoundError:
            return None
        return text if digest_of(text) == digest else None

    def agree(self, repo: Path, text: str) -> None:
        """A person has read the text, and agrees. Raises GitError, OSError."""
        common_dir, digest = common_dir_of(repo), digest_of(text)
        self._write(common_dir, "agreed", text)
        (self._folder(common_dir, "asked") / digest).unlink(missing_ok=True)

    def latest(self, repo: Path) -> str | None:
        """What was agreed to last. Raises GitError, OSError."""
        files = self._folder(common_dir_of(repo), "agreed").glob("[!.]*")
        newest = max(files, key=lambda file: file.stat().st_mtime_ns, default=None)
        return None if newest is None else _read(newest)

    def _folder(self, common_dir: Path, what: str) -> Path:
        return self.folder / f"{hashlib.sha256(os.fsencode(common_dir)).hexdigest()[:16]}.{what}"

    def _write(self, common_dir: Path, what: str, text: str) -> None:
        folder = self._folder(common_dir, what)
        for made in (self.folder, folder):
            made.mkdir(mode=0o700, exist_ok=True)
        write_whole(folder / digest_of(text), text.encode("utf-8", "surrogateescape"))


def _read(file: Path) -> str:
    return file.read_bytes().decode("utf-8", "surrogateescape")


@dataclass
class Awaited:
    """Looks, on each beat, which tasks need a person's consent no more."""

    consent: Consent
    current: Callable[[], Fleet]
    _beats: int = field(default=0, init=False)

    def look(self) -> tuple[str, ...]:
        """The tasks that may go on: their text was agreed to, or what they would start from asks for nothing any more.
        One whose repository cannot be looked at is looked at again. Blocks."""
        waiting: dict[tuple[str, str, str, bool], list[str]] = {}
        for task in self.current().tasks.values():
            if task.consent is not None:
                unbegun = task.state == "queued" and task.base_commit is None
                key = (task.spec.repo, task.spec.target, task.consent, unbegun)
                waiting.setdefault(key, []).append(task.id)
        self._beats = self._beats + 1 if waiting else 0
        return tuple(name for key, names in waiting.items() if self._is_given(*key) for name in names)

    def _is_given(self, repo: str, target: str, digest: str, unbegun: bool) -> bool:
        try:
            if self.consent.has(Path(repo), digest):
                return True
            return unbegun and self._beats % LOOK_AGAIN_BEATS == 0 and self._asks_nothing(Path(repo), target)
        except (GitError, OSError):
            return False

    def _asks_nothing(self, repo: Path, target: str) -> bool:
        """A text that is wrong is told by the start that reads it."""
        git = Git(repo)
        tip = git.commit_of(f"{HEADS}{target}")
        if tip is None:
            return True
        try:
            settings = read_settings(git, tip)
        except SettingsWrong:
            return True
        return not settings.commands or self.consent.has(repo, digest_of(settings.text))
