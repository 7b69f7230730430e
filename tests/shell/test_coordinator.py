"""The coordinator with the real engine and database, and workers that are recordings."""

from __future__ import annotations

import io
import json
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import anyio
import pytest
from anyio import to_thread

from fleet import engine
from fleet.core import events
from fleet.core.decisions import StopWorker, TellWorker
from fleet.core.dispatch import explain
from fleet.core.idle import stuck
from fleet.core.model import Account, Attempt, Fleet, Host, TaskSpec
from fleet.core.model.policy import Floor
from fleet.engine import Engine
from fleet.errors import NotDone
from fleet.home import Home
from fleet.ports import Change, Committed, Loaded, StoreFailed
from fleet.service import requests
from fleet.shell import control, coordinator, errands, following, homelock, wire
from fleet.shell.agreed import Agreed
from fleet.shell.coordinator import Coordinator
from fleet.shell.finishing import Finisher
from fleet.shell.hosts.all import Hosts
from fleet.shell.hosts.local import LocalDriver
from fleet.shell.hosts.ssh import SshDriver
from fleet.shell.logs import open_log
from fleet.shell.performing import Performer
from fleet.shell.starting import CannotStart, Starter
from fleet.shell.veil import Veil
from fleet.store.sqlite import SqliteStore
from fleet.views.light.state import status, task
from tests.patience import PATIENCE_S
from tests.service.repositories import git, repository
from tests.shell.logins import ScriptedReader
from tests.shell.spools import BEGUN_MS, TIERS
from tests.shell.stand_ins import Finishing, Workers
from workers.git import GitError
from workers.orders import Stop
from workers.worktree.shared import SharedChanged

BEAT_S = 0.02
"""Of these coordinators."""


class WallClock:
    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000


class FullDisk:
    """The real store, on a disk that may be full."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store
        self.full = False
        self.refused = 0
        self.committed: list[Change] = []

    def load(self) -> Loaded:
        return self._store.load()

    def tidy(self, before_ms: int) -> None:
        self._store.tidy(before_ms)

    def commit(self, change: Change) -> Committed:
        if self.full:
            self.refused += 1
            raise StoreFailed("the disk is full: free some space, then try again")
        self.committed.append(change)
        return self._store.commit(change)

    def close(self) -> None:
        self._store.close()


def stamp() -> dict[str, Any]:
    return {"at_ms": time.time_ns() // 1_000_000, "id": uuid4().hex}


def account(name: str = "work") -> events.AccountAdded:
    added = Account(
        name=name,
        kind="subscription",
        tiers=tuple(TIERS.items()),
        concurrency=8,
        pool=f"account:{name}",
        added_ms=1,
        allowance=8,
        answered_ms=stamp()["at_ms"],
    )
    return events.AccountAdded(**stamp(), account=added)


EMPTY: control.Reply = {"tasks": [], "there": [], "made": [], "now": [], "later": []}


def tasks(*titles: str) -> events.TasksAdded:
    specs = [
        TaskSpec(prompt="p", repo=f"/srv/{t}", title=t, tiers=("sonnet",), target="main") for t in titles
    ]
    return events.TasksAdded(**stamp(), specs=tuple(specs))


def no_other(host: Host) -> SshDriver:
    raise AssertionError(f"there is no host {host.name} in these tests")


class YearsAhead(Hosts):
    """This machine's clock, as if it were that of a host which is ten years ahead of it."""

    AHEAD_MS = 10 * 365 * 86_400_000

    def ahead_ms(self, host: str) -> int:
        return self.AHEAD_MS if host == self.here.name else 0


Script = Callable[[Coordinator], Awaitable[None]]


class House:
    """One home, of which one coordinator after another may run."""

    def __init__(self, root: Path) -> None:
        self.home = Home(root)
        self.home.make()
        self.workers = Workers(self.home.runs)
        self.finishing = Finishing()
        self.reader = ScriptedReader()
        self.store = FullDisk(SqliteStore(self.home.database))
        self.engine = Engine(self.store)
        self.hosts = Hosts(cast(LocalDriver, self.workers), no_other)
        self.veil = Veil()
        self.cleaner: Callable[[Fleet], list[events.Event]] | None = None
        self._log = io.StringIO()

    def crash(self) -> None:
        """All that was in memory is gone."""
        self.store.close()
        self.store = FullDisk(SqliteStore(self.home.database))
        self.engine = Engine(self.store)

    def run(self, script: Script | None = None, *, until_idle: bool = True) -> Fleet:
        """Until it is idle, or the script has ended."""
        made = Coordinator(
            engine=self.engine,
            performer=Performer(cast(Starter, self.workers), cast(Finisher, self.finishing), WallClock()),
            hosts=self.hosts,
            agreed=Agreed(self.home.agreed),
            runs=self.home.runs,
            socket=self.home.root / "s",
            clock=WallClock(),
            log=open_log("json", self.veil, self._log),
            veil=self.veil,
            workers_max=8,
            heeds_load=False,  # of the machine that runs the tests
            until_idle=until_idle,
            login_reader=self.reader,
            cleaner=self.cleaner,
        )

        async def life() -> None:
            with anyio.fail_after(PATIENCE_S):
                async with anyio.create_task_group() as group:
                    group.start_soon(made.run)
                    if script is not None:
                        await script(made)
                        if not until_idle:
                            group.cancel_scope.cancel()

        anyio.run(life)
        return self.engine.fleet

    def states(self) -> list[str]:
        return [task.state for task in self.engine.fleet.tasks.values()]

    def told(self) -> list[str]:
        return [json.loads(line)["event"] for line in self._log.getvalue().splitlines()]


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    for name in ("BEAT_S", "RETRY_S_FIRST", "STORE_RETRY_S"):
        monkeypatch.setattr(coordinator, name, BEAT_S)
    monkeypatch.setattr(errands, "BEAT_S", BEAT_S)
    monkeypatch.setattr(following, "GATHER_S", 0.0)
    made = House(tmp_path / "home")
    yield made
    made.store.close()


async def until(true: Callable[[], bool]) -> None:
    while not true():  # noqa: ASYNC110 (there is no event to wait for: it is the outcome that counts)
        await anyio.sleep(0.005)


async def has_spoken(made: Coordinator, attempt_id: str = "t1.1") -> None:
    """Until something of its spool has been applied."""
    engine = made.engine
    await until(lambda: attempt_id in engine.fleet.attempts and engine.fleet.attempts[attempt_id].offset > 0)


async def ask(house: House, *requests: dict[str, Any]) -> list[control.Reply]:
    """One after the other, as commands do, from the moment on that the coordinator listens."""
    replies: list[control.Reply] = []
    while len(replies) < len(requests):
        asking = partial(control.ask, str(house.home.root / "s"), requests[len(replies)])
        try:
            replies.append(await to_thread.run_sync(asking))
        except control.NobodyAnswers:
            await anyio.sleep(0.005)
    return replies


def test_once_no_worker_is_left_a_repository_is_its_persons_again(house: House, tmp_path: Path) -> None:
    """Also where the coordinator that its workers had is no more; but not while something is as a worker left it."""
    repo, planted_in = (repository(tmp_path / name) for name in ("repo", "planted"))
    agreed = Agreed(house.home.agreed)
    for left in (repo, planted_in):
        agreed.before_worktree(left)
    git(planted_in, "config", "core.fsmonitor", "./planted")
    house.run()
    git(repo, "config", "core.fsmonitor", "./theirs")
    agreed.before_worktree(repo)
    with pytest.raises(SharedChanged):
        agreed.before_worktree(planted_in)
    assert any("core.fsmonitor was added" in said for said in house.told())


def test_it_ends_when_everything_has_landed(house: House) -> None:
    house.engine.apply((account(), tasks("one", "two", "three")))
    house.run()
    assert house.states() == ["landed"] * 3
    assert house.workers.starts == {"t1.1": 1, "t2.1": 1, "t3.1": 1}
    assert house.finishing.removed == {"t1": 1, "t2": 1, "t3": 1}
    assert house.engine.fleet.attempts == {}
    house.crash()
    assert house.engine.outstanding == ()


def test_what_a_round_has_no_time_to_place_is_placed_at_once_by_the_next(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing else happens meanwhile: no beat, and no worker has begun."""
    monkeypatch.setattr(engine, "PLACED_AT_ONCE", 1)
    monkeypatch.setattr(coordinator, "BEAT_S", 2 * PATIENCE_S)
    together = threading.Barrier(3)

    def wait_for_the_others(attempt: Attempt) -> None:
        together.wait(PATIENCE_S)

    house.workers.before_start = wait_for_the_others
    house.engine = Engine(house.store)
    house.engine.apply((account(), tasks("one", "two", "three")))

    async def all_are_there(made: Coordinator) -> None:
        await until(lambda: len(house.workers.starts) == 3)

    house.run(all_are_there, until_idle=False)
    assert house.workers.starts == {"t1.1": 1, "t2.1": 1, "t3.1": 1}


def test_a_performer_that_fails_is_tried_again_while_the_others_go_on(house: House) -> None:
    """Even a bug in one performer neither ends the coordinator nor loses the decision; its story is told once."""
    landed_first: list[str] = []

    def fail_until_the_other_has_landed(attempt: Attempt) -> None:
        if attempt.task == "t1":
            landed_first[:] = [t.id for t in house.engine.fleet.tasks.values() if t.state == "landed"]
            if not landed_first:
                raise ZeroDivisionError("a bug in the performer")

    house.workers.before_start = fail_until_the_other_has_landed
    house.engine.apply((account(), tasks("one", "two")))
    house.run()
    assert house.states() == ["landed", "landed"]
    assert landed_first == ["t2"]
    assert house.workers.starts["t1.1"] > 1
    stories = [text for text in house.told() if text.startswith("starting the worker failed")]
    assert stories == ["starting the worker failed and is tried again: a bug in the performer"]
    assert "starting the worker works again" in house.told()


def test_a_check_that_fails_for_the_environment_decides_nothing(house: House) -> None:
    """A full disk during the verification is no failed verification."""
    faults = iter([OSError(28, "No space left on device")] * 3)

    def full() -> None:
        for fault in faults:
            raise fault

    house.finishing.before = full
    house.engine.apply((account(), tasks("one")))
    fleet = house.run()
    assert house.states() == ["landed"]
    assert house.finishing.checked["t1"] == 4
    assert fleet.tasks["t1"].repairs == 0


def test_why_and_status_tell_what_is_tried_in_vain_until_it_goes_well(house: House) -> None:
    """Once for each story, however often it is tried; what has passed is told no more."""
    full = [True]

    def disk() -> None:
        if full[0]:
            raise OSError(28, "No space left on device")

    house.finishing.before = disk
    house.engine.apply((account(), tasks("one")))

    async def free_some_space(made: Coordinator) -> None:
        await until(lambda: house.finishing.checked["t1"] > 4)
        fleet = made.engine.fleet
        explained = explain(fleet, fleet.tasks["t1"])
        assert "No space left on device" in explained.summary and "it is tried again" in explained.summary
        assert not explained.stuck
        (told,) = status(house.home.root)["troubles"]
        assert (told["task"], told["state"]) == ("t1", "checking")
        assert "No space left on device" in told["story"]
        full[0] = False

    fleet = house.run(free_some_space)
    assert fleet.tasks["t1"].state == "landed" and fleet.tasks["t1"].trouble is None
    history = [line["text"] for line in task(house.home.root, "t1")["history"]]
    assert len([text for text in history if "No space left" in text]) == 1


def test_a_worktree_that_is_gone_for_good_keeps_nobody_waiting_and_is_tried_by_the_next(house: House) -> None:
    """Its worker is let go, the others end, and when a person has brought it back it goes on where it was."""
    gone = [True]

    def look() -> None:
        if gone[0]:
            raise GitError("its worktree is gone: bring it back")

    house.finishing.before = look
    house.engine.apply((account(), tasks("one")))
    fleet = house.run()
    assert (house.states(), fleet.attempts) == (["checking"], {})
    (explained,) = stuck(fleet)
    assert "its worktree is gone: bring it back" in explained.summary
    gone[0] = False
    house.crash()
    fleet = house.run()
    assert house.states() == ["landed"]
    assert fleet.tasks["t1"].trouble is None
    assert house.workers.starts == {"t1.1": 1}


def test_it_keeps_house_by_itself_and_a_rule_that_nobody_understands_ends_nothing(house: House) -> None:
    house.engine.apply((account(), tasks("one")))
    house.run()

    def wrong(fleet: Fleet) -> list[events.Event]:
        raise NotDone("config.toml: no TOML")

    house.cleaner = wrong
    assert list(house.run().tasks) == ["t1"]
    assert "nothing is cleaned: config.toml: no TOML" in house.told()
    house.cleaner = lambda fleet: [
        events.PruneAsked(**stamp(), tasks=()),
        events.ForgetAsked(**stamp(), tasks=("t1",), before_ms=fleet.now_ms + 1),
    ]
    assert house.run().tasks == {}
    house.crash()
    assert house.engine.fleet.tasks == {}


def test_a_worker_that_cannot_be_started_is_the_cores_matter(house: House) -> None:
    def refuse(attempt: Attempt) -> None:
        raise CannotStart("repository", "/srv/one is no git repository")

    house.workers.before_start = refuse
    house.engine.apply((account(), tasks("one")))
    fleet = house.run()
    assert house.states() == ["failed"]
    assert "is no git repository" in fleet.tasks["t1"].reason


def test_while_the_disk_is_full_nothing_is_lost_and_then_it_goes_on(house: House) -> None:
    """The workers speak on meanwhile; each of their words is applied once the store can be written again."""
    house.engine.apply((account(), tasks("one")))
    house.workers.before_start = lambda attempt: setattr(house.store, "full", True)

    async def free_some_space(made: Coordinator) -> None:
        await until(lambda: house.store.refused > 3)
        assert made.engine.fleet.tasks["t1"].state == "running"
        house.store.full = False

    house.run(free_some_space)
    assert house.states() == ["landed"]
    assert house.workers.starts == {"t1.1": 1}
    told = house.told()
    assert told.count("the disk is full: free some space, then try again") == 1
    assert "the database works again" in told


def test_a_request_while_the_disk_is_full_is_refused_in_words_and_the_coordinator_stays(house: House) -> None:
    socket = house.home.root / "s"

    async def ask(made: Coordinator) -> None:
        await until(socket.exists)
        with homelock.hold(house.home, str(socket)):
            house.store.full = True
            with pytest.raises(NotDone, match="the disk is full"):
                await to_thread.run_sync(requests.submit, house.home, tasks("refused"))
            house.store.full = False
            done = await to_thread.run_sync(requests.submit, house.home, tasks("one", "two"))
        assert done.tasks == ("t1", "t2")

    house.run(ask, until_idle=False)
    assert [task.spec.title for task in house.engine.fleet.tasks.values()] == ["one", "two"]


def test_decisions_of_a_life_that_was_cut_short_are_performed_by_the_next(house: House) -> None:
    """Killed between the commit and the performing: the next coordinator starts the worker, once."""
    seen = events.HostSeen(**stamp(), host="local", workers_max=8, memory_free_bytes=None)
    applied = house.engine.apply((account(), seen, tasks("one")))
    assert [type(effect).__name__ for effect in applied.effects] == ["StartWorker"]
    house.crash()
    assert house.engine.outstanding == applied.effects
    house.run()
    assert house.states() == ["landed"]
    assert house.workers.starts == {"t1.1": 1}


@pytest.mark.parametrize("pause", range(1, 14))
def test_a_living_worker_is_adopted_and_not_started_again(house: House, pause: int) -> None:
    """The coordinator is gone when the worker has said some of it; the next one hears the rest, and counts all once."""
    house.workers.pauses_after = pause
    house.engine.apply((account(), tasks("one")))
    house.run(has_spoken, until_idle=False)
    house.crash()
    house.workers.go_on("t1.1")
    house.run()
    assert house.states() == ["landed"]
    assert house.workers.starts == {"t1.1": 1}
    (attempt,) = task(house.home.root, "t1")["attempts"]
    assert sum(attempt["tokens"].values()) == 13_084
    assert attempt["cost_usd"] == pytest.approx(0.00814)


def test_decisions_about_an_attempt_that_is_gone_do_nothing(house: House) -> None:
    """Such as remain when a worker ended while the order for it was on its way."""
    house.engine.apply((account(), tasks("one")))
    late = (
        TellWorker(id="x1", cause="e", attempt="t1.9", word="w", text="too late"),
        StopWorker(id="x2", cause="e", attempt="t1.9", how="ladder", why="too late"),
    )
    fleet = house.engine.fleet
    house.store.commit(Change(fleet, fleet, decided=late))
    house.crash()
    house.run()
    assert not any(attempt == "t1.9" for attempt, _ in house.workers.orders)
    house.crash()
    assert house.engine.outstanding == ()


def test_a_task_cancelled_while_its_worker_is_being_started_ends_once_that_is_through(house: House) -> None:
    """The order to stop waits for the start; nothing is left running, and the worktree goes last."""
    begun, may_go = threading.Event(), threading.Event()

    def slow(attempt: Attempt) -> None:
        begun.set()
        assert may_go.wait(PATIENCE_S)

    house.workers.before_start = slow
    house.engine.apply((account(), tasks("one")))

    async def cancel(made: Coordinator) -> None:
        await until(begun.is_set)
        await made.apply(events.CancelAsked(**stamp(), task="t1"))
        assert house.workers.orders == []
        may_go.set()

    house.run(cancel)
    assert house.states() == ["cancelled"]
    assert [type(order).__name__ for _, order in house.workers.orders] == ["Stop"]
    assert house.finishing.removed == {"t1": 1}
    assert house.engine.fleet.attempts == {}


@pytest.mark.parametrize("why", ["limit", "cancel"])
def test_a_worker_whose_turn_is_over_is_stopped_at_once_and_one_at_work_is_interrupted_first(
    house: House, why: str
) -> None:
    """After a limit its session waits for the next account, and nothing of it can be lost any more."""
    house.workers.plays = "limited_five_hour" if why == "limit" else "killed"
    house.engine.apply((account(), tasks("one")))

    async def stop(made: Coordinator) -> None:
        await has_spoken(made)
        if why == "cancel":
            await made.apply(events.CancelAsked(**stamp(), task="t1"))
        await until(lambda: not made.engine.fleet.attempts)

    house.run(stop, until_idle=False)
    (order,) = [order for _, order in house.workers.orders]
    assert isinstance(order, Stop)
    assert order.quick is (why == "limit")


def test_what_a_worker_hears_of_windows_is_dated_by_how_much_its_hosts_clock_is_ahead(house: House) -> None:
    """Until its turn ends, when they are read anew."""
    house.hosts = YearsAhead(cast(LocalDriver, house.workers), no_other)
    house.workers.pauses_after = 9
    house.engine.apply((account(), tasks("one")))

    async def listen(made: Coordinator) -> None:
        await until(lambda: bool(made.engine.fleet.buckets))

    fleet = house.run(listen, until_idle=False)
    heard_ms = BEGUN_MS + 8 - YearsAhead.AHEAD_MS
    assert {bucket.observed_ms for bucket in fleet.buckets.values()} == {heard_ms}


def test_a_running_coordinator_refuses_words_that_hold_a_credential_of_its_accounts(house: House) -> None:
    """Whatever it looks like: only the coordinator knows it. It is in no task, no word and not in the answer."""
    secret = 'a-token-"of-no-known-shape"-ü-0123456789'
    house.veil.learn(secret)
    house.engine.apply((account(), tasks("one")))
    house.workers.plays = "killed"
    asked: tuple[events.Person, ...] = (
        tasks(f"Use {secret}"),
        events.PersonSaid(**stamp(), task="t1", word=str(uuid4()), text=f"Use\n{secret}"),
        tasks("Use the one I gave you"),
    )
    replies: list[control.Reply] = []

    async def say(made: Coordinator) -> None:
        replies.extend(await ask(house, *map(wire.encode, asked)))

    fleet = house.run(say, until_idle=False)
    refused = "it holds the credential of an account: say it without that"
    assert replies[:2] == [{"ok": False, "error": refused}] * 2
    assert replies[2]["tasks"] == ["t2"]
    assert secret not in repr(fleet)


@pytest.mark.parametrize("asked", ["cancel", "stop workers"])
def test_nobody_waits_for_the_setup_of_a_worker_that_is_to_be_stopped(house: House, asked: str) -> None:
    """Its commands are ended, so that its start fails; a task that was only paused keeps its place unblamed."""
    begun, swept = threading.Event(), threading.Event()

    def setup(attempt: Attempt) -> None:
        begun.set()
        assert swept.wait(PATIENCE_S)
        raise CannotStart("setup", "its setup command was ended by signal 15")

    house.workers.before_start = setup
    house.workers.before_sweep = lambda attempt: swept.set()
    house.engine.apply((account(), tasks("one")))

    async def stop(made: Coordinator) -> None:
        await until(begun.is_set)
        drain = events.DrainAsked(**stamp(), on=True, stop_workers=True)
        await made.apply(events.CancelAsked(**stamp(), task="t1") if asked == "cancel" else drain)
        await until(lambda: not made.engine.fleet.attempts)

    fleet = house.run(stop, until_idle=False)
    assert house.states() == ["cancelled" if asked == "cancel" else "queued"]
    assert (fleet.tasks["t1"].faults, fleet.tasks["t1"].host_faults) == (0, 0)


def test_who_stops_it_is_told_of_the_workers_that_live_on_and_not_of_those_being_set_up(house: House) -> None:
    begun, asked = threading.Event(), threading.Event()
    house.workers.pauses_after = 3
    house.workers.dead.add("t1.1")

    def setup(attempt: Attempt) -> None:
        if attempt.id == "t1.1":
            begun.set()
            assert asked.wait(PATIENCE_S)
            raise CannotStart("setup", "it was ended")

    house.workers.before_start = setup
    house.engine.apply((account(), tasks("one", "two")))
    replies: list[control.Reply] = []

    async def stop(made: Coordinator) -> None:
        await until(begun.is_set)
        await has_spoken(made, "t2.1")
        replies.extend(await ask(house, {"kind": "stop", "stop_workers": False}))
        asked.set()

    house.run(stop, until_idle=False)
    assert replies == [{"ok": True, "workers": 1}]


def test_what_a_person_lays_down_is_named_in_the_answer(house: House) -> None:
    house.engine.apply((account(),))
    asked = wire.encode(events.FloorAdded(**stamp(), floor=Floor("", 0.1, "work")))
    replies: list[control.Reply] = []

    async def lay(made: Coordinator) -> None:
        replies.extend(await ask(house, asked))

    assert house.run(lay, until_idle=False).floors["f1"].share == 0.1
    assert replies == [{"ok": True, **EMPTY, "made": ["f1"]}]


def test_a_running_coordinator_answers_with_the_task_that_a_source_has_and_with_what_a_revision_changes(
    house: House,
) -> None:
    (one,) = tasks("one").specs
    card = events.TasksAdded(**stamp(), specs=(replace(one, source="card"),))
    revision = events.TaskRevised(
        **stamp(),
        task="t1",
        fields=("priority", "max_turns"),
        spec=replace(one, priority=3, max_turns=9, title="unnamed"),
    )
    replies: list[control.Reply] = []

    async def add(made: Coordinator) -> None:
        asked: tuple[events.Person, ...] = (card, replace(card, id="again"), revision)
        replies.extend(await ask(house, *map(wire.encode, asked)))

    spec = house.run(add, until_idle=False).tasks["t1"].spec
    assert (spec.priority, spec.max_turns, spec.title) == (3, 9, "one")
    assert replies == [
        {"ok": True, **EMPTY, "tasks": ["t1"]},
        {"ok": True, **EMPTY, "tasks": ["t1"], "there": ["t1"]},
        {"ok": True, **EMPTY, "now": ["priority"], "later": ["max_turns"]},
    ]


def test_many_requests_are_one_of_the_coordinator_with_one_commit_and_an_answer_to_each(house: House) -> None:
    """More than a line holds; two of them are refused."""
    house.engine.apply((tasks(*(f"x{n}" for n in range(1_000))),))
    specs = {one.id: replace(one.spec, title="y" * 900) for one in house.engine.fleet.tasks.values()}
    specs["t9999"] = specs.pop("t501")
    asked: list[events.Person] = [
        events.TaskRevised(**stamp(), task=name, fields=("title",), spec=spec) for name, spec in specs.items()
    ]
    asked.append(events.RetryAsked(**stamp(), task="t1"))
    replies: list[control.Reply] = []
    broken = {"kind": wire.SEVERAL, "requests": [wire.encode(asked[0]), "CancelAsked"]}

    async def revise(made: Coordinator) -> None:
        house.store.committed.clear()
        replies.extend(await ask(house, broken, wire.encode_all(asked)))

    fleet = house.run(revise, until_idle=False)
    assert replies[0] == {"ok": False, "error": "several requests are a list of JSON objects"}
    came = replies[1]["came"]
    assert [n for n, one in enumerate(came) if not one["ok"]] == [999, 1_000]
    assert "there is no task t9999" in came[999]["error"]
    assert "only a failed or cancelled task" in came[1_000]["error"]
    assert came[0] == {"ok": True, **EMPTY, "now": ["title"]}
    assert [one.spec.title[0] for one in fleet.tasks.values()].count("y") == 999
    assert sum(one.before.tasks is not one.after.tasks for one in house.store.committed) == 1


def test_a_request_with_more_tasks_than_a_line_holds_is_done_as_a_whole_or_not_at_all(house: House) -> None:
    specs = [TaskSpec("p" * 4_000, "/srv/x", f"x{n}", ("sonnet",), "main", key=f"k{n}") for n in range(200)]
    chain = [replace(one, after=(f"k{n + 1}",)) for n, one in enumerate(specs[:-1])]
    circle = events.TasksAdded(**stamp(), specs=(*chain, replace(specs[-1], after=("k0",))))
    sound = events.TasksAdded(**stamp(), specs=(*chain, specs[-1]))
    replies: list[control.Reply] = []

    async def add(made: Coordinator) -> None:
        replies.extend(await ask(house, wire.encode(circle), wire.encode(sound)))

    fleet = house.run(add, until_idle=False)
    assert "in a circle: " in replies[0]["error"]
    assert replies[1]["tasks"] == [f"t{n}" for n in range(1, 201)] == list(fleet.tasks)


def test_a_worker_whose_supervisor_died_without_a_word_is_lost_and_its_task_goes_on(house: House) -> None:
    house.workers.plays = "killed"
    house.engine.apply((account(), tasks("one")))

    async def kill(made: Coordinator) -> None:
        await has_spoken(made)
        house.workers.dead.add("t1.1")
        await until(lambda: "t1.1" not in made.engine.fleet.attempts)

    house.run(kill, until_idle=False)
    lost = house.engine.fleet.tasks["t1"]
    assert (lost.state, lost.faults, lost.host_faults) == ("queued", 0, 1)
    assert "its supervisor is gone without a word" in lost.reason


def test_a_limit_takes_the_session_to_the_other_account(house: House) -> None:
    house.workers.plays = "limited_five_hour"
    house.engine.apply((account("work"), account("side"), tasks("one")))

    def then_finish(attempt: Attempt) -> None:
        house.workers.plays = "limited_five_hour" if attempt.number == 1 else "finished"

    house.workers.before_start = then_finish
    house.run()
    assert house.states() == ["landed"]
    shown = status(house.home.root)["accounts"]
    assert sorted(a["state"] for a in shown) == ["limited", "ready"]
    assert house.workers.starts == {"t1.1": 1, "t1.2": 1}


def test_words_said_to_a_running_worker_reach_it_once(house: House) -> None:
    house.workers.plays = "killed"
    house.engine.apply((account(), tasks("one")))

    async def speak(made: Coordinator) -> None:
        await has_spoken(made)
        word = str(uuid4())
        await made.apply(events.PersonSaid(**stamp(), task="t1", word=word, text="and the tests"))
        await until(lambda: bool(house.workers.said_to("t1.1")))
        (line,) = house.workers.said_to("t1.1")
        assert json.loads(line)["uuid"] == word
        assert "and the tests" in line

    house.run(speak, until_idle=False)


def idle_login(name: str) -> events.AccountAdded:
    added = account(name)
    return replace(added, account=replace(added.account, login=True))


def test_idle_logins_are_read_once_one_after_the_other(house: House) -> None:
    house.reader.windows = (events.WindowReading("five_hour", None, 0.3, None, None),)
    house.engine.apply((idle_login("work"), idle_login("home"), account("token")))

    async def both_are_read(made: Coordinator) -> None:
        await until(lambda: len(made.engine.fleet.buckets) == 2)
        read_ms = made.engine.fleet.now_ms
        await until(lambda: made.engine.fleet.now_ms > read_ms + 5_000 * BEAT_S)

    fleet = house.run(both_are_read, until_idle=False)
    assert {(b.pool, b.utilization, b.source) for b in fleet.buckets.values()} == {
        ("account:home", 0.3, "usage"),
        ("account:work", 0.3, "usage"),
    }
    assert sorted(house.reader.asked) == ["home", "work"]


def test_a_login_that_cannot_be_read_is_told_once_and_keeps_nothing_from_running(house: House) -> None:
    house.reader.windows = None
    house.engine.apply((idle_login("work"),))

    async def work_comes_later(made: Coordinator) -> None:
        await until(lambda: "windows cannot be read" in "".join(house.told()))
        await made.apply(tasks("one"))
        await until(lambda: house.states() == ["landed"])

    house.run(work_comes_later, until_idle=False)
    stories = [text for text in house.told() if "windows cannot be read" in text]
    assert stories == [
        "its windows cannot be read while it is idle (nobody answers): that is tried ever more seldom"
    ]
