"""The directory of all state, and where in it everything lies. Two homes never touch each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fleet.homepath import home_path


@dataclass(frozen=True, slots=True)
class Home:
    root: Path

    @property
    def database(self) -> Path:
        return self.root / "fleet.db"

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
    def known_hosts(self) -> Path:
        """The keys of hosts that were accepted here, beside those of the user's own file."""
        return self.root / "known_hosts"

    @property
    def worktrees(self) -> Path:
        return self.root / "worktrees"

    def make(self) -> None:
        """Makes the directory, readable by its owner only."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)


def find_home(environ: Mapping[str, str]) -> Home:
    """`FLEET_HOME`, or the platform's directory for a user's state."""
    return Home(Path(home_path(environ)))
