"""`fleet plan` and `fleet up --dry-run` as they print."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from fleet.cli import main
from fleet.home import Home
from fleet.views.snapshot import snapshot
from tests.cli.commands import Shell

Printed = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def own_home(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """With one account."""
    for name, value in shell.environment().items():
        monkeypatch.setenv(name, value)
    words = "account add box --kind local --base-url http://127.0.0.1:9 --tier-map small=m,large=n"
    assert main(words.split()) == 0


def run(capsys: Printed, *words: str) -> str:
    """What a command that succeeds prints."""
    capsys.readouterr()
    assert main(list(words)) == 0
    return capsys.readouterr().out


def test_the_plan_is_a_table_of_what_runs_where_and_when(capsys: Printed, repo: Path) -> None:
    run(capsys, "task", "add", "Turn the clock", "--repo", str(repo), "--tier", "small")
    lines = run(capsys, "plan", "--hours", "3").splitlines()
    assert lines[0].startswith("plan until ") and "(full-time, prices of " in lines[0]
    assert "no coordinator runs: this is what fleet up would go by" in lines[1]
    assert lines[3].split() == ["WHEN", "TASK", "TITLE", "ACCOUNT", "TIER", "UNTIL", "THE", "RESET", "OF"]
    assert lines[4].startswith("now to ")
    told = ["t1", "Turn", "the", "clock", "box", "small", "-"]
    assert lines[4].split()[-len(told) :] == told, "late in the evening a day's name stands before the time"


def test_a_plan_without_work_says_how_to_add_some(capsys: Printed) -> None:
    assert "nothing runs and nothing is planned: fleet task add" in run(capsys, "plan")


def test_the_plan_is_one_document_for_programs(capsys: Printed) -> None:
    found = json.loads(run(capsys, "plan", "--json"))
    assert found["planned"] == [] and found["coordinator"] is None


def test_a_dry_run_shows_what_would_start_and_starts_nothing(
    capsys: Printed, repo: Path, shell: Shell
) -> None:
    run(capsys, "task", "add", "Turn the clock", "--repo", str(repo), "--tier", "small")
    before = snapshot(Home(shell.home))
    told = run(capsys, "up", "--dry-run")
    assert told.startswith("plan until ")
    assert "would start t1 Turn the clock on box with small\n  box with small: worth 1 × chance" in told
    after = snapshot(Home(shell.home))
    assert (after.tasks, after.attempts, after.hosts) == (before.tasks, before.attempts, before.hosts)


def test_without_the_solver_the_order_is_told_and_what_to_install(
    capsys: Printed, repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "numpy", None)
    run(capsys, "task", "add", "Turn the clock", "--repo", str(repo), "--tier", "small")
    told = run(capsys, "plan")
    assert (
        "numpy cannot be imported, so this installation of Fleet is not whole; mend it: " in told
        and "(full-time, no prices)" in told
    )
    assert "in this order  t1    Turn the clock  box      small" in told


def test_what_holds_work_back_is_told_with_the_plan(capsys: Printed) -> None:
    run(capsys, "reserve", "add", "--account", "box", "--at", "daily 00:00-24:00", "--amount", "40%")
    run(capsys, "breaker", "open", "--why", "the month's bill")
    told = run(capsys, "plan")
    assert "circuit breaker open, nothing starts: the month's bill (fleet breaker close)" in told
    assert "r1 keeps 40% of five_hour of box (daily 00:00-24:00), from " in told


def test_why_shows_the_arithmetic_and_what_would_change_the_choice(capsys: Printed, repo: Path) -> None:
    for priority in ("2", "0"):
        run(capsys, "task", "add", "x", "--repo", str(repo), "--tier", "small", "--priority", priority)
    lines = run(capsys, "why", "t2").splitlines()
    assert lines[0] == "t2 is queued: the coordinator isn't running: fleet up"
    assert lines[-2].startswith("  · box with small: worth 1 × chance ")
    assert (
        lines[-1] == "  it would run before the others of its kind if its priority were 3 or more (it is 0)"
    )
    found = json.loads(run(capsys, "why", "t2", "--json"))
    (quote,) = found["quotes"]
    assert (quote["account"], quote["tier"], quote["taken"], quote["charges"]) == ("box", "small", False, [])
    assert found["would_change"] == [lines[-1].strip()]


def test_a_long_plan_is_cut_short_for_people(capsys: Printed, repo: Path, tmp_path: Path) -> None:
    entries = "".join(f"[[task]]\nprompt = 'p{n}'\n" for n in range(70))
    (tmp_path / "many.toml").write_text(f"[defaults]\nrepo = '{repo}'\ntier = 'small'\n{entries}")
    run(capsys, "task", "add", "--file", str(tmp_path / "many.toml"))
    assert "and 10 more in these hours (--json has all)" in run(capsys, "plan", "--hours", "168")
    assert len(json.loads(run(capsys, "plan", "--hours", "168", "--json"))["planned"]) == 70


@pytest.mark.parametrize("hours", ["0", "-1", "169", "soon", "nan"])
def test_hours_that_are_none_are_refused_with_the_usage(hours: str, capsys: Printed) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["plan", f"--hours={hours}"])
    assert ended.value.code == 2
    assert "must be a number of hours, above 0 and up to 168" in capsys.readouterr().err


def test_the_demo_has_no_dry_run(capsys: Printed) -> None:
    assert main(["up", "--demo", "--dry-run"]) == 1
    assert "leave out --dry-run" in capsys.readouterr().err


def test_the_stories_of_the_demo_are_listed_and_an_unknown_one_says_how(capsys: Printed) -> None:
    assert main(["up", "--demo", "list"]) == 0
    listed = capsys.readouterr().out
    assert [line.split()[3] for line in listed.splitlines()] == ["limit", "conflict", "killed"]
    assert main(["up", "--demo", "lmit"]) == 1
    assert "there is no demo lmit: fleet up --demo list" in capsys.readouterr().err
