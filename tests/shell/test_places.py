"""Where a task's work lies."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.core.model import Task, TaskSpec
from fleet.home import Home
from fleet.shell import places

HOME = Home(Path("/home/me/.fleet"))


def task(title: str = "Fix it", repo: str = "/srv/clock", target: str = "main") -> Task:
    spec = TaskSpec(prompt="p", repo=repo, title=title, tiers=("sonnet",), target=target)
    return Task(id="t7", number=7, spec=spec, created_ms=0, state="queued", attempts=2)


def test_a_branch_is_named_for_people() -> None:
    assert places.branch_name(task("Fix the “counter”, quickly!")) == "fleet/t7-fix-the-counter-quickly"
    assert places.branch_name(task("修复")) == "fleet/t7"
    assert places.branch_name(replace(task(), branch="fleet/t7-old-title")) == "fleet/t7-old-title"


@settings(max_examples=200)
@given(st.text(max_size=80))
def test_any_title_makes_a_name_that_git_takes(title: str) -> None:
    """The rules of git-check-ref-format, for the characters that a slug can have."""
    name = places.branch_name(task(title))
    assert name.startswith("fleet/t7")
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-/")
    assert not name.endswith(("-", "/"))
    assert len(name) <= 50


def test_git_itself_takes_such_a_name() -> None:
    name = places.branch_name(task("--Do: it. .lock @{u}~^"))
    subprocess.run(["git", "check-ref-format", "--branch", name], check=True, capture_output=True)


def test_repositories_of_one_name_do_not_meet() -> None:
    here, there = (places.worktree_path(HOME, task(repo=f"/{place}/clock")) for place in "ab")
    assert here != there
    assert here.parent.name.startswith("clock-")
    assert here.name == there.name == "t7"


@given(st.text(min_size=1, max_size=30).filter(lambda name: "/" not in name and "\0" not in name))
def test_no_repository_leads_out_of_the_home(name: str) -> None:
    path = places.worktree_path(HOME, task(repo=f"/srv/{name}"))
    assert path.parent.parent == HOME.worktrees
    assert path.parent.name not in (".", "..")


def test_targets_of_one_repository_are_merged_in_places_of_their_own() -> None:
    assert places.landing_path(HOME, task(target="main")) != places.landing_path(HOME, task(target="a/b"))
    assert places.landing_path(HOME, task(target="a/b")).parent == places.worktree_path(HOME, task()).parent


def test_what_is_preserved_is_kept_by_attempt() -> None:
    """A task tried again does not overwrite what an earlier removal preserved."""
    assert places.preserve_ref(task()) != places.preserve_ref(replace(task(), attempts=3))
