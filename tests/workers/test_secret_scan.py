"""The search for credentials in what a branch brings, in real repositories."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.service.repositories import git, repository
from workers import secret_scan
from workers.git import Git, GitError
from workers.secret_scan import A_MESSAGE, exposed

TOKEN = "tok-0-SECRET-of-an-account"


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    made = repository(tmp_path / "repo")
    git(made, "switch", "--quiet", "--create", "work")
    return made


def commit(repo: Path, files: Mapping[str, str | None], message: str = "Work") -> None:
    for name, text in files.items():
        if text is None:
            (repo / name).unlink()
            continue
        (repo / name).parent.mkdir(parents=True, exist_ok=True)
        (repo / name).write_text(text)
    git(repo, "add", "--all")
    git(repo, "commit", "--quiet", "--allow-empty", "--message", message)


def found(repo: Path, *secrets: str) -> list[str]:
    return exposed(Git(repo), secrets or (TOKEN,), "refs/heads/work", "refs/heads/main")


def test_work_without_a_credential_passes(repo: Path) -> None:
    commit(repo, {"a.txt": "tok-0-SECRET", "b/c.txt": "x" * 10_000})
    assert found(repo) == []


def test_a_credential_is_found_in_files_wherever_they_lie(repo: Path) -> None:
    commit(
        repo,
        {
            "a.txt": f"key = {TOKEN}\n",
            "deep/down here/b.bin": f"\0\udcff{TOKEN}".encode("utf-8", "surrogateescape").decode("latin-1"),
            "c.txt": "fine",
        },
    )
    assert found(repo) == ["a.txt", "deep/down here/b.bin"]


def test_a_credential_in_a_commit_that_another_was_put_in_place_of_is_found(repo: Path) -> None:
    """The replacement stays here; what lands is the commit itself."""
    commit(repo, {"a.txt": f"key = {TOKEN}\n"})
    git(repo, "branch", "bad")
    git(repo, "reset", "--quiet", "--hard", "main")
    commit(repo, {"a.txt": "fine\n"})
    git(repo, "replace", "bad", "work")
    git(repo, "reset", "--quiet", "--hard", "bad")
    assert git(repo, "show", "work:a.txt") == "fine", "it is not in force"
    assert found(repo) == ["a.txt"]


def test_a_credential_that_a_later_commit_took_away_is_found_as_a_merge_brings_the_history(
    repo: Path,
) -> None:
    commit(repo, {"a.txt": TOKEN})
    commit(repo, {"a.txt": None})
    assert found(repo) == ["a.txt"]


@pytest.mark.parametrize("where", ["message", "file's name", "author"])
def test_a_credential_is_found_in_what_is_no_file(repo: Path, where: str) -> None:
    commit(
        repo,
        {TOKEN if where == "file's name" else "a": "x"},
        f"Say {TOKEN}" if where == "message" else "Work",
    )
    if where == "author":
        git(repo, "commit", "--quiet", "--amend", "--no-edit", "--author", f"{TOKEN} <a@b.c>")
    assert found(repo) == [A_MESSAGE]


def test_what_the_target_has_already_is_no_matter_of_this_branch(repo: Path) -> None:
    git(repo, "switch", "--quiet", "main")
    commit(repo, {"old.txt": TOKEN})
    git(repo, "switch", "--quiet", "work")
    git(repo, "merge", "--quiet", "main")
    commit(repo, {"a.txt": "fine"})
    assert found(repo) == []


def test_any_of_many_credentials_is_found_and_none_are_no_work(repo: Path) -> None:
    commit(repo, {"a.txt": "second-of-the-secrets"})
    assert found(repo, TOKEN, "second-of-the-secrets") == ["a.txt"]
    assert exposed(Git(repo), (), "no-such-branch", "main") == []


def test_files_are_searched_in_groups_and_large_ones_alone(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secret_scan, "_AT_ONCE_BYTES", 1_000)
    commit(repo, {f"{n}.txt": f"{n}" * 300 for n in range(10)} | {"large.txt": "y" * 5_000 + TOKEN})
    assert found(repo) == ["large.txt"]


def test_an_object_that_cannot_be_read_decides_nothing(repo: Path) -> None:
    commit(repo, {"a.txt": TOKEN})
    blob = git(repo, "rev-parse", "work:a.txt").strip()
    (repo / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    with pytest.raises(GitError):
        found(repo)


def test_an_encoded_credential_is_beyond_this_search(repo: Path) -> None:
    """The limit of the promise, as docs/security.md says it."""
    commit(repo, {"a.txt": base64.b64encode(TOKEN.encode()).decode()})
    assert found(repo) == []
