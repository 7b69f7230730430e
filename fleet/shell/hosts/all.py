"""The hosts of a coordinator: this machine, and those that the fleet knows, opened and closed as they come and go."""

from __future__ import annotations

from collections.abc import Callable, Set

from fleet.core.model import Fleet, Host
from fleet.shell.hosts.driver import Driver
from fleet.shell.hosts.local import LocalDriver
from fleet.shell.hosts.ssh import SshDriver
from workers.remote.away import HostAway

Connect = Callable[[Host], SshDriver]


class Hosts:
    """`Drivers` that follow the fleet. For the coordinator's thread; `of` for any."""

    def __init__(self, here: LocalDriver, connect: Connect) -> None:
        self.here = here
        self._connect = connect
        self._remote: dict[str, SshDriver] = {}

    def of(self, host: str) -> Driver:
        if host == self.here.name:
            return self.here
        driver = self._remote.get(host)
        if driver is None:
            raise HostAway(host, "it is no host of this fleet (any more), or is not to be trusted")
        return driver

    def sync(self, fleet: Fleet) -> list[SshDriver]:
        """Takes up the hosts that were added, or are trusted again, and closes those that were removed or are not to be
        trusted; returns the new ones."""
        wanted = {h.name: h for h in fleet.hosts.values() if h.address and h.state != "distrusted"}
        for gone in self._remote.keys() - wanted.keys():
            self._remote.pop(gone).close()
        new = [self._connect(wanted[name]) for name in sorted(wanted.keys() - self._remote.keys())]
        self._remote |= {driver.name: driver for driver in new}
        return new

    def unsettled(self, fleet: Fleet) -> bool:
        """Whether one that was given up before is being tried for the first time now, or has just come back; or whether
        the fleet has still to be told of one that is not to be trusted."""
        if any(self._remote[name].link.state().distrusted for name in self._remote):
            return True
        return any(
            host.state == "lost" and (name not in self._remote or self._remote[name].link.state().is_hopeful)
            for name, host in fleet.hosts.items()
        )

    @property
    def names(self) -> Set[str]:
        """Of those that are open, this machine not among them."""
        return self._remote.keys()

    def ahead_ms(self, host: str) -> int:
        """By how much its clock is ahead of this machine's, as last seen; 0 where that is not known."""
        driver = self._remote.get(host)
        return 0 if driver is None else driver.link.state().skew_ms or 0

    def living(self, fleet: Fleet) -> int:
        """How many workers go on when the coordinator stops. On this machine one whose worktree is still being set up
        ends with this process; on others nobody is asked, as they may not answer."""
        attempts = fleet.attempts.values()
        here = [a.id for a in attempts if a.host == self.here.name]
        return sum(map(self.here.runs.alive, here)) + sum(
            a.began for a in attempts if a.host != self.here.name
        )

    def close(self) -> None:
        for driver in self._remote.values():
            driver.close()
        self._remote.clear()
