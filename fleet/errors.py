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


class Failed(Exception):
    """A command of the command line could not do what it was asked; the message is for the person. Exit code 1."""


class Partly(Failed):
    """It was done for some of several. Exit code 3."""

    def __init__(self, told: str, ids: tuple[str, ...]) -> None:
        """`ids` are those that it was not done for."""
        super().__init__(told)
        self.ids = ids


class NothingMatches(Failed):
    """Nothing is as the person described it, so nothing was done. Exit code 4."""
