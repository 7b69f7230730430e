"""Whatever is in a worktree and in no commit is kept before anything is removed, and if that fails nothing is."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.workers.worktree.repositories import (
    MARKER,
    commit,
    fingerprint,
    git,
    hook,
    repository,
    show,
    write,
)
from workers.worktree.make import make_ready
from workers.worktree.preserve import PreserveFailed, preserve
from workers.worktree.remove import RemoveRefused, listing, prune, remove
from workers.worktree.settings import worktree_settings

REF = "refs/fleet/preserved/t1"


@pytest.fixture
def tree(repo: Path, trees: Path) -> Path:
    """A worktree ready to be worked in."""
    make_ready(
        repo,
        trees / "t1",
        branch="fleet/t1",
        base="main",
        ports=None,
        settings=worktree_settings,
        marker_env=MARKER,
    )
    return trees / "t1"


def paths(repo: Path, commit: str) -> list[str]:
    return git(repo, "ls-tree", "-r", "--name-only", commit).splitlines()


def test_a_clean_worktree_has_nothing_to_keep_even_with_commits_of_its_own(repo: Path, tree: Path) -> None:
    commit(tree, {"b.txt": "b\n"})
    write(tree, {"x.log": "ignored\n"})
    assert preserve(tree, REF) is None
    assert git(repo, "for-each-ref", "refs/fleet/preserved") == ""


def test_changed_deleted_staged_and_new_files_are_kept_and_ignored_ones_are_not(
    repo: Path, tree: Path
) -> None:
    commit(tree, {"gone.txt": "g\n", "staged.txt": "s\n"})
    write(
        tree,
        {"a.txt": "changed\n", "staged.txt": "staged\n", "dir/new \n ü.txt": "new\n", "x.log": "ignored\n"},
    )
    (tree / "gone.txt").unlink()
    git(tree, "add", "staged.txt")
    before = git(tree, "status", "--porcelain")
    kept = preserve(tree, REF)
    assert kept == git(repo, "rev-parse", REF)
    assert show(repo, kept, "a.txt") == "changed"
    assert show(repo, kept, "staged.txt") == "staged"
    assert show(repo, kept, "dir/new \n ü.txt") == "new"
    assert "gone.txt" not in paths(repo, kept) and "x.log" not in paths(repo, kept)
    assert git(repo, "rev-parse", f"{kept}^1") == git(tree, "rev-parse", "HEAD")
    assert git(tree, "status", "--porcelain") == before, "neither the index nor the files were touched"


def test_what_was_staged_is_kept_when_the_file_went_on_from_there(repo: Path, tree: Path) -> None:
    write(tree, {"a.txt": "staged\n"})
    git(tree, "add", "a.txt")
    write(tree, {"a.txt": "one\n"})
    kept = preserve(tree, REF)
    assert kept and show(repo, f"{kept}^2", "a.txt") == "staged"


def test_no_hook_has_a_say(repo: Path, tree: Path) -> None:
    for name in ("pre-commit", "commit-msg", "post-index-change"):
        hook(repo, name, "exit 1")
    write(tree, {"a.txt": "changed\n"})
    assert preserve(tree, REF)


def test_commits_on_a_detached_head_are_kept(repo: Path, tree: Path) -> None:
    git(tree, "checkout", "--quiet", "--detach")
    done = commit(tree, {"b.txt": "b\n"})
    assert preserve(tree, REF) == done == git(repo, "rev-parse", REF)


def test_a_conflict_is_kept_with_both_sides_and_the_files_as_they_lie(repo: Path, tree: Path) -> None:
    git(tree, "checkout", "--quiet", "--detach")
    theirs = commit(tree, {"a.txt": "theirs\n"})
    git(tree, "checkout", "--quiet", "fleet/t1")
    ours = commit(tree, {"a.txt": "ours\n"})
    git(tree, "merge", theirs, check=False)
    write(tree, {"a.txt": "half resolved\n"})
    kept = preserve(tree, REF)
    assert kept and show(repo, kept, "a.txt") == "half resolved"
    parents = git(repo, "log", "-1", "--format=%P", kept).split()
    assert ours in parents and theirs in parents
    stages = git(repo, "grep", "-h", "-e", "ours", "-e", "theirs", parents[-1], "--", ".fleet-unmerged")
    assert {"ours", "theirs"} <= set(stages.split())
    assert "UU a.txt" in git(tree, "status", "--porcelain")


def test_a_rebase_in_progress_is_kept(repo: Path, tree: Path) -> None:
    tip = commit(tree, {"a.txt": "mine\n"})
    commit(repo, {"a.txt": "main's\n"})
    git(tree, "rebase", "main", check=False)
    kept = preserve(tree, REF)
    assert kept and git(repo, "merge-base", "--is-ancestor", tip, kept) == ""


def test_an_orphan_branch_without_a_commit_is_kept(repo: Path, tree: Path) -> None:
    git(tree, "checkout", "--quiet", "--orphan", "fresh")
    write(tree, {"b.txt": "b\n"})
    kept = preserve(tree, REF)
    assert kept and show(repo, kept, "b.txt") == "b"


def test_keeping_twice_changes_nothing_and_an_earlier_keep_is_never_lost(repo: Path, tree: Path) -> None:
    write(tree, {"a.txt": "first\n"})
    first = preserve(tree, REF)
    assert preserve(tree, REF) == first
    write(tree, {"a.txt": "second\n"})
    second = preserve(tree, REF)
    assert second and second != first and first
    assert first in git(repo, "rev-list", second).split()


def test_a_repository_inside_the_worktree_is_kept_with_its_commits(repo: Path, tree: Path) -> None:
    inner = repository(tree / "inner", {"in.txt": "committed\n"})
    head = git(inner, "rev-parse", "HEAD")
    write(inner, {"in.txt": "changed\n"})
    (tree / "unborn").mkdir()
    git(tree / "unborn", "init", "--quiet")
    write(tree / "unborn", {"u.txt": "u\n"})
    kept = preserve(tree, REF)
    assert kept and show(repo, kept, "inner/in.txt") == "changed" and show(repo, kept, "unborn/u.txt") == "u"
    shutil.rmtree(inner)
    assert show(repo, head, "in.txt") == "committed"
    assert head in git(repo, "rev-list", kept).split()


def test_removing_keeps_what_is_loose_and_leaves_the_branch(repo: Path, tree: Path) -> None:
    done = commit(tree, {"b.txt": "b\n"})
    write(tree, {"a.txt": "loose\n"})
    removed = remove(repo, tree, REF)
    assert removed.preserved and show(repo, removed.preserved, "a.txt") == "loose"
    assert not tree.exists() and listing(repo) == []
    assert git(repo, "rev-parse", "fleet/t1") == done
    assert remove(repo, tree, REF).preserved is None, "safe to repeat"


def test_nothing_is_removed_when_it_cannot_be_kept(repo: Path, tree: Path) -> None:
    git(repo, "update-ref", f"{REF}/in-the-way", "main")
    write(tree, {"a.txt": "loose\n"})
    with pytest.raises(PreserveFailed, match="left alone"):
        remove(repo, tree, REF)
    assert (tree / "a.txt").read_text() == "loose\n"
    assert len(listing(repo)) == 1


def test_nothing_is_removed_when_the_disk_is_full(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("may not mount a tmpfs here")
    try:
        repo, tree = repository(disk / "repo"), tmp_path / "t1"
        git(repo, "worktree", "add", "--quiet", "-b", "x", str(tree))
        write(tree, {"a.txt": "loose\n"})
        (tree / "large.bin").write_bytes(bytes(range(256)) * 4)
        filler = disk / "filler"
        subprocess.run(["dd", "if=/dev/zero", f"of={filler}", "bs=4k"], capture_output=True, check=False)
        with pytest.raises(PreserveFailed):
            remove(repo, tree, REF)
        assert (tree / "a.txt").read_text() == "loose\n"
        filler.unlink()
        assert remove(repo, tree, REF).preserved
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_worktree_whose_directory_vanished_is_removed_and_its_head_and_index_kept(
    repo: Path, tree: Path
) -> None:
    git(tree, "checkout", "--quiet", "--detach")
    done = commit(tree, {"b.txt": "b\n"})
    write(tree, {"a.txt": "staged\n"})
    git(tree, "add", "a.txt")
    shutil.rmtree(tree)
    kept = remove(repo, tree, REF).preserved
    assert kept and show(repo, kept, "a.txt") == "staged" and done in git(repo, "rev-list", kept).split()
    assert listing(repo) == []


def test_only_worktrees_of_this_repository_are_removed(repo: Path, tmp_path: Path) -> None:
    write(tmp_path / "mine", {"a.txt": "a"})
    for path in (repo, tmp_path / "mine", tmp_path):
        with pytest.raises(RemoveRefused):
            remove(repo, path, REF)
    assert (repo / "a.txt").exists() and (tmp_path / "mine" / "a.txt").exists()


def test_a_removal_that_was_cut_short_goes_on_without_mistaking_its_gaps_for_work(
    repo: Path, tree: Path
) -> None:
    write(tree, {"b.txt": "loose\n"})
    kept = preserve(tree, REF)
    admin = Path(git(tree, "rev-parse", "--absolute-git-dir"))
    (admin / "fleet-removing").write_text(kept or "")
    (tree / "a.txt").unlink()
    assert remove(repo, tree, REF).preserved == kept == git(repo, "rev-parse", REF)


def test_pruning_removes_what_is_named_and_says_why_it_did_not_the_rest(
    repo: Path, tree: Path, trees: Path
) -> None:
    for name in ("t2", "t3"):
        make_ready(
            repo,
            trees / name,
            branch=f"fleet/{name}",
            base="main",
            ports=None,
            settings=worktree_settings,
            marker_env=MARKER,
        )
    git(repo, "worktree", "lock", str(trees / "t2"))
    before = fingerprint(repo)
    first, second = prune(repo, {tree: REF, trees / "t2": "refs/fleet/preserved/t2"})
    assert first.refused is None and second.refused and "locked" in second.refused
    assert [entry.path for entry in listing(repo)] == [trees / "t2", trees / "t3"]
    assert fingerprint(repo) == before
