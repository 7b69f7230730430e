"""Builds a small fleet by events through the one door, and keeps what was decided."""

from __future__ import annotations

from typing import Any

from fleet.core import events
from fleet.core.check import broken
from fleet.core.decisions import AnyDecision, Decision, Note, StartWorker
from fleet.core.dispatch import Explanation, explain
from fleet.core.events import Fact, TurnEnded, WindowReading, WindowsRead, WordTaken
from fleet.core.model import Account, Attempt, Fleet, Task, TaskSpec
from fleet.core.model.tokens import Tokens
from fleet.core.step import step
from fleet.core.wording import opening_id

START_MS = 1_760_000_000_000
HOUR_MS = 3_600_000


def account(name: str, **but: Any) -> Account:
    plain: dict[str, Any] = {
        "kind": "subscription",
        "tiers": (("haiku", "h"), ("sonnet", "s"), ("opus", "o")),
        "concurrency": 8,
        "pool": name,
        "added_ms": START_MS,
    }
    return Account(name=name, **{**plain, **but})


def spec(**but: Any) -> TaskSpec:
    plain: dict[str, Any] = {
        "prompt": "do it",
        "repo": "/repo",
        "title": "the task",
        "tiers": ("sonnet",),
        "target": "main",
    }
    return TaskSpec(**{**plain, **but})


def reading(name: str = "five_hour", used: float | None = 0.1, **but: Any) -> WindowReading:
    plain: dict[str, Any] = {"scope": None, "resets_ms": START_MS + HOUR_MS, "status": "allowed"}
    return WindowReading(name=name, utilization=used, **{**plain, **but})


def refusal(name: str = "five_hour", resets_ms: int | None = START_MS + HOUR_MS, **but: Any) -> WindowReading:
    return reading(name, 1.0, resets_ms=resets_ms, status="rejected", refused=True, **but)


class Story:
    """`now_ms` moves only when a test moves it. Every step is held to the invariants."""

    def __init__(self, *accounts: Account, workers_max: int = 99, fleet: Fleet | None = None) -> None:
        self.fleet = fleet or Fleet(home_id="home")
        self.now_ms = START_MS
        self.decided: list[AnyDecision] = []
        self._events = 0
        self.tell(events.HostSeen, host="here", workers_max=workers_max, memory_free_bytes=10**12)
        for one in accounts:
            self.tell(events.AccountAdded, account=one)

    def tell(self, kind: type[events.Event], **what: Any) -> list[Decision]:
        """Applies the event; gives the decisions that are not notes."""
        self._events += 1
        event = kind(at_ms=self.now_ms, id=f"e{self._events}", **what)
        self.fleet, decided = step(self.fleet, event)
        self.decided += decided
        assert broken(self.fleet) == []
        return [d for d in decided if not isinstance(d, Note)]

    def wait(self, ms: int) -> list[Decision]:
        self.now_ms += ms
        return self.tell(events.Beat)

    def add(self, *specs: TaskSpec) -> list[Decision]:
        return self.tell(events.TasksAdded, specs=specs or (spec(),))

    def task(self, name: str = "t1") -> Task:
        return self.fleet.tasks[name]

    def attempt(self, name: str) -> Attempt:
        return self.fleet.attempts[name]

    def why(self, name: str = "t1") -> Explanation:
        return explain(self.fleet, self.task(name))

    def news(self) -> list[str]:
        """What the log shows unless more is asked for."""
        told = [d for d in self.decided if isinstance(d, Note)]
        return [note.text for note in told if note.level != "debug"]

    def notes(self) -> str:
        return "\n".join(d.text for d in self.decided if isinstance(d, Note))

    # --- the life of a worker ---

    def start(self, attempt: str = "t1.1", **but: Any) -> list[Decision]:
        what = {
            "branch": f"fleet/{attempt}",
            "base_commit": "base",
            "path": "/w",
            "session_id": self.attempt(attempt).session_id,
            "resumed": self.attempt(attempt).resumes,
        }
        return self.tell(events.WorkerStarted, attempt=attempt, **{**what, **but})

    def says(self, attempt: str, *facts: Fact) -> list[Decision]:
        offset = self.attempt(attempt).offset
        return self.tell(events.Spooled, attempt=attempt, start=offset, end=offset + 10, facts=facts)

    def opened(self, attempt: str = "t1.1") -> None:
        """The worker runs and has taken up its opening."""
        self.start(attempt)
        self.says(attempt, WordTaken(opening_id(attempt)))

    def answer(self, attempt: str = "t1.1", message: str = "m1") -> list[Decision]:
        return self.says(attempt, events.Answered(message, Tokens(1, 2)))

    def end_turn(self, outcome: events.Outcome, attempt: str = "t1.1", detail: str = "") -> list[Decision]:
        return self.says(attempt, TurnEnded(outcome, detail))

    def limit(self, attempt: str = "t1.1", refused: WindowReading | None = None) -> list[Decision]:
        """Exactly as the client reports a limit, up to the worker's end. Gives what the end decided."""
        self.says(attempt, WindowsRead((refused or refusal(),), self.now_ms))
        self.end_turn("limited", attempt, "You've hit your limit")
        return self.exit(attempt)

    def exit(self, attempt: str = "t1.1", cause: str = "stopped", code: int | None = 0) -> list[Decision]:
        return self.says(attempt, events.Exited(cause, code, ""))

    def finish(self, attempt: str = "t1.1") -> list[Decision]:
        return self.end_turn("finished", attempt)

    def check(
        self, ok: bool = True, attempt: str = "t1.1", output: str = "1 failed", **more: Any
    ) -> list[Decision]:
        task, said = attempt.rpartition(".")[0], "" if ok else output
        return self.tell(
            events.WorkChecked, task=task, attempt=attempt, ok=ok, commit="c1", output=said, **more
        )

    def to_landing(self, attempt: str = "t1.1") -> list[Decision]:
        """The worker runs, finishes, and its work is verified."""
        self.opened(attempt)
        self.finish(attempt)
        return self.check(attempt=attempt)

    def landing(self, outcome: events.LandingOutcome, task: str = "t1", **but: Any) -> list[Decision]:
        detail = "" if outcome == "landed" else outcome
        what = {"begun_ms": self.task(task).landing_since_ms, "commit": "c2", "detail": detail}
        return self.tell(events.LandingEnded, task=task, outcome=outcome, **{**what, **but})


def started(decided: list[Decision]) -> list[str]:
    return [d.attempt for d in decided if isinstance(d, StartWorker)]


def kinds(decided: list[Decision]) -> list[str]:
    return [type(d).__name__ for d in decided]
