"""What a project's tasks take, from the real database."""

from __future__ import annotations

from dataclasses import replace
from math import exp, log
from pathlib import Path

import pytest

from fleet.core.capacity.experience import with_task
from fleet.core.model import Account, Attempt, Fleet, Task, TaskSpec
from fleet.core.model.learned import Experience
from fleet.core.model.tokens import Tokens
from fleet.home import Home
from fleet.ports import Change
from fleet.service.projects import project
from fleet.store.sqlite import SqliteStore
from fleet.views.project_figures import profile, quantile
from fleet.views.snapshot import snapshot

CLOCK = "clock"
SPEC = TaskSpec(
    prompt="x",
    repo="/src/clock",
    title="x",
    tiers=("sonnet",),
    target="main",
    project=CLOCK,
    kind="judgement",
)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def keep(home: Home, tasks: list[Task], attempts: list[Attempt], **learned: Experience) -> None:
    store = SqliteStore(home.database)
    before = store.load().fleet
    account = Account("work", "subscription", (("sonnet", "s"),), 4, "work", 0)
    after = replace(
        before,
        accounts={"work": account},
        tasks={task.id: task for task in tasks},
        experience={one.key: one for one in learned.values()},
    )
    store.commit(Change(before, after, ended=attempts))
    store.close()


def ended(number: int, spec: TaskSpec = SPEC, state: str = "landed") -> Task:
    return Task(f"t{number}", number, spec, 0, state, ended_ms=1)  # type: ignore[arg-type]


def attempt(task: str, number: int, tokens: int, answers: int, tier: str = "sonnet") -> Attempt:
    return Attempt(
        id=f"{task}.{number}",
        task=task,
        number=number,
        account="work",
        tier=tier,
        model=tier,
        host="local",
        session_id=task,
        started_ms=0,
        state="ended",
        tokens=Tokens(output=tokens),
        answers=answers,
    )


def test_a_project_that_has_done_nothing_has_no_profile(home: Home) -> None:
    keep(home, [ended(1, state="queued")], [])
    assert profile(home, snapshot(home), CLOCK) == []
    assert profile(home, Fleet(), CLOCK) == []


def test_tokens_and_turns_are_counted_by_task_over_its_attempts(home: Home) -> None:
    other = replace(SPEC, project="other")
    keep(
        home,
        [ended(1), ended(2), ended(3, other), ended(4, state="queued")],
        [
            attempt("t1", 1, 100, 2),
            attempt("t1", 2, 200, 3),
            attempt("t1", 3, 0, 0),
            attempt("t1", 4, 50, 1, "opus"),
            attempt("t2", 1, 500, 15),
            attempt("t3", 1, 7, 7),
            attempt("t4", 1, 7, 7),
        ],
    )
    sonnet, opus = profile(home, snapshot(home), CLOCK)
    assert (sonnet["kind"], sonnet["tier"], sonnet["tasks"]) == ("judgement", "sonnet", 2)
    assert sonnet["tokens"] == {"p50": 400, "p90": pytest.approx(480)}
    assert sonnet["turns"] == {"p50": 10, "p90": 14}
    assert (opus["tier"], opus["tasks"], opus["tokens"]) == ("opus", 1, {"p50": 50, "p90": 50})
    assert sonnet["measured"] == 0, "the engine has learned nothing here: it expects what it would of any"


def test_what_was_learned_is_told_with_how_much_that_was(home: Home) -> None:
    """Two hundred tasks of about a million work units and ten minutes, of which one in four failed."""
    key = "clock\x1fjudgement\x1fsonnet"
    known = Experience(key)
    for n in range(200):
        spread = 0.5 if n % 2 else -0.5
        known = with_task(known, log_work=log(1e6) + spread, log_ms=log(600_000.0), won=n % 4 != 0)
    keep(home, [ended(1)], [], learned=known, wider=Experience("sonnet", 1.0, log(1.0), 0.0, log(1.0)))
    (row,) = project(home, CLOCK)["profile"]
    assert (row["measured"], row["won"], row["lost"]) == (200, 150, 50)
    assert row["work"]["p50"] == pytest.approx(1e6, rel=0.25)
    assert row["work"]["p90"] / row["work"]["p50"] > exp(0.5)
    assert row["minutes"]["p50"] == pytest.approx(10, rel=0.25)
    assert row["chance"] == pytest.approx(0.75, abs=0.01)
    assert row["tasks"] == 0 and row["tokens"] is None and row["turns"] is None


@pytest.mark.parametrize(("share", "amount"), [(0.0, 1), (0.5, 2.5), (1.0, 4)])
def test_quantiles_are_interpolated(share: float, amount: float) -> None:
    assert quantile([4, 1, 3, 2], share) == amount
