"""What the coordinator does about the other machines on its beats: looks for them, takes back what strays there, and
brings home what workers have done so far."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from random import Random

from fleet.core import events
from fleet.core.events import Event
from fleet.core.model import Attempt, Fleet, Host
from fleet.shell.hosts.connecting import works_on
from tests.faults.client import Run
from tests.faults.machines import Machine
from tests.faults.safety import Violation
from tests.faults.world import World
from workers.remote.machines import objection

LOOKS_AGAIN = 0.1
"""How often what has not changed is told again."""

Stamp = Callable[[], tuple[int, str]]


class Keeper:
    """For one life of the coordinator."""

    def __init__(self, world: World, rng: Random, stamp: Stamp) -> None:
        self._world, self._rng, self._stamp = world, rng, stamp
        self._began_ms = world.agenda.now_ms
        self._reached: set[str] = set()

    def has_reached(self, fleet: Fleet) -> bool:
        """Whether every host of the fleet answers, and nothing strays there."""
        far = {host.name for host in fleet.hosts.values() if not host.is_here}
        return far <= self._reached and all(fleet.hosts[name].state == "ready" for name in far)

    def look(self, fleet: Fleet) -> Iterator[tuple[list[Event], list[Event]]]:
        """For each host what has to be told; before it, what workers still report that have been given up."""
        for name, machine in self._world.machines.by_name.items():
            host = fleet.hosts.get(name)
            if host is None:
                continue
            machine.shut = host.state == "distrusted"
            if machine.shut:
                self._reached.discard(name)
                yield self._too_late(fleet, name), []
            elif machine.lies and machine.silent_since_ms is None:
                at_ms, event = self._stamp()
                yield [], [events.HostDistrusted(at_ms=at_ms, id=event, host=name, why="simulated lie")]
            elif machine.silent_since_ms is None:
                yield from self._answers(fleet, host)
            else:
                yield from self._is_silent(fleet, host, machine, machine.silent_since_ms)

    def _is_silent(
        self, fleet: Fleet, host: Host, machine: Machine, since_ms: int
    ) -> Iterator[tuple[list[Event], list[Event]]]:
        self._reached.discard(host.name)
        why = "simulated silence"
        if machine.another is not None:
            # The shell's own rule; whoever is let in is believed.
            why = objection({"machine": machine.another.text()}, works_on(fleet, host.name))
            self._world.machines.kept_apart += bool(why)
            has_work = host.name in {attempt.host for attempt in fleet.attempts.values()}
            if has_work and not why:
                raise Violation(f"a machine that {host.name} is not would say that its workers are gone")
        tried_ms = self._world.agenda.now_ms - max(since_ms, self._began_ms)
        lost_after_ms = self._world.machines.lost_after_ms
        due = tried_ms >= (600_000 if lost_after_ms is None else lost_after_ms)
        if host.state == "ready" or (host.state == "suspected" and due) or self._rng.random() < LOOKS_AGAIN:
            at_ms, name = self._stamp()
            silent = events.HostSilent(
                at_ms=at_ms,
                id=name,
                host=host.name,
                why=why or "simulated silence",
                silent_ms=tried_ms,
                lost_after_ms=lost_after_ms,
            )
            yield [], [silent]

    def _answers(self, fleet: Fleet, host: Host) -> Iterator[tuple[list[Event], list[Event]]]:
        known = host.state == "ready" and not host.problem and host.name in self._reached
        if known and self._rng.random() >= LOOKS_AGAIN:
            return
        late = self._too_late(fleet, host.name)
        told = list(self._taken_back(fleet, host.name))
        at_ms, name = self._stamp()
        settings = self._world.machines.by_name[host.name].host
        told.append(
            events.HostSeen(
                at_ms=at_ms,
                id=name,
                host=host.name,
                workers_max=settings.workers_max,
                memory_free_bytes=self._rng.choice([10**9, 64 * 10**9]),
                cores=4,
                load=self._rng.choice([0.5, 3.0, 3.0, 40.0]),
                machine=self._world.machines.by_name[host.name].itself.text(),
            )
        )
        self._reached.add(host.name)
        yield late, told

    def _too_late(self, fleet: Fleet, host: str) -> list[Event]:
        """What is told of work that was given up."""
        late = [event for run in self._world.strays(fleet, host) for event in self._late(run)]
        return late + [self._late_removal(t, host) for t in self._world.stray_disks(fleet, host)]

    def _late(self, run: Run) -> Iterator[Event]:
        """What a worker that was given up tells before it is stopped."""
        at_ms, name = self._stamp()
        end, facts = run.read(0, 100)
        yield events.Spooled(at_ms=at_ms, id=name, attempt=run.attempt, start=0, end=end, facts=facts)
        yield events.WorkChecked(
            at_ms=at_ms, id=name, task=run.task, attempt=run.attempt, ok=True, commit="late"
        )
        yield events.Checkpointed(at_ms=at_ms, id=name, attempt=run.attempt, ref="late")

    def _late_removal(self, task: str, host: str) -> Event:
        at_ms, name = self._stamp()
        return events.WorktreeRemoved(at_ms=at_ms, id=name, task=task, preserved="late", host=host)

    def _taken_back(self, fleet: Fleet, host: str) -> Iterator[Event]:
        """Stops and keeps what is there without being the fleet's any more."""
        world = self._world
        for run in world.strays(fleet, host):
            run.die()
        for task in world.stray_disks(fleet, host):
            at_ms, name = self._stamp()
            yield events.WorkReclaimed(
                at_ms=at_ms,
                id=name,
                task=task,
                host=host,
                attempt=fleet.tasks[task].attempt or "",
                ref=world.disks.keep_stray(task, host),
            )

    def checkpoint(self, fleet: Fleet) -> list[Event]:
        """Brings home what some of the workers on other machines have done so far."""
        often = self._world.machines.checkpoints
        return [
            self._brought(attempt)
            for attempt in fleet.attempts.values()
            if self._can_be_brought(fleet, attempt) and self._rng.random() < often
        ]

    def _can_be_brought(self, fleet: Fleet, attempt: Attempt) -> bool:
        there = (attempt.task, attempt.host) in self._world.disks.there
        return (
            attempt.began
            and there
            and fleet.tasks[attempt.task].state in ("running", "checking")
            and not fleet.hosts[attempt.host].is_here
            and not self._world.machines.is_silent(attempt.host)
        )

    def _brought(self, attempt: Attempt) -> Event:
        ref = self._world.disks.bring_home(attempt.task, attempt.host)
        at_ms, name = self._stamp()
        return events.Checkpointed(at_ms=at_ms, id=name, attempt=attempt.id, ref=ref)


def fenced_by(
    happened: Sequence[Event], before: Fleet, after: Fleet
) -> Iterator[tuple[list[str], list[str]]]:
    """Attempts and tasks that were given up with a host."""
    for event in happened:
        if not isinstance(event, events.HostSilent | events.HostDistrusted):
            continue
        host = after.hosts.get(event.host)
        if host is not None and host.is_given_up and not before.hosts[host.name].is_given_up:
            attempts = [a.id for a in before.attempts.values() if a.host == host.name]
            yield attempts, [w.task for w in before.worktrees.values() if host.name in w.hosts]


def kept_by(happened: Sequence[Event], before: Fleet) -> Iterator[tuple[str, str | None]]:
    """Tasks, and where that is kept at home which is in no commit, as the fleet has been told and not too late."""
    for event in happened:
        if isinstance(event, events.Checkpointed) and event.attempt in before.attempts:
            task = before.tasks[before.attempts[event.attempt].task]
            if task.state in ("running", "checking"):
                yield task.id, event.ref
        elif isinstance(event, events.WorkerStarted) and event.attempt in before.attempts:
            worktree = before.worktrees[before.attempts[event.attempt].task]
            if worktree.moves_from is not None:
                yield worktree.task, event.kept
        elif isinstance(event, events.WorkChecked):
            task = before.tasks[event.task]
            if (task.attempt, task.state) == (event.attempt, "checking"):
                yield task.id, None
        elif isinstance(event, events.WorktreeRemoved):
            worktree = before.worktrees[event.task]
            counts = worktree.state == "removing" and worktree.host == event.host
            if counts and (worktree.moves_from is None or event.preserved is not None):
                yield event.task, event.preserved
