"""What every store must do, whatever it keeps the fleet in. A new one joins by a line in STORES."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from fleet.core.check import broken
from fleet.core.model import Fleet, queue_of
from fleet.ports import Change, Committed, Store
from fleet.store.sqlite import SqliteStore
from fleet.views.light import state
from fleet.virtual.memory_store import Memory, MemoryStore
from tests.contract.full_fleet import ATTEMPT, BUCKET, EFFECTS, SPEC, full_fleet, note, with_value

MEMORIES: dict[Path, Memory] = {}

STORES: dict[str, Callable[[Path], Store]] = {
    "sqlite": lambda home: SqliteStore(home / "fleet.db"),
    "memory": lambda home: MemoryStore(MEMORIES.setdefault(home, Memory())),
}

Open = Callable[[], Store]


@pytest.fixture(params=sorted(STORES))
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    """Opens the same store anew with each call, as a new process would."""
    yield from opener(STORES[request.param], tmp_path)


@pytest.fixture
def open_database(tmp_path: Path) -> Iterator[Open]:
    """The store that the read models read."""
    yield from opener(STORES["sqlite"], tmp_path)


def opener(make: Callable[[Path], Store], home: Path) -> Iterator[Open]:
    opened: list[Store] = []

    def open_() -> Store:
        for earlier in opened:
            earlier.close()
        opened.append(make(home))
        return opened[-1]

    yield open_
    for store in opened:
        store.close()


def filled(store: Store) -> Fleet:
    """Commits a full fleet to a fresh store."""
    before = store.load().fleet
    after = full_fleet(before.home_id)
    store.commit(Change(before, after))
    return after


def test_a_fresh_store_has_an_empty_fleet_with_a_name_that_stays(open_store: Open) -> None:
    first = open_store().load()
    again = open_store().load()
    assert first.fleet.home_id
    assert first.fleet == Fleet(home_id=again.fleet.home_id)
    assert first.outstanding == ()


def test_two_homes_have_different_names(tmp_path: Path) -> None:
    names = []
    for home in (tmp_path / "a", tmp_path / "b"):
        home.mkdir()
        store = STORES["sqlite"](home)
        names.append(store.load().fleet.home_id)
        store.close()
    assert names[0] != names[1]


def test_every_field_of_the_fleet_comes_back_as_it_was_committed(open_store: Open) -> None:
    after = filled(open_store())
    assert open_store().load().fleet == after


def test_values_come_back_in_the_order_they_came_to_be(open_store: Open) -> None:
    store = open_store()
    after = filled(store)
    changed = with_value(after, "tasks", "t1", replace(after.tasks["t1"], reason="again"))
    store.commit(Change(after, changed))
    loaded = open_store().load().fleet
    assert list(loaded.tasks) == ["t1", "t2", "t10", "t3"]
    assert list(loaded.accounts) == ["work", "side"]


def test_the_queue_is_rebuilt_in_rank_order(open_store: Open) -> None:
    filled(open_store())
    loaded = open_store().load().fleet
    assert sorted(rank[3] for ranks in loaded.queue.values() for rank in ranks) == ["t10", "t3"]
    assert not [sentence for sentence in broken(loaded) if "queue" in sentence]


def test_only_what_the_change_changed_is_written(open_database: Open) -> None:
    """A value that is the same object before and after is not written, whatever it says."""
    store = open_database()
    committed = filled(store)
    before = with_value(committed, "tasks", "t3", replace(committed.tasks["t3"], reason="never committed"))
    after = with_value(before, "tasks", "t1", replace(before.tasks["t1"], reason="committed"))
    store.commit(Change(before, after))
    loaded = store.load().fleet
    assert loaded.tasks["t1"].reason == "committed"
    assert loaded.tasks["t3"] == committed.tasks["t3"]


def test_the_policy_and_the_prices_are_written_only_when_they_are_others(open_database: Open) -> None:
    store = open_database()
    committed = filled(store)
    unsaid = replace(committed, policy=replace(committed.policy, faults=9), prices=None)
    store.commit(Change(unsaid, replace(unsaid, tasks_made=11)))
    assert (store.load().fleet.policy, store.load().fleet.prices) == (committed.policy, committed.prices)
    calm = replace(committed, policy=replace(committed.policy, breaker=""), prices=None)
    store.commit(Change(committed, calm))
    assert (store.load().fleet.policy.breaker, store.load().fleet.prices) == ("", None)


def test_what_was_laid_down_can_be_taken_back(open_store: Open) -> None:
    store = open_store()
    before = filled(store)
    after = replace(before, reservations={}, limits={}, spent={}, floors={"f2": before.floors["f2"]})
    store.commit(Change(before, after))
    assert open_store().load().fleet == after


def test_an_attempt_that_has_ended_leaves_the_fleet_and_stays_readable(
    open_database: Open, tmp_path: Path
) -> None:
    store = open_database()
    before = filled(store)
    ended = replace(ATTEMPT, state="ended", ended_ms=8_100)
    store.commit(Change(before, replace(before, attempts={}), ended=[ended]))
    assert store.load().fleet.attempts == {}
    (shown,) = state.task(tmp_path, "t2")["attempts"]
    assert (shown["id"], shown["state"], shown["ended_at"]) == ("t2.3", "ended", "1970-01-01T00:00:08.100Z")


def test_an_attempt_that_began_and_ended_in_one_change_is_kept(open_database: Open, tmp_path: Path) -> None:
    store = open_database()
    before = filled(store)
    store.commit(Change(before, before, ended=[replace(ATTEMPT, id="t2.4", number=4, state="ended")]))
    assert [a["id"] for a in state.task(tmp_path, "t2")["attempts"]] == ["t2.3", "t2.4"]


def test_decided_effects_are_outstanding_in_their_order_until_they_are_done(open_store: Open) -> None:
    store = open_store()
    before = filled(store)
    store.commit(Change(before, before, decided=EFFECTS[:4]))
    store.commit(Change(before, before, decided=EFFECTS[4:], done=["d11", "d3"]))
    assert open_store().load().outstanding == tuple(e for e in EFFECTS if e.id not in ("d11", "d3"))


def test_an_effect_reported_done_twice_or_never_decided_is_no_error(open_store: Open) -> None:
    store = open_store()
    before = filled(store)
    store.commit(Change(before, before, decided=EFFECTS))
    store.commit(Change(before, before, done=["d4"]))
    store.commit(Change(before, before, done=["d4", "d99"]))
    assert "d4" not in {effect.id for effect in store.load().outstanding}
    assert len(store.load().outstanding) == len(EFFECTS) - 1


def test_notes_become_the_history_of_their_task(open_database: Open, tmp_path: Path) -> None:
    store = open_database()
    before = filled(store)
    notes = [(8_000, note("first")), (8_001, note("of another", "t1")), (8_002, note("second"))]
    store.commit(Change(before, before, notes=notes))
    history = state.task(tmp_path, "t2")["history"]
    assert [(line["at"][-10:], line["text"]) for line in history] == [
        ("00:08.000Z", "first"),
        ("00:08.002Z", "second"),
    ]


def test_each_commit_is_one_revision_more_and_a_new_opening_goes_on_counting(open_store: Open) -> None:
    store = open_store()
    assert store.load().revision == 0
    before = filled(store)
    assert store.commit(Change(before, before, done=["d4"])) == Committed(2)
    assert open_store().load().revision == 2


def test_no_line_of_the_journal_gets_the_number_of_one_that_was_forgotten(open_store: Open) -> None:
    """Who has read up to the last line would take the next one for known."""
    store = open_store()
    before = filled(store)
    told = store.commit(Change(before, before, notes=[(1, note("a")), (2, note("last", "t3"))])).told
    without = replace(before, tasks={key: task for key, task in before.tasks.items() if key != "t3"})
    store.commit(Change(before, without))
    (again,) = open_store().commit(Change(without, without, notes=[(3, note("next"))])).told
    assert (told[1] > told[0], again > told[1]) == (True, True)


def test_half_a_surrogate_pair_is_stored_as_a_replacement(open_database: Open, tmp_path: Path) -> None:
    """A client that cuts an emoji in two must not stop the fleet."""
    store = open_database()
    before = filled(store)
    after = with_value(before, "tasks", "t3", replace(before.tasks["t3"], reason="cut \ud83d"))
    after = with_value(after, "buckets", "p/\ud83d", replace(BUCKET, pool="p", name="\ud83d"))
    odd = replace(note("cut \ud83d", "t3"), data={"reason": "cut \ud83d"})
    store.commit(Change(before, after, notes=[(1, odd)]))
    loaded = store.load().fleet
    assert loaded.tasks["t3"].reason == "cut �"
    assert loaded.buckets["p/�"].name == "�"
    (line,) = state.task(tmp_path, "t3")["history"]
    assert (line["text"], line["data"]) == ("cut �", {"reason": "cut �"})


def test_numbers_of_any_size_survive(open_store: Open) -> None:
    """A stream may say anything, such as a count of tokens or a reset beyond 64 bits."""
    store = open_store()
    before = filled(store)
    bucket = replace(before.buckets["organisation/seven_day_opus"], resets_ms=10**30)
    task = replace(before.tasks["t3"], spec=replace(SPEC, priority=-(10**25)))
    after = with_value(
        with_value(before, "buckets", "organisation/seven_day_opus", bucket), "tasks", "t3", task
    )
    store.commit(Change(before, after))
    loaded = store.load().fleet
    assert loaded.buckets == after.buckets
    assert loaded.tasks == after.tasks


def test_a_task_that_is_gone_takes_its_attempts_and_its_history_along(
    open_database: Open, tmp_path: Path
) -> None:
    store = open_database()
    before = filled(store)
    noted = replace(before, now_ms=before.now_ms + 1)
    store.commit(
        Change(
            before,
            noted,
            notes=[(1, note("of it", "t2")), (1, note("of another", "t3")), (1, note("of none", None))],
        )
    )
    left = {name: task for name, task in noted.tasks.items() if name != "t2"}
    after = replace(
        noted,
        tasks=left,
        worktrees={name: tree for name, tree in noted.worktrees.items() if name != "t2"},
        attempts={name: one for name, one in noted.attempts.items() if one.task != "t2"},
    )
    store.commit(Change(noted, after))
    store.tidy(before_ms=2)
    assert open_database().load().fleet.tasks.keys() == left.keys()
    with closing(sqlite3.connect(tmp_path / "fleet.db")) as database:
        assert database.execute("SELECT count(*) FROM attempts WHERE task = 't2'").fetchone() == (0,)
        told = database.execute("SELECT DISTINCT task FROM journal").fetchall()
    assert told == [("t3",)]


def test_a_forgotten_task_is_gone_from_every_store(open_store: Open) -> None:
    before = filled(open_store())
    gone = replace(
        before,
        tasks={name: task for name, task in before.tasks.items() if name != "t3"},
        worktrees={name: tree for name, tree in before.worktrees.items() if name != "t3"},
    )
    open_store().commit(Change(before, gone))
    assert "t3" not in open_store().load().fleet.tasks


def test_a_database_that_is_half_empty_gives_its_room_back(tmp_path: Path) -> None:
    with closing(SqliteStore(tmp_path / "fleet.db")) as store:
        empty = store.load().fleet
        task = full_fleet(empty.home_id).tasks["t3"]
        many = {f"t{n}": replace(task, id=f"t{n}", number=n, after=()) for n in range(1, 4_501)}
        full = replace(empty, tasks=many, queue=queue_of(many.values()))
        store.commit(Change(empty, full))
        store.commit(Change(full, empty))
        size = (tmp_path / "fleet.db").stat().st_size + (tmp_path / "fleet.db-wal").stat().st_size
        store.tidy(before_ms=0)
        left = (tmp_path / "fleet.db").stat().st_size + (tmp_path / "fleet.db-wal").stat().st_size
    assert left < size / 10
