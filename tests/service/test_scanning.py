"""A scan of a home: what the fleet ran is told from what persons used, with the account that paid for it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fleet.core.model import Account, Attempt, Bucket, Task, TaskSpec
from fleet.history.prices import InvalidPrices
from fleet.history.reports.choice import Choice
from fleet.home import Home
from fleet.ports import Change
from fleet.service.scanning import scan_home
from fleet.store.sqlite import SqliteStore
from fleet.views.history import reporting
from tests.history.ledgers import ms

SPEC = TaskSpec(prompt="x", repo="/src/app", title="x", tiers=("sonnet",), target="main")
NAMED = replace(SPEC, project="clocks")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "home")
    made.make()
    return made


def keep(home: Home, attempts: Sequence[Attempt], spec: TaskSpec = SPEC, **more: Any) -> None:
    store = SqliteStore(home.database)
    before = store.load().fleet
    accounts = {
        name: Account(name, "subscription", (("sonnet", "s"),), 4, name, 0) for name in ("work", "side")
    }
    tasks = {one.task: Task(one.task, 1, spec, 0, "running") for one in attempts}
    living = {one.id: one for one in attempts if one.state != "ended"}
    after = replace(before, accounts=accounts, tasks=tasks, attempts=living, **more)
    store.commit(Change(before, after, ended=[one for one in attempts if one.state == "ended"]))
    store.close()


def attempt(number: int, account: str, begins: str, ends: str | None) -> Attempt:
    return Attempt(
        id=f"t1.{number}",
        task="t1",
        number=number,
        account=account,
        tier="sonnet",
        model="s",
        host="local",
        session_id="s1",
        started_ms=ms(f"2026-11-22T{begins}"),
        ended_ms=None if ends is None else ms(f"2026-11-22T{ends}"),
        state="running" if ends is None else "ended",
    )


def transcript(config_dir: Path, session: str, *clocks: str) -> None:
    folder = config_dir / "projects" / "-work"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{session}.jsonl").open("a") as file:
        for clock in clocks:
            key = f"{session}-{clock}"
            usage = {"input_tokens": 10, "output_tokens": 1}
            record = {
                "type": "assistant",
                "timestamp": f"2026-11-22T{clock}:00.000Z",
                "sessionId": session,
                "requestId": key,
                "uuid": key,
                "cwd": "/worktrees/t1",
                "message": {"id": key, "role": "assistant", "model": "claude-sonnet-5", "usage": usage},
            }
            file.write(json.dumps(record) + "\n")


def scan(home: Home, *dirs: Path) -> dict[str, Any]:
    return scan_home(home.root, [str(one) for one in dirs], {"HOME": str(home.root.parent)})


def counted(home: Home, by: str, **choice: Any) -> dict[str, int]:
    rows, _ = reporting.uses(home.root, by, Choice(**choice), None)
    return {row.key: row.answers for row in rows}


def test_a_session_that_moved_is_paid_for_by_the_account_that_ran_it_then(home: Home) -> None:
    """Its whole transcript lies in the second account's directory, too."""
    keep(home, [attempt(1, "work", "10:00", "11:00"), attempt(2, "side", "11:00", None)])
    transcript(home.config_dir("work"), "s1", "10:10", "10:20")
    transcript(home.config_dir("side"), "s1", "10:10", "10:20", "11:10")
    transcript(home.config_dir("side"), "own", "10:30")
    assert scan(home)["answers_new"] == 4
    assert counted(home, "account") == {"work": 2, "side": 2}
    assert counted(home, "account", fleet=True) == {"work": 2, "side": 1}
    assert counted(home, "session", fleet=False) == {"own": 1}


def test_what_still_runs_at_one_scan_is_closed_by_the_next(home: Home) -> None:
    keep(home, [attempt(1, "work", "10:00", None)])
    transcript(home.config_dir("work"), "s1", "10:10")
    scan(home)
    keep(home, [attempt(1, "work", "10:00", "11:00")])
    transcript(home.config_dir("work"), "s1", "12:00")
    scan(home)
    assert counted(home, "session", fleet=True) == {"s1": 1}, (
        "what a person did with the session later is theirs"
    )
    assert counted(home, "session") == {"s1": 2}


def test_a_task_is_told_with_its_project_and_not_its_worktree(home: Home) -> None:
    keep(home, [attempt(1, "work", "10:00", "11:00")], NAMED)
    transcript(home.config_dir("work"), "s1", "10:10")
    scan(home)
    (told,) = reporting.tasks(home.root, Choice())
    assert (told["task"], told["project"], told["tier"], told["answers"]) == ("t1", "clocks", "sonnet", 1)
    assert counted(home, "project") == {"clocks": 1}
    assert counted(home, "day", project="clocks") == counted(home, "day", project="/worktrees/t1")
    assert counted(home, "day", project="other") == {}
    assert reporting.tasks(home.root, Choice(project="other")) == []
    assert len(reporting.tasks(home.root, Choice(project="clocks"))) == 1


def test_what_the_fleet_last_read_of_buckets_is_kept_with_each_scan(home: Home) -> None:
    reset = ms("2026-11-22T15:00")
    for used, clock in ((0.2, "10:00"), (0.2, "10:00"), (0.7, "14:00")):
        bucket = Bucket("work", "five_hour", None, ms(f"2026-11-22T{clock}"), "stream", used, reset)
        keep(home, [], buckets={"work/five_hour": bucket})
        scan(home)
    (expired,) = reporting.unused(home.root, Choice(until_ms=reset + 1), each=True)
    assert expired["unused"] == pytest.approx(0.3) and expired["unseen_hours"] == 1


def test_directories_may_be_named_and_need_no_store(home: Home, tmp_path: Path) -> None:
    transcript(tmp_path / ".claude-side", "s1", "10:10")
    found = scan(home, tmp_path / ".claude-side", tmp_path / "none")
    assert counted(home, "account") == {"claude-side": 1}
    assert [(one["path"], one["why"]) for one in found["unreadable"]] == [
        (str(tmp_path / "none"), "no such directory")
    ]
    assert not home.database.exists()


def test_costs_are_made_anew_when_prices_change(home: Home) -> None:
    SqliteStore(home.database).close()
    transcript(home.config_dir("work"), "s1", "10:10")
    scan(home)
    (home.root / "prices.toml").write_text(
        '[[model]]\nnames = ["claude-sonnet-5"]\ninput = 100_000\noutput = 0\n'
    )
    assert scan(home)["files_read"] == 0
    ((row,), _) = reporting.uses(home.root, "model", Choice(), None)
    assert row.cost_usd == 1.0
    (home.root / "prices.toml").write_text("[[model]]")
    with pytest.raises(InvalidPrices, match="model 1, input: field required"):
        scan(home)
