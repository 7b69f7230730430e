"""What the faces are shown."""

from __future__ import annotations

import fcntl
import json
import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from fleet.core.dispatch.feasible import PAUSED
from fleet.core.model import Account, Bucket, Fleet, Kind, Settings, Spend
from fleet.core.model.account import DAY_MS, TOKEN_LIFE_MS
from fleet.core.rules.accounts import token_days_left
from fleet.errors import NotFound
from fleet.moments import iso
from fleet.ports import Change
from fleet.spoken.choice import Choice
from fleet.store.sqlite import SqliteStore
from fleet.views import live
from fleet.views.light import records, state
from tests.contract.full_fleet import ACCOUNT, ATTEMPT, SPEC, WORDS, full_fleet, note

NOW_MS = 8_000


BIG = {
    "name": "big",
    "address": "ssh://ci@big.example:2222",
    "state": "suspected",
    "silent_since": "1970-01-01T00:00:06.500Z",
    "draining": True,
    "problem": "",
    "workers": 0,
    "workers_max": 8,
    "cores": 32,
    "load": 3.5,
    "memory_free_bytes": 64_000_000_000,
    "labels": ["gpu", "big"],
    "unfit": [],
    "unsandboxed": "",
    "disk_free_bytes": None,
    "disk_low_since": None,
    "observed_at": "1970-01-01T00:00:06.000Z",
}
HERE: dict[str, Any] = {
    "name": "local",
    "address": None,
    "state": "ready",
    "silent_since": None,
    "draining": False,
    "problem": "disk is nearly full",
    "workers": 1,
    "workers_max": 4,
    "cores": None,
    "load": None,
    "memory_free_bytes": 8_000_000_000,
    "labels": [],
    "unfit": [],
    "unsandboxed": "",
    "disk_free_bytes": None,
    "disk_low_since": None,
    "observed_at": "1970-01-01T00:00:07.500Z",
}


def keep(home: Path, fleet: Fleet) -> None:
    """The home's database says this fleet, with one line of history."""
    store = SqliteStore(home / "fleet.db")
    before = store.load().fleet
    store.commit(Change(before, fleet, notes=[(8_000, note("limit reached"))]))
    store.close()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    keep(tmp_path, full_fleet("home"))
    return tmp_path


def test_a_home_without_a_database_is_an_empty_one(tmp_path: Path) -> None:
    lists: dict[str, object] = {name: [] for name in ("accounts", "troubles", "needs", "workers", "hosts")}
    empty: dict[str, object] = {**lists, "tasks": {}, "breaker": "", "coordinator": None}
    empty |= {"breaker_until": None, "paused_projects": []}
    assert state.status(tmp_path) == state.status(tmp_path / "nowhere") == empty
    assert list(state.tasks(tmp_path)) == state.accounts(tmp_path) == state.worktrees(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_status_counts_tasks_and_names_workers_and_hosts(home: Path) -> None:
    status = state.status(home, NOW_MS)
    assert status["tasks"] == {"landed": 1, "queued": 2, "running": 1}
    assert status["breaker"] == "a person has opened it: the month's bill"
    assert status["troubles"] == [{"task": "t2", "state": "running", "story": "No space left on device"}]
    assert status["workers"] == [
        {
            "attempt": "t2.3",
            "task": "t2",
            "account": "work",
            "tier": "opus",
            "host": "local",
            "state": "stopping",
            "started_at": "1970-01-01T00:00:04.000Z",
        }
    ]
    assert status["hosts"] == state.hosts(home) == [BIG, HERE]


@pytest.mark.parametrize("merged", [0, 1])
def test_branches_that_were_left_are_counted_as_such_as_every_face_does(tmp_path: Path, merged: int) -> None:
    fleet = full_fleet("home")
    one = fleet.tasks["t1"]
    prompt = 'Say "land":"merge" and "land":"branch", not "paused":{}'
    left = [
        replace(one, id=f"l{n}", number=90 + n, spec=replace(one.spec, land="branch", prompt=prompt))
        for n in range(2)
    ]
    kept = {"t1": replace(one, spec=replace(one.spec, prompt=prompt))} if merged else {}
    fleet = replace(fleet, tasks={**kept, **{task.id: task for task in left}}, queue={})
    keep(tmp_path, replace(fleet, attempts={}, worktrees={}))
    counted = {"on-branch": 2, **({"landed": 1} if merged else {})}
    assert state.status(tmp_path)["tasks"] == live.snapshot(tmp_path).sections["counts"] == counted
    assert Counter(task.shown_state for task in fleet.tasks.values()) == counted


def test_accounts_of_one_organisation_show_the_same_buckets(home: Path) -> None:
    accounts = state.status(home, NOW_MS)["accounts"]
    assert [(a["name"], a["kind"], a["state"]) for a in accounts] == [
        ("side", "api-key", "ready"),
        ("work", "subscription", "quarantined"),
    ]
    assert accounts[0]["buckets"] == accounts[1]["buckets"]
    assert accounts[0]["buckets"] == [
        {
            "name": "seven_day_opus",
            "scope": "opus",
            "utilization": 0.93,
            "resets_at": "1970-01-01T00:00:09.500Z",
            "observed_at": "1970-01-01T00:00:04.500Z",
            "source": "stream",
            "status": "rejected",
        }
    ]


BUCKET = Bucket("p", "five_hour", None, 1_000, "stream", 0.4, 9_000, "allowed")


@pytest.mark.parametrize(
    ("bucket", "shown", "account"),
    [
        pytest.param(BUCKET, (0.4, "allowed", "00:00:09.000Z"), "ready", id="read"),
        pytest.param(
            replace(BUCKET, utilization=1.0), (1.0, "allowed", "00:00:09.000Z"), "limited", id="full"
        ),
        pytest.param(replace(BUCKET, resets_ms=7_000), (None, "unknown", None), "ready", id="past its reset"),
        pytest.param(
            replace(BUCKET, refused_until_ms=8_500, status="rejected"),
            (0.4, "rejected", "00:00:08.500Z"),
            "limited",
            id="refused",
        ),
        pytest.param(
            replace(BUCKET, refused_until_ms=8_500, scope="opus"),
            (0.4, "rejected", "00:00:08.500Z"),
            "ready",
            id="refused for one tier only",
        ),
        pytest.param(
            replace(BUCKET, resets_ms=7_000, refused_until_ms=7_000, status="rejected"),
            (None, "unknown", None),
            "ready",
            id="refused before its reset",
        ),
        pytest.param(replace(BUCKET, resets_ms=None), (0.4, "allowed", None), "ready", id="without a reset"),
        pytest.param(
            replace(BUCKET, utilization=None), (None, "unknown", "00:00:09.000Z"), "ready", id="unread"
        ),
        pytest.param(
            replace(BUCKET, resets_ms=10**30), (0.4, "allowed", None), "ready", id="beyond all calendars"
        ),
    ],
)
def test_a_bucket_shows_what_is_known_of_it_now(
    tmp_path: Path, bucket: Bucket, shown: tuple[float | None, str, str | None], account: str
) -> None:
    """A refusal outranks the reading until its reset; past its reset a reading is unknown."""
    one = replace(ACCOUNT, name="p", pool="p", state="ready")
    keep(tmp_path, replace(full_fleet("home"), accounts={"p": one, "work": ACCOUNT}, buckets={"p/x": bucket}))
    found = state.status(tmp_path, NOW_MS)["accounts"][0]
    (read,) = found["buckets"]
    resets = read["resets_at"] and read["resets_at"].removeprefix("1970-01-01T")
    assert (read["utilization"], read["status"], resets) == shown
    assert found["state"] == account


def test_the_life_of_a_reading_is_the_one_dispatch_goes_by() -> None:
    assert Settings().reading_life_ms == records.READING_LIFE_MS


@pytest.mark.parametrize("kind", ["subscription", "api-key", "local"])
@pytest.mark.parametrize("spend", [None, "free", "when-needed", "never"])
def test_what_an_account_may_spend_is_shown_as_the_core_takes_it(kind: Kind, spend: Spend | None) -> None:
    one = Account("a", kind, (("sonnet", "sonnet"),), concurrency=1, pool="a", added_ms=1, spend=spend)
    assert records.account(asdict(one), [], [], 2)["spend"] == one.spends


@pytest.mark.parametrize("kind", ["subscription", "api-key", "local"])
@pytest.mark.parametrize("more", [{}, {"token_ms": 9}, {"secret": False}, {"login": True}])
def test_the_end_of_a_token_is_shown_as_the_core_has_it(kind: Kind, more: dict[str, Any]) -> None:
    one = Account("a", kind, (("sonnet", "sonnet"),), concurrency=1, pool="a", added_ms=1, **more)
    ends_ms = one.token_ends_ms
    for now_ms in (2, TOKEN_LIFE_MS - 32 * DAY_MS, TOKEN_LIFE_MS - 30 * DAY_MS, 2 * TOKEN_LIFE_MS):
        shown = records.account(asdict(one), [], [], now_ms)
        assert shown["token_ends_at"] == iso(ends_ms)
        assert shown["token_ends_soon"] == (token_days_left(one, now_ms) is not None)


def test_an_account_that_a_person_has_paused_is_shown_so() -> None:
    one = Account(
        "a", "local", (("s", "s"),), concurrency=1, pool="a", added_ms=1, paused=True, unreached="x"
    )
    shown = records.account_brief(asdict(one), [], 2)
    assert (shown["state"], shown["reason"]) == ("paused", PAUSED)


def test_a_removed_account_is_not_shown(tmp_path: Path) -> None:
    fleet = full_fleet("home")
    gone = replace(ACCOUNT, name="side", state="removed")
    keep(tmp_path, replace(fleet, accounts={**fleet.accounts, "side": gone}))
    assert [a["name"] for a in state.accounts(tmp_path)] == ["work"]
    with pytest.raises(NotFound, match="there is no account side: see `fleet account list`"):
        state.account(tmp_path, "side")


def test_an_account_shows_its_tiers_and_workers_but_no_values_of_its_environment(home: Path) -> None:
    account = state.account(home, "work", NOW_MS)
    assert account["tiers"] == {"sonnet": "sonnet", "opus": "claude-opus-4"}
    assert (account["workers"], account["concurrency"], account["reason"]) == (1, 4, "401")
    assert "http://proxy" not in json.dumps(account)


def test_tasks_are_listed_in_their_order_or_by_state(home: Path) -> None:
    assert [t["id"] for t in state.tasks(home)] == ["t1", "t2", "t10", "t3"]
    assert [t["id"] for t in state.tasks(home, Choice(states=("queued",)))] == ["t10", "t3"]
    assert list(state.tasks(home, Choice(states=("running",)))) == [
        {
            "id": "t2",
            "title": "Fix the counter",
            "state": "running",
            "priority": 7,
            "deadline": "2027-01-15T08:00:00.000Z",
            "repo": "/srv/clock",
            "branch": "fleet/t2-fix",
            "land": "merge",
            "landed_commit": None,
            "after": ["t1"],
            "reason": "limited",
            "trouble": "No space left on device",
            "needs_consent": False,
            "paused": None,
            "created_at": "1970-01-01T00:00:02.500Z",
            "ended_at": None,
            "since": "1970-01-01T00:00:02.500Z",
            "trouble_since": None,
            "at_risk_since": None,
            "denied": {},
            "denied_since": None,
            "tiers": ["sonnet", "opus"],
            "labels": ["gpu", "big"],
        }
    ]


def test_a_task_shows_all_there_is_to_know(home: Path) -> None:
    task = state.task(home, "t2")
    assert (task["prompt"], task["tiers"], task["land"]) == (SPEC.prompt, ["sonnet", "opus"], "merge")
    assert task["words"] == [{"id": word.id, "text": word.text} for word in WORDS]
    assert task["worktree"] == {
        "path": "/home/wt/t2",
        "state": "ready",
        "preserved": "refs/fleet/t2/1",
        "host": "local",
        "moves_from": None,
        "checkpoint": None,
        "checkpoint_at": None,
    }
    assert task["history"] == [
        {
            "at": "1970-01-01T00:00:08.000Z",
            "level": "info",
            "type": "attempt.denied",
            "attempt": "t2.3",
            "account": "work",
            "host": "local",
            "text": "limit reached",
            "data": {"denials": 2},
        }
    ]
    assert task["attempts"] == [
        {
            "id": "t2.3",
            "account": "work",
            "tier": "opus",
            "model": "claude-opus-4",
            "host": "local",
            "session_id": ATTEMPT.session_id,
            "state": "stopping",
            "reason": "limited",
            "detail": "You've hit your limit",
            "started_at": "1970-01-01T00:00:04.000Z",
            "ended_at": None,
            "tokens": {"input": 11, "output": 22, "cache_read": 33, "cache_write": 44},
            "cost_usd": 0.125,
            "malformed": 1,
        }
    ]


def test_an_unknown_task_says_where_to_look(home: Path) -> None:
    with pytest.raises(NotFound) as caught:
        state.task(home, "t99")
    assert str(caught.value) == "there is no task t99: see `fleet task list`"


def test_a_host_shows_how_it_is_reached_and_the_work_that_lies_on_it(home: Path) -> None:
    host = state.host(home, "big")
    assert BIG.items() <= host.items()
    assert (host["jump"], host["directory"], host["warm"]) == ("ci@gate", "/srv/fleet", ["/srv/clock"])
    assert [(w["task"], w["host"], w["moves_from"]) for w in host["worktrees"]] == [("t10", "local", "big")]
    assert host["checkpoint_at"] == "1970-01-01T00:00:06.600Z"
    assert [w["task"] for w in state.host(home, "local")["worktrees"]] == ["t2", "t10"]
    with pytest.raises(NotFound, match="there is no host small: see `fleet host list`"):
        state.host(home, "small")


def test_what_an_older_version_has_written_is_on_this_machine(home: Path) -> None:
    with closing(sqlite3.connect(home / "fleet.db")) as database:
        database.execute("UPDATE worktrees SET body = json_remove(body, '$.host', '$.checkpoint_ms')")
        kept = ("$.address", "$.labels", "$.state", "$.draining", "$.warm")
        database.execute(f"UPDATE hosts SET body = json_remove(body, {', '.join('?' * len(kept))})", kept)
        database.commit()
    host = state.host(home, "local")
    assert (host["address"], host["state"], host["labels"], host["draining"]) == (None, "ready", [], False)
    assert [w["host"] for w in host["worktrees"]] == ["local", "local"]


def test_worktrees_are_those_that_exist_and_those_whose_work_is_preserved(tmp_path: Path) -> None:
    fleet = full_fleet("home")
    kept = fleet.worktrees["t2"]
    gone = replace(kept, task="t1", state="removed", preserved=None)
    safe = replace(kept, task="t3", state="removed")
    keep(tmp_path, replace(fleet, worktrees={"t2": kept, "t1": gone, "t3": safe}))
    shown = [(w["task"], w["task_state"], w["state"], w["preserved"]) for w in state.worktrees(tmp_path)]
    assert shown == [
        ("t2", "running", "ready", "refs/fleet/t2/1"),
        ("t3", "queued", "removed", "refs/fleet/t2/1"),
    ]


def test_reading_and_writing_do_not_wait_for_each_other(home: Path) -> None:
    """With a reader in the middle of its snapshot commits succeed, and with a commit under way status answers."""
    reader = SqliteStore(home / "fleet.db", read_only=True)
    store = SqliteStore(home / "fleet.db")
    before = store.load().fleet
    seen = reader.load().fleet
    store.commit(Change(before, replace(before, tasks_made=11)))
    assert reader.load().fleet == seen
    reader.close()
    store.close()
    with closing(sqlite3.connect(home / "fleet.db", isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("UPDATE tasks SET state = 'failed'")
        assert "failed" not in state.status(home)["tasks"]
        writer.execute("ROLLBACK")


def test_the_running_coordinator_is_shown_and_a_dead_one_is_not(home: Path) -> None:
    """Its lock dies with it, whatever it had written there."""
    lock = home / "coordinator.lock"
    lock.write_text(json.dumps({"pid": 4711, "since": 1.5, "socket": "/run/x"}))
    assert state.status(home)["coordinator"] is None
    with lock.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert state.status(home)["coordinator"] == {
            "pid": 4711,
            "since": "1970-01-01T00:00:01.500Z",
            "sandbox": None,
        }
        lock.write_text(json.dumps({"pid": 4711, "since": 1.5, "socket": None}))
        assert state.status(home)["coordinator"] is None


def test_a_path_with_any_characters_can_be_read(tmp_path: Path) -> None:
    home = tmp_path / "50% of #1? home"
    home.mkdir()
    keep(home, full_fleet("home"))
    assert len(list(state.tasks(home))) == 4


def test_reading_imports_nothing_heavy(home: Path) -> None:
    """`fleet status` starts about as fast as the interpreter does."""
    heavy = {
        "typing",
        "pydantic",
        "anyio",
        "asyncio",
        "dataclasses",
        "inspect",
        "pathlib",
        "fleet.core",
        "structlog",
    }
    script = "import sys; from fleet.views.light import state; state.status(sys.argv[1]); print(*sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-c", script, str(home)], stdout=subprocess.PIPE, text=True, check=True
    )
    assert heavy.isdisjoint(ran.stdout.split())
