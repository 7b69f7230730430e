"""What is raised when a host cannot be reached, or is not to be listened to."""

from __future__ import annotations


class HostAway(Exception):
    """The host does not answer now, and whether it has carried out what was asked is not known: ask again later.

    On purpose neither an OSError nor a GitError: it is no fault of a disk or a repository.
    """

    def __init__(self, host: str, why: str) -> None:
        super().__init__(f"host {host} cannot be reached: {why}")
        self.host, self.why = host, why


class NoChannel(HostAway):
    """The host answers, but opens no channel beside the one that it is talked to over: nothing was begun there."""


class NoWay(HostAway):
    """The host answers, but for so long nothing got there of what a start needs that the work had better go elsewhere:
    `why` are its words."""


class NotToBeTrusted(HostAway):
    """The host sent what no far end of ours ever sends. Nothing of it was used, and it is not asked again until a
    person has looked. `why` says what it sent, in printable ASCII."""

    def __init__(self, host: str, what: str) -> None:
        super().__init__(host, what)
        self.args = (f"host {host} is not to be trusted: {what}",)
