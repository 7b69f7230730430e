"""Where a repository lies, and what is said when it is none or cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.workers.worktree.repositories import commit, git, write
from workers.git import Git, GitFailed, GitMissing
from workers.worktree.repository import NotARepository, Place, locate
from workers.worktree.settings import SettingsWrong, parse_settings, read_settings


def test_a_repository_is_found_from_below_it(repo: Path) -> None:
    (repo / "sub").mkdir()
    assert locate(repo / "sub") == locate(repo) == Place(repo, repo / ".git", False)


@pytest.mark.parametrize(
    ("make", "said"),
    [(None, "does not exist"), ("directory", "not a git repository.*git init"), ("file", "no directory")],
)
def test_a_path_that_is_no_repository_is_told_apart(tmp_path: Path, make: str | None, said: str) -> None:
    path = tmp_path / "x"
    if make == "directory":
        path.mkdir()
    if make == "file":
        path.write_text("")
    with pytest.raises(NotARepository, match=said):
        locate(path)


def test_a_bare_repository_is_its_own_root(repo: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", "--bare", str(repo), "bare.git")
    bare = tmp_path / "bare.git"
    assert locate(bare / "refs") == Place(bare, bare, True)


def test_a_missing_git_is_said_so(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Git(repo).run("version")
    monkeypatch.setenv("PATH", str(repo))
    with pytest.raises(GitMissing, match="install git"):
        Git(repo).run("version")


def test_a_failure_says_which_command_where_and_what_git_said(repo: Path) -> None:
    with pytest.raises(
        GitFailed, match=rf"`git cat-file -p nothing` in {repo} failed with code 128: .*Not a valid"
    ):
        Git(repo).run("cat-file", "-p", "nothing")


def test_git_never_runs_somewhere_else_when_its_directory_is_gone(repo: Path) -> None:
    with pytest.raises(GitFailed, match="cannot change to"):
        Git(repo / "gone").run("rev-parse", "HEAD")


def test_settings_come_from_the_commit_and_not_from_the_checkout(repo: Path) -> None:
    head = commit(
        repo,
        {".fleet.toml": '[worktree]\nports = 3\nlink = ["node_modules"]\n[verify]\ncommands = ["make"]\n'},
    )
    write(repo, {".fleet.toml": "[worktree]\nports = 99\n"})
    settings = read_settings(Git(repo), head)
    assert (settings.worktree.ports, settings.worktree.link, settings.verify.commands) == (
        3,
        ("node_modules",),
        ("make",),
    )
    assert read_settings(Git(repo), f"{head}~1").worktree.ports == 10


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[worktree]\nsetpu = []", r"unknown key 'worktree.setpu'; allowed here: setup, copy, link, ports"),
        ("[wroktree]", r"unknown key 'wroktree'; allowed here: \[worktree\], \[verify\]"),
        ("[verify]\ncommand = 'x'", r"unknown key 'verify.command'; allowed here: commands"),
        ('[worktree]\ncopy = ["/etc/passwd"]', r"worktree.copy.0: must be a path inside"),
        ('[worktree]\nlink = ["a/../../b"]', r"worktree.link.0: must be a path inside"),
        ('[worktree]\ncopy = [".git/config"]', r"must not be part of .git"),
        ('[worktree]\nports = "ten"', r"worktree.ports: .*integer"),
        ('[verify]\ncommands = [" "]', r"verify.commands.0: must not be blank"),
        ("[worktree", r"not valid TOML"),
        ("x = " + "[" * 3_000, r"not valid TOML"),
    ],
)
def test_settings_that_are_wrong_name_the_file_the_key_and_what_is_allowed(text: str, said: str) -> None:
    with pytest.raises(SettingsWrong, match=rf"^\.fleet\.toml.*{said}"):
        parse_settings(text)
