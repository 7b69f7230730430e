"""Performs decisions in the fake world, idempotently: what has been done already is only reported again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fleet.core import decisions, events
from fleet.core.events import StartFault
from fleet.core.model import Attempt, Fleet, Task
from tests.faults.client import Message
from tests.faults.safety import Violation
from tests.faults.world import World, lane_of

Report = Callable[[int, str], events.Event]
"""Makes the event from the time and the id it is reported with."""

_START_FAULTS: tuple[StartFault, ...] = ("repository", "setup", "client", "credential", "machine", "launch")


class Performers:
    def __init__(self, world: World) -> None:
        self._world = world

    def perform(self, effect: decisions.Effect, fleet: Fleet) -> list[Report]:
        return _PERFORMS[type(effect)](self, effect, fleet)

    def _start(self, effect: decisions.StartWorker, fleet: Fleet) -> list[Report]:
        attempt, world = fleet.attempts.get(effect.attempt), self._world
        if attempt is None:
            return []
        task = fleet.tasks[attempt.task]
        refused = self._refused(fleet, task, attempt)
        if refused:
            return refused
        if attempt.id not in world.runs and world.keyring_is_away and fleet.accounts[attempt.account].secret:
            return [_start_failed(attempt.id, "keyring")]
        if attempt.id not in world.runs and world.rng.random() < world.rates.start_fails:
            world.machines.reach(attempt.host)
            if world.rng.random() < 0.5:
                world.bring(fleet, task)
            fault = world.rng.choices(_START_FAULTS, weights=(1, 1, 4, 4, 6, 6))[0]
            return [_start_failed(attempt.id, fault)]
        world.machines.reach(attempt.host)
        run = world.launch(fleet, task, attempt)
        base = f"base-{len(world.repos.bases[task.id])}"
        moves = fleet.worktrees[task.id].moves_from is not None
        kept = world.disks.bring_home(task.id, attempt.host) if moves else None
        return [
            lambda at_ms, name: events.WorkerStarted(
                at_ms=at_ms,
                id=name,
                attempt=run.attempt,
                branch=f"fleet/{task.id}",
                base_commit=base,
                path=f"/worktrees/{task.id}",
                session_id=run.session,
                resumed=run.resumed,
                kept=kept,
            )
        ]

    def _refused(self, fleet: Fleet, task: Task, attempt: Attempt) -> list[Report]:
        """By the git of the host that has its work, or of its own, which may have been brought the work before; or
        nothing gets through to its own."""
        world, source = self._world, fleet.worktrees[task.id].moves_from
        known = attempt.id in world.runs or attempt.host not in world.machines.by_name
        if known or not world.machines.refuses:
            return []
        for name in filter(None, (source, attempt.host)):
            world.machines.reach(name)
            gist = world.machines.refusing(name, task.spec.repo)
            if gist is not None:
                return [_unfit(attempt.id, gist, None if name == attempt.host else name)]
            if name == source and world.machines.refusing(attempt.host, task.spec.repo) is not None:
                world.disks.carry(task.id, name, fleet.worktrees[task.id].preserved)
        return [_start_failed(attempt.id, "no_way")] if world.machines.is_mute() else []

    def _tell(self, effect: decisions.TellWorker, fleet: Fleet) -> list[Report]:
        run = self._world.runs.get(effect.attempt)
        if run is not None and effect.attempt in fleet.attempts:
            self._world.machines.reach(run.host)
            run.tell(effect.id, Message(effect.word, (effect.word,)))
            run.tier = effect.model.removeprefix("model-") if effect.model else run.tier
        return []

    def _stop(self, effect: decisions.StopWorker, fleet: Fleet) -> list[Report]:
        run, attempt = self._world.runs.get(effect.attempt), fleet.attempts.get(effect.attempt)
        if attempt is None:
            return []
        self._world.machines.reach(attempt.host)
        if run is not None:
            run.stop(effect.id, effect.how)
            return []
        return [
            lambda at_ms, name: events.WorkerLost(
                at_ms=at_ms, id=name, attempt=effect.attempt, detail="it had not been started yet"
            )
        ]

    def _check(self, effect: decisions.CheckWork, fleet: Fleet) -> list[Report]:
        task = fleet.tasks[effect.attempt.rpartition(".")[0]]
        if task.attempt != effect.attempt or task.state != "checking":
            return []
        host = fleet.worktrees[task.id].host
        self._world.machines.reach(host)
        work = self._world.disks.commit(task.id, host)
        ok, commit = work.bugs == 0, f"{task.id}-c{work.commits}"
        return [
            lambda at_ms, name: events.WorkChecked(
                at_ms=at_ms,
                id=name,
                task=task.id,
                attempt=effect.attempt,
                ok=ok,
                commit=commit,
                output="" if ok else "1 test failed",
            )
        ]

    def _land(self, effect: decisions.LandWork, fleet: Fleet) -> list[Report]:
        task = fleet.tasks[effect.task]
        if task.state != "landing":
            return []
        repos, rates = self._world.repos, self._world.rates
        if task.breaking_off:
            outcome = repos.break_off(task.id, lane_of(task), rates)
        else:
            outcome = repos.merge(task.id, lane_of(task), rates, approved=task.reviewed is not None)
        return [
            lambda at_ms, name: events.LandingEnded(
                at_ms=at_ms,
                id=name,
                task=task.id,
                begun_ms=effect.begun_ms,
                outcome=outcome,
                commit=f"merge-{task.id}" if outcome in ("landed", "held") else None,
                detail="" if outcome == "landed" else f"simulated {outcome}",
            )
        ]

    def _look(self, effect: decisions.LookAtHeld, fleet: Fleet) -> list[Report]:
        task = fleet.tasks[effect.task]
        lane, repos = lane_of(task), self._world.repos
        if task.state == "held" and task.id not in repos.history(lane) and self._world.rng.random() < 0.1:
            repos.history(lane).append(task.id)  # a person merges it by hand
        landed, free = task.id in repos.history(lane), lane not in repos.checked_out
        return [
            lambda at_ms, name: events.HeldSeen(at_ms=at_ms, id=name, task=task.id, landed=landed, free=free)
        ]

    def _remove(self, effect: decisions.RemoveWorktree, fleet: Fleet) -> list[Report]:
        world, worktree = self._world, fleet.worktrees[effect.task]
        if worktree.state != "removing":
            return []
        world.machines.reach(worktree.host)
        if world.live_runs(effect.task, worktree.host):
            raise Violation(f"the worktree of {effect.task} is removed under its worker")
        preserved = world.disks.remove(effect.task, worktree.host)
        return [
            lambda at_ms, name: events.WorktreeRemoved(
                at_ms=at_ms, id=name, task=effect.task, preserved=preserved, host=worktree.host
            )
        ]


_PERFORMS: dict[type[decisions.Effect], Callable[[Performers, Any, Fleet], list[Report]]] = {
    decisions.StartWorker: Performers._start,
    decisions.TellWorker: Performers._tell,
    decisions.StopWorker: Performers._stop,
    decisions.CheckWork: Performers._check,
    decisions.LandWork: Performers._land,
    decisions.LookAtHeld: Performers._look,
    decisions.RemoveWorktree: Performers._remove,
}


def _unfit(attempt: str, gist: str, refused_by: str | None) -> Report:
    return lambda at_ms, name: events.StartFailed(
        at_ms=at_ms,
        id=name,
        attempt=attempt,
        fault="unfit",
        detail=f"simulated refusal: {gist or 'no room'}",
        gist=gist,
        lasting=bool(gist),
        refused_by=refused_by,
    )


def _start_failed(attempt: str, fault: StartFault) -> Report:
    return lambda at_ms, name: events.StartFailed(
        at_ms=at_ms, id=name, attempt=attempt, fault=fault, detail=f"simulated {fault}"
    )
