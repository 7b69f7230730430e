"""People at their keyboards: they add, revise, pause, cancel, retry and say at any moment, come and go with accounts,
and lay things down."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random

from fleet.core import events
from fleet.core.model import Fleet, Pause, Task, TaskSpec
from fleet.core.model.policy import AUTO
from fleet.core.rules.revising import TABLE
from tests.faults.coordinator import Ask
from tests.faults.hosts_asked import ask_of_hosts
from tests.faults.repos import REPOS
from tests.faults.rulings import PROJECTS, lay_down
from tests.faults.world import TIERS, World

TASKS_MAX = 18
REVISED = tuple(name for name, row in TABLE.items() if row["queued"] in ("now", "next attempt"))


def resuming(what: events.Paused, *names: str) -> Ask:
    return lambda at_ms, name: events.PauseAsked(at_ms=at_ms, id=name, what=what, names=names)


def approving(task: Task) -> Ask:
    commit = task.commit or ""
    return lambda at_ms, name: events.ApproveAsked(
        at_ms=at_ms, id=name, task=task.id, commit=commit, seen=commit
    )


def paused(fleet: Fleet) -> Iterator[Ask]:
    """What lets all that is paused go on."""
    for task in fleet.tasks.values():
        if task.spec.paused and task.state != "landed":
            yield resuming("task", task.id)
    for project in fleet.projects.values():
        if project.paused:
            yield resuming("project", project.name)
    for account in fleet.accounts.values():
        if account.paused and account.state != "removed":
            yield resuming("account", account.name)


class People:
    def __init__(self, world: World, rng: Random) -> None:
        self._world = world
        self._rng = rng
        self._words = 0
        self.regrets: str | None = None
        """The task that a person has just cancelled, and may want back at once."""

    def tasks(self, fleet: Fleet, at_ms: int, name: str) -> events.TasksAdded:
        """A request for a few tasks, some of which wait for others."""
        keys: list[str] = []
        specs: list[TaskSpec] = []
        for n in range(self._rng.randint(1, 5)):
            specs.append(self._spec(fleet, keys, at_ms, n))
            keys.append(f"k{n}")
        return events.TasksAdded(at_ms=at_ms, id=name, specs=tuple(specs))

    def _spec(self, fleet: Fleet, keys: list[str], at_ms: int, n: int) -> TaskSpec:
        rng = self._rng
        known = [*keys, *fleet.tasks]
        after = tuple(rng.sample(known, min(len(known), rng.choice([0, 0, 0, 1, 2]))))
        return TaskSpec(
            prompt="do it",
            repo=rng.choice([REPOS[0], *REPOS]),
            title=f"task {n}",
            tiers=(AUTO,) if rng.random() < 0.3 else tuple(rng.sample(TIERS, rng.randint(1, 3))),
            target="main",
            key=f"k{n}",
            priority=rng.choice([0, 0, 1, 5]),
            deadline_ms=at_ms + rng.randint(1, 10**8) if rng.random() < 0.3 else None,
            after=after,
            verify=("make test",),
            land=rng.choice(["branch", "merge", "merge"]),
            project=rng.choice(PROJECTS),
            kind=rng.choice(["execution", "execution", "judgement", "reasoning", "sweeping"]),
            size=rng.choice([1.0, 1.0, 0.2, 6.0]),
            value=rng.choice([None, None, 0.5, 20.0]),
            plan_tier=rng.choice([None, None, None, *TIERS]),
            labels=self._world.machines.labels if rng.random() < 0.1 else (),
            review=rng.choice((*[None] * 5, "person", "model", "model:sonnet", "model+person")),
        )

    def act(self, fleet: Fleet, at_ms: int, name: str) -> events.Event:
        """Something a person may ask for now, sensible or not."""
        rng = self._rng
        if not fleet.tasks or (len(fleet.tasks) < TASKS_MAX and rng.random() < 0.25):
            return self.tasks(fleet, at_ms, name)
        if self.regrets is not None and rng.random() < 0.7:
            return events.RetryAsked(at_ms=at_ms, id=name, task=self.regrets)
        self.regrets = None
        lively = sorted(t.id for t in fleet.tasks.values() if t.state not in ("landed", "waiting", "queued"))
        task = rng.choice(lively if lively and rng.random() < 0.7 else sorted(fleet.tasks))
        ask = rng.choices(
            [
                *(
                    "say",
                    "cancel",
                    "retry",
                    "prune",
                    "remove",
                    "verify",
                    "add",
                    "drain",
                    "free",
                    "rule",
                    "host",
                ),
                *("revise", "resume", "pause", "review", "land"),
            ],
            weights=[8, 3, 4, 2, 1, 3, 3, 1, 3, 8, 4, 13, 3, 3, 8, 4],
        )[0]
        if ask in ("host", "rule", "revise", "resume", "pause", "review", "land"):
            return self._rule(ask, fleet, at_ms, name, task)
        if ask == "say":
            self._words += 1
            tier = rng.choice([None, None, None, *TIERS])
            return events.PersonSaid(
                at_ms=at_ms, id=name, task=task, word=f"w{self._words}", text="also this", tier=tier
            )
        if ask == "cancel":
            self.regrets = task
            return events.CancelAsked(at_ms=at_ms, id=name, task=task)
        if ask == "retry":
            return events.RetryAsked(at_ms=at_ms, id=name, task=task, fresh=rng.random() < 0.3)
        if ask == "prune":
            return events.PruneAsked(at_ms=at_ms, id=name, tasks=(task,))
        if ask == "drain":
            return events.DrainAsked(
                at_ms=at_ms, id=name, on=not fleet.draining, stop_workers=rng.random() < 0.5
            )
        if ask == "free":
            self._world.repos.checked_out.clear()
            return events.Beat(at_ms=at_ms, id=name)
        return self._account(ask, at_ms, name)

    def _review(self, fleet: Fleet, task: str, at_ms: int, name: str) -> events.Event:
        """Of a task that waits for it, if there is one. Now and then they looked before it changed, or it has moved."""
        rng = self._rng
        task = rng.choice([t.id for t in fleet.tasks.values() if t.state == "review"] or [task])
        what = rng.choices(["approve", "moved", "late", "send back", "reject"], weights=[5, 2, 1, 3, 1])[0]
        if what == "send back":
            self._words += 1
            word = f"w{self._words}"
            return events.SendBackAsked(at_ms=at_ms, id=name, task=task, word=word, text="not so")
        if what == "reject":
            return events.RejectAsked(at_ms=at_ms, id=name, task=task, why="not wanted")
        seen = "older" if what == "late" else fleet.tasks[task].commit or ""
        commit = f"{task}-moved" if what == "moved" else seen
        return events.ApproveAsked(at_ms=at_ms, id=name, task=task, commit=commit, seen=seen)

    def _pause(self, fleet: Fleet, at_ms: int, name: str) -> events.Event:
        """Some of them, or all work, for ever or for a time; now and then by stopping what runs."""
        rng = self._rng
        what: events.Paused = rng.choices(("task", "project", "account", "all"), weights=(3, 2, 5, 1))[0]
        names = {
            "task": tuple(rng.sample(sorted(fleet.tasks), min(len(fleet.tasks), rng.choice([1, 1, 3])))),
            "project": (rng.choice([*REPOS, "night"]),),
            "account": (rng.choice(self._world.accounts).name,),
            "all": (),
        }[what]
        until_ms = rng.choice([None, None, at_ms + rng.randint(1, 7_200_000)])
        pause = Pause("a person", rng.choice(["", "not now"]), until_ms)
        now = rng.random() < 0.3
        return events.PauseAsked(at_ms=at_ms, id=name, what=what, names=names, pause=pause, now=now)

    def _revise(self, task: Task, at_ms: int, name: str) -> events.Event:
        """Some fields become what another task is asked with, or it is paused."""
        rng = self._rng
        spec = replace(
            self._spec(Fleet(), [], at_ms, 9),
            prompt=f"do another thing ({name})",
            target=rng.choice(["main", "next"]),
            paused=rng.choice([None, Pause("a person", "not now")]),
        )
        fields = tuple(rng.sample(REVISED, rng.choice([1, 1, 1, 3])))
        return events.TaskRevised(at_ms=at_ms, id=name, task=task.id, fields=fields, spec=spec)

    def _rule(self, ask: str, fleet: Fleet, at_ms: int, name: str, task: str) -> events.Event:
        if ask == "land":
            left = [t.id for t in fleet.tasks.values() if t.state == "landed" and t.spec.land == "branch"]
            named = self._rng.choice([None, None, "next"])
            return events.LandAsked(at_ms=at_ms, id=name, task=self._rng.choice(left or [task]), target=named)
        if ask == "review":
            return self._review(fleet, task, at_ms, name)
        if ask == "revise":
            return self._revise(fleet.tasks[self._rng.choice(sorted(fleet.tasks))], at_ms, name)
        if ask == "resume":
            there = [*paused(fleet)] or [resuming("task", min(fleet.tasks))]
            return self._rng.choice(there)(at_ms, name)
        if ask == "pause":
            return self._pause(fleet, at_ms, name)
        if ask == "host":
            return ask_of_hosts(fleet, self._world.machines, self._rng, at_ms, name)
        return lay_down(self._world, fleet, self._rng, at_ms, name)

    def _account(self, ask: str, at_ms: int, name: str) -> events.Event:
        account = self._rng.choice(self._world.accounts)
        if ask == "remove":
            return events.AccountRemoved(at_ms=at_ms, id=name, name=account.name)
        self._world.credentials[account.name].good = True
        if ask == "verify":
            ok = self._rng.random() < 0.9
            return events.AccountVerified(
                at_ms=at_ms, id=name, name=account.name, ok=ok, detail="" if ok else "401"
            )
        renewed = replace(account, concurrency=self._rng.randint(1, 6))
        return events.AccountAdded(at_ms=at_ms, id=name, account=renewed)
