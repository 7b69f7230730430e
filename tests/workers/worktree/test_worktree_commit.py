"""What a worker left uncommitted is committed, with the repository's hooks, on the task's branch."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.workers.worktree.repositories import MARKER, commit, git, hook, repository, show, write
from workers.git import Git, identity, writer
from workers.worktree.commit import HookRefused, WorkUnfinished, commit_work
from workers.worktree.make import make_ready
from workers.worktree.settings import worktree_settings

BRANCH = "fleet/t1"


@pytest.fixture
def tree(repo: Path, trees: Path) -> Path:
    make_ready(
        repo,
        trees / "t1",
        branch=BRANCH,
        base="main",
        ports=None,
        settings=worktree_settings,
        marker_env=MARKER,
    )
    return trees / "t1"


def test_changes_and_new_files_are_committed_with_the_message(repo: Path, tree: Path) -> None:
    write(tree, {"a.txt": "changed\n", "new.txt": "new\n", "x.log": "ignored\n"})
    done = commit_work(tree, "Task t1\n\nsession abc\n#1 stays")
    assert done == git(repo, "rev-parse", BRANCH)
    assert git(repo, "log", "-1", "--format=%B", BRANCH) == "Task t1\n\nsession abc\n#1 stays"
    assert git(repo, "log", "-1", "--format=%an <%ae>", BRANCH) == "Fleet <fleet@localhost>"
    assert git(tree, "status", "--porcelain") == ""
    assert commit_work(tree, "again") is None


def test_a_name_that_is_configured_is_used(repo: Path, tree: Path) -> None:
    git(repo, "config", "user.name", "Bea")
    git(repo, "config", "user.email", "bea@example.org")
    write(tree, {"a.txt": "changed\n"})
    commit_work(tree, "work")
    assert git(repo, "log", "-1", "--format=%an <%ae> %cn", BRANCH) == "Bea <bea@example.org> Bea"


@pytest.mark.parametrize("part", ["name", "email"])
def test_who_writes_is_known_where_git_may_only_use_what_is_configured(
    repo: Path, tree: Path, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    """Of the caller's environment, which git is not given, too."""
    git(repo, "config", "user.useConfigOnly", "true")
    git(repo, "config", f"user.{part}", "bea@example.org")
    monkeypatch.setenv("GIT_COMMITTER_NAME", "Cleo")
    write(tree, {"a.txt": "changed\n"})
    commit_work(tree, "work")
    written = {"name": "bea@example.org <fleet@localhost>", "email": "Fleet <bea@example.org>"}[part]
    assert git(repo, "log", "-1", "--format=%an <%ae> %cn", BRANCH) == f"{written} Cleo"
    assert writer(Git(repo)).keys() == {"GIT_COMMITTER_NAME", *identity(Git(repo)).keys()} | {
        f"GIT_{role}_{part.upper()}" for role in ("AUTHOR", "COMMITTER")
    }


def test_a_hook_that_refuses_is_told_with_its_output_and_nothing_is_lost(repo: Path, tree: Path) -> None:
    hook(repo, "pre-commit", "echo 'E501 line too long' >&2; exit 1")
    write(tree, {"a.txt": "changed\n"})
    with pytest.raises(HookRefused, match="E501 line too long") as refused:
        commit_work(tree, "work")
    assert "E501" in refused.value.output
    assert (tree / "a.txt").read_text() == "changed\n"


def test_work_on_a_detached_head_ends_up_on_the_tasks_branch(repo: Path, tree: Path) -> None:
    git(tree, "checkout", "--quiet", "--detach")
    commit(tree, {"b.txt": "committed\n"})
    write(tree, {"c.txt": "loose\n"})
    commit_work(tree, "work")
    assert show(repo, BRANCH, "b.txt") == "committed" and show(repo, BRANCH, "c.txt") == "loose"
    assert git(tree, "branch", "--show-current") == BRANCH
    assert git(tree, "status", "--porcelain") == ""


def test_a_tag_of_the_same_name_hides_no_branch(repo: Path, tree: Path) -> None:
    """git's own short name of the branch is `heads/fleet/t1` then."""
    git(repo, "tag", BRANCH)
    assert commit_work(tree, "work") is None
    write(tree, {"b.txt": "loose\n"})
    assert commit_work(tree, "work") == git(repo, "rev-parse", f"refs/heads/{BRANCH}")


def test_work_on_a_branch_of_the_workers_own_ends_up_on_the_tasks_branch(repo: Path, tree: Path) -> None:
    git(tree, "checkout", "--quiet", "-b", "my-idea")
    tip = commit(tree, {"b.txt": "committed\n"})
    write(tree, {"c.txt": "loose\n"})
    done = commit_work(tree, "work")
    assert done == git(repo, "rev-parse", BRANCH)
    assert git(repo, "rev-parse", "my-idea") == tip, "the worker's branch is left as it was"


def test_a_worker_that_renamed_the_tasks_branch_gets_it_back(repo: Path, tree: Path) -> None:
    git(tree, "branch", "-m", "renamed")
    tip = commit(tree, {"b.txt": "b\n"})
    assert commit_work(tree, "work") is None
    assert git(repo, "rev-parse", BRANCH) == tip


def test_nothing_is_ever_committed_on_the_target_that_a_worker_checked_out(repo: Path, tree: Path) -> None:
    git(repo, "checkout", "--quiet", "-b", "user")
    git(tree, "checkout", "--quiet", "main")
    before = git(repo, "rev-parse", "main")
    write(tree, {"c.txt": "loose\n"})
    commit_work(tree, "work")
    assert git(repo, "rev-parse", "main") == before
    assert show(repo, BRANCH, "c.txt") == "loose"


def test_a_worker_that_only_looked_elsewhere_is_brought_back(repo: Path, tree: Path) -> None:
    tip = commit(tree, {"b.txt": "b\n"})
    git(tree, "checkout", "--quiet", "HEAD~1")
    assert commit_work(tree, "work") is None
    assert git(tree, "rev-parse", "HEAD") == tip and git(tree, "branch", "--show-current") == BRANCH


def test_work_beside_the_branch_is_committed_and_the_error_says_how_to_join_it(
    repo: Path, tree: Path
) -> None:
    tip = commit(tree, {"b.txt": "b\n"})
    git(tree, "checkout", "--quiet", "--detach", "HEAD~1")
    write(tree, {"c.txt": "loose\n"})
    with pytest.raises(WorkUnfinished, match="git checkout fleet/t1 && git merge"):
        commit_work(tree, "work")
    assert show(repo, git(tree, "rev-parse", "HEAD"), "c.txt") == "loose"
    assert git(repo, "rev-parse", BRANCH) == tip


def test_a_conflict_is_never_committed_as_it_lies(repo: Path, tree: Path) -> None:
    commit(tree, {"a.txt": "ours\n"})
    commit(repo, {"a.txt": "theirs\n"})
    git(tree, "merge", "main", check=False)
    with pytest.raises(WorkUnfinished, match=r"conflicts in a\.txt"):
        commit_work(tree, "work")


def test_a_rebase_in_progress_is_the_workers_to_finish(repo: Path, tree: Path) -> None:
    commit(tree, {"a.txt": "ours\n"})
    commit(repo, {"a.txt": "theirs\n"})
    git(tree, "rebase", "main", check=False)
    with pytest.raises(WorkUnfinished, match="git rebase --continue"):
        commit_work(tree, "work")


@pytest.mark.parametrize("path", ["inner", "third_party/deep/lib"])
@pytest.mark.parametrize("how", ["with_a_commit", "unborn", "committed_by_the_worker", "worktree"])
def test_a_repository_inside_is_landed_as_its_files_and_never_as_a_mere_id(
    repo: Path, tree: Path, path: str, how: str
) -> None:
    if how == "unborn":
        write(tree, {f"{path}/a.txt": "one\n"})
        git(tree, "init", "--quiet", path)
    elif how == "worktree":
        git(tree, "worktree", "add", "--quiet", "--detach", path)
    else:
        repository(tree / path)
    if how == "committed_by_the_worker":
        git(tree, "add", path)
        git(tree, "commit", "--quiet", "-m", "the worker's own")
    commit_work(tree, "work")
    listed = git(repo, "ls-tree", "-r", BRANCH)
    assert f"{path}/a.txt" in listed and "160000" not in listed
    assert (tree / path / ".git").exists(), "it is the session's, and stays"


def test_the_bare_id_of_a_repository_that_is_gone_goes_back_to_the_session(repo: Path, tree: Path) -> None:
    repository(tree / "inner")
    git(tree, "add", "inner")
    git(tree, "commit", "--quiet", "-m", "the worker's own")
    shutil.rmtree(tree / "inner")
    (tree / "inner").mkdir()
    with pytest.raises(WorkUnfinished, match="git rm --cached inner"):
        commit_work(tree, "work")


def test_a_bare_id_that_the_target_has_is_the_persons(repo: Path, trees: Path) -> None:
    repository(repo / "theirs")
    commit(repo, {"c.txt": "c\n"})
    make_ready(
        repo, trees / "t2", branch="fleet/t2", base="main", settings=worktree_settings, marker_env=MARKER
    )
    write(trees / "t2", {"b.txt": "b\n"})
    assert commit_work(trees / "t2", "work")


def test_a_lock_left_by_a_killed_git_does_not_stop_the_commit(tree: Path) -> None:
    write(tree, {"b.txt": "b\n"})
    (Path(git(tree, "rev-parse", "--absolute-git-dir")) / "index.lock").touch()
    assert commit_work(tree, "work")
