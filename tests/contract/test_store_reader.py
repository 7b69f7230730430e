"""What every reader of a store gives, whatever the store keeps the fleet in. A new one joins by a line in READERS."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fleet.core.decisions import Note
from fleet.core.model import Fleet, Pause, Task, Trouble
from fleet.ports import Change, Reader, Store
from fleet.spoken.choice import ALL, ORDERS, Choice
from fleet.store.codec import encode
from fleet.store.sqlite import SqliteStore
from fleet.store.sqlite_reader import SqliteReader
from fleet.virtual.memory_reader import MemoryReader
from fleet.virtual.memory_store import Memory, MemoryStore
from tests.contract.full_fleet import ATTEMPT, FAR, full_fleet, note

Opened = tuple[Store, Callable[[], Reader]]


def sqlite(home: Path) -> Opened:
    return SqliteStore(home / "fleet.db"), lambda: SqliteReader(home)


def memory(home: Path) -> Opened:
    kept = Memory()
    return MemoryStore(kept), lambda: MemoryReader(kept)


READERS: dict[str, Callable[[Path], Opened]] = {"sqlite": sqlite, "memory": memory}

ENDED = replace(ATTEMPT, id="t1.1", task="t1", number=1, state="ended", ended_ms=8_100)
OF_HOST = [
    (
        8_000 + n,
        Note(
            id="",
            cause="e",
            level="warning",
            type="host.drained",
            text=f"line {n}",
            task=None,
            attempt=None,
            account=None,
            host="big",
            data={"on": True},
        ),
    )
    for n in range(14)
]


@pytest.fixture(params=sorted(READERS))
def read(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """A reader of a full fleet, with one account and one worktree removed, a paused task, one that needs consent, an
    attempt that ended, and a history."""
    store, reader = READERS[request.param](tmp_path)
    before = store.load().fleet
    full = full_fleet(before.home_id)
    gone = replace(full.accounts["side"], name="gone", state="removed")
    left = replace(full.worktrees["t2"], task="t1", slot=9, state="removed", host="big")
    paused = replace(
        full.tasks["t3"].spec, paused=Pause("a person", "after the review"), prompt='Say "consent":"x".'
    )
    asks = replace(full.tasks["t10"], trouble=Trouble("t10.1", "it wants", lasting=True, consent="d"))
    passing = replace(full.tasks["t3"], spec=paused, trouble=Trouble("t3.1", "no room", lasting=True))
    fleet = replace(
        full,
        tasks={**full.tasks, "t10": asks, "t3": passing},
        accounts={**full.accounts, "gone": gone},
        worktrees={**full.worktrees, "t1": left},
        buckets={
            **full.buckets,
            "a/x": replace(full.buckets["organisation/seven_day_opus"], pool="a", name="x"),
        },
    )
    notes = [(8_001, note("first")), (8_002, note("of another", "t1")), *OF_HOST]
    store.commit(Change(before, fleet, ended=[ENDED], notes=notes))
    with reader() as opened:
        yield opened, fleet
    store.close()


def body(value: Any) -> Any:
    return json.loads(encode(value))


def test_tasks_are_read_whole_in_their_order_by_state_and_by_name(read: Any) -> None:
    reader, fleet = read
    assert list(reader.tasks()) == [body(task) for task in fleet.tasks.values()]
    assert [task["id"] for task in reader.tasks(Choice(states=("queued",)))] == ["t10", "t3"]
    assert (reader.task("t2"), reader.task("t9")) == (body(fleet.tasks["t2"]), None)
    assert reader.task_states() == {"landed": 1, "running": 1, "queued": 1, "paused": 1}
    assert [task["id"] for task in reader.tasks_in_trouble()] == ["t2", "t10"]


def test_tasks_are_chosen_by_what_they_have_in_common(read: Any) -> None:
    reader, fleet = read
    t1, t3 = fleet.tasks["t1"], fleet.tasks["t3"]
    for choice, expected in (
        (Choice(), list(fleet.tasks)),
        (Choice(states=("queued", "landed")), ["t1", "t10", "t3"]),
        (Choice(states=("paused",)), ["t3"]),
        (Choice(states=("on-branch",)), [t for t, one in fleet.tasks.items() if _on_branch(one)]),
        (
            Choice(states=("on-branch", "running")),
            [t for t, one in fleet.tasks.items() if _on_branch(one)] + ["t2"],
        ),
        (Choice(account="work"), ["t1", "t2"]),
        (Choice(account="side"), []),
        (
            Choice(project=t1.spec.project_name),
            _of(fleet, lambda t: t.spec.project_name == t1.spec.project_name),
        ),
        (Choice(label="gpu"), _of(fleet, lambda task: "gpu" in task.spec.labels)),
        (Choice(added_before_ms=t3.created_ms), _of(fleet, lambda task: task.created_ms < t3.created_ms)),
        (Choice(text='SAY "CONSENT'), ["t3"]),
        (Choice(text='say "consent', states=("running",)), []),
    ):
        assert sorted(task["id"] for task in reader.tasks(choice)) == sorted(expected), choice
        assert reader.tasks_count(choice) == len(expected), choice
    assert reader.task_ids() == list(fleet.tasks)


def test_chosen_tasks_come_in_the_order_asked_for_and_no_more_than_so_many(read: Any) -> None:
    reader, fleet = read
    added = list(fleet.tasks)
    assert [task["id"] for task in reader.tasks(ALL)] == added
    assert [task["id"] for task in reader.tasks(ALL, reverse=True, limit=2)] == added[::-1][:2]
    for order, value in ORDER_VALUES.items():
        for reverse in (False, True):
            found = [fleet.tasks[task["id"]] for task in reader.tasks(ALL, order, reverse=reverse)]
            known = [task for task in found if value(task) is not None]
            assert [value(task) for task in known] == sorted(map(value, known), reverse=reverse)
            assert found[: len(known)] == known, "what has no value comes last"
            assert {task.id for task in found} == set(added)
    assert {*ORDER_VALUES, "added"} == set(ORDERS)


ORDER_VALUES: dict[str, Callable[[Task], Any]] = {
    "priority": lambda task: task.spec.priority,
    "state": lambda task: task.state,
    "title": lambda task: task.spec.title.casefold(),
    "project": lambda task: task.spec.project_name,
    "deadline": lambda task: task.spec.deadline_ms,
}


def _of(fleet: Fleet, which: Callable[[Task], bool]) -> list[str]:
    return [task.id for task in fleet.tasks.values() if which(task)]


def _on_branch(task: Task) -> bool:
    return task.state == "landed" and task.spec.land == "branch"


def test_accounts_are_read_but_for_removed_ones_and_their_buckets_by_pool(read: Any) -> None:
    reader, fleet = read
    assert reader.accounts() == [body(fleet.accounts[name]) for name in ("side", "work")]
    assert (reader.account("work"), reader.account("gone")) == (body(fleet.accounts["work"]), None)
    assert [bucket["pool"] for bucket in reader.buckets()] == ["a", "organisation"]
    assert reader.unbilled() == sorted(a.name for a in fleet.accounts.values() if a.kind == "local")
    assert reader.buckets()[1] == body(fleet.buckets["organisation/seven_day_opus"])


def test_living_attempts_are_workers_and_ended_ones_stay_readable(read: Any) -> None:
    reader, _ = read
    assert reader.workers() == [body(ATTEMPT)]
    assert (reader.attempts_of("t1"), reader.attempts_of("t2")) == ([body(ENDED)], [body(ATTEMPT)])
    ended = (ENDED.session_id, "t1", "t1.1", "clocks", "work", "opus", 4_000, 8_100)
    assert reader.runs(["t2.3"]) == [ended]
    assert {run[2] for run in reader.runs([])} == {"t1.1", "t2.3"}


def test_hosts_are_read_by_name_with_the_last_that_was_told_of_each(read: Any) -> None:
    reader, fleet = read
    assert reader.hosts() == [body(FAR), body(fleet.hosts["local"])]
    assert (reader.host("big"), reader.host("none")) == (body(FAR), None)
    assert reader.host_history("big") == [
        (seq, at_ms, "warning", "host.drained", None, None, None, "big", told.text, {"on": True})
        for seq, (at_ms, told) in enumerate(OF_HOST[2:], start=5)
    ]


def test_worktrees_are_read_with_the_state_of_their_tasks_and_by_the_host_that_has_the_work(
    read: Any,
) -> None:
    reader, fleet = read
    assert reader.worktree("t2") == body(fleet.worktrees["t2"])
    assert reader.worktree("t3") is None
    found = {one["task"]: (one, state) for one, state in reader.worktrees()}
    states = {"t2": "running", "t10": "queued", "t1": "landed"}
    assert found == {task: (body(fleet.worktrees[task]), state) for task, state in states.items()}
    assert [one["task"] for one, _ in reader.worktrees_on("big")] == ["t10"]
    assert [one["task"] for one, _ in reader.worktrees_on("local")] == ["t2", "t10"]


def test_the_history_of_a_task_and_the_policy_are_read(read: Any) -> None:
    reader, fleet = read
    first = (1, 8_001, "info", "attempt.denied", "t2", "t2.3", "work", "local", "first", {"denials": 2})
    assert reader.history("t2") == [first]
    assert reader.policy() == body(fleet.policy)


def test_a_home_without_a_store_is_empty(tmp_path: Path) -> None:
    with SqliteReader(tmp_path) as reader:
        assert (list(reader.tasks()), reader.task_states(), reader.policy()) == ([], {}, None)
        assert (reader.task("t1"), reader.runs([]), reader.history("t1")) == (None, [], [])
