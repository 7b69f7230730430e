"""The directory of all state, and where in it everything lies. Two homes never touch each other."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fleet.homepath import home_path

_FIRST = frozenset({"accounts", "client-proofs", "coordinator.lock", "lost+found", "runs"})
"""What may lie in a home that has no database yet: ours, and what a new file system has."""


@dataclass(frozen=True, slots=True)
class Home:
    root: Path

    @property
    def database(self) -> Path:
        return self.root / "fleet.db"

    @property
    def config(self) -> Path:
        """The person's own settings (`fleet.spoken.settings`)."""
        return self.root / "config.toml"

    @property
    def lock(self) -> Path:
        return self.root / "coordinator.lock"

    @property
    def runs(self) -> Path:
        return self.root / "runs"

    @property
    def checks(self) -> Path:
        """The full output of verifications and landings, a file each."""
        return self.root / "checks"

    def config_dir(self, account: str) -> Path:
        """The account's own CLAUDE_CONFIG_DIR."""
        return self.root / "accounts" / account

    @property
    def veil(self) -> Path:
        """Fingerprints of credentials, by which they are hidden wherever a worker's words are shown."""
        return self.root / "veil"

    @property
    def agreed(self) -> Path:
        """What persons have agreed to of their repositories' configuration and hooks, a file each."""
        return self.root / "agreed"

    @property
    def pictured(self) -> Path:
        """What repositories had by name (branches, tags, stash, worktrees) before workers began, a file a task."""
        return self.root / "pictured"

    @property
    def client_proofs(self) -> Path:
        """Which clients were tried, and took no order from a repository (`workers.pinned.proof`)."""
        return self.root / "client-proofs"

    @property
    def known_hosts(self) -> Path:
        """The keys of hosts that were accepted here, beside those of the user's own file."""
        return self.root / "known_hosts"

    @property
    def kept(self) -> Path:
        """What tools have fetched in a sandbox, a directory for each repository."""
        return self.root / "kept"

    @property
    def worktrees(self) -> Path:
        return self.root / "worktrees"

    def make(self) -> None:
        """Makes the directory, readable by its owner only, whoever made it before.

        Raises PermissionError when it belongs to somebody else, or when others may read it and it is not Fleet's alone:
        to close a directory that has other things in it (`/tmp`, a shared folder) is not ours to do.
        """
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = self.root.stat()
        if found.st_uid != os.getuid():
            raise PermissionError(
                f"{self.root} belongs to somebody else (user {found.st_uid}), who could read and change all that is "
                "kept in it: name another FLEET_HOME"
            )
        if not found.st_mode & 0o077:
            return
        if not self.database.exists() and not {entry.name for entry in self.root.iterdir()} <= _FIRST:
            raise PermissionError(
                f"{self.root} can be read by others and holds other things: name an empty directory as FLEET_HOME, or "
                f"close this one: chmod 700 {shlex.quote(str(self.root))}"
            )
        self.root.chmod(0o700)


def find_home(environ: Mapping[str, str]) -> Home:
    """`FLEET_HOME`, or the platform's directory for a user's state."""
    return Home(Path(home_path(environ)))
