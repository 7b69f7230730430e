"""Where a repository lies, and what is said when it is none or cannot be used."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.workers.worktree.repositories import MARKER, commit, git, write
from workers import messages
from workers.git import Git, GitFailed, GitMissing
from workers.worktree.make import make_ready
from workers.worktree.repository import NotARepository, Place, locate
from workers.worktree.settings import SettingsWrong, parse_settings, read_settings, worktree_settings


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


def bare_layout(tmp_path: Path, repo: Path, *, core_bare: bool) -> tuple[Path, list[Path]]:
    top = tmp_path / "proj"
    top.mkdir()
    git(top, "clone", "--quiet", "--bare", str(repo), ".bare")
    git(top / ".bare", "config", "core.bare", str(core_bare).lower())
    (top / ".git").write_text("gitdir: ./.bare\n")
    git(top / ".bare", "worktree", "add", "--quiet", "--detach", str(top / "one"))
    git(top / ".bare", "worktree", "add", "--quiet", "-b", "side", str(top / "deep" / "side"))
    return top, [top, top / "one", top / "deep" / "side"]


@pytest.mark.parametrize("core_bare", [True, False])
def test_a_bare_layout_is_one_repository_from_wherever_it_is_named(
    repo: Path, tmp_path: Path, *, core_bare: bool
) -> None:
    top, named = bare_layout(tmp_path, repo, core_bare=core_bare)
    (top / "one" / "sub").mkdir()
    found = [locate(path) for path in (*named, top / "one" / "sub")]
    assert set(found) == {Place(top / ".bare" if core_bare else top, top / ".bare", core_bare)}
    assert found[1].checkout == found[3].checkout == top / "one"


def test_a_linked_worktree_is_its_repository_which_outlives_it(repo: Path, tmp_path: Path) -> None:
    git(repo, "worktree", "add", "--quiet", "-b", "side", str(tmp_path / "side"))
    place = locate(tmp_path / "side")
    assert place == locate(repo) == Place(repo, repo / ".git", False)
    assert (place.checkout, locate(repo).checkout) == (tmp_path / "side", repo)
    git(repo, "config", "extensions.worktreeConfig", "true")
    git(repo, "config", "--worktree", "core.bare", "false")
    assert locate(tmp_path / "side") == place


def test_a_linked_worktree_of_a_submodule_is_the_submodule(repo: Path, tmp_path: Path) -> None:
    outer = tmp_path / "outer"
    outer.mkdir()
    git(outer, "init", "--quiet")
    git(outer, "submodule", "--quiet", "add", str(repo), "inner")
    git(outer / "inner", "worktree", "add", "--quiet", "--detach", str(tmp_path / "side"))
    assert locate(tmp_path / "side") == locate(outer / "inner")
    assert locate(outer / "inner").root == outer / "inner"


def test_what_a_bare_layout_copies_is_taken_from_a_persons_worktree(
    repo: Path, tmp_path: Path, trees: Path
) -> None:
    commit(repo, {".fleet.toml": '[worktree]\ncopy = [".env"]\n'})
    top, _ = bare_layout(tmp_path, repo, core_bare=True)
    write(top / "deep" / "side", {".env": "KEY=1\n"})
    for name in ("t1", "t2"):
        make_ready(
            top / ".bare", trees / name, branch=f"fleet/{name}", base="main", settings=worktree_settings,
            marker_env=MARKER,
        )  # fmt: skip
        assert (trees / name / ".env").read_text() == "KEY=1\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a repository away")
def test_after_the_advice_another_users_repository_can_be_used_and_cloned(repo: Path, tmp_path: Path) -> None:
    for path in (repo, repo / ".git"):
        os.chown(path, 65534, 65534)
    with pytest.raises(NotARepository, match="belongs to another user") as refused:
        locate(repo)
    subprocess.run(str(refused.value).partition("run: ")[2], shell=True, check=True)
    assert locate(repo) == Place(repo, repo / ".git", False)
    Git(tmp_path).run("clone", "--quiet", str(repo), "copy")
    Git(repo).run("worktree", "add", "--quiet", "--detach", str(tmp_path / "side"))
    assert locate(tmp_path / "side") == locate(repo)


def test_messages_are_told_their_fields_and_a_field_that_there_is_none_of_is_refused_at_once() -> None:
    settings = parse_settings(
        '[land]\nmessage = "chore: {title} ({id})"\n[commit]\nmessage = "feat: {title} {x"\n'
    )
    assert (settings.land_message, settings.commit_message) == ("chore: {title} ({id})", "feat: {title} {x")
    assert messages.filled("{title} {id} {other}", {"title": "{id}", "id": "t1"}) == "{id} t1 {other}"
    for wrong in ('[land]\nmessage = "{subject}"', '[commit]\nmessage = " "', "[land]\nmsg = 1"):
        with pytest.raises(
            SettingsWrong, match=r"no field \{subject\}.*\{title\}|blank|allowed here: message"
        ):
            parse_settings(wrong)


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
