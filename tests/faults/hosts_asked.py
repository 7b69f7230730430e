"""What people ask of hosts: they add, empty and remove them, and put right what was left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random

from fleet.core import events
from fleet.core.events import Event
from fleet.core.model import Fleet, Host
from tests.faults.machines import Machines

Ask = Callable[[int, str], Event]


def adding_host(host: Host) -> Ask:
    return lambda at_ms, name: events.HostAdded(at_ms=at_ms, id=name, host=host)


def ask_of_hosts(fleet: Fleet, machines: Machines, rng: Random, at_ms: int, name: str) -> Event:
    """Something that a person may ask of a host now, sensible or not."""
    host = rng.choice([*machines.by_name, *fleet.hosts])
    if host not in fleet.hosts:
        return adding_host(machines.replace(host))(at_ms, name)
    if rng.random() < 0.2:
        return events.HostRemoved(at_ms=at_ms, id=name, name=host)
    if fleet.hosts[host].state == "distrusted":
        return _trusting(host, machines)(at_ms, name)
    if fleet.hosts[host].unfit and rng.random() < 0.5:
        return events.HostVerified(at_ms=at_ms, id=name, name=host)
    on = rng.random() < 0.4
    return events.HostDrainSet(at_ms=at_ms, id=name, name=host, on=on, move=rng.random() < 0.5)


def mended(fleet: Fleet, machines: Machines) -> Iterator[Ask]:
    """Every host takes work again; one whose machine is dead is replaced as soon as it is given up."""
    for host in fleet.hosts.values():
        if host.draining:
            yield _opening(host.name)
        if host.state == "distrusted":
            yield _trusting(host.name, machines)
    for name, machine in machines.by_name.items():
        host_state = fleet.hosts[name].state if name in fleet.hosts else None
        if machine.dead and host_state == "lost":
            yield _removing(name)
        if host_state is None or (machine.dead and host_state == "lost"):
            yield adding_host(machines.replace(name))


def _trusting(host: str, machines: Machines) -> Ask:
    """A person has put the machine right, where it is one of them, and says so."""

    def ask(at_ms: int, name: str) -> Event:
        machine = machines.by_name.get(host)
        if machine is not None:
            machine.lies = False
        return events.HostTrusted(at_ms=at_ms, id=name, name=host)

    return ask


def _opening(host: str) -> Ask:
    return lambda at_ms, name: events.HostDrainSet(at_ms=at_ms, id=name, name=host, on=False)


def _removing(host: str) -> Ask:
    return lambda at_ms, name: events.HostRemoved(at_ms=at_ms, id=name, name=host)
