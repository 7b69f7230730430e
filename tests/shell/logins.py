"""A reader of idle accounts that tells what it is given. Held to the contract of the real one."""

from __future__ import annotations

from dataclasses import dataclass, field

from fleet.core.events import WindowReading
from fleet.core.model import Account
from fleet.ports import NoReading


@dataclass
class ScriptedReader:
    """A `ports.LoginReader`. `windows` None: nobody answers."""

    windows: tuple[WindowReading, ...] | None = ()
    asked: list[str] = field(default_factory=list)

    def __call__(self, account: Account) -> tuple[WindowReading, ...]:
        self.asked.append(account.name)
        if self.windows is None:
            raise NoReading("nobody answers")
        return self.windows
