"""A name of a branch means that branch, whatever else has the name: a tag, a remote, what was fetched from it, a file.

In the repository of these tests every branch has all of them beside it. What they lead to nobody has reviewed, and some
of it is no commit at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet.service.repositories import Repositories
from tests.workers.worktree.repositories import MARKER, commit, git, of_target, write
from workers.git import Git
from workers.landing import Held, Landed, is_landed, land
from workers.remote.mirror import adopt_branch
from workers.verify import Verdict
from workers.worktree.commit import commit_work
from workers.worktree.make import make_ready
from workers.worktree.mirrored import Asked, make_from_mirror
from workers.worktree.preserve import snapshot
from workers.worktree.remove import remove
from workers.worktree.settings import worktree_settings

TASK, TARGET, NAMES = "fleet/t1", "main", ("main", "user", "fleet/t1")
KEPT = "refs/fleet/preserved/t1.1"


@pytest.fixture(params=["commits", "files"])
def repo(repo: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """The user stands on `user`; tags lead to `params`."""
    reviewed = commit(repo, dict.fromkeys((*NAMES, "HEAD"), "a file of a branch's name\n"))
    git(repo, "checkout", "--quiet", "-b", "user")
    git(repo, "checkout", "--quiet", "--detach")
    other = commit(repo, {"unreviewed.txt": "x\n"})
    git(repo, "symbolic-ref", "HEAD", "refs/heads/user")
    git(repo, "reset", "--quiet", "--hard", reviewed, "--")
    thing = other if request.param == "commits" else git(repo, "rev-parse", f"{other}:unreviewed.txt")
    for name in (*NAMES, "HEAD"):
        for ref in (f"refs/tags/{name}", f"refs/tags/heads/{name}", f"refs/tags/refs/remotes/{name}"):
            git(repo, "update-ref", ref, thing)
        for ref in (
            f"refs/remotes/{name}/main",
            f"refs/remotes/{name}/{TASK}",
            f"refs/remotes/origin/{name}",
        ):
            git(repo, "update-ref", ref, other)
        git(repo, "config", f"remote.{name}.url", "/nowhere")
    yield repo
    reached = git(repo, "log", "--format=%H", "--branches", "--glob=refs/fleet/*", "--").splitlines()
    assert reviewed in reached and other not in reached


def make(repo: Path, path: Path, preserved: str | None = None) -> str:
    return make_ready(
        repo, path, branch=TASK, base=TARGET, settings=worktree_settings, marker_env=MARKER, preserved=preserved
    ).base_commit  # fmt: skip


def head(path: Path) -> tuple[str, str]:
    return git(path, "symbolic-ref", "HEAD"), git(path, "rev-parse", "HEAD")


def tip(repo: Path, branch: str) -> str:
    return git(repo, "for-each-ref", "--format=%(objectname)", f"refs/heads/{branch}")


def landing(repo: Path, trees: Path) -> object:
    return land(
        repo, branch=TASK, target=TARGET, landing_path=trees / "landing", messages=("Land t1",),
        verify=lambda path: Verdict(True, None, 0, "", 0.0), verified_ref="refs/fleet/verified/t1", marker_env=MARKER,
        settings=of_target,
    )  # fmt: skip


def test_work_starts_from_the_branch_stays_on_it_and_lands_on_it(repo: Path, trees: Path) -> None:
    reviewed = tip(repo, TARGET)
    with Repositories([str(repo)]) as found:
        assert found.at(str(repo)).target(None) == "user"
        assert found.at(str(repo)).target(TARGET) == TARGET
    assert make(repo, trees / "t1") == reviewed
    assert head(trees / "t1") == (f"refs/heads/{TASK}", reviewed)
    write(trees / "t1", {"a.txt": "work\n"})
    done = commit_work(trees / "t1", "work", branch=TASK)
    assert done == tip(repo, TASK) != reviewed
    git(
        repo,
        "update-ref",
        f"refs/heads/{TARGET}",
        git(repo, "commit-tree", "-m", "b", "-p", reviewed, f"{reviewed}^{{tree}}"),
    )
    landed = landing(repo, trees)
    assert isinstance(landed, Landed) and landed.commit == tip(repo, TARGET)
    assert git(repo, "ls-tree", "--name-only", landed.commit, "--", "unreviewed.txt") == ""
    assert is_landed(repo, tip(repo, TASK), TARGET)


def test_a_worker_that_left_its_branch_is_brought_back_to_it(repo: Path, trees: Path) -> None:
    make(repo, trees / "t1")
    write(trees / "t1", {"b.txt": "b\n"})
    done = commit_work(trees / "t1", "work", branch=TASK)
    git(trees / "t1", "checkout", "--quiet", "--detach", f"refs/heads/{TARGET}", "--")
    assert commit_work(trees / "t1", "work", branch=TASK) is None
    assert head(trees / "t1") == (f"refs/heads/{TASK}", done)


def test_loose_work_is_kept_and_comes_back(repo: Path, trees: Path) -> None:
    reviewed = make(repo, trees / "t1")
    write(trees / "t1", {"HEAD": "changed\n", "new.txt": "new\n"})
    assert snapshot(trees / "t1", "refs/fleet/checkpoints/t1")
    assert remove(repo, trees / "t1", KEPT).preserved
    make(repo, trees / "t1", KEPT)
    assert (trees / "t1" / "HEAD").read_text() == "changed\n" and (trees / "t1" / "new.txt").exists()
    assert head(trees / "t1") == (f"refs/heads/{TASK}", reviewed)


def test_a_target_that_is_checked_out_is_found_so(repo: Path, trees: Path) -> None:
    make(repo, trees / "t1")
    write(trees / "t1", {"b.txt": "b\n"})
    commit_work(trees / "t1", "work", branch=TASK)
    git(repo, "symbolic-ref", "HEAD", f"refs/heads/{TARGET}")
    held = landing(repo, trees)
    assert isinstance(held, Held) and held.where == repo


def test_a_host_makes_its_worktree_from_the_branch_and_home_takes_it_back(repo: Path, trees: Path) -> None:
    reviewed = tip(repo, TARGET)
    asked = Asked(TASK, reviewed, reviewed, None, None, MARKER, (), 60.0, b"")
    assert make_from_mirror(repo, trees / "t1", asked).branch == TASK
    assert head(trees / "t1") == (f"refs/heads/{TASK}", reviewed)
    write(trees / "t1", {"b.txt": "b\n"})
    done = commit_work(trees / "t1", "work", branch=TASK)
    assert done is not None
    remove(repo, trees / "t1", KEPT)
    git(repo, "update-ref", f"refs/heads/{TASK}", reviewed)
    adopt_branch(Git(repo), TASK, done, KEPT)
    assert tip(repo, TASK) == done
