"""What all worktrees of a repository share: a picture of it, and what is said of a change."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.service.repositories import git, repository
from workers.git import GitError
from workers.worktree import shared
from workers.worktree.shared import changes, take_picture


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    return repository(tmp_path / "repo")


def hook(repo: Path, name: str = "post-checkout", mode: int = 0o755) -> Path:
    path = repo / ".git" / "hooks" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(mode)
    return path


def attributes(repo: Path) -> None:
    (repo / ".git" / "info").mkdir(exist_ok=True)
    (repo / ".git" / "info" / "attributes").write_text("* filter=x\n")


def grafts(repo: Path) -> None:
    (repo / ".git" / "info").mkdir(exist_ok=True)
    (repo / ".git" / "info" / "grafts").write_text(f"{'1' * 40}\n")


PLANTED: dict[str, Callable[[Path], object]] = {
    "hooks/post-checkout was added": hook,
    "info/attributes was added": attributes,
    "config core.hookspath was added": lambda repo: git(repo, "config", "core.hooksPath", "/tmp/x"),
    "config core.fsmonitor was added": lambda repo: git(repo, "config", "core.fsmonitor", "./x"),
    "config filter.x.smudge was added": lambda repo: git(repo, "config", "filter.x.smudge", "./x"),
    "config url.http://evil/.insteadof was added": lambda repo: git(
        repo, "config", "url.http://evil/.insteadOf", "https://good/"
    ),
    "config include.path was added": lambda repo: git(repo, "config", "include.path", "../x"),
    "config credential.helper was added": lambda repo: git(repo, "config", "credential.helper", "!./x"),
    "config core.bare was changed": lambda repo: git(repo, "config", "core.bare", "true"),
    "config core.filemode is gone": lambda repo: git(repo, "config", "--unset", "core.fileMode"),
    f"shallow {'1' * 40} was added": lambda repo: (repo / ".git" / "shallow").write_text(f"{'1' * 40}\n"),
    "info/grafts was added": grafts,
    "commondir was added": lambda repo: (repo / ".git" / "commondir").write_text("../planted\n"),
    "objects/info/alternates was added": lambda repo: (
        repo / ".git" / "objects" / "info" / "alternates"
    ).write_text("/tmp\n"),
}


@pytest.mark.parametrize("told", PLANTED)
def test_whatever_git_would_obey_is_told_when_it_changes(repo: Path, told: str) -> None:
    before = take_picture(repo / ".git")
    PLANTED[told](repo)
    after = take_picture(repo / ".git", before)
    assert changes(before, after) == [told]
    assert take_picture(repo / ".git") == after


def test_the_settings_of_one_worktree_and_of_a_submodule_are_watched_too(repo: Path) -> None:
    git(repo, "worktree", "add", "--quiet", "../other")
    modules = repo / ".git" / "modules" / "lib"
    git(repo, "init", "--quiet", "--bare", str(modules))
    before = take_picture(repo / ".git")
    (repo / ".git" / "worktrees" / "other" / "config.worktree").write_text("[core]\n\tfsmonitor = ./x\n")
    git(modules, "config", "core.sshCommand", "./x")
    assert changes(before, take_picture(repo / ".git", before)) == [
        "modules/lib/config core.sshcommand was added",
        "worktrees/other/config.worktree core.fsmonitor was added",
    ]


def test_daily_work_changes_nothing(repo: Path) -> None:
    """Branches that follow others, worktrees that come and go, maintenance, samples of hooks, sparse checkouts."""
    git(repo, "worktree", "add", "--quiet", "../gone")
    (repo / ".git" / "worktrees" / "gone" / "config.worktree").write_text("[core]\n\tfsmonitor = ./x\n")
    before = take_picture(repo / ".git")
    git(repo, "worktree", "remove", "--force", "../gone")
    git(repo, "worktree", "add", "--quiet", "-b", "work", "../work")
    git(repo, "branch", "--quiet", "--set-upstream-to", "main", "work")
    git(repo, "config", "gc.auto", "0")
    git(repo / "../work", "commit", "--quiet", "--allow-empty", "--message", "Work")
    git(repo, "gc", "--quiet")
    hook(repo, "pre-push.sample")
    assert changes(before, take_picture(repo / ".git", before)) == []


def test_a_hook_that_became_executable_or_a_link_is_a_change(repo: Path, tmp_path: Path) -> None:
    path = hook(repo, mode=0o644)
    before = take_picture(repo / ".git")
    path.chmod(0o755)
    assert changes(before, take_picture(repo / ".git")) == ["hooks/post-checkout was changed"]
    path.unlink()
    path.symlink_to(tmp_path / "elsewhere")
    assert changes(before, take_picture(repo / ".git")) == ["hooks/post-checkout was changed"]


def test_a_value_that_was_set_a_second_time_is_a_change(repo: Path) -> None:
    git(repo, "config", "remote.origin.url", "https://good/")
    before = take_picture(repo / ".git")
    git(repo, "config", "--add", "remote.origin.url", "https://evil/")
    assert changes(before, take_picture(repo / ".git", before)) == ["config remote.origin.url was changed"]


def test_what_cannot_be_read_is_no_picture(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (repo / ".git" / "config").write_text("[core\n")
    with pytest.raises(GitError):
        take_picture(repo / ".git")
    (repo / ".git" / "config").write_text("")
    monkeypatch.setattr(shared, "_FILES_MAX", 1)
    for name in ("a", "b"):
        hook(repo, name)
    with pytest.raises(GitError, match="more than 1 files"):
        take_picture(repo / ".git")


def test_a_clone_that_is_no_longer_shallow_is_nothing_to_tell(repo: Path) -> None:
    (repo / ".git" / "shallow").write_text(f"{'1' * 40}\n{'2' * 40}\n")
    before = take_picture(repo / ".git")
    (repo / ".git" / "shallow").write_text(f"{'2' * 40}\n")
    assert changes(before, take_picture(repo / ".git", before)) == []
    (repo / ".git" / "shallow").unlink()
    assert changes(before, take_picture(repo / ".git", before)) == []
