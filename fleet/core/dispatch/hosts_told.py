"""Why no host takes a task that an account would take."""

from __future__ import annotations

from collections.abc import Sequence

from fleet.core.dispatch.explanation import Explanation
from fleet.core.dispatch.feasible import needs_mending
from fleet.core.dispatch.slots import Slots
from fleet.core.model import Account, Fleet, Host, Task


def no_host(fleet: Fleet, slots: Slots, task: Task, able: Sequence[Account]) -> Explanation:
    """What each host has against the task on the accounts that are `able`, or that it waits where its work is."""
    stay = next((stay for account in able if (stay := slots.stays(task, account))), None)
    if stay is not None:
        seconds = -(-(stay.until_ms - fleet.now_ms) // 1000)
        summary = (
            f"its work is on host {stay.host.name}, which is full: {stay.why}; it waits for a place there, and goes "
            f"on elsewhere in {seconds} s"
        )
        return Explanation(task.id, task.state, summary, expects_ms=stay.until_ms)
    hosts = sorted(fleet.hosts.values(), key=lambda host: host.name)
    for_good = {host.name: why for host in hosts if (why := _for_good(slots, host, task, able))}
    refused = {host.name: why for host in hosts if (why := slots.repository_refusal(host, task))}
    broken = [h.name for h in hosts if needs_mending(fleet, slots.unfit_for(h, task))]
    against = (
        (host.name, for_good.get(host.name) or slots.host_refusal(host) or refused.get(host.name))
        for host in hosts
    )
    summary = "; ".join(f"host {name}: {why}" for name, why in against if why)
    beyond = {*for_good, *broken}
    if any(host.name not in beyond and not host.draining and not host.is_given_up for host in hosts):
        return Explanation(task.id, task.state, summary)
    mendable = [name for name in broken if name not in for_good]
    advice = mend(mendable[0]) if mendable else _what_would_help(hosts, for_good, task)
    return Explanation(task.id, task.state, summary, stuck=True, advice=advice)


def mend(host: str) -> str:
    """What a person can do about git on a host."""
    return f"mend what its git says on host {host}, then fleet host verify {host}"


def _for_good(slots: Slots, host: Host, task: Task, able: Sequence[Account]) -> str | None:
    """What keeps the task from the host on every account until a person acts; of several reasons the last."""
    why = None
    for account in able:
        why = slots.host_refusal_for(host, task, account)
        if why is None:
            return None
    return why


def _what_would_help(hosts: Sequence[Host], for_good: dict[str, str], task: Task) -> str:
    able = [host for host in hosts if host.name not in for_good]
    lost = [host.name for host in able if host.state == "lost"]
    distrusted = [host.name for host in able if host.state == "distrusted"]
    drained = [host.name for host in able if host.draining and not host.is_given_up]
    if lost:
        which = " or ".join(lost)
        also = f", or let {' or '.join(drained)} take work again" if drained else ""
        return f"bring host {which} back, which was given up (fleet host verify {lost[0]} says what is wrong){also}"
    if distrusted:
        one = distrusted[0]
        return f"find out what has happened to host {one}, then fleet host verify {one}; or add another host"
    if drained:
        return f"let a host take work again that is being drained: {' or '.join(drained)}"
    labels = "".join(f" --label {label}" for label in task.spec.labels)
    return f"add a host that it may run on: fleet host add NAME ssh://USER@MACHINE{labels}"
