"""The machines that run workers: added and emptied by persons, seen, silent, given up and come back.

A host that does not answer is *suspected*: it is given no work, and its workers are left alone, for they go on. After
some time of trying it is *lost*: its attempts end, so that whatever they still report is refused, its worktrees count
as gone, and their tasks go on elsewhere from what was last brought home. What comes back with it is never landed:
before it is seen again, what still runs there has been stopped, and its work kept in a ref.

A host that breaks the rules of what hosts send is *distrusted*: it is given up at once, and nothing that it says
counts, until a person has looked at it. Then it is tried again like a lost one.
"""

from __future__ import annotations

from dataclasses import replace

from fleet.core.draft import Draft
from fleet.core.events import (
    Checkpointed,
    HostAdded,
    HostDistrusted,
    HostDrainSet,
    HostRemoved,
    HostSeen,
    HostSilent,
    HostTrusted,
    WorkReclaimed,
)
from fleet.core.model import HERE, Host, Worktree
from fleet.core.rules.attempts import HOST_LOST, end, stop
from fleet.core.rules.tasks import Refused
from fleet.core.rules.worktrees import remove_worktree
from fleet.spoken import spans

UNREACHED = "no coordinator has connected to it yet: the one of `fleet up` does"
_UNREACHED_BEFORE = "it has not been reached yet"
"""As homes of 0.1 have it."""
UNFOLLOWED = "no coordinator runs: fleet up"
_NOT_ITS_OWN = ("", UNREACHED, _UNREACHED_BEFORE, UNFOLLOWED)

AT_REST = frozenset({"waiting", "queued", "review", "held", "failed", "cancelled"})
"""States of tasks that need no worktree now."""


def host_added(draft: Draft, event: HostAdded) -> None:
    host = event.host
    if host.name in draft.hosts or host.name == HERE:
        raise Refused(f"there is a host {host.name} already: see `fleet host list`, or choose another name")
    if host.is_here:
        raise Refused(f"host {host.name} has no address: fleet host add {host.name} ssh://USER@MACHINE")
    unseen = Host(host.name, host.workers_max, problem=UNREACHED)
    observed = {
        name: getattr(unseen, name)
        for name in (
            "memory_free_bytes",
            "observed_ms",
            "problem",
            "state",
            "silent_since_ms",
            "load",
            "warm",
            "unfit",
        )
    }
    draft.put_host(replace(host, **observed))
    draft.note(
        "info",
        "host.added",
        f"host added: {host.address}",
        host=host.name,
        address=host.address,
        workers_max=host.workers_max,
    )


def host_removed(draft: Draft, event: HostRemoved) -> None:
    host = _known(draft, event.name)
    if host.is_here:
        raise Refused(f"{host.name} is this machine: to give it no work, fleet host drain {host.name}")
    tasks = {a.task for a in draft.attempts.values() if a.host == host.name}
    tasks |= {w.task for w in draft.worktrees.values() if host.name in w.hosts}
    if tasks and not host.is_given_up:
        raise Refused(
            f"host {host.name} still has work of {'1 task' if len(tasks) == 1 else f'{len(tasks)} tasks'}: bring that "
            f"home first with `fleet host drain {host.name} --move`, then remove it"
        )
    draft.drop("hosts", host.name)
    draft.note("info", "host.removed", "host removed", host=host.name)


def host_drain_set(draft: Draft, event: HostDrainSet) -> None:
    host = draft.put_host(replace(_known(draft, event.name), draining=event.on))
    draft.note(
        "info",
        "host.drained",
        "is being drained" if event.on else "takes work again",
        host=host.name,
        on=event.on,
    )
    if event.on and event.move:
        for attempt in [a for a in draft.attempts.values() if a.host == host.name]:
            stop(draft, attempt, "paused", how="ladder")
    draft.settle = True


def _known(draft: Draft, name: str) -> Host:
    host = draft.hosts.get(name)
    if host is None:
        raise Refused(f"there is no host {name}: see `fleet host list`")
    return host


def host_seen(draft: Draft, event: HostSeen) -> None:
    """This machine makes itself known by being seen; any other one that is not known has been removed."""
    before = draft.hosts.get(event.host)
    if before is None and any(host.is_here for host in draft.hosts.values()):
        return
    if before is not None and before.state == "distrusted":
        return
    known = before or Host(name=event.host, workers_max=event.workers_max)
    draft.put_host(
        replace(
            known,
            workers_max=event.workers_max,
            memory_free_bytes=event.memory_free_bytes,
            observed_ms=draft.now_ms,
            problem=event.problem,
            cores=known.cores if event.cores is None else event.cores,
            load=event.load,
            machine=event.machine or known.machine,
            unsandboxed=event.unsandboxed,
            disk_free_bytes=event.disk_free_bytes,
            disk_low_ms=_disk_low_ms(draft, known, event.disk_free_bytes),
            state="ready",
            silent_since_ms=None,
        )
    )
    if known.state != "ready":
        draft.note(
            "info",
            "host.ready",
            _back(known, draft.now_ms),
            host=known.name,
            silent_since_at_ms=known.silent_since_ms,
            was=known.state,
        )
    _tell_problem(draft, known, event.problem)
    draft.settle = True


def _disk_low_ms(draft: Draft, before: Host, free: int | None) -> int | None:
    """Since when its disk is nearly full; what is not known now, is as it was."""
    if free is None:
        return before.disk_low_ms
    if free >= draft.before.settings.disk_low_bytes:
        return None
    return draft.now_ms if before.disk_low_ms is None else before.disk_low_ms


def _tell_problem(draft: Draft, before: Host, problem: str) -> None:
    """When it comes and when it has passed, not at each look: its story may have a figure that moves."""
    had = before.state == "ready" and before.problem not in _NOT_ITS_OWN
    if problem not in _NOT_ITS_OWN and not had:
        draft.note("warning", "host.unwell", f"is given no work: {problem}", host=before.name)
    elif had and not problem:
        more = "" if before.draining else ", and takes work again"
        draft.note("info", "host.well", f"is well{more}", host=before.name)


def _back(host: Host, now_ms: int) -> str:
    if host.state != "lost" and host.problem in _NOT_ITS_OWN:
        return "is reached"  # its silence was none that anybody was told of
    silent = spans.lasted(now_ms - (host.silent_since_ms or now_ms))
    was = "and had been given up" if host.state == "lost" else "and its workers are caught up with"
    return f"answers again; it was silent for {silent}, {was}"


def host_silent(draft: Draft, event: HostSilent) -> None:
    host = draft.hosts.get(event.host)
    if host is None or host.is_here:
        return
    if host.state == "ready":
        # Without a problem until its silence is one: it is being connected to.
        since_ms = draft.now_ms - event.silent_ms
        host = draft.put_host(replace(host, state="suspected", silent_since_ms=since_ms, problem=""))
    if event.silent_ms and host.state == "suspected" and host.problem != event.why:
        host = draft.put_host(replace(host, problem=event.why))
        story = f"does not answer, is given no work, and its workers are left to go on: {event.why}"
        draft.note("warning", "host.silent", story, host=host.name, silent_ms=event.silent_ms)
    lost_after_ms = event.lost_after_ms
    if lost_after_ms is None:
        lost_after_ms = draft.before.settings.host_lost_ms
    if host.state == "suspected" and event.silent_ms >= lost_after_ms:
        _give_up(draft, host, event)


def host_distrusted(draft: Draft, event: HostDistrusted) -> None:
    host = draft.hosts.get(event.host)
    if host is None or host.is_here or host.state == "distrusted":
        return
    since_ms = draft.now_ms if host.state == "ready" else host.silent_since_ms
    problem = f"not to be trusted: {event.why}"
    draft.put_host(replace(host, state="distrusted", silent_since_ms=since_ms, problem=problem))
    story = (
        f"is {problem}. It may be in other hands. It is given up and given no work, and nothing it still says counts; "
        "what its workers were doing goes on elsewhere, from what was last brought home. Find out what has happened "
        f"there; fleet host verify {host.name} lets it take work again"
    )
    draft.note("error", "host.distrusted", story, host=host.name)
    _take_from(draft, host, problem)


def host_trusted(draft: Draft, event: HostTrusted) -> None:
    """From here on as with a lost one: what still runs there is stopped before it is seen again."""
    host = _known(draft, event.name)
    if host.state != "distrusted":
        return
    draft.put_host(replace(host, state="lost", problem=UNREACHED))
    draft.note(
        "info", "host.trusted", "is tried again: a person says that it is to be trusted", host=host.name
    )


def _give_up(draft: Draft, host: Host, event: HostSilent) -> None:
    draft.put_host(replace(host, state="lost"))
    story = (
        f"is given up: it did not answer for {spans.lasted(event.silent_ms)}. What its workers were doing goes on "
        f"elsewhere, from what was last brought home; nothing they still do will be landed: {event.why}"
    )
    draft.note("error", "host.lost", story, host=host.name, silent_ms=event.silent_ms)
    _take_from(draft, host, event.why)


def _take_from(draft: Draft, host: Host, why: str) -> None:
    """Worktrees first, so that nobody asks for their removal; then tasks whose verification ran there; then attempts,
    those being stopped for what they were being stopped for."""
    lost = [worktree for worktree in draft.worktrees.values() if host.name in worktree.hosts]
    for worktree in lost:
        draft.put_worktree(_without(worktree, host.name))
        _tell_again(draft, worktree)
        task = draft.tasks[worktree.task]
        if task.state == "checking":
            draft.put_task(
                replace(task, state="queued", reason=f"{HOST_LOST}: its work is verified on another")
            )
    for attempt in [a for a in draft.attempts.values() if a.host == host.name]:
        reason = attempt.reason if attempt.state == "stopping" else HOST_LOST
        end(draft, attempt, reason, attempt.detail if attempt.state == "stopping" else why)
    draft.settle = True


def _without(worktree: Worktree, host: str) -> Worktree:
    """What is left of a worktree when a host is gone. What was not on it yet is still to be brought from where it was;
    if that has been done, the checkpoint is what came."""
    kept = replace(worktree, preserved=worktree.checkpoint)
    if worktree.moves_from in (None, host):
        kept = replace(kept, moves_from=None, heard=(), heard_before=())
    return replace(kept, state="removed") if worktree.host == host else kept


def _tell_again(draft: Draft, lost: Worktree) -> None:
    """What the session heard after it was last brought home is lost with the host."""
    task, words = draft.tasks[lost.task], (*lost.heard_before, *lost.heard)
    is_lost = draft.worktrees[lost.task].moves_from is None
    if words and is_lost and task.state not in ("landed", "cancelled"):
        draft.put_task(replace(task, words=(*words, *task.words)))


def checkpointed(draft: Draft, event: Checkpointed) -> None:
    """Words that were taken up before the last checkpoint are at home for certain with this one; later ones may have
    been taken up after it was begun."""
    live = draft.live_attempt(event.attempt)
    if live is None or live[1].state not in ("running", "checking"):
        return
    worktree = draft.worktrees[live[1].id]
    draft.put_worktree(
        replace(
            worktree,
            checkpoint=event.ref,
            checkpoint_ms=draft.now_ms,
            heard=(),
            heard_before=worktree.heard,
        )
    )


def work_reclaimed(draft: Draft, event: WorkReclaimed) -> None:
    kept = "it left nothing more" if event.ref is None else f"what it left is kept in {event.ref}"
    story = f"{event.attempt} had gone on on host {event.host}, which came back: {kept}, and was not landed"
    draft.note(
        "warning", "host.reclaimed", story, task=event.task, host=event.host, of=event.attempt, ref=event.ref
    )


def empty(draft: Draft) -> None:
    """Has what lies on draining hosts and belongs to nobody who works brought home."""
    draining = {host.name for host in draft.hosts.values() if host.draining}
    if not draining:
        return
    for worktree in list(draft.worktrees.values()):
        task = draft.tasks[worktree.task]
        idle = task.state in AT_REST and task.attempt not in draft.attempts
        if idle and worktree.lies_on in draining:
            remove_worktree(draft, task.id)
