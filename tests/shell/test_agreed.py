"""When a change of what a repository shares is its person's, and when it holds all work there."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from fleet.shell.agreed import Agreed
from tests.service.repositories import git, repository
from workers.git import GitError
from workers.worktree.shared import SharedChanged


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    return repository(tmp_path / "repo")


@pytest.fixture
def agreed(tmp_path: Path) -> Agreed:
    return Agreed(tmp_path / "agreed")


def test_a_change_while_workers_run_holds_starts_gates_landings_and_removals_until_it_is_undone(
    repo: Path, agreed: Agreed
) -> None:
    agreed.before_worktree(repo)
    git(repo, "config", "core.fsmonitor", "./x")
    for _ in range(2):
        for ask in (agreed.before_worktree, agreed.before_git):
            with pytest.raises(
                SharedChanged, match=r"core\.fsmonitor was added.*fleet project allow"
            ) as caught:
                ask(repo)
            assert not caught.value.of_the_host
    git(repo, "config", "--unset", "core.fsmonitor")
    agreed.before_worktree(repo)
    agreed.before_git(repo)


def test_a_person_may_allow_it(repo: Path, agreed: Agreed) -> None:
    agreed.before_worktree(repo)
    git(repo, "config", "core.fsmonitor", "./x")
    picture, changed = agreed.now(repo)
    assert changed == ["config core.fsmonitor was added"]
    agreed.allow(repo, picture)
    agreed.before_git(repo)
    git(repo, "config", "core.fsmonitor", "./y")
    with pytest.raises(SharedChanged, match=r"core\.fsmonitor was changed"):
        agreed.before_git(repo)


def test_what_changes_while_no_worker_is_there_is_the_persons(repo: Path, agreed: Agreed) -> None:
    agreed.before_git(repo)
    agreed.before_worktree(repo)
    agreed.rest(repo, lambda: False)
    git(repo, "config", "core.fsmonitor", "./theirs")
    agreed.before_git(repo)
    agreed.before_worktree(repo)
    git(repo, "config", "core.fsmonitor", "./planted")
    with pytest.raises(SharedChanged):
        agreed.before_git(repo)


def test_a_repository_rests_only_unchanged_and_when_nobody_is_there(repo: Path, agreed: Agreed) -> None:
    agreed.before_worktree(repo)
    assert agreed.watched() == {repo}
    agreed.rest(repo, lambda: True)
    git(repo, "config", "core.fsmonitor", "./planted")
    with pytest.raises(SharedChanged):
        agreed.rest(repo, lambda: False)
    with pytest.raises(SharedChanged):
        agreed.before_git(repo)
    git(repo, "config", "--unset", "core.fsmonitor")
    agreed.rest(repo, lambda: False)
    assert agreed.watched() == set()


def test_a_worker_that_begins_while_it_is_found_that_none_is_left_is_watched(
    repo: Path, agreed: Agreed
) -> None:
    agreed.before_worktree(repo)
    with ThreadPoolExecutor(1) as threads:
        beginning: list[Future[None]] = []

        def none_is_left() -> bool:
            beginning.append(threads.submit(agreed.before_worktree, repo))
            return False

        agreed.rest(repo, none_is_left)
        beginning[0].result()
    git(repo, "config", "core.fsmonitor", "./planted")
    with pytest.raises(SharedChanged):
        agreed.before_git(repo)


def test_a_worker_that_ended_without_a_gate_hides_nothing(repo: Path, agreed: Agreed) -> None:
    """Its change is found when the next one begins, though no worker is there at that moment."""
    agreed.before_worktree(repo)
    git(repo, "config", "core.fsmonitor", "./planted")
    with pytest.raises(SharedChanged):
        agreed.before_worktree(repo)


def test_what_the_setup_of_a_new_worktree_installs_belongs_to_the_repository(
    repo: Path, agreed: Agreed
) -> None:
    agreed.before_worktree(repo)
    git(repo, "config", "core.hooksPath", ".husky/_")
    agreed.after_setup(repo)
    agreed.before_git(repo)


def test_a_file_that_is_no_picture_holds_all_work_until_a_person_has_looked(
    repo: Path, agreed: Agreed
) -> None:
    agreed.before_worktree(repo)
    (file,) = agreed.folder.iterdir()
    assert file.stat().st_mode & 0o077 == 0
    for garbage in ("", "[]", '{"picture": 3}', "[" * 5_000):
        file.write_text(garbage)
        with pytest.raises(GitError, match="fleet project allow"):
            agreed.before_git(repo)
    agreed.allow(repo, agreed.now(repo)[0])
    agreed.before_git(repo)


def test_two_repositories_do_not_meet(tmp_path: Path, repo: Path, agreed: Agreed) -> None:
    other = repository(tmp_path / "other")
    for one in (repo, other):
        agreed.before_worktree(one)
    git(other, "config", "core.fsmonitor", "./x")
    agreed.before_git(repo)
    with pytest.raises(SharedChanged):
        agreed.before_git(other)
