"""Git is killed, finds no room, meets a lock: once the cause has gone a worktree is made, committed and landed all the
same, and no failure is ever taken for an answer."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from tests.sizes import large
from tests.small_disks import fill
from tests.workers.worktree.repositories import MARKER, commit, git, hook, of_target, repository, write
from workers.git import Git, GitError
from workers.landing import Landed, Outcome, land
from workers.trouble import of_errno
from workers.verify import Verdict, verify
from workers.worktree.branch import branch_name
from workers.worktree.commit import commit_work
from workers.worktree.make import Made, make_ready
from workers.worktree.remove import remove
from workers.worktree.settings import worktree_settings

T = TypeVar("T")
HOWS = {
    "SIGKILL": "kill -KILL $$",
    "SIGTERM": "kill -TERM $$",
    "SIGSEGV": "kill -SEGV $$",
    "as a shell says it": "exit 137",
    "no fork": "echo 'error: cannot fork() for x: Resource temporarily unavailable' >&2; exit 128",
    "its child": "echo 'error: index-pack died of signal 9' >&2; exit 128",
    "no room": "echo 'fatal: write error: No space left on device' >&2; exit 1",
}
DIFFERENT = ("SIGKILL", "as a shell says it", "no room")
"""One of each kind: a signal, a code, words."""


class Faulty:
    """A git on the PATH that fails in a certain manner at one call, and is git at every other."""

    def __init__(self, folder: Path) -> None:
        self._calls, self._at, self._how = folder / "calls", folder / "at", folder / "how"
        real = subprocess.run(
            ["sh", "-c", "command -v git"], capture_output=True, text=True, check=True
        ).stdout.strip()
        script = folder / "git"
        script.write_text(
            f"#!/bin/sh\necho >> {self._calls}\n"
            f'[ "$(wc -l < {self._calls})" = "$(cat {self._at})" ] && . {self._how}\nexec {real} "$@"\n'
        )
        script.chmod(0o755)
        self.at(0, "")

    def at(self, call: int, how: str) -> None:
        self._calls.write_text("")
        self._at.write_text(f"{call}\n")
        self._how.write_text(f"{how}\n")

    @property
    def calls(self) -> int:
        return len(self._calls.read_text())


@pytest.fixture
def faulty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Faulty]:
    (tmp_path / "bin").mkdir()
    made = Faulty(tmp_path / "bin")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    yield made


def make(repo: Path, tree: Path) -> Made:
    return make_ready(
        repo, tree, branch=branch_name(tree.name, "job"), base="main", settings=worktree_settings, marker_env=MARKER
    )  # fmt: skip


OPEN = Verdict(True, None, 0, "", 0.0)


def go(repo: Path, trees: Path, branch: str) -> Outcome:
    return land(
        repo, branch=branch, target="main", landing_path=trees / "landing", messages=["Land"], verify=lambda path: OPEN,
        verified_ref="refs/fleet/verified/t1", marker_env=MARKER,
        settings=of_target,
    )  # fmt: skip


def failing_at(faulty: Faulty, call: int, how: str, do: Callable[[], T]) -> tuple[T, bool]:
    """What comes of it when git fails once, at that call, and whether there was such a call."""
    faulty.at(call, how)
    try:
        done = do()
        return done, faulty.calls >= call
    except (GitError, OSError) as failed:
        assert not isinstance(failed, GitError) or failed.of_the_host, failed
        faulty.at(0, "")
        return do(), True


@pytest.mark.parametrize("how", [*DIFFERENT, *large(*sorted(HOWS.keys() - DIFFERENT))])
def test_a_git_that_dies_at_any_call_of_a_start_delays_it_and_nothing_else(
    repo: Path, trees: Path, faulty: Faulty, how: str
) -> None:
    """In particular the branch keeps its name: a failure is not read as "that name is taken"."""
    met, call = True, 0
    while met:
        call += 1
        tree = trees / f"t{call}"
        made, met = failing_at(faulty, call, HOWS[how], lambda path=tree: make(repo, path))  # type: ignore[misc]
        assert made.branch == f"fleet/t{call}-job" and (tree / "a.txt").read_text() == "one\n"
    assert call > 5


@pytest.mark.parametrize("how", ["SIGKILL", *large("as a shell says it", "no room")])
def test_a_git_that_dies_at_any_call_of_a_commit_loses_and_blames_nothing(
    repo: Path, trees: Path, faulty: Faulty, how: str
) -> None:
    tree, met, call = trees / "t1", True, 0
    branch = make(repo, tree).branch
    while met:
        call += 1
        write(tree, {f"new{call}.txt": "new\n"})
        _, met = failing_at(faulty, call, HOWS[how], lambda: commit_work(tree, "work"))
        faulty.at(0, "")
        assert git(repo, "show", f"{branch}:new{call}.txt") == "new"
        assert git(tree, "status", "--porcelain") == ""
    assert call > 5


@pytest.mark.parametrize("step", [3, *large(1)])
def test_a_git_that_dies_at_any_call_of_a_landing_delays_it_and_blames_nothing(
    repo: Path, trees: Path, faulty: Faulty, step: int
) -> None:
    """Each outcome that sends work back to its session (a conflict, a shut gate) would be a lie here."""
    tree, met, call, hows = trees / "t1", True, 0, list(HOWS.values())
    branch = make(repo, tree).branch
    git(repo, "checkout", "--quiet", "-b", "user")
    while met:
        call += step
        tip = commit(tree, {f"new{call}.txt": "new\n"})
        outcome, met = failing_at(faulty, call, hows[call % len(hows)], lambda: go(repo, trees, branch))
        assert isinstance(outcome, Landed)
        faulty.at(0, "")
        assert git(repo, "merge-base", tip, "main") == tip
    assert call > 10


def test_a_full_repository_is_no_name_that_is_taken(small_disk: Path, trees: Path) -> None:
    repo = repository(small_disk / "repo")
    filler = fill(small_disk)
    with pytest.raises(GitError) as failed:
        make(repo, trees / "t1")
    assert failed.value.of_the_host
    filler.unlink()
    assert make(repo, trees / "t1").branch == "fleet/t1-job"


def test_a_full_disk_of_worktrees_delays_what_is_made_on_it(repo: Path, small_disk: Path) -> None:
    commit(repo, {"large.txt": "x" * 300_000})
    filler = fill(small_disk)
    with pytest.raises((GitError, OSError)) as failed:
        make(repo, small_disk / "t1")
    assert not isinstance(failed.value, GitError) or failed.value.of_the_host
    filler.unlink()
    assert make(repo, small_disk / "t1").branch == "fleet/t1-job"
    assert len((small_disk / "t1" / "large.txt").read_text()) == 300_000


def test_a_commit_on_a_full_disk_is_no_hooks_refusal(small_disk: Path, trees: Path) -> None:
    repo = repository(small_disk / "repo")
    tree = trees / "t1"
    make(repo, tree)
    write(tree, {"b.txt": "b\n" * 5000})
    filler = fill(small_disk)
    with pytest.raises((GitError, OSError)) as failed:
        commit_work(tree, "work")
    assert not isinstance(failed.value, GitError) or failed.value.of_the_host
    filler.unlink()
    assert commit_work(tree, "work") and git(repo, "show", "fleet/t1-job:b.txt").startswith("b")


def test_a_gate_that_found_no_room_has_not_decided(small_disk: Path) -> None:
    command = "printf '%1000000s' x > made"
    filler = fill(small_disk)
    with pytest.raises(OSError, match="No space left on device") as failed:
        verify([command], small_disk, {}, 60.0)
    assert of_errno(failed.value.errno)
    filler.unlink()
    assert verify([command], small_disk, {}, 60.0).ok


@pytest.mark.parametrize("name", ["index.lock", "HEAD.lock", "logs/HEAD.lock"])
def test_a_lock_that_a_killed_git_left_in_our_worktree_is_cleared(repo: Path, trees: Path, name: str) -> None:
    branch = make(repo, trees / "t1").branch
    write(trees / "t1", {"b.txt": "b\n"})
    git(repo, "checkout", "--quiet", "-b", "user")
    (repo / ".git/worktrees/t1" / name).touch()
    assert commit_work(trees / "t1", "work")
    assert isinstance(go(repo, trees, branch), Landed)
    tip = commit(trees / "t1", {"c.txt": "c\n"})
    (repo / ".git/worktrees/landing" / name).touch()
    assert go(repo, trees, branch) == Landed(tip)


def test_a_lock_that_a_living_git_holds_in_our_worktree_is_left_to_it(repo: Path, trees: Path) -> None:
    make(repo, trees / "t1")
    write(trees / "t1", {"b.txt": "b\n"})
    lock = repo / ".git/worktrees/t1/index.lock"
    holder = ["sh", "-c", f"exec 3>{lock}; echo held; read end"]
    with subprocess.Popen(holder, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as git_of_a_worker:
        assert git_of_a_worker.stdout is not None and git_of_a_worker.stdin is not None
        git_of_a_worker.stdout.readline()
        with pytest.raises(GitError, match=f"process {git_of_a_worker.pid} holds") as failed:
            commit_work(trees / "t1", "work")
        assert failed.value.of_the_host and lock.exists()
        git_of_a_worker.stdin.close()
    assert commit_work(trees / "t1", "work")


@pytest.mark.parametrize("lock", ["refs/heads/main.lock", "refs/heads/fleet/t1-job.lock", "packed-refs.lock"])
def test_a_stale_lock_of_the_shared_repository_is_named_with_its_age_waited_for_and_never_removed(
    repo: Path, trees: Path, lock: str
) -> None:
    tree, path = trees / "t1", repo / ".git" / lock
    git(repo, "checkout", "--quiet", "-b", "user")

    def all_of_it() -> Outcome:
        branch = make(repo, tree).branch
        write(tree, {"b.txt": "b\n"})
        commit_work(tree, "work")
        landed = go(repo, trees, branch)
        remove(repo, tree, "refs/fleet/preserved/t1")
        git(repo, "config", "--unset", "gc.auto", check=False)
        Git(repo, patience_s=0.1).run("pack-refs", "--all")
        return landed

    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    with pytest.raises(GitError) as failed:
        all_of_it()
    assert failed.value.of_the_host and failed.value.meaning is not None
    assert f"{path} is there since 20" in str(failed.value) and f"rm {path}" in str(failed.value)
    assert path.exists()
    path.unlink()
    assert isinstance(all_of_it(), Landed)


def test_a_reference_that_cannot_be_read_is_not_one_that_is_missing(repo: Path) -> None:
    (repo / ".git/refs/heads/broken").write_text("x\n")
    with pytest.raises(GitError, match=r"refs/heads/broken .* is there, but cannot be read"):
        Git(repo).commit_of("refs/heads/broken")
    assert Git(repo).commit_of("refs/heads/missing") is None
    with pytest.raises(GitError):
        Git(repo / "..").commit_of("HEAD")


def test_a_hook_that_was_killed_has_not_refused(repo: Path, trees: Path) -> None:
    make(repo, trees / "t1")
    write(trees / "t1", {"b.txt": "b\n"})
    hook(repo, "pre-commit", "kill -KILL $$")
    with pytest.raises(GitError) as failed:
        commit_work(trees / "t1", "work")
    assert failed.value.of_the_host
    (repo / ".git/hooks/pre-commit").unlink()
    assert commit_work(trees / "t1", "work")
