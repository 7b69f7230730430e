"""What a branch changes, from real git: nothing that its repository names runs, and every file is there once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.service.repositories import git, repository
from workers.changes import ChangedFile, Changes, Hunk, changes, hunks_of


def commit(repo: Path) -> str:
    git(repo, "add", "--all", "--force")
    git(repo, "commit", "--quiet", "--message", "work")
    return git(repo, "rev-parse", "HEAD")


def test_every_kind_of_change_is_one_file_with_its_lines(tmp_path: Path) -> None:
    """Added, edited, deleted, renamed, binary, of a name with blanks, line ends and letters of others, and a link."""
    repo = repository(tmp_path / "repo")
    (repo / "old.txt").write_text("".join(f"line {n}\n" for n in range(20)))
    (repo / "gone.txt").write_text("1\n2\n")
    base = commit(repo)
    (repo / "old.txt").rename(repo / "neu ü\n.txt")
    (repo / "gone.txt").unlink()
    (repo / "clock.txt").write_text("12:00\n12:30\n")
    (repo / "a.bin").write_bytes(bytes(range(256)))
    (repo / "link").symlink_to("/etc/passwd")
    head = commit(repo)
    with changes(repo, base, head) as found:
        files = found.files()
        assert set(files) == {
            ChangedFile("a.bin", None, None, None),
            ChangedFile("clock.txt", None, 1, 0),
            ChangedFile("gone.txt", None, 0, 2),
            ChangedFile("link", None, 1, 0),
            ChangedFile("neu ü\n.txt", "old.txt", 0, 0),
        }
        patches = {file.path: found.patch(file) for file in files}
        assert [file.path for file in found.files(["clock.txt", "li*"])] == ["clock.txt", "link"]
    assert hunks_of(patches["clock.txt"]) == (Hunk((1, 1), (1, 2), "", (" 12:00", "+12:30")),)
    assert "rename from old.txt" in patches["neu ü\n.txt"] and "deleted file" not in patches["neu ü\n.txt"]
    assert "+/etc/passwd" in patches["link"] and "Binary files" in patches["a.bin"]


def test_nothing_runs_that_the_repository_names_for_showing_a_difference(tmp_path: Path) -> None:
    repo, ran = repository(tmp_path / "repo"), tmp_path / "ran"
    base = git(repo, "rev-parse", "HEAD")
    program = tmp_path / "planted"
    program.write_text(f"#!/bin/sh\ntouch {ran}\n")
    program.chmod(0o755)
    for key in (
        "diff.external",
        "diff.x.command",
        "diff.x.textconv",
        "core.pager",
        "core.fsmonitor",
        "pager.diff",
    ):
        git(repo, "config", key, str(program))
    for name in (".gitattributes", ".git/info/attributes"):
        (repo / name).parent.mkdir(exist_ok=True)
        (repo / name).write_text("*.txt diff=x\n")
    (repo / "clock.txt").write_text("13:00\n")
    head = commit(repo)
    git(repo, "diff", base, head)
    assert ran.exists(), "it is not planted"
    ran.unlink()
    with changes(repo, base, head) as found:
        (file,) = found.files(["clock.txt"])
        assert "-12:00\n+13:00" in found.patch(file)
    assert not ran.exists()


@pytest.fixture
def large(tmp_path: Path) -> tuple[Path, str, str]:
    """A change of 20 files, one of them a lock file of 20,000 lines."""
    repo = repository(tmp_path / "repo")
    for n in range(800):
        (repo / f"f{n}.txt").write_text("a\nb\nc\n")
    (repo / "package-lock.json").write_text("".join(f'"{n}": "1.0.{n}",\n' for n in range(20_000)))
    base = commit(repo)
    for n in range(19):
        (repo / f"f{n}.txt").write_text("a\nB\nc\n")
    (repo / "package-lock.json").write_text("".join(f'"{n}": "1.1.{n}",\n' for n in range(20_000)))
    return repo, base, commit(repo)


def test_a_large_change_is_there_file_by_file_and_nothing_of_it_is_cut(large: tuple[Path, str, str]) -> None:
    with changes(*large) as found:
        files = found.files()
        assert len(files) == 20 and sum(file.added or 0 for file in files) == 20_019
        lock = next(file for file in files if file.path == "package-lock.json")
        (hunk,) = hunks_of(found.patch(lock))
        assert len(hunk.lines) == 40_000
        small: Changes = found
        assert [len(hunks_of(small.patch(file))) for file in files if file is not lock] == [1] * 19
