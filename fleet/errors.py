"""What a command could not do, as errors that any floor may raise; the message is for the person. Standard library
only: `fleet status` imports it."""

from __future__ import annotations


class NotDone(Exception):
    """The request was refused, or could not be carried out; nothing has changed. The message says why."""


class NotKnown(NotDone):
    """Whether the request was carried out is not known; the message says how to find out."""


class NoCoordinator(NotDone):
    """Only a running coordinator can do this, and none runs."""


class NotFound(KeyError):
    """There is nothing of that name; the message says what to look at."""

    def __str__(self) -> str:
        return str(self.args[0])
