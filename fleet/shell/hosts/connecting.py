"""From a host as the fleet knows it to a link to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from fleet.core.model import Fleet, Host, Task
from fleet.home import Home
from fleet.shell.cells import SandboxAsked, needs_of
from fleet.shell.hosts.ssh import SshDriver
from workers import machine
from workers.machine import Machine
from workers.remote.address import Reach, parse
from workers.remote.link import Link
from workers.sandbox.cell import Needs


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


def works_on(fleet: Fleet, name: str) -> Machine | None:
    """The machine that has work of the fleet as the host of this name; None while none has, or it is not known."""
    host = fleet.hosts.get(name)
    worktrees = (worktree.hosts for worktree in fleet.worktrees.values())
    if host is None or not any(
        name in hosts for hosts in (*worktrees, [a.host for a in fleet.attempts.values()])
    ):
        return None
    return machine.read(host.machine)


@dataclass(frozen=True, slots=True)
class Connecting:
    """`current` is the fleet as it is now, to be asked from any thread. `sandbox` is what work on hosts runs in: with
    `bwrap`, a host that has none is given no work."""

    home: Home
    home_id: str
    current: Callable[[], Fleet]
    sandbox: SandboxAsked = "auto"

    def link(self, reach: Reach, names_taken: Sequence[str] = ()) -> Link:
        """Not opened yet. `names_taken`: see Link."""
        return Link(
            reach,
            home_id=self.home_id,
            runs=self.home.runs,
            known_hosts=self.home.known_hosts,
            environ_wanted=("*",),  # what of it a worker is given is settled by `environment_on`
            names_taken=names_taken,
            works_on=lambda: works_on(self.current(), reach.name),
            sandbox=self.sandbox != "none",
        )

    def driver(self, host: Host) -> SshDriver:
        """Begins to connect."""
        link = self.link(reach_of(host))
        link.open()
        required = self.sandbox == "bwrap"
        return SshDriver(host, self.home, self.home_id, link, needs=self._needs, sandbox_required=required)

    def _needs(self, task: Task) -> Needs:
        return needs_of(task, self.current().projects.get)
