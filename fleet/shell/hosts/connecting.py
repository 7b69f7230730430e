"""From a host as the fleet knows it to a link to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from fleet.core.model import Host
from fleet.home import Home
from fleet.shell.hosts.ssh import SshDriver
from workers.remote.address import Reach, parse
from workers.remote.link import Link


def reach_of(host: Host) -> Reach:
    """Raises BadAddress."""
    return replace(
        parse(host.address),
        name=host.name,
        jump=host.jump,
        identity=host.identity,
        directory=host.directory,
        client=host.client,
    )


@dataclass(frozen=True, slots=True)
class Connecting:
    home: Home
    home_id: str

    def link(self, reach: Reach, names_taken: Sequence[str] = ()) -> Link:
        """Not opened yet. `names_taken`: see Link."""
        return Link(
            reach,
            home_id=self.home_id,
            runs=self.home.runs,
            known_hosts=self.home.known_hosts,
            environ_wanted=("*",),  # what of it a worker is given is settled by `environment_on`
            names_taken=names_taken,
        )

    def driver(self, host: Host) -> SshDriver:
        """Begins to connect."""
        link = self.link(reach_of(host))
        link.open()
        return SshDriver(host, self.home, self.home_id, link)
