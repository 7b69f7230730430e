"""What the disk and a real repository tell of ids that were given out, and of work that has landed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fleet.core.model import Fleet, Task, Word
from fleet.home import Home
from fleet.shell import places, traces
from tests.core.story import spec
from workers.client.session import slug
from workers.git import Git
from workers.worktree.branch import claim


@pytest.mark.parametrize(
    ("trace", "found"),
    [
        ("runs/t3.2/spool", {3: 2}),
        ("checks/t4.1.log", {4: 1}),
        ("pictured/t5.picture", {5: 0}),
        ("worktrees/clock-1/t6/README", {6: 0}),
        ("worktrees/clock-1/t6.kept-1/big", {6: 0}),
        ("accounts/a/projects/SLUG-clock-12345678-t7/x.jsonl", {7: 0}),
        ("accounts/a/projects/-home-me-project-t99/x.jsonl", {}),
        ("runs/.supervisor-1.pyc", {}),
        ("worktrees/clock-1/landing-123/x", {}),
    ],
)
def test_whatever_lies_on_the_disk_under_an_id_counts(home: Home, trace: str, found: dict[int, int]) -> None:
    path = home.root / trace.replace("SLUG", slug(str(home.worktrees.resolve())))
    path.parent.mkdir(parents=True)
    path.touch()
    assert traces.on_disk(home) == found


@pytest.mark.parametrize(
    ("reference", "found"),
    [
        ("refs/heads/fleet/t3-do-it", {3: 0}),
        ("refs/heads/fleet-t3", {3: 0}),
        ("refs/fleet/made/0123456789ab/fleet/t4-do-it", {4: 0}),
        ("refs/fleet/preserved/t5.2", {5: 2}),
        ("refs/fleet/preserved/t5.given-up-on-box-123", {5: 0}),
        ("refs/fleet/verified/t6", {6: 0}),
        ("refs/fleet/kept/t7/branch", {7: 0}),
        ("refs/heads/t8", {}),
        ("refs/heads/fleet/t9th-try", {}),
        ("refs/heads/fleet/topic", {}),
    ],
)
def test_whatever_a_repository_has_under_an_id_counts(
    git: Git, reference: str, found: dict[int, int]
) -> None:
    git.run("update-ref", reference, "HEAD")
    assert traces.in_repositories([str(git.directory), "/nowhere"]) == found


def a_fleet(git: Git, **but: object) -> Fleet:
    asked = spec(repo=str(git.directory), land="merge", target=git.said("symbolic-ref", "--short", "HEAD"))
    task = replace(Task("t1", 1, asked, 0, "queued"), **but)  # type: ignore[arg-type]
    return Fleet(now_ms=1, tasks={"t1": task}, tasks_made=1)


def work(git: Git, home: Home, fleet: Fleet, *, merged: bool = True, verified: bool = True) -> str:
    """The task's branch with a commit on it, as its gate and its landing left them."""
    task = fleet.tasks["t1"]
    base = git.said("rev-parse", "HEAD")
    branch = claim(git, places.worktree_path(home, task), places.branch_name(task), base).branch
    tree = git.said("rev-parse", "HEAD^{tree}")
    commit = git.said("-c", "user.name=W", "-c", "user.email=w@x", "commit-tree", "-p", base, "-m", "w", tree)
    git.run("update-ref", f"refs/heads/{branch}", commit)
    if verified:
        git.run("update-ref", places.verified_ref(task), commit)
    if merged:
        git.run("update-ref", f"refs/heads/{task.spec.target}", commit)
    return commit


def found(home: Home, fleet: Fleet) -> list[tuple[str, str]]:
    return [(event.task, event.commit) for event in traces.landed(home, fleet)]


def test_verified_work_that_the_target_has_had_landed(home: Home, git: Git) -> None:
    fleet = a_fleet(git)
    commit = work(git, home, fleet)
    assert found(home, fleet) == [("t1", commit)]


@pytest.mark.parametrize("lacks", ["merged", "verified"])
def test_what_is_not_verified_or_not_in_the_target_has_not_landed(home: Home, git: Git, lacks: str) -> None:
    fleet = a_fleet(git)
    work(git, home, fleet, **{lacks: False})
    assert found(home, fleet) == []


def test_another_homes_task_of_the_same_id_proves_nothing(home: Home, git: Git, tmp_path: Path) -> None:
    """Neither while ours has not begun, nor while nothing has been done on its branch."""
    fleet = a_fleet(git)
    base = git.said("rev-parse", "HEAD")
    work(git, Home(tmp_path / "other"), fleet)
    assert found(home, fleet) == []
    task = fleet.tasks["t1"]
    claim(git, places.worktree_path(home, task), places.branch_name(task), base)
    assert found(home, fleet) == []


def test_work_that_went_on_after_its_gate_has_not_landed(home: Home, git: Git) -> None:
    fleet = a_fleet(git)
    commit = work(git, home, fleet)
    tree = git.said("rev-parse", "HEAD^{tree}")
    more = git.said("-c", "user.name=W", "-c", "user.email=w@x", "commit-tree", "-p", commit, "-m", "m", tree)
    (branch,) = git.run("for-each-ref", "--format=%(refname)", "refs/heads/fleet/").lines
    git.run("update-ref", branch, more)
    assert found(home, fleet) == []


def test_words_that_are_newer_than_the_work_are_still_to_be_told(home: Home, git: Git) -> None:
    """Those of before were taken up meanwhile: else it had not landed."""
    fleet = a_fleet(git, words=(Word("w", "and the tests"),))
    commit = work(git, home, fleet)
    assert found(home, fleet) == [("t1", commit)]
    assert found(home, replace(fleet, now_ms=1 << 50)) == []
