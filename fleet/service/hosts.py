"""Adds, verifies, drains and removes hosts."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from fleet.core.events import HostAdded, HostDrainSet, HostRemoved, HostTrusted, HostVerified
from fleet.core.model import HERE, Fleet, Host
from fleet.errors import NotDone
from fleet.home import Home
from fleet.service.host_keys import Consent, trust
from fleet.service.making_home import home_id
from fleet.service.probing import Looked, look, refused, same_machine
from fleet.service.projects import expanded
from fleet.service.requests import submit
from fleet.shell.hosts.connecting import reach_of
from fleet.shell.stamp import stamp
from fleet.spoken.labels import read_labels
from fleet.views.snapshot import snapshot
from workers.remote.address import BadAddress, Reach, parse
from workers.remote.fitness import workers_that_fit

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A host as a person names it; what is None is found out."""

    name: str
    address: str
    jump: str | None = None
    identity: str | None = None
    directory: str | None = None
    client: str | None = None
    workers: int | None = None
    labels: tuple[str, ...] = ()
    accept_keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Added:
    """What was found, and the host as it was added: None when something has to be mended there first."""

    looked: Looked
    host: Host | None = None
    told: str = ""


def add(home: Home, wanted: Wanted, consent: Consent, environ: Mapping[str, str]) -> Added:
    """Raises NotDone when it cannot be reached, or its key is not trusted."""
    host = _host(wanted)
    fleet = snapshot(home)
    _refuse_name(fleet, wanted.name)
    home.make()
    reach = reach_of(host)
    trust(reach, home.known_hosts, wanted.accept_keys, consent)
    looked = look(home, reach, environ, names_taken=(*fleet.hosts, host.name))
    if not looked.is_fit:
        return Added(looked)
    same = same_machine(fleet, host.name, looked.facts)
    fit = max(1, workers_that_fit(looked.facts) - sum(other.workers_max for other in same))
    host = replace(
        host,
        workers_max=wanted.workers or fit,
        cores=looked.facts.get("cores"),
        machine=looked.facts.get("machine"),
    )
    submit(home, HostAdded(**stamp(), host=host))
    return Added(looked, host, _workers_told(host, fit, same))


def _workers_told(host: Host, fit: int, same: Sequence[Host]) -> str:
    rest = f", beside the workers of host {' and '.join(one.name for one in same)} on it" if same else ""
    if host.workers_max == fit:
        return (
            f"at most {_workers(fit)} at once, which is what fits its cores and memory{rest} (--workers N says "
            "otherwise)"
        )
    return f"at most {_workers(host.workers_max)} at once; its cores and memory have room for {fit}{rest}"


def _workers(number: int) -> str:
    return "1 worker" if number == 1 else f"{number} workers"


def _host(wanted: Wanted) -> Host:
    try:
        reach = _reach(wanted)
        labels = read_labels(wanted.labels)
        return Host(
            name=wanted.name,
            workers_max=wanted.workers or 1,
            address=f"ssh://{reach.address}",
            jump=reach.jump,
            identity=reach.identity,
            directory=reach.directory,
            client=reach.client,
            labels=labels,
        )
    except (BadAddress, ValueError) as failed:
        raise NotDone(str(failed)) from failed


def _reach(wanted: Wanted) -> Reach:
    """Raises BadAddress, ValueError, NotDone."""
    for hop in (wanted.jump or "").split(",") if wanted.jump else ():
        parse(hop)
    return replace(
        parse(wanted.address),
        name=wanted.name,
        jump=wanted.jump,
        identity=None if wanted.identity is None else _identity(wanted.identity),
        directory=_there(wanted.directory, "--dir"),
        client=_there(wanted.client, "--client"),
    )


def _identity(said: str) -> str:
    """Absolute: the coordinator may run in another directory."""
    path = expanded(said).absolute()
    if not path.is_file():
        raise NotDone(
            f"there is no key file {path}: --identity names the key's file on this machine, the public one where the "
            "private one is in an agent"
        )
    return str(path)


def _there(path: str | None, option: str) -> str | None:
    """A path on the host, which must not depend on where a login begins."""
    if path is None or path.startswith(("/", "~/")):
        return path
    raise NotDone(f"{option} {path}: name the path on the host in full, beginning with / or ~/")


def _refuse_name(fleet: Fleet, name: str) -> None:
    if name == HERE:
        raise NotDone(f"{HERE} is this machine: choose another name")
    if not _NAME.fullmatch(name):
        raise NotDone(f"{name!r} is no name of a host: write letters, digits, and . _ - between them")
    known = fleet.hosts.get(name)
    if known is not None:
        raise NotDone(
            f"there is a host {name} already ({known.address}): remove it first (fleet host remove {name})"
        )


def verify(
    home: Home, name: str, accepted: Sequence[str], consent: Consent, environ: Mapping[str, str]
) -> Looked:
    """A key that is new, as that of a machine installed anew, can be accepted here, too. A host that was not to be
    trusted, and has nothing wrong with it, takes work again: a person asks. So is what its git has refused tried again,
    and counts no more where it takes that now. Raises NotDone, also when it cannot be reached."""
    host = _known(home, name)
    if host.is_here:
        raise NotDone(f"{name} is this machine: fleet doctor looks at it")
    reach = reach_of(host)
    trust(reach, home.known_hosts, accepted, consent)
    looked = look(home, reach, environ, with_refused=True)
    if host.unfit and looked.is_fit:
        submit(home, HostVerified(**stamp(), name=name, fit=looked.fit, refused=looked.refused))
    looked = replace(looked, findings=(*looked.findings, *refused(host, looked)))
    if host.state == "distrusted" and looked.is_fit:
        submit(home, HostTrusted(**stamp(), name=name))
        return replace(looked, trusted_again=host.problem)
    return looked


def drain(home: Home, name: str, *, on: bool, move: bool = False) -> None:
    """Raises NotDone."""
    submit(home, HostDrainSet(**stamp(), name=name, on=on, move=move))


def remove(home: Home, name: str) -> Host:
    """Returns it as it was. Raises NotDone."""
    host = _known(home, name)
    submit(home, HostRemoved(**stamp(), name=name))
    return host


def directory_of(home: Home, host: Host) -> str:
    """Where on the host everything lies that Fleet has put there."""
    return reach_of(host).directory_there(home_id(home))


def _known(home: Home, name: str) -> Host:
    host = snapshot(home).hosts.get(name)
    if host is None:
        raise NotDone(f"there is no host {name}: see `fleet host list`")
    return host
