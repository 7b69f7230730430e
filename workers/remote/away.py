"""What is raised when a host cannot be reached."""

from __future__ import annotations


class HostAway(Exception):
    """The host does not answer now, and whether it has carried out what was asked is not known: ask again later.

    On purpose neither an OSError nor a GitError: it is no fault of a disk or a repository.
    """

    def __init__(self, host: str, why: str) -> None:
        super().__init__(f"host {host} cannot be reached: {why}")
        self.host, self.why = host, why
