"""What a person has set for their own eyes and habits changes nothing of what is read, committed, kept and landed.

The tests are those of the files that they come from, tried again by a person whose configuration says everything odd.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.workers.worktree.repositories import MARKER, commit, git, repository
from tests.workers.worktree.test_landing import (
    go,
    main_goes_on,
    test_a_branch_that_is_beside_is_merged_and_verified_merged,
    test_a_conflict_names_the_files_and_leaves_the_target_alone,
    test_landing_again_is_the_same_landing,
    tree,
)
from tests.workers.worktree.test_worktree_commit import (
    test_work_on_a_branch_of_the_workers_own_ends_up_on_the_tasks_branch,
)
from tests.workers.worktree.test_worktree_restore import (
    removed,
    test_loose_work_comes_back_as_loose_as_it_was,
)
from workers.git import Git
from workers.landing import Landed
from workers.worktree.commit import commit_work
from workers.worktree.make import make_ready
from workers.worktree.settings import worktree_settings

__all__ = [
    "removed",
    "test_a_branch_that_is_beside_is_merged_and_verified_merged",
    "test_a_conflict_names_the_files_and_leaves_the_target_alone",
    "test_landing_again_is_the_same_landing",
    "test_loose_work_comes_back_as_loose_as_it_was",
    "test_work_on_a_branch_of_the_workers_own_ends_up_on_the_tasks_branch",
    "tree",
]


@pytest.fixture(autouse=True)
def _odd(monkeypatch: pytest.MonkeyPatch, _own_configuration: None) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(Path(__file__).with_name("odd.gitconfig")))


def test_a_landing_is_not_signed_and_its_message_is_whole(repo: Path, tree: Path, trees: Path) -> None:
    commit(tree, {"b.txt": "b\n"})
    main_goes_on(repo, {"c.txt": "c\n"})
    assert isinstance(go(repo, trees), Landed)
    assert git(repo, "log", "-1", "--format=%G? %s", "main") == "N Land t1"


def test_a_submodule_that_has_moved_is_work(tmp_path: Path, trees: Path) -> None:
    """`diff.ignoreSubmodules = all` hid it: what was done there was not committed."""

    repository(tmp_path / "lib", {"lib.txt": "lib\n"})
    repo = repository(tmp_path / "super")
    git(repo, "submodule", "--quiet", "add", str(tmp_path / "lib"), "lib")
    commit(repo, {}, "add lib")
    settings = worktree_settings
    make_ready(
        repo, trees / "t1", branch="fleet/t1", base="main", ports=None, settings=settings, marker_env=MARKER
    )
    inner = commit(trees / "t1" / "lib", {"lib.txt": "better\n"})
    assert commit_work(trees / "t1", "Take the better lib")
    assert inner in git(trees / "t1", "ls-tree", "HEAD", "lib")


def test_our_git_answers_as_git_ships_it(repo: Path) -> None:
    ours = Git(repo)
    commit(repo, {"Übung.txt": "x\n"})
    assert ours.said("log", "-1", "--format=%s") == "change"
    assert ours.said("diff", "--stat", "HEAD~1").splitlines()[0].split() == ["Übung.txt", "|", "1", "+"]
    assert ours.said("status", "--porcelain") == ""
    (repo / "new.txt").write_text("new\n")
    assert ours.said("status", "--porcelain") == "?? new.txt"
