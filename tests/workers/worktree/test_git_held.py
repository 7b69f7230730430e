"""No git of ours is held by anybody: not by a hook that does not end, nor by what a hook leaves behind. It can be ended
from outside, and leaves nothing."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.own_home import HOME_ID
from tests.patience import until
from tests.workers.worktree.repositories import MARKER, commit, git, hook, write
from tests.workers.worktree.test_landing import OPEN, go, main_goes_on
from workers import children, git_commands, processes
from workers.git import Git, GitError, GitNotRun, GitTookTooLong
from workers.landing import Landed, VerifyFailed
from workers.verify import verify
from workers.worktree.commit import HookRefused, commit_work
from workers.worktree.make import Made, make_ready
from workers.worktree.settings import worktree_settings

RUN = f"git-t1@{HOME_ID}"
HANGS = 'echo "$$" > "$FLAG"; exec sleep 300'
SHORT_S = 1.0
"""A hook that hangs is given so long: it is never waited for that something is fast."""


@pytest.fixture(autouse=True)
def _nothing_left() -> Iterator[None]:
    with children.marked(RUN):
        yield
    try:
        until("what was killed is gone", lambda: not processes.find(RUN), patience_s=30.0)
    finally:
        processes.sweep(RUN, spool_path=None)


@pytest.fixture
def tree(repo: Path, trees: Path) -> Path:
    make(repo, trees / "t1")
    git(repo, "checkout", "--quiet", "-b", "user")
    return trees / "t1"


def make(repo: Path, path: Path) -> Made:
    return make_ready(
        repo, path, branch="fleet/t1", base="main", settings=worktree_settings, marker_env=MARKER
    )


def hangs(repo: Path, name: str) -> Path:
    """Installs a hook that does not end; gives the file that says that it runs."""
    flag = repo.parent / f"{name}.flag"
    hook(repo, name, HANGS.replace("$FLAG", str(flag)))
    return flag


def impatient(monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    monkeypatch.setitem(git_commands.LIMITS_S, command, SHORT_S)


def test_a_commit_hook_that_does_not_end_has_refused_and_is_named(
    repo: Path, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hangs(repo, "pre-commit")
    impatient(monkeypatch, "commit")
    write(tree, {"a.txt": "work\n"})
    with pytest.raises(HookRefused, match=r"`git commit` .* within 1 s .*hooks that it runs: pre-commit"):
        commit_work(tree, "work")
    (repo / ".git" / "hooks" / "pre-commit").unlink()
    assert commit_work(tree, "work"), "nothing of it stands in the way of the next"


def test_a_hook_after_the_commit_that_does_not_end_takes_nothing_back(
    repo: Path, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hangs(repo, "post-commit")
    impatient(monkeypatch, "commit")
    write(tree, {"a.txt": "work\n"})
    assert commit_work(tree, "work") == git(repo, "rev-parse", "refs/heads/fleet/t1")


def test_a_merge_hook_that_does_not_end_has_refused_and_the_next_landing_goes_on(
    repo: Path, tree: Path, trees: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hangs(repo, "pre-merge-commit")
    impatient(monkeypatch, "merge")
    commit(tree, {"b.txt": "b\n"})
    before = main_goes_on(repo, {"c.txt": "c\n"})
    refused = go(repo, trees)
    assert isinstance(refused, VerifyFailed) and "pre-merge-commit" in refused.verdict.output_tail
    assert git(repo, "rev-parse", "refs/heads/main") == before
    (repo / ".git" / "hooks" / "pre-merge-commit").unlink()
    assert isinstance(go(repo, trees, lambda path: OPEN), Landed)


def test_a_merge_hook_that_does_nothing_any_more_is_a_persons_matter_and_not_the_sessions(
    repo: Path, tree: Path, trees: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hangs(repo, "pre-merge-commit")
    monkeypatch.setattr(git_commands, "STILL_S", SHORT_S)
    commit(tree, {"b.txt": "b\n"})
    before = main_goes_on(repo, {"c.txt": "c\n"})
    with pytest.raises(GitTookTooLong, match=r"did nothing for 1 s .*pre-merge-commit"):
        go(repo, trees)
    assert git(repo, "rev-parse", "refs/heads/main") == before
    (repo / ".git" / "hooks" / "pre-merge-commit").unlink()
    assert isinstance(go(repo, trees, lambda path: OPEN), Landed)


def test_a_checkout_hook_that_does_not_end_is_told_with_the_worktree(
    repo: Path, trees: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hangs(repo, "post-checkout")
    impatient(monkeypatch, "worktree")
    made = make(repo, trees / "t1")
    assert "post-checkout" in made.setup_output and (trees / "t1" / "a.txt").exists()


def test_what_is_no_hooks_matter_is_told_as_what_still_ran(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(repo, "config", "filter.slow.clean", "sleep 301; cat")
    write(repo, {".gitattributes": "*.txt filter=slow\n", "slow.txt": "x\n"})
    impatient(monkeypatch, "add")
    with pytest.raises(GitTookTooLong, match=r"`git add` .*sleep 301"):
        Git(repo).run("add", "--all")


def test_what_a_hook_leaves_behind_holds_nobody_and_is_ended(repo: Path, tree: Path) -> None:
    hook(repo, "post-commit", "sleep 300 &")
    write(tree, {"a.txt": "work\n"})
    assert commit_work(tree, "work")


def test_what_fled_its_group_is_found_by_its_marker(repo: Path, tree: Path) -> None:
    fled = repo.parent / "fled"
    hook(repo, "post-commit", f"setsid sh -c 'touch {fled}; sleep 300' & until [ -e {fled} ]; do :; done")
    write(tree, {"a.txt": "work\n"})
    assert commit_work(tree, "work")
    assert processes.sweep(RUN, spool_path=None)


def test_a_hook_under_way_is_ended_by_its_marker(repo: Path, tree: Path) -> None:
    flag = hangs(repo, "pre-commit")
    write(tree, {"a.txt": "work\n"})
    with ThreadPoolExecutor(1) as threads:
        committing = threads.submit(_marked, lambda: commit_work(tree, "work"))
        until("the hook runs", flag.exists)
        processes.sweep(RUN, spool_path=None)
        with pytest.raises(GitError):
            committing.result()


def _marked(call: object) -> object:
    with children.marked(RUN):
        return call()  # type: ignore[operator]


def test_a_program_that_stops_ends_its_git_and_begins_no_other(repo: Path, tree: Path) -> None:
    flag = hangs(repo, "pre-commit")
    write(tree, {"a.txt": "work\n"})
    failed: list[BaseException] = []
    with children.together() as ours:

        def work() -> None:
            try:
                commit_work(tree, "work")
            except GitError as error:
                failed.append(error)

        thread = threading.Thread(target=contextvars.copy_context().run, args=(work,))
        thread.start()
        until("the hook runs", flag.exists)
        ours.end()
        thread.join()
        with pytest.raises(GitNotRun):
            Git(repo).said("rev-parse", "HEAD")
        with pytest.raises(OSError, match="broken off"):
            verify(["true"], repo, {}, 60.0)
    assert isinstance(failed[0], GitNotRun) and failed[0].of_the_host
    assert Git(repo).said("rev-parse", "HEAD"), "what is outside goes on"


def test_long_input_and_output_pass_each_other(repo: Path) -> None:
    content = b"0123456789abcde\n" * 100_000
    oid = Git(repo).run("hash-object", "-w", "--stdin", stdin=content).out
    asked = f"{oid}\n".encode() * 20
    assert len(Git(repo).run("cat-file", "--batch", stdin=asked).out) > 20 * len(content)
    assert Git(repo).once("rev-parse", "HEAD", stdin=content).ok, "it need not listen"
