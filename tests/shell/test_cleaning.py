"""What is old goes, and nothing that would be lost: over a real repository, real runs and their locks."""

from __future__ import annotations

import fcntl
from dataclasses import replace
from pathlib import Path

import pytest

from fleet.core.model import Fleet, Task, Worktree
from fleet.errors import NotDone
from fleet.home import Home
from fleet.shell import cleaning, places
from fleet.shell.cleaning import Rule, by_itself, look, read_rule, sweep
from fleet.spoken.spans import DAY_MS
from tests.core.story import spec
from workers.git import Git
from workers.worktree.branch import claim

NOW_MS = 100 * DAY_MS


def fleet_of(git: Git, *tasks: Task, **worktrees: Worktree) -> Fleet:
    repo, target = str(git.directory), git.said("symbolic-ref", "--short", "HEAD")
    made = {t.id: replace(t, spec=replace(t.spec, repo=repo, target=target)) for t in tasks}
    return Fleet(now_ms=NOW_MS, home_id="home", tasks=made, tasks_made=9, worktrees=worktrees)


def old(number: int = 1, state: str = "landed", ended_ms: int = 0, **but: object) -> Task:
    return replace(Task(f"t{number}", number, spec(), 0, state, ended_ms=ended_ms), **but)  # type: ignore[arg-type]


def branch(git: Git, home: Home, fleet: Fleet, task_id: str, *, merged: bool) -> str:
    task = fleet.tasks[task_id]
    base, tree = git.said("rev-parse", "HEAD"), git.said("rev-parse", "HEAD^{tree}")
    name = claim(git, places.worktree_path(home, task), places.branch_name(task), base).branch
    who = ("-c", "user.name=W", "-c", "user.email=w@x")
    commit = git.said(*who, "commit-tree", "-p", base, "-m", task_id, tree)
    git.run("update-ref", f"refs/heads/{name}", commit)
    if merged:
        git.run("update-ref", places.verified_ref(task), commit)
        git.run("update-ref", f"refs/heads/{task.spec.target}", commit)
    return name


def references(git: Git) -> set[str]:
    return set(git.run("for-each-ref", "--format=%(refname)", "refs/fleet/", "refs/heads/fleet/").lines)


def test_a_branch_goes_only_when_its_target_has_all_of_it(home: Home, git: Git) -> None:
    fleet = fleet_of(git, old(1), old(2), old(3, "running", ended_ms=0), old(4, ended_ms=NOW_MS))
    names = {n: branch(git, home, fleet, f"t{n}", merged=n != 2) for n in (2, 1, 3, 4)}
    found = look(home, fleet, Rule(frozenset({"branches"})), NOW_MS)
    assert found.branch_names == [names[1]]
    target = fleet.tasks["t2"].spec.target
    assert found.kept == {f"{target} does not have all of it": [f"branch {names[2]}"]}
    before = references(git)
    assert list(sweep(found)) == []
    gone = before - references(git)
    assert len(gone) == 3 and f"refs/heads/{names[1]}" in gone and "refs/fleet/verified/t1" in gone


def test_a_branch_that_somebody_stands_on_or_that_moved_meanwhile_stays(
    home: Home, git: Git, tmp_path: Path
) -> None:
    fleet = fleet_of(git, old(1), old(2))
    names = [branch(git, home, fleet, f"t{n}", merged=True) for n in (1, 2)]
    git.run("worktree", "add", "--quiet", str(tmp_path / "mine"), names[0])
    found = look(home, fleet, Rule(frozenset({"branches"})), NOW_MS)
    assert found.branch_names == [names[1]]
    assert [what for why, what in found.kept.items() if "has it checked out" in why] == [
        [f"branch {names[0]}"]
    ]
    tree = git.said("rev-parse", "HEAD^{tree}")
    more = git.said("-c", "user.name=W", "-c", "user.email=w@x", "commit-tree", "-p", "HEAD", "-m", "m", tree)
    git.run("update-ref", f"refs/heads/{names[1]}", more)
    (told,) = sweep(found)
    assert "stay" in told and f"refs/heads/{names[1]}" in references(git)


def run(home: Home, attempt: str) -> Path:
    path = home.runs / attempt
    path.mkdir(parents=True)
    (path / "spool").touch()
    (path / "lock").touch()
    return path


def test_runs_and_logs_of_old_tasks_go_but_for_one_with_its_supervisor(home: Home, git: Git) -> None:
    fleet = fleet_of(git, old(1), old(2, "queued"), old(3, ended_ms=NOW_MS))
    goes, held = run(home, "t1.1"), run(home, "t1.2")
    stays = [run(home, "t2.1"), run(home, "t3.1"), run(home, "t8.1")]
    home.checks.mkdir()
    log = home.checks / "t1.1.log"
    log.touch()
    found = look(home, fleet, Rule(frozenset({"runs"})), NOW_MS)
    assert {*found.runs} == {goes, held, log}
    assert found.kept["this database does not know its task"] == [str(stays[2])]
    with (held / "lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        (told,) = sweep(found)
    assert "still has its supervisor" in told
    assert [path.exists() for path in (goes, held, log, *stays)] == [False, True, False, True, True, True]


def test_a_task_is_forgotten_last_and_what_failed_stays(home: Home, git: Git) -> None:
    there = Worktree(task="t2", repo="r", slot=0, state="ready")
    fleet = fleet_of(git, old(1), old(2, "cancelled"), old(3, "failed"), old(4), t2=there)
    run(home, "t4.1")
    only = look(home, fleet, Rule(frozenset({"journal"})), NOW_MS)
    assert only.tasks == ["t1"]
    assert only.kept["its runs are still there"] == ["task t4"]
    all_of_it = look(home, fleet, Rule(), NOW_MS)
    assert (all_of_it.worktrees, all_of_it.tasks) == (["t2"], ["t1", "t4"])
    assert any("nobody has said" in why for why in all_of_it.kept)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[clean]\nolder_than = 'soon'", "must be a span of time"),
        ("[clean]\nautomatic = 'yes'", "must be true or false"),
        (
            "[clean]\nworktree = true",
            r"no setting is called clean\.worktree: did you mean clean\.worktrees\?",
        ),
        ("[clean", "no TOML"),
        ("clean = 7", "clean stands in no section"),
    ],
)
def test_a_configuration_that_nobody_understands_is_refused_and_nothing_is_cleaned(
    home: Home, git: Git, text: str, told: str
) -> None:
    (home.root / "config.toml").write_text(text)
    with pytest.raises(NotDone, match=told):
        by_itself(home, fleet_of(git, old(1)), NOW_MS)


def test_a_coordinator_cleans_by_itself_only_where_the_configuration_says_so(home: Home, git: Git) -> None:
    fleet = fleet_of(git, old(1), old(2, ended_ms=NOW_MS - 3 * DAY_MS))
    gone = run(home, "t1.1")
    assert by_itself(home, fleet, NOW_MS) == [] and gone.exists()
    (home.root / "config.toml").write_text("[clean]\nautomatic = true\nolder_than = '1w'\nbranches = false\n")
    assert read_rule(home) == Rule(frozenset({"worktrees", "runs", "journal"}), 7 * DAY_MS, automatic=True)
    asked = {type(event).__name__: event.tasks for event in by_itself(home, fleet, NOW_MS)}  # type: ignore[union-attr]
    assert asked == {"PruneAsked": (), "ForgetAsked": ("t1",)} and not gone.exists()
    assert cleaning.PARTS == ("worktrees", "branches", "runs", "journal")
