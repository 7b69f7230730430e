"""Worktrees that git loses while work is under way: whatever of git's own is gone, nothing that lies in them is."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.sizes import large
from tests.workers.worktree.repositories import MARKER, commit, git, show, write
from workers.worktree.commit import commit_work
from workers.worktree.known_again import found_again
from workers.worktree.make import Made, make_ready
from workers.worktree.remove import remove
from workers.worktree.settings import worktree_settings

BRANCH = "fleet/t1"
REF = "refs/fleet/preserved/t1.1"
Loss = Callable[[Path, Path], object]


def make(repo: Path, tree: Path) -> Made:
    return make_ready(repo, tree, branch=BRANCH, base="main", settings=worktree_settings, marker_env=MARKER)


@pytest.fixture
def tree(repo: Path, trees: Path) -> Path:
    """With a commit that is on its branch alone, and a file that is in none."""
    make(repo, trees / "t1")
    commit(trees / "t1", {"b.txt": "committed\n"})
    write(trees / "t1", {"c.txt": "loose\n"})
    return trees / "t1"


def admin(repo: Path) -> Path:
    return repo / ".git" / "worktrees" / "t1"


def entry(repo: Path, tree: Path) -> None:
    shutil.rmtree(admin(repo))


def entries(repo: Path, tree: Path) -> None:
    shutil.rmtree(repo / ".git" / "worktrees")


def link(repo: Path, tree: Path) -> None:
    (tree / ".git").unlink()


def link_and_entry(repo: Path, tree: Path) -> None:
    link(repo, tree)
    entry(repo, tree)


def torn_link(repo: Path, tree: Path) -> None:
    (tree / ".git").write_text("")


def head(repo: Path, tree: Path) -> None:
    (admin(repo) / "HEAD").unlink()


def empty_head(repo: Path, tree: Path) -> None:
    (admin(repo) / "HEAD").write_text("")


def commondir(repo: Path, tree: Path) -> None:
    (admin(repo) / "commondir").unlink()


def way_back(repo: Path, tree: Path) -> None:
    (admin(repo) / "gitdir").unlink()


def index(repo: Path, tree: Path) -> None:
    (admin(repo) / "index").unlink()


def taken(repo: Path, tree: Path) -> None:
    """Another worktree of that name is made where the entry was."""
    entry(repo, tree)
    git(repo, "worktree", "add", "--quiet", str(repo.parent / "theirs" / "t1"), "-b", "theirs")


def own_repository(repo: Path, tree: Path) -> None:
    """As a session does to which git says that this is no repository."""
    link_and_entry(repo, tree)
    git(tree, "init", "--quiet")
    commit(tree, {"d.txt": "in its own\n"})


LOSSES: list[Loss] = [entry, link_and_entry, head, way_back, taken, own_repository]
RARE: list[Loss] = [entries, link, torn_link, empty_head, commondir, index]


def name(loss: Loss) -> str:
    return getattr(loss, "__name__", "")


losses = pytest.mark.parametrize("loss", [*LOSSES, *large(*RARE)], ids=name)
some_losses = pytest.mark.parametrize(
    "loss", [entry, taken, *large(*LOSSES[1:4], own_repository, *RARE)], ids=name
)


@losses
def test_work_is_committed_though_git_has_lost_its_worktree(repo: Path, tree: Path, loss: Loss) -> None:
    loss(repo, tree)
    before = git(repo, "for-each-ref", "refs/heads/theirs", "refs/heads/main")
    found = found_again(repo, tree, partial(make, repo, tree))
    assert ("git had lost its worktree" in found.told) == (loss is not index)
    commit_work(tree, "work", branch=BRANCH)
    assert (show(repo, BRANCH, "b.txt"), show(repo, BRANCH, "c.txt")) == ("committed", "loose")
    assert git(repo, "for-each-ref", "refs/heads/theirs", "refs/heads/main") == before
    assert git(tree, "status", "--porcelain") == "" and git(tree, "branch", "--show-current") == BRANCH
    assert found_again(repo, tree, pytest.fail).told == "", "it can be asked again"
    if loss is own_repository:
        (kept,) = tree.parent.glob("t1.kept-*/.git")
        assert show(kept, "HEAD", "d.txt") == "in its own" == show(repo, BRANCH, "d.txt")


@some_losses
def test_a_worker_can_begin_in_a_worktree_that_git_had_lost(repo: Path, tree: Path, loss: Loss) -> None:
    """With all that an earlier one left, as loose as it was."""
    loss(repo, tree)
    assert make(repo, tree).branch == BRANCH
    assert show(tree, "HEAD", "b.txt") == "committed" and (tree / "c.txt").read_text() == "loose\n"
    assert "c.txt" in git(tree, "status", "--porcelain")


@some_losses
def test_a_worktree_that_git_had_lost_is_removed_with_its_work_kept(
    repo: Path, tree: Path, loss: Loss
) -> None:
    loss(repo, tree)
    kept = remove(repo, tree, REF).preserved
    assert kept is not None and show(repo, kept, "c.txt") == "loose" and not tree.exists()
    assert "t1]" not in git(repo, "worktree", "list")


def test_a_lost_branch_is_made_again_for_the_files_that_lie_there(repo: Path, tree: Path) -> None:
    """With the entry all that git knew of its commits is gone."""
    entry(repo, tree)
    git(repo, "update-ref", "-d", f"refs/heads/{BRANCH}")
    found_again(repo, tree, partial(make, repo, tree))
    commit_work(tree, "work", branch=BRANCH)
    assert (show(repo, BRANCH, "b.txt"), show(repo, BRANCH, "c.txt")) == ("committed", "loose")
    assert git(repo, "merge-base", BRANCH, "main") == git(repo, "rev-parse", "main")


def test_what_lies_there_by_now_is_somebody_elses_where_nothing_of_the_work_is_left(
    repo: Path, tree: Path
) -> None:
    entry(repo, tree)
    shutil.rmtree(tree)
    write(tree, {".cache/x": "x\n"})
    found = found_again(repo, tree, partial(make, repo, tree))
    assert found.remade and "was gone, with all that was in no commit" in found.told
    assert show(tree, "HEAD", "b.txt") == "committed"
    assert (tree.parent / "t1.kept-1" / ".cache" / "x").exists()


def test_an_emptied_worktree_that_git_has_lost_is_no_work_of_deleting(repo: Path, tree: Path) -> None:
    entry(repo, tree)
    for place in tree.iterdir():
        if place.name != ".git":
            place.unlink()
    found = found_again(repo, tree, partial(make, repo, tree))
    assert found.remade and (tree / "b.txt").exists() and commit_work(tree, "work", branch=BRANCH) is None


def test_a_worktree_that_a_session_emptied_in_its_cell_is_no_work_of_deleting(repo: Path, tree: Path) -> None:
    """A cell holds the file `.git` fast, so git has not lost it."""
    for place in tree.iterdir():
        if place.name != ".git":
            place.unlink()
    found = found_again(repo, tree, partial(make, repo, tree))
    assert found.remade and "was gone, with all that was in no commit" in found.told
    assert (tree / "b.txt").exists() and commit_work(tree, "work", branch=BRANCH) is None


def test_deleting_all_files_is_work_where_the_index_says_so(repo: Path, tree: Path) -> None:
    git(tree, "rm", "-r", "--quiet", "--force", ".")
    for place in tree.iterdir():
        if place.name != ".git":
            place.unlink()
    assert not found_again(repo, tree, partial(make, repo, tree)).remade
