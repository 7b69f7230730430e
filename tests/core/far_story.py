"""A story with hosts beside this machine, and what can become of them."""

from __future__ import annotations

from typing import Any

from fleet.core import events
from fleet.core.decisions import Decision
from fleet.core.model import Account, Host, Settings
from tests.core.story import Story, account

LOST_MS = Settings().host_lost_ms
PATIENCE_MS = Settings().move_patience_ms
PLENTY = 10**12


def far(name: str, **but: Any) -> Host:
    return Host(name, **{"workers_max": 9, "address": f"ssh://ci@{name}.example", **but})


class FarStory(Story):
    """This machine has no places unless `here` says so; every host has been reached once. There are four accounts
    unless others are named, for each is tried with one worker first."""

    def __init__(self, *hosts: Host, here: int = 0, accounts: tuple[Account, ...] = ()) -> None:
        super().__init__(*(accounts or map(account, "abcd")), workers_max=here)
        for host in hosts:
            self.tell(events.HostAdded, host=host)
            self.seen(host.name)

    def seen(self, name: str, **but: Any) -> list[Decision]:
        what = {"workers_max": self.fleet.hosts[name].workers_max, "memory_free_bytes": PLENTY}
        return self.tell(events.HostSeen, host=name, **{**what, **but})

    def silent(self, name: str, ms: int = 5_000, **but: Any) -> list[Decision]:
        self.now_ms += ms
        return self.tell(events.HostSilent, host=name, why="no route to host", silent_ms=ms, **but)

    def lose(self, name: str) -> list[Decision]:
        return self.silent(name, LOST_MS)

    def drain(self, name: str, on: bool = True, *, move: bool = False) -> list[Decision]:
        return self.tell(events.HostDrainSet, name=name, on=on, move=move)

    def host_of(self, attempt: str) -> str:
        return self.attempt(attempt).host

    def tree(self, task: str = "t1") -> Any:
        return self.fleet.worktrees[task]

    def put_back(self, attempt: str = "t1.1") -> list[Decision]:
        """The worker is stopped for what is nobody's fault; its task waits for an account."""
        self.tell(events.DrainAsked, on=True, stop_workers=True)
        self.exit(attempt)
        return self.tell(events.DrainAsked, on=False)
