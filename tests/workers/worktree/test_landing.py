"""Landing: verified where it was merged, then one compare-and-swap; a checkout is never moved under anybody."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.workers.worktree.repositories import MARKER, commit, fingerprint, git, hook, of_target, write
from workers.git import Git
from workers.landing import (
    Conflict,
    Held,
    Landed,
    Moved,
    Outcome,
    Unapproved,
    VerifyFailed,
    brings_nothing,
    is_landed,
    land,
)
from workers.messages import MessageRefused, ways_to_say
from workers.verify import Verdict
from workers.worktree.make import make_ready
from workers.worktree.repository import NoTarget
from workers.worktree.settings import worktree_settings

BRANCH, VERIFIED = "fleet/t1", "refs/fleet/verified/t1"
OPEN = Verdict(True, None, 0, "", 0.0)


class Killed(Exception):
    """Stands for the coordinator's end in the middle of a landing."""


@pytest.fixture
def tree(repo: Path, trees: Path) -> Path:
    """A task's worktree; the user is on another branch, so that main may be moved."""
    make_ready(
        repo,
        trees / "t1",
        branch=BRANCH,
        base="main",
        ports=None,
        settings=worktree_settings,
        marker_env=MARKER,
    )
    git(repo, "checkout", "--quiet", "-b", "user")
    return trees / "t1"


def main_goes_on(repo: Path, files: dict[str, str]) -> str:
    git(repo, "checkout", "--quiet", "main")
    done = commit(repo, files)
    git(repo, "checkout", "--quiet", "user")
    return done


def go(
    repo: Path,
    trees: Path,
    verify: Callable[[Path], Verdict] = lambda path: OPEN,
    target: str = "main",
    approved: str | None = None,
) -> Outcome:
    return land(
        repo, branch=BRANCH, target=target, landing_path=trees / "landing", messages=["Land t1"], verify=verify,
        verified_ref=VERIFIED, marker_env=MARKER,
        settings=of_target, approved=approved,
    )  # fmt: skip


@pytest.mark.parametrize("how", ["replace", "graft"])
def test_what_is_verified_is_the_commit_that_lands_whatever_was_put_in_its_place(
    repo: Path, tree: Path, trees: Path, how: str
) -> None:
    """Every other git of the repository sees the good one where the bad one is."""
    commit(tree, {"b.txt": "bad\n"})
    bad = commit(tree, {"c.txt": "c\n"})
    git(tree, "checkout", "--quiet", "--detach", "main")
    good = commit(tree, {"b.txt": "good\n"})
    git(tree, "checkout", "--quiet", BRANCH)
    if how == "replace":
        git(repo, "replace", bad, good)
        assert git(repo, "show", f"{bad}:b.txt") == "good", "it is not in force"
    else:
        (repo / ".git" / "info").mkdir(exist_ok=True)
        (repo / ".git" / "info" / "grafts").write_text(f"{bad}\n")
        assert git(repo, "rev-list", "--count", bad) == "1", "it is not in force"
    seen: list[str] = []

    def verify(path: Path) -> Verdict:
        seen.append((path / "b.txt").read_text())
        return OPEN

    assert go(repo, trees, verify) == Landed(bad)
    assert seen == ["bad\n"]
    own = Git(repo)
    assert own.said("rev-list", "--count", "main") == "3" and own.said("show", "main:b.txt") == "bad"


def test_a_branch_that_is_ahead_is_landed_as_it_is(repo: Path, tree: Path, trees: Path) -> None:
    tip = commit(tree, {"b.txt": "b\n"})
    assert go(repo, trees) == Landed(tip)
    assert git(repo, "rev-parse", "main") == tip
    assert is_landed(repo, tip, "main")


def test_what_was_approved_lands_and_nothing_that_came_to_the_branch_later(
    repo: Path, tree: Path, trees: Path
) -> None:
    approved = commit(tree, {"b.txt": "b\n"})
    later = commit(tree, {"c.txt": "nobody has looked\n"})
    before = git(repo, "rev-parse", "main")
    assert go(repo, trees, approved=approved) == Unapproved(later)
    assert git(repo, "rev-parse", "main") == before
    git(tree, "reset", "--quiet", "--hard", approved)
    assert go(repo, trees, approved=approved) == Landed(approved)


def test_a_branch_that_is_beside_is_merged_and_verified_merged(repo: Path, tree: Path, trees: Path) -> None:
    tip = commit(tree, {"b.txt": "b\n"})
    other = main_goes_on(repo, {"c.txt": "c\n"})
    seen: list[list[str]] = []

    def gate(path: Path) -> Verdict:
        seen.append(sorted(file.name for file in path.glob("?.txt")))
        return OPEN

    outcome = go(repo, trees, gate)
    assert isinstance(outcome, Landed)
    assert seen == [["a.txt", "b.txt", "c.txt"]]
    assert git(repo, "log", "-1", "--format=%P %s", "main") == f"{other} {tip} Land t1"


def test_landing_again_is_the_same_landing(repo: Path, tree: Path, trees: Path) -> None:
    commit(tree, {"b.txt": "b\n"})
    main_goes_on(repo, {"c.txt": "c\n"})
    first = go(repo, trees)
    assert go(repo, trees) == first
    assert git(repo, "rev-list", "--merges", "--count", "main") == "1"


def test_what_the_target_has_already_was_brought_by_another(repo: Path, tree: Path, trees: Path) -> None:
    assert go(repo, trees) == Landed(git(repo, "rev-parse", "main"), by_another=True)
    commit(tree, {"b.txt": "work\n"})
    git(repo, "branch", "-f", "main", BRANCH)
    assert go(repo, trees) == Landed(git(repo, "rev-parse", BRANCH), by_another=True)


@pytest.mark.parametrize("how", ["no commit", "empty", "taken back", "target merged", "of another"])
def test_a_branch_that_brings_nothing_is_told_from_one_that_does(repo: Path, tree: Path, how: str) -> None:
    main_goes_on(repo, {"c.txt": "main\n"})
    if how == "empty":
        git(tree, "commit", "--quiet", "--allow-empty", "-m", "done")
    elif how == "taken back":
        commit(tree, {"b.txt": "work\n"})
        git(tree, "revert", "--no-edit", "HEAD")
    elif how == "target merged":
        git(tree, "merge", "--quiet", "--no-ff", "-m", "main", "main")
    elif how == "of another":
        commit(tree, {"b.txt": "work\n"})
        git(repo, "update-ref", "refs/heads/main", BRANCH)
    here = Git(repo)
    assert brings_nothing(here, git(repo, "rev-parse", BRANCH), git(repo, "rev-parse", "main"))
    done = commit(tree, {"d.txt": "work\n"})
    assert not brings_nothing(here, done, git(repo, "rev-parse", "main"))


def test_a_merge_says_what_the_commit_msg_hook_lets_pass_before_anything_is_verified(
    repo: Path, tree: Path, trees: Path
) -> None:
    hook(repo, "commit-msg", "grep -qE '^(feat|chore): ' \"$1\" || { echo 'no kind'; exit 1; }")
    commit(tree, {"b.txt": "work\n"}, "feat: b")
    main_goes_on(repo, {"c.txt": "main\n"})
    with pytest.raises(MessageRefused, match=r"no kind(.|\n)*\[land\] message = "):
        land(
            repo, branch=BRANCH, target="main", landing_path=trees / "landing", messages=["Land t1"],
            verify=lambda path: pytest.fail("nothing is verified"), verified_ref=VERIFIED, marker_env=MARKER,
            settings=of_target,
        )  # fmt: skip
    said = ways_to_say("Merge t1", "merge t1 into main", "Fleet-Task: t1\n", "feat: b")
    landed = land(
        repo, branch=BRANCH, target="main", landing_path=trees / "landing", messages=said,
        verify=lambda path: OPEN, verified_ref=VERIFIED, marker_env=MARKER,
        settings=of_target,
    )  # fmt: skip
    assert isinstance(landed, Landed)
    assert git(repo, "log", "-1", "--format=%B", "main") == "feat: merge t1 into main\n\nFleet-Task: t1"


def test_a_conflict_names_the_files_and_leaves_the_target_alone(repo: Path, tree: Path, trees: Path) -> None:
    commit(tree, {"a.txt": "ours\n"})
    before = main_goes_on(repo, {"a.txt": "theirs\n"})
    outcome = go(repo, trees)
    assert isinstance(outcome, Conflict)
    assert outcome.files == ("a.txt",) and "CONFLICT" in outcome.output
    assert git(repo, "rev-parse", "main") == before
    assert git(trees / "landing", "status", "--porcelain") == ""


def test_a_shut_gate_leaves_the_target(repo: Path, tree: Path, trees: Path) -> None:
    before = git(repo, "rev-parse", "main")
    commit(tree, {"b.txt": "b\n"})
    verdict = Verdict(False, "make test", 2, "1 failed", 1.0)
    assert go(repo, trees, lambda path: verdict) == VerifyFailed(verdict)
    assert git(repo, "rev-parse", "main") == before


def test_a_target_that_moves_while_verifying_is_not_overwritten(repo: Path, tree: Path, trees: Path) -> None:
    tip = commit(tree, {"b.txt": "b\n"})

    def gate(path: Path) -> Verdict:
        main_goes_on(repo, {"c.txt": "c\n"})
        return OPEN

    assert go(repo, trees, gate) == Moved()
    assert git(repo, "show", "main:c.txt") == "c"
    assert isinstance(go(repo, trees), Landed)
    assert is_landed(repo, tip, "main") and git(repo, "show", "main:c.txt") == "c"


@pytest.fixture
def overtaken(repo: Path, tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A commit that somebody puts on main, once, when git has been started to move main and has not looked yet."""
    git(repo, "checkout", "--quiet", "--detach", "main")
    theirs = commit(repo, {"c.txt": "c\n"})
    git(repo, "checkout", "--quiet", "user")
    real, once = shutil.which("git"), tmp_path / "once"
    (tmp_path / "bin").mkdir()
    slow = tmp_path / "bin" / "git"
    slow.write_text(
        f"""#!/bin/sh
case " $* " in *" refs/heads/main "*) mkdir {once} 2>/dev/null && "{real}" -C {repo} branch -f main {theirs} ;; esac
exec "{real}" "$@"
"""
    )
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", f"{slow.parent}:{os.environ['PATH']}")
    return theirs


def test_a_commit_that_comes_in_the_last_moment_before_the_target_is_moved_is_not_lost(
    repo: Path, tree: Path, trees: Path, overtaken: str
) -> None:
    """Later than any look at the target: only git's own compare-and-swap can see it."""
    tip = commit(tree, {"b.txt": "b\n"})
    assert go(repo, trees) == Moved()
    assert git(repo, "rev-parse", "main") == overtaken
    assert isinstance(go(repo, trees), Landed)
    assert is_landed(repo, tip, "main") and is_landed(repo, overtaken, "main")


def test_a_target_that_moves_while_verifying_and_is_checked_out_then_is_landed_again_first(
    repo: Path, tree: Path, trees: Path
) -> None:
    """Else a person would be given a command that cannot work: what was verified is no longer ahead of the target."""
    commit(tree, {"b.txt": "b\n"})

    def gate(path: Path) -> Verdict:
        git(repo, "checkout", "--quiet", "main")
        commit(repo, {"c.txt": "c\n"})
        return OPEN

    assert go(repo, trees, gate) == Moved()
    outcome = go(repo, trees)
    assert isinstance(outcome, Held)
    git(repo, "merge", "--quiet", "--ff-only", outcome.commit)


def test_a_target_the_user_has_checked_out_is_never_moved(repo: Path, tree: Path, trees: Path) -> None:
    git(repo, "checkout", "--quiet", "main")
    write(repo, {"a.txt": "the user's unsaved work\n", "new.txt": "x"})
    commit(tree, {"b.txt": "b\n"})
    before, tip = fingerprint(repo), git(repo, "rev-parse", "main")
    outcome = go(repo, trees)
    assert isinstance(outcome, Held) and outcome.where == repo
    assert git(repo, "rev-parse", "main") == tip and fingerprint(repo) == before
    assert git(repo, "rev-parse", VERIFIED) == outcome.commit and not is_landed(repo, outcome.commit, "main")
    command = outcome.advice.partition("run: git ")[2].split()
    assert command[0] == "-C" and command[2:] == ["merge", "--ff-only", outcome.commit]
    git(repo, *command)
    assert is_landed(repo, outcome.commit, "main")
    assert go(repo, trees) == Landed(outcome.commit)


def test_a_target_that_a_rebase_will_come_back_to_counts_as_checked_out(
    repo: Path, tree: Path, trees: Path
) -> None:
    commit(tree, {"b.txt": "b\n"})
    git(repo, "checkout", "--quiet", "main")
    git(repo, "-c", "sequence.editor=sed -i s/^pick/edit/", "rebase", "-i", "--root")
    assert git(repo, "branch", "--show-current") == ""
    assert isinstance(go(repo, trees), Held)


def test_being_killed_while_verifying_changes_nothing_and_the_next_call_lands_once(
    repo: Path, tree: Path, trees: Path
) -> None:
    commit(tree, {"b.txt": "b\n"})
    main_goes_on(repo, {"c.txt": "c\n"})
    seen: list[str] = []

    def killed(path: Path) -> Verdict:
        seen.append(git(path, "rev-parse", "HEAD"))
        write(path, {"a.txt": "half\n", "left.txt": "behind\n"})
        raise Killed

    with pytest.raises(Killed):
        go(repo, trees, killed)
    outcome = go(repo, trees)
    assert outcome == Landed(seen[0]), "the same merge is the same commit"
    assert git(repo, "show", "main:a.txt") == "one"
    assert not (trees / "landing" / "left.txt").exists()
    kept = git(repo, "for-each-ref", "--format=%(refname)", "refs/fleet/preserved")
    assert git(repo, "show", f"{kept}:left.txt") == "behind", "it could have been a person's: kept"


def test_a_hook_that_refuses_the_merge_shuts_the_gate(repo: Path, tree: Path, trees: Path) -> None:
    commit(tree, {"b.txt": "b\n"})
    before = main_goes_on(repo, {"c.txt": "c\n"})
    hook(repo, "pre-merge-commit", "echo no merges on friday >&2; exit 1")
    outcome = go(repo, trees)
    assert isinstance(outcome, VerifyFailed) and not outcome.verdict.ok
    assert "no merges on friday" in outcome.verdict.output_tail
    assert git(repo, "rev-parse", "main") == before


def test_a_hook_that_refuses_the_references_move_shuts_the_gate(repo: Path, tree: Path, trees: Path) -> None:
    commit(tree, {"b.txt": "b\n"})
    hook(repo, "reference-transaction", 'grep -q " refs/heads/main$" || exit 0; exit 1')
    assert isinstance(go(repo, trees), VerifyFailed)


def test_the_landing_place_is_set_up_for_the_merged_work_by_the_targets_settings(
    repo: Path, tree: Path, trees: Path
) -> None:
    git(repo, "checkout", "--quiet", "main")
    commit(repo, {".fleet.toml": '[worktree]\nsetup = ["cat b.txt > seen.log"]\n'})
    git(repo, "checkout", "--quiet", "user")
    commit(tree, {"b.txt": "b\n", "other.toml": ""})

    def gate(path: Path) -> Verdict:
        assert (path / "seen.log").read_text() == "b\n"
        return OPEN

    assert isinstance(go(repo, trees, gate), Landed)


def test_a_setup_that_fails_on_the_merged_work_shuts_the_gate(repo: Path, tree: Path, trees: Path) -> None:
    main_goes_on(repo, {".fleet.toml": '[worktree]\nsetup = ["! test -e b.txt"]\n'})
    commit(tree, {"b.txt": "b\n"})
    outcome = go(repo, trees)
    assert isinstance(outcome, VerifyFailed) and outcome.verdict.command == "! test -e b.txt"


def test_the_landing_place_is_used_again(repo: Path, tree: Path, trees: Path) -> None:
    commit(tree, {"b.txt": "b\n"})
    go(repo, trees)
    inode = (trees / "landing" / "a.txt").stat().st_ino
    commit(tree, {"c.txt": "c\n"})
    assert isinstance(go(repo, trees), Landed)
    assert (trees / "landing" / "a.txt").stat().st_ino == inode


def test_a_branch_that_is_missing_is_a_clear_error(repo: Path, tree: Path, trees: Path) -> None:
    with pytest.raises(NoTarget, match="no branch 'gone'"):
        go(repo, trees, target="gone")


def test_a_bare_repositorys_head_is_no_checkout(repo: Path, tree: Path, trees: Path, tmp_path: Path) -> None:
    tip = commit(tree, {"b.txt": "b\n"})
    git(tmp_path, "clone", "--quiet", "--bare", str(repo), "bare.git")
    git(tmp_path / "bare.git", "symbolic-ref", "HEAD", "refs/heads/main")
    assert go(tmp_path / "bare.git", trees) == Landed(tip)


def test_histories_with_nothing_in_common_are_a_conflict(repo: Path, tree: Path, trees: Path) -> None:
    git(tree, "checkout", "--quiet", "--orphan", "fresh")
    commit(tree, {"b.txt": "b\n"})
    git(tree, "checkout", "--quiet", "-B", BRANCH)
    outcome = go(repo, trees)
    assert isinstance(outcome, Conflict) and "unrelated histories" in outcome.output
