"""Looks at hosts reached over ssh, over a connection of its own: what is there, and what is missing."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from fleet.core.model import Fleet, Host, Unfit
from fleet.core.model.lifecycles import TASK_ENDS
from fleet.errors import NotDone
from fleet.home import Home
from fleet.service.clients import find_client
from fleet.service.making_home import home_id
from fleet.shell.hosts.connecting import Connecting, reach_of
from fleet.shell.hosts.ssh import PROOF_S
from fleet.views.snapshot import snapshot
from workers import machine
from workers.far.errors import FarFailed
from workers.git import Git, GitError, head_branch
from workers.remote import machines
from workers.remote.address import BadAddress, Reach
from workers.remote.away import HostAway
from workers.remote.dry_run import WHAT, dry_run
from workers.remote.dry_run import refused as refused_by
from workers.remote.fitness import Facts, Finding, findings
from workers.remote.link import CONNECTING, Link

PATIENCE_S = 60.0
"""A person who asks for one host waits so long: a cold one is sent the far end first."""
DOCTOR_S = 10.0
AT_ONCE = 16
_LOOK_S = 0.05


class Away(NotDone):
    """The host cannot be reached, or what has to run there does not; the message says why."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What a host said of itself, and what follows from it."""

    facts: Facts
    findings: tuple[Finding, ...]
    trusted_again: str = ""
    """What it had done that was not to be trusted, where it takes work again all the same."""
    fit: tuple[str, ...] = ()
    refused: tuple[tuple[str, str], ...] = ()
    """Of the repositories that its git had refused: those that it takes now, and those that it does not, with why."""

    @property
    def is_fit(self) -> bool:
        return all(finding.grade != "error" for finding in self.findings)


def look(
    home: Home,
    reach: Reach,
    environ: Mapping[str, str],
    patience_s: float = PATIENCE_S,
    names_taken: Sequence[str] = (),
    *,
    with_proof: bool = False,
    with_refused: bool = False,
) -> Looked:
    """Connects, asks, tries what a start needs, and hangs up; `names_taken`: see Link. `with_proof`: its client is
    tried, too, where that was not done there before; else the first worker waits for it. `with_refused`: so are the
    repositories that its git had refused. Raises Away."""
    fleet = snapshot(home)
    link = Connecting(home, home_id(home), lambda: fleet).link(reach, names_taken)
    link.open()
    try:
        _wait(link, reach.name, patience_s)
        state = link.state()
        facts = state.facts or {}
        proved = (*(_proved(link, facts) if with_proof else ()), *_tried(link, facts))
        fits = with_refused and all(finding.grade != "error" for finding in proved)
        again = _tried_again(link, facts, fleet, reach.name) if fits else {}
    finally:
        link.close()
    ahead_s = None if state.skew_ms is None else state.skew_ms / 1000
    found = findings(facts, home_client=_client_here(environ), clock_ahead_s=ahead_s)
    return Looked(
        facts,
        (*found, *_machine(fleet, reach.name, facts), *proved),
        fit=tuple(repo for repo, why in again.items() if not why),
        refused=tuple((repo, why) for repo, why in again.items() if why),
    )


def same_machine(fleet: Fleet, name: str, facts: Facts) -> list[Host]:
    """The other hosts that are the machine which says this of itself."""
    here = facts.get("machine")
    others = (host for host in fleet.hosts.values() if host.name != name and not host.is_here)
    return [host for host in others if here is not None and host.machine == here]


def _machine(fleet: Fleet, name: str, facts: Facts) -> Iterator[Finding]:
    here, host = machines.of(facts), fleet.hosts.get(name)
    before = machine.read(host.machine) if host else None
    if here is not None and before is not None and here.is_another_than(before):
        story = f"{here.name} answers now, {before.beside(here)} did before: a host is one machine"
        advice = f"if both are there, name one of them by HostName in ~/.ssh/config, or by the address of host {name}"
        yield Finding("machine", "warning", story, advice)
    same = " and ".join(other.name for other in same_machine(fleet, name, facts))
    if same:
        story = f"it is one machine with host {same}: its memory counts once, and its cores are shared"
        yield Finding(
            "machine", "warning", story, f"give each as many workers as it is to have, or remove {name}"
        )


def _proved(link: Link, facts: Facts) -> tuple[Finding, ...]:
    """Whether its client was tried, and takes no order from a repository."""
    if not facts.get("client"):
        return ()
    told = {"path": facts["client"]["path"], "version": facts["client"]["version"]}
    try:
        refused = link.call("prove_client", told, timeout_s=PROOF_S).values["refused"]
    except (HostAway, FarFailed, OSError) as failed:
        return (Finding("client", "warning", f"its client could not be tried: {failed}"),)
    return (Finding("client", "error", str(refused)),) if refused else ()


def _tried(link: Link, facts: Facts) -> tuple[Finding, ...]:
    """Whether a start would find what it needs; nothing where something is known already that keeps it from it."""
    if any(finding.grade == "error" and finding.what != "client" for finding in findings(facts)):
        return ()
    try:
        return (dry_run(link, facts),)
    except HostAway as away:
        return (Finding(WHAT, "error", away.why),)
    except (GitError, OSError) as failed:
        return (Finding(WHAT, "warning", f"it could not be tried from here: {failed}"),)


def _tried_again(link: Link, facts: Facts, fleet: Fleet, name: str) -> dict[str, str]:
    """What its git has against each repository that it had refused; empty for one that it takes. One that home has no
    more is not tried."""
    found = {}
    for unfit in fleet.hosts[name].unfit:
        repo = Path(unfit.repo)
        with suppress(GitError, OSError, HostAway):
            found[unfit.repo] = refused_by(link, facts, repo, _targets(fleet, unfit.repo))
    return found


def _targets(fleet: Fleet, repo: str) -> list[str]:
    """The branches that work of it starts from; where there is no work, the one that home stands on."""
    todo = (task.spec for task in fleet.tasks.values() if task.state not in TASK_ENDS)
    targets = {spec.target for spec in todo if spec.repo == repo}
    here = None if targets else head_branch(Git(repo))
    return sorted(targets) if here is None else [here]


def _wait(link: Link, name: str, patience_s: float) -> None:
    """Until it is there and its clock is known, or the first try has failed: the person may try again."""
    until = time.monotonic() + patience_s
    while True:
        state = link.state()
        if state.connected and state.skew_ms is not None:
            return
        if not state.connected and (state.lasting or state.why != CONNECTING):
            raise Away(told(name, state.why))
        if time.monotonic() > until:
            raise Away(f"host {name} did not answer within {patience_s:.0f} s")
        time.sleep(_LOOK_S)


def told(name: str, why: str) -> str:
    """What keeps home from the host, beginning with its name, as most of these stories do."""
    if why.startswith("it is not to be trusted"):
        return f"host {name} {why.removeprefix('it ')}"
    return f"host {why}" if why.startswith(name) else f"host {name} cannot be reached: {why}"


def _client_here(environ: Mapping[str, str]) -> str | None:
    """Without one here there is nothing to compare with; `fleet doctor` tells of that."""
    try:
        return find_client(environ).version
    except NotDone:
        return None


def refused(host: Host, looked: Looked | None = None) -> tuple[Finding, ...]:
    """The repositories that its git refused when it was last asked, and what has become of those that were tried as it
    was `looked` at."""
    mend = f"mend that there, then: fleet host verify {host.name}"
    return tuple(_refused(unfit, looked, mend) for unfit in host.unfit)


def _refused(unfit: Unfit, looked: Looked | None, mend: str) -> Finding:
    now = dict(looked.refused) if looked else {}
    if looked and unfit.repo in looked.fit:
        return Finding("repository", "ok", f"its git takes {unfit.repo} again, which it had refused")
    if unfit.repo in now:
        return Finding(
            "repository", "warning", f"its git still refuses {unfit.repo}: {now[unfit.repo]}", mend
        )
    again = "the next task of it tries that again" if looked and looked.is_fit else mend
    return Finding("repository", "warning", f"its git refused {unfit.repo}: {unfit.why}", again)


def examine(home: Home, hosts: Sequence[Host], environ: Mapping[str, str]) -> list[Finding]:
    """For the doctor: all at once, none for longer than `DOCTOR_S`. A host that is away is a warning: it may be off."""
    if not hosts:
        return []
    with ThreadPoolExecutor(min(len(hosts), AT_ONCE)) as at_once:
        looked = at_once.map(lambda host: _examine(home, host, environ), hosts)
        return [finding for found in looked for finding in found]


def _examine(home: Home, host: Host, environ: Mapping[str, str]) -> list[Finding]:
    what = f"host {host.name}"
    if host.state == "distrusted":  # it is not for a look of ours to let it work again
        advice = f"find out what has happened there, then fleet host verify {host.name}"
        return [Finding(what, "error", host.problem, advice)]
    try:
        found = look(home, reach_of(host), environ, DOCTOR_S, with_proof=True).findings
    except (Away, BadAddress) as failed:
        return [Finding(what, "warning", str(failed).removeprefix(f"{what} "))]
    found = (*found, *refused(host))
    amiss = [Finding(what, one.grade, one.story, one.advice) for one in found if one.grade != "ok"]
    well = ", ".join(one.story for one in found if one.what in ("client", "memory"))
    return amiss or [Finding(what, "ok", f"{host.address}: {well}")]
