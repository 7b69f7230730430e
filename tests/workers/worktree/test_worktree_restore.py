"""Work that was preserved comes back into a worktree that is made anew, with real git."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.workers.worktree.repositories import MARKER, commit, git, repository, show, write
from workers.worktree.make import Made, make_ready
from workers.worktree.remove import remove
from workers.worktree.settings import worktree_settings

KEPT = "refs/fleet/preserved/t1.1"


def make(repo: Path, path: Path, preserved: str | None = None) -> Made:
    return make_ready(
        repo,
        path,
        branch="fleet/t1",
        base="main",
        settings=worktree_settings,
        marker_env=MARKER,
        preserved=preserved,
    )


@pytest.fixture
def removed(tmp_path: Path, trees: Path) -> Path:
    """A repository whose worktree t1 was removed with a file changed, one new, one deleted, and one ignored."""
    repo = repository(tmp_path / "own", {"a.txt": "one\n", "gone.txt": "x\n", ".gitignore": "*.log\n"})
    make(repo, trees / "t1")
    write(trees / "t1", {"a.txt": "changed\n", "deep/new.txt": "new\n", "x.log": "ignored\n"})
    (trees / "t1" / "gone.txt").unlink()
    remove(repo, trees / "t1", KEPT)
    return repo


def test_loose_work_comes_back_as_loose_as_it_was(removed: Path, trees: Path) -> None:
    """Changed, new and deleted files are as they were, and still in no commit."""
    made = make(removed, trees / "t1", KEPT)
    assert set(git(trees / "t1", "status", "--porcelain", "-uall").splitlines()) == {
        "M a.txt",
        " D gone.txt",
        "?? deep/new.txt",
    }
    assert (trees / "t1" / "deep" / "new.txt").read_text() == "new\n"
    assert git(trees / "t1", "rev-parse", "HEAD") == git(removed, "rev-parse", "main")
    assert "brought back" in made.setup_output


def test_it_comes_back_once(removed: Path, trees: Path) -> None:
    """A worktree that is there already keeps what was done in it since."""
    make(removed, trees / "t1", KEPT)
    write(trees / "t1", {"a.txt": "further\n"})
    make(removed, trees / "t1", KEPT)
    assert (trees / "t1" / "a.txt").read_text() == "further\n"


def test_it_stays_where_it_is_kept_when_the_branch_has_moved_on(removed: Path, trees: Path) -> None:
    """A person who went on with the branch is not overwritten; what was kept stays kept."""
    git(removed, "switch", "--quiet", "fleet/t1")
    commit(removed, {"a.txt": "a person's\n"})
    git(removed, "switch", "--quiet", "main")
    made = make(removed, trees / "t1", KEPT)
    assert (trees / "t1" / "a.txt").read_text() == "a person's\n"
    assert "was not brought back" in made.setup_output
    assert show(removed, KEPT, "a.txt") == "changed"


def test_a_half_done_merge_is_not_taken_for_finished_work(removed: Path, trees: Path) -> None:
    """Files with the marks of a conflict would look like work to commit: they stay where they are kept."""
    make(removed, trees / "t1")
    commit(removed, {"a.txt": "main's\n"})
    commit(trees / "t1", {"a.txt": "ours\n"})
    git(trees / "t1", "merge", "main", check=False)
    remove(removed, trees / "t1", KEPT + "b")
    made = make(removed, trees / "t1", KEPT + "b")
    assert (trees / "t1" / "a.txt").read_text() == "ours\n" and "was not brought back" in made.setup_output


def test_a_ref_that_is_gone_keeps_nothing_from_starting(removed: Path, trees: Path) -> None:
    """A person may delete what was kept: the worktree is made without it."""
    git(removed, "update-ref", "-d", KEPT)
    made = make(removed, trees / "t1", KEPT)
    assert git(trees / "t1", "status", "--porcelain") == "" and "is gone" in made.setup_output
