"""What a command reads of repositories."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleet.service.repositories import BRANCHES_SHOWN, Repositories, Repository
from tests.service.repositories import git, repository
from tests.workers.worktree.repositories import fingerprint
from workers.worktree.repository import NoTarget


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    return repository(tmp_path / "clock")


def at(path: Path) -> Repository:
    with Repositories([str(path)]) as found:
        return found.at(str(path))


def test_a_checkout_is_described_and_not_touched(repo: Path) -> None:
    (repo / "clock.txt").write_text("12:01\n")
    before = fingerprint(repo)
    found = at(repo)
    assert (found.root, found.head_branch, found.dirty, found.target(None)) == (repo, "main", True, "main")
    assert fingerprint(repo) == before


def test_a_repository_is_one_by_whichever_path_it_is_named(repo: Path) -> None:
    (repo / "src").mkdir()
    with Repositories([str(repo), str(repo / "src")]) as found:
        assert found.at(str(repo)) is found.at(str(repo / "src")) is found.at(str(repo))


def test_an_empty_repository_has_nothing_to_start_from(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "-b", "main", "empty")
    with pytest.raises(NoTarget, match=r"no commit yet.*commit something first"):
        at(tmp_path / "empty").target(None)


def test_the_target_is_the_current_branch_unless_named(repo: Path) -> None:
    git(repo, "branch", "next")
    found = at(repo)
    targets = [found.target(name) for name in (None, "main", "refs/heads/main", "next")]
    assert targets == ["main", "main", "main", "next"]


def test_a_detached_head_needs_a_named_target(repo: Path) -> None:
    git(repo, "checkout", "--quiet", "--detach")
    with pytest.raises(NoTarget, match=r"detached.*--target"):
        at(repo).target(None)
    assert at(repo).target("main") == "main"


@pytest.mark.parametrize(
    "name", ["mian", "main~0", "main^{}", "m*", "HEAD", "v1", "", "x\ny", "../heads/main"]
)
def test_what_is_no_branch_is_answered_with_the_branches_there_are(repo: Path, name: str) -> None:
    git(repo, "branch", "next")
    git(repo, "tag", "v1")
    with pytest.raises(NoTarget, match=r"has no branch .* It has: main, next. Name one"):
        at(repo).target(name)


def test_of_many_branches_only_some_are_shown(repo: Path) -> None:
    for number in range(BRANCHES_SHOWN):
        git(repo, "branch", f"b{number:02}")
    with pytest.raises(NoTarget, match=r"b18, b19 …\. Name one"):
        at(repo).target("nowhere")


def test_a_tag_of_the_same_name_hides_no_branch(repo: Path) -> None:
    """git's own short name of the branch is `heads/main` then."""
    git(repo, "tag", "main")
    assert at(repo).head_branch == at(repo).target(None) == at(repo).target("main") == "main"
    with pytest.raises(NoTarget, match=r"It has: main\. Name one"):
        at(repo).target("nowhere")


def test_a_bare_repository_is_fine(repo: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", "--bare", str(repo), "bare.git")
    found = at(tmp_path / "bare.git")
    assert not found.dirty
    assert found.target(None) == "main"


def test_a_branch_to_which_another_worktree_comes_back_is_checked_out_there(
    repo: Path, tmp_path: Path
) -> None:
    """A bisect or a rebase detaches HEAD; in the end it moves the branch, or stands on it again."""
    git(repo, "worktree", "add", "--quiet", "-b", "side", str(tmp_path / "side"))
    git(tmp_path / "side", "commit", "--quiet", "--allow-empty", "--message", "More")
    git(tmp_path / "side", "bisect", "start", "HEAD", "HEAD~1")
    git(tmp_path / "side", "checkout", "--quiet", "--detach")
    found = at(repo)
    assert (found.checked_out_at("side"), found.checked_out_at("main")) == (tmp_path / "side", repo)
    assert found.checked_out_at("nowhere") is None
