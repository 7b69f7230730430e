"""What `why`, the summary of `up` and `account add` tell a person."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fleet.core.model import Account, Attempt, Bucket, Fleet, Host, Task, TaskSpec, queue_of
from fleet.errors import NotDone
from fleet.home import Home
from fleet.service import accounts
from fleet.spoken.clock import local_time
from fleet.views.light import state
from fleet.views.outcome import Outcome, ended_well, summary
from fleet.views.why import as_data, as_words, reasons, why
from profiles.profile import make_profile

NOW_MS = 1_795_000_000_000
SPEC = TaskSpec(prompt="p", repo="/srv", title="t", tiers=("sonnet",), target="main", land="merge")
WORK = Account(
    name="work", kind="subscription", tiers=(("sonnet", "sonnet"),), concurrency=4, pool="p", added_ms=0
)


def task(state: Any, number: int = 1, **more: Any) -> Task:
    return Task(id=f"t{number}", number=number, spec=SPEC, created_ms=0, state=state, **more)


def fleet(*tasks: Task, **more: Any) -> Fleet:
    values: dict[str, Any] = {
        "now_ms": NOW_MS,
        "accounts": {"work": WORK},
        "hosts": {"local": Host("local", 4, 16_000_000_000)},
    }
    queue = queue_of(tasks)
    return Fleet(**{**values, "tasks": {t.id: t for t in tasks}, "queue": queue, **more})


def words(of: Fleet, task_id: str = "t1") -> str:
    return as_words(reasons(of, of.tasks[task_id]))


def running(**more: Any) -> Attempt:
    values: dict[str, Any] = {"state": "running", **more}
    return Attempt(
        id="t1.1",
        task="t1",
        number=1,
        account="work",
        tier="sonnet",
        model="sonnet",
        host="local",
        session_id="s",
        started_ms=0,
        **values,
    )


def with_attempt(task_state: Any, **more: Any) -> Fleet:
    return fleet(task(task_state, attempt="t1.1", attempts=1), attempts={"t1.1": running(**more)})


REFUSED = Bucket("p", "five_hour", None, NOW_MS, "stream", 1.0, None, "rejected", NOW_MS + 7_200_000)

STORIES = {
    "next": (fleet(task("queued")), "t1 is queued: next in the queue\n  expects to run at "),
    "no account": (fleet(task("queued"), accounts={}), "there is no account\n  to do: fleet account add"),
    "no coordinator": (fleet(task("queued"), hosts={}), "the coordinator isn't running: fleet up"),
    "stopping": (fleet(task("queued"), draining=True), "no new workers are started"),
    "closed until a reset": (
        fleet(task("queued"), buckets={"p/five_hour": REFUSED}),
        f"every account it may use is closed: work opens first, of which five_hour was refused\n"
        "  not work with sonnet: five_hour was refused until "
        f"{local_time(NOW_MS + 7_200_000)}\n  expects to run at {local_time(NOW_MS + 7_200_000)}",
    ),
    "quarantined": (
        fleet(task("queued"), accounts={"work": replace(WORK, state="quarantined", reason="401")}),
        "not work with sonnet: quarantined: 401",
    ),
    "backs off": (
        fleet(task("queued", not_before_ms=NOW_MS + 5_000, reason="crashed")),
        "backs off: crashed\n  expects to run at",
    ),
    "waits": (fleet(task("queued", 2), task("waiting", after=("t2",))), "waits for t2 (queued) to land"),
    "waits for ever": (
        fleet(task("failed", 2), task("waiting", after=("t2",))),
        "to do: t2 ended without landing: fleet task retry t2, or fleet task cancel t1",
    ),
    "starting": (with_attempt("running", state="starting"), "attempt t1.1 is being started on work"),
    "works": (with_attempt("running"), "attempt t1.1 works on work (sonnet, headroom unknown), host local"),
    "verified": (with_attempt("checking"), "its work is being verified"),
    "stopped": (with_attempt("running", state="stopping", reason="limited"), "is being stopped (limited)"),
    "in review": (
        fleet(task("review")),
        "verified; waits for your review\n  to do: fleet task diff t1, then fleet task",
    ),
    "lands": (fleet(task("landing", landing_begun=True)), "is being merged and verified into main"),
    "in line": (fleet(task("landing")), "waits for its turn to be merged into main"),
    "held": (
        fleet(task("held", reason="main is checked out at /srv")),
        "verified, but not landed\n  to do: main is checked out at /srv",
    ),
    "landed": (fleet(task("landed", landed_commit="c0ffee" * 6)), "landed on main as c0ffeec0ffee"),
    "failed": (
        fleet(task("failed", reason="it reached its budget")),
        "it reached its budget\n  to do: fleet task retry t1",
    ),
    "cancelled": (fleet(task("cancelled", reason="cancelled by a person")), "cancelled by a person"),
}


@pytest.mark.parametrize(("of", "story"), STORIES.values(), ids=STORIES)
def test_every_state_says_why_in_words(of: Fleet, story: str) -> None:
    told = words(of)
    assert told.startswith(f"t1 is {of.tasks['t1'].state}: ")
    assert story in told


@pytest.mark.parametrize("of", [of for of, _ in STORIES.values()], ids=STORIES)
def test_every_state_says_why_as_data(of: Fleet) -> None:
    data = as_data(reasons(of, of.tasks["t1"]))
    assert (data["id"], data["state"]) == ("t1", of.tasks["t1"].state)
    assert data["summary"]
    assert data["expects_at"] is None or data["expects_at"].startswith("20")
    assert not data["stuck"] or data["advice"], "who is stuck is told what to do"


def test_an_unknown_task_is_told_where_to_look(tmp_path: Path) -> None:
    with pytest.raises(NotDone, match="there is no task t7: see `fleet task list`"):
        why(Home(tmp_path), "t7")


def of_all(*tasks: Task) -> Outcome:
    """All of them were added under this coordinator."""
    return Outcome(fleet(), fleet(*tasks))


@pytest.mark.parametrize(
    ("states", "well"),
    [
        ((), True),
        (("landed", "cancelled"), True),
        (("landed", "failed"), False),
        (("held",), False),
        (("queued",), False),
        (("waiting", "landed"), False),
    ],
)
def test_all_is_well_when_each_task_has_landed_or_was_cancelled(states: tuple[str, ...], well: bool) -> None:
    assert ended_well(of_all(*(task(state, n) for n, state in enumerate(states, 1)))) is well


def test_the_summary_counts_and_says_what_a_person_has_to_do() -> None:
    told = summary(
        of_all(
            task("landed", 1),
            task("failed", 2, reason="it reached its limit of turns"),
            task("held", 3, reason="check out something else there"),
            task("waiting", 4, after=("t2",)),
        )
    ).splitlines()
    assert told[0] == "4 tasks: 1 failed, 1 held, 1 landed, 1 waiting"
    assert told[1] == "  t2 failed: it reached its limit of turns"
    assert told[2] == "  t3 held: verified, but not landed — check out something else there"
    assert told[3].startswith("  t4 waiting: waits for t2 (failed) to land — t2 ended without landing")


def test_the_summary_of_nothing_and_of_open_tasks() -> None:
    assert summary(of_all()) == "0 tasks: no tasks"
    assert summary(of_all(task("queued"))).endswith("1 are still open: fleet up goes on with them")


def test_what_failed_under_an_earlier_coordinator_counts_until_a_person_has_said_what_becomes_of_it() -> None:
    """Also of one that was killed before it could tell. Put back, it is as new as any."""
    old = task("failed", 1, ended_ms=5, reason="long ago")
    outcome = Outcome(fleet(old, task("queued", 2)), fleet(old, task("landed", 2, ended_ms=9)))
    assert not ended_well(outcome)
    head, told = summary(outcome).splitlines()
    assert head == "1 tasks: 1 landed"
    assert "t1 failed in an earlier run: long ago" in told
    assert "fleet task retry t1" in told and "fleet task cancel t1" in told
    let_be = replace(old, state="cancelled", ended_ms=9)
    assert ended_well(Outcome(fleet(old), fleet(let_be)))
    failed_again = replace(old, ended_ms=9, reason="once more")
    again = Outcome(fleet(old), fleet(failed_again))
    assert not ended_well(again)
    assert "t1 failed: once more" in summary(again)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    monkeypatch.delenv("FLEET_KEYRING", raising=False)
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    import keyring.core

    before = keyring.core._keyring_backend
    keyring.core._keyring_backend = None
    yield Home(tmp_path / "home")
    keyring.core._keyring_backend = before


def test_without_a_keyring_nothing_is_added_and_the_choices_are_named(home: Home) -> None:
    profile = make_profile(name="work", kind="subscription")
    with pytest.raises(NotDone) as refused:
        accounts.add(home, profile, "sk-ant-oat01-abcdefghijkl\n")
    assert "no keyring service" in str(refused.value)
    assert "FLEET_KEYRING=encrypted-file" in str(refused.value)
    assert "sk-ant" not in str(refused.value)
    assert state.accounts(home.root) == []


@pytest.mark.parametrize("token", ["", "\n", "two\nlines", '"quoted"', "with blank", "ünicode"])
def test_a_token_that_is_none_adds_nothing_and_is_not_shown(home: Home, token: str) -> None:
    profile = make_profile(name="work", kind="api-key")
    with pytest.raises(NotDone) as refused:
        accounts.add(home, profile, token)
    assert state.accounts(home.root) == []
    assert not token.strip() or token.strip() not in str(refused.value)


def test_an_account_is_added_once(home: Home) -> None:
    profile = make_profile(name="box", kind="local", base_url="http://127.0.0.1:9", tiers={"local": "m"})
    assert accounts.add(home, profile, None) is None
    with pytest.raises(NotDone, match="there is an account box already: remove it first"):
        accounts.add(home, profile, None)
    accounts.remove(home, "box")
    accounts.add(home, profile, None)
    assert [a["name"] for a in state.accounts(home.root)] == ["box"]
