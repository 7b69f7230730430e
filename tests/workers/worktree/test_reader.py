"""Both readers of repositories say of every kind of repository what git says of it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.processes_started import processes_started
from tests.workers.worktree.kinds_of_repositories import (
    EITHER,
    ELSEWHERE,
    GITS_OWN,
    NAMES,
    ORDINARY,
    packed,
    plain,
    with_worktrees,
)
from tests.workers.worktree.repositories import git
from workers.worktree import gitpython_reader
from workers.worktree.reader import GitReader, ReadsRepository
from workers.worktree.repository import NotARepository, locate

Read = Callable[[Path], ReadsRepository]


def with_git(path: Path) -> ReadsRepository:
    return GitReader(locate(path))


def within(path: Path) -> ReadsRepository:
    """As commands read: by GitPython, where it may be."""
    return gitpython_reader.opened(path) or with_git(path)


@pytest.fixture(params=[*ORDINARY, *GITS_OWN, *EITHER])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return made(request.param, tmp_path)


def made(kind: str, tmp_path: Path) -> Path:
    if kind == "somebody_elses" and os.geteuid() != 0:
        pytest.skip("only root can give a repository to somebody else")
    if (
        kind == "reftable"
        and b"--ref-format" not in subprocess.run(["git", "init", "-h"], capture_output=True).stdout
    ):
        pytest.skip("this git knows no reftable")
    return (ORDINARY | GITS_OWN | EITHER | ELSEWHERE)[kind](tmp_path)


def says(path: Path, *words: str) -> str | None:
    ended = subprocess.run(["git", "-C", str(path), *words], capture_output=True, text=True, check=False)
    return ended.stdout.removesuffix("\n") if ended.returncode == 0 else None


@pytest.mark.parametrize("read", [with_git, within])
def test_a_repository_is_read_as_git_reads_it(path: Path, read: Read) -> None:
    bare, common = (
        says(path, "rev-parse", "--is-bare-repository"),
        says(path, "rev-parse", "--git-common-dir"),
    )
    top = says(path, "rev-parse", "--show-toplevel")
    if common is None or (bare == "false" and top is None):
        with pytest.raises(NotARepository):
            read(path)
        return
    reader = read(path)
    assert reader.place.bare == (bare == "true")
    assert reader.place.common_dir == (path / common).resolve()
    here = reader.place.common_dir if bare == "true" else Path(top or "")
    assert (reader.place.checkout or reader.place.common_dir) == here
    assert reader.place.root == (
        here if says(path, "rev-parse", "--git-dir") == common else with_git(path).place.root
    )
    head = says(path, "symbolic-ref", "HEAD")
    assert reader.head_branch() == (head.removeprefix("refs/heads/") if head and "/heads/" in head else None)
    named = {name: says(path, "show-ref", "--verify", "--hash", f"refs/heads/{name}") for name in NAMES}
    there = {n: c for n, c in named.items() if c is not None and says(path, "cat-file", "-t", c) == "commit"}
    assert reader.branches(NAMES) == there
    assert reader.checkouts() == with_git(path).checkouts()
    reader.close()


@pytest.mark.parametrize("kind", [*GITS_OWN, *ELSEWHERE])
def test_what_only_git_knows_is_left_to_git(kind: str, tmp_path: Path) -> None:
    assert gitpython_reader.opened(made(kind, tmp_path)) is None


@pytest.mark.parametrize("kind", ORDINARY)
def test_an_ordinary_repository_is_opened_without_a_process(kind: str, tmp_path: Path) -> None:
    path = made(kind, tmp_path)
    gitpython_reader.opened(tmp_path)  # which imports it
    with processes_started() as started:
        reader = gitpython_reader.opened(path)
        assert reader is not None
        reader.head_branch()
        reader.close()
    assert started == []


def test_loose_branches_are_read_without_a_process_and_packed_commits_by_one(tmp_path: Path) -> None:
    for name in ("loose", "packed"):
        (tmp_path / name).mkdir()
    loose, dense = (
        gitpython_reader.opened(make(tmp_path / n)) for n, make in (("loose", plain), ("packed", packed))
    )
    assert loose is not None
    assert dense is not None
    with processes_started() as started:
        assert list(loose.branches(NAMES)) == ["a/b", "main", "side", "ü/ø"]
        assert loose.checkouts() == {"main": tmp_path / "loose" / "repo"}
    assert started == []
    with processes_started() as started:
        assert list(dense.branches(NAMES)) == ["a/b", "main", "side", "ü/ø"]
    assert [words[3] for words in started] == ["cat-file"]


def test_many_branches_of_one_repository_are_read_by_two_commands(tmp_path: Path) -> None:
    reader = gitpython_reader.opened(packed(tmp_path))
    assert reader is not None
    with processes_started() as started:
        assert list(reader.branches([*NAMES, *(f"no{n}" for n in range(3_000))])) == [
            "a/b",
            "main",
            "side",
            "ü/ø",
        ]
    assert [words[3] for words in started] == [*["for-each-ref"] * 4, "cat-file"]


def test_a_reader_sees_what_has_changed_since_it_was_opened(tmp_path: Path) -> None:
    repo = with_worktrees(tmp_path)
    reader = gitpython_reader.opened(repo)
    assert reader is not None
    assert reader.checkouts() == {"main": repo, "side": tmp_path / "other"}
    git(repo, "branch", "--force", "a/b", "main")
    assert reader.branches(["a/b"]) == {"a/b": git(repo, "rev-parse", "main")}


@pytest.mark.parametrize("variable", ["GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY"])
def test_variables_of_a_calling_git_lead_nowhere_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """As in a hook: our git is asked, which they never reach."""
    repo = plain(tmp_path)
    monkeypatch.setenv(variable, str(tmp_path))
    assert gitpython_reader.opened(repo) is None
    assert within(repo).place.root == repo


def test_gitpython_starts_no_git_neither_as_it_is_imported_nor_later(tmp_path: Path) -> None:
    """Not even where it is asked for what it does with git: it has none."""
    script = """if True:
        import os, sys
        started = []
        sys.addaudithook(lambda event, args: started.append(args[0]) if event == "subprocess.Popen" else None)
        from pathlib import Path
        from workers.worktree import gitpython_reader
        assert "git" not in sys.modules
        environment = dict(os.environ)
        gitpython_reader.opened(Path(sys.argv[1])).close()
        assert environment == dict(os.environ)
        import git
        for question in (lambda r: r.is_dirty(), lambda r: r.git.status(), lambda r: list(r.iter_commits())):
            with git.Repo(sys.argv[1]) as repo:
                try:
                    question(repo)
                except (PermissionError, git.GitCommandNotFound):
                    continue
                raise AssertionError("it has started something")
        assert set(started) == {os.devnull}, started
    """
    subprocess.run([sys.executable, "-c", script, str(plain(tmp_path))], check=True)
