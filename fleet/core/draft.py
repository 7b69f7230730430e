"""The fleet while one event is applied to it: reads see the writes, and `close` gives the next fleet."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Mapping
from typing import Any, Literal, TypeVar

from fleet.core.decisions import AnyDecision, Note
from fleet.core.model import Account, Attempt, Bucket, Fleet, Host, Rank, Reviewer, Task, Worktree
from fleet.core.model.learned import Demand, Experience, Rate
from fleet.core.model.lifecycles import check_transition
from fleet.core.model.maps import Map
from fleet.core.model.policy import Floor, Limit, Policy, Project, Reservation
from fleet.core.model.replacing import replace
from fleet.core.notes import NoteType, Value

V = TypeVar("V")
Level = Literal["debug", "info", "warning", "error"]


class Draft:
    """Maps that may be written to, of what changes; everything else is shared with the fleet before."""

    def __init__(self, fleet: Fleet, at_ms: int, cause: str) -> None:
        self.before = fleet
        self.now_ms = at_ms
        self.cause = cause
        self.decisions: list[AnyDecision] = []
        self.settle = False
        """Set by whatever may let another task move on; then waiting tasks, landings and dispatch are looked
        at."""
        self._changed: dict[str, Map[Any]] = {}
        self._own: set[str] = set()
        """Of the changed maps those that nobody else has seen yet."""
        self._fields: dict[str, Any] = {}
        self._lanes: dict[str, list[Rank]] = {}
        """Those that have changed since somebody saw them."""
        self._ended: list[Attempt] = []

    # --- reading ---

    def _map(self, name: str) -> Mapping[str, Any]:
        changed = self._changed.get(name)
        return getattr(self.before, name) if changed is None else changed

    @property
    def tasks(self) -> Mapping[str, Task]:
        return self._map("tasks")

    @property
    def attempts(self) -> Mapping[str, Attempt]:
        return self._map("attempts")

    @property
    def accounts(self) -> Mapping[str, Account]:
        return self._map("accounts")

    @property
    def buckets(self) -> Mapping[str, Bucket]:
        return self._map("buckets")

    @property
    def worktrees(self) -> Mapping[str, Worktree]:
        return self._map("worktrees")

    @property
    def hosts(self) -> Mapping[str, Host]:
        return self._map("hosts")

    @property
    def rates(self) -> Mapping[str, Rate]:
        return self._map("rates")

    @property
    def experience(self) -> Mapping[str, Experience]:
        return self._map("experience")

    @property
    def demand(self) -> Mapping[str, Demand]:
        return self._map("demand")

    @property
    def reviewers(self) -> Mapping[str, Reviewer]:
        return self._map("reviewers")

    @property
    def reservations(self) -> Mapping[str, Reservation]:
        return self._map("reservations")

    @property
    def limits(self) -> Mapping[str, Limit]:
        return self._map("limits")

    @property
    def floors(self) -> Mapping[str, Floor]:
        return self._map("floors")

    @property
    def projects(self) -> Mapping[str, Project]:
        return self._map("projects")

    def value(self, name: str) -> Any:
        return self._fields.get(name, getattr(self.before, name))

    def live_attempt(self, attempt_id: str) -> tuple[Attempt, Task] | None:
        """The fence: the attempt and its task, or None when the attempt has ended or another took its place."""
        attempt = self.attempts.get(attempt_id)
        if attempt is None:
            return None
        return attempt, self.tasks[attempt.task]

    # --- writing ---

    def _write(self, name: str, key: str, value: V) -> V:
        self._writable(name).write(key, value)
        return value

    def _writable(self, name: str) -> Map[Any]:
        if name not in self._own:
            self._changed[name] = Map(self._map(name))
            self._own.add(name)
        return self._changed[name]

    def set(self, name: str, value: Any) -> None:
        self._fields[name] = value

    def put_task(self, task: Task) -> Task:
        """Writes the task, with since when it is in its state. A trouble is one of the state it came in."""
        before = self.tasks.get(task.id)
        if before is None:
            task = replace(task, since_ms=self.now_ms)
        else:
            check_transition("task", task.id, before.state, task.state, self.cause)
            if before.state != task.state:
                task = replace(task, since_ms=self.now_ms, trouble=None)
            elif task.trouble is not None and task.trouble.since_ms is None:
                is_known = before.trouble is not None and before.trouble.story == task.trouble.story
                since_ms = before.trouble.since_ms if is_known and before.trouble else self.now_ms
                task = replace(task, trouble=replace(task.trouble, since_ms=since_ms))
        self._requeue(before, task)
        return self._write("tasks", task.id, task)

    def _requeue(self, before: Task | None, after: Task) -> None:
        was = before if before is not None and before.queues else None
        now = after if after.queues else None
        if was is not None and now is not None and was.rank == now.rank and was.lane == now.lane:
            return
        if was is not None:
            ranks = self._lane(was.lane)
            del ranks[bisect_left(ranks, was.rank)]
        if now is not None:
            insort(self._lane(now.lane), now.rank)

    def _lane(self, lane: str) -> list[Rank]:
        if lane not in self._lanes:
            self._lanes[lane] = list(self._map("queue").get(lane, ()))
        return self._lanes[lane]

    def put_attempt(self, attempt: Attempt) -> Attempt:
        """Writes the attempt; one that has ended leaves the fleet at once (the store keeps it), so that the same
        step can place its task again."""
        before = self.attempts.get(attempt.id)
        if before is not None:
            check_transition("attempt", attempt.id, before.state, attempt.state, self.cause)
        self._write("attempts", attempt.id, attempt)
        if attempt.state == "ended":
            self._ended.append(self._writable("attempts").drop(attempt.id))
        return attempt

    def put_account(self, account: Account) -> Account:
        """Writes the account, with since when it is in its state."""
        before = self.accounts.get(account.name)
        if before is not None:
            check_transition("account", account.name, before.state, account.state, self.cause)
        if before is None or before.state != account.state:
            account = replace(account, since_ms=self.now_ms)
        return self._write("accounts", account.name, account)

    def put_bucket(self, key: str, bucket: Bucket) -> Bucket:
        return self._write("buckets", key, bucket)

    def put(self, name: str, key: str, value: V) -> V:
        """Writes a value that has no lifecycle: of projects, reservations, limits, floors, what was learned."""
        return self._write(name, key, value)

    def drop(self, name: str, *keys: str) -> None:
        for key in keys:
            if key in self._map(name):
                self._writable(name).drop(key)

    def put_host(self, host: Host) -> Host:
        before = self.hosts.get(host.name)
        if before is not None:
            check_transition("host", host.name, before.state, host.state, self.cause)
        return self._write("hosts", host.name, host)

    def put_policy(self, policy: Policy) -> None:
        """Writes the policy, with since when its breaker is open."""
        before: Policy = self.value("policy")
        if bool(policy.breaker) != bool(before.breaker):
            policy = replace(policy, breaker_since_ms=self.now_ms if policy.breaker else None)
        self.set("policy", policy)

    def put_worktree(self, worktree: Worktree) -> Worktree:
        before = self.worktrees.get(worktree.task)
        if before is not None:
            check_transition("worktree", worktree.task, before.state, worktree.state, self.cause)
        return self._write("worktrees", worktree.task, worktree)

    # --- deciding ---

    def decide(self, decision: type[AnyDecision], **what: Any) -> None:
        number = self.value("decisions_made") + 1
        self.set("decisions_made", number)
        self.decisions.append(decision(id=f"d{number}", cause=self.cause, **what))

    def note(
        self,
        level: Level,
        what: NoteType,
        text: str,
        *,
        task: str | None = None,
        attempt: Attempt | None = None,
        account: str | None = None,
        host: str | None = None,
        **data: Value,
    ) -> None:
        """A line for the log and the history of the task, with the `DATA` of its type."""
        self.decisions.append(
            Note(
                id="",
                cause=self.cause,
                level=level,
                type=what,
                text=text,
                task=attempt.task if attempt else task,
                attempt=attempt.id if attempt else None,
                account=attempt.account if attempt else account,
                host=attempt.host if attempt else host,
                data=data,
            )
        )

    def peek(self) -> Fleet:
        """The fleet as written so far."""
        for lane, ranks in self._lanes.items():
            if ranks:
                self._write("queue", lane, tuple(ranks))
            else:
                self.drop("queue", lane)
        self._lanes.clear()
        self._own.clear()
        changed: dict[str, Any] = {**self._changed, **self._fields}
        return replace(self.before, now_ms=self.now_ms, **changed)

    def close(self) -> tuple[Fleet, tuple[AnyDecision, ...]]:
        """The next fleet, without the attempts that have ended, and the decisions."""
        self.set("ended", tuple(self._ended))
        return self.peek(), tuple(self.decisions)
