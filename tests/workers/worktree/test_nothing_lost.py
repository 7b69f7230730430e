"""What people lost elsewhere when a worktree went: repositories of another hash, much that git ignores, directories
that may not be written, work whose entry git had forgotten; and repositories that keep a key for their files."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tests.workers.worktree.repositories import MARKER, commit, git, repository, show, write
from workers.worktree import ignored_work
from workers.worktree.filters import FilterFailed
from workers.worktree.make import make_ready
from workers.worktree.remove import RemoveRefused, remove
from workers.worktree.settings import worktree_settings

REF = "refs/fleet/preserved/t1"
ROOT = Path(__file__).resolve().parents[3]


def make(repo: Path, tree: Path) -> Path:
    make_ready(
        repo, tree, branch=f"fleet/{tree.name}", base="main", settings=worktree_settings, marker_env=MARKER
    )  # fmt: skip
    return tree


@pytest.fixture
def tree(repo: Path, trees: Path) -> Path:
    return make(repo, trees / "t1")


_TRUSTED: Any = {"filter": "fully_trusted"} if hasattr(tarfile, "data_filter") else {}
"""Our own archive. Python 3.11.2, which Debian has, knows no filters; 3.12 and 3.13 warn where none is named."""


def test_a_repository_of_another_hash_is_kept_with_its_history(
    repo: Path, tree: Path, tmp_path: Path
) -> None:
    """git cannot take its objects over."""
    inner = tree / "vendor" / "lib"
    inner.mkdir(parents=True)
    git(inner, "init", "--quiet", "--object-format=sha256")
    tip = commit(inner, {"lib.c": "code\n"})
    write(inner, {"lib.c": "changed\n"})
    kept = remove(repo, tree, REF).preserved
    assert kept is not None and not tree.exists()
    assert show(repo, kept, "vendor/lib/lib.c") == "changed"
    (archive,) = [
        path
        for path in git(repo, "ls-tree", "-r", "--name-only", kept).splitlines()
        if path.startswith(".fleet-repositories/")
    ]
    data = subprocess.run(
        ["git", "-C", repo, "show", f"{kept}:{archive}"], capture_output=True, check=True
    ).stdout
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        tar.extractall(tmp_path / "again", **_TRUSTED)
    (again,) = {
        path.parent for path in (tmp_path / "again").rglob("HEAD") if (path.parent / "objects").is_dir()
    }
    assert git(again, "cat-file", "-t", tip) == "commit"


def test_ignored_work_that_is_too_much_for_git_lies_beside_the_worktree_afterwards(
    repo: Path, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ignored_work, "BYTES_MAX", 1_000)
    write(tree, {"cache/model.bin": "x" * 2_000, "b.txt": "b\n"})
    removed = remove(repo, tree, REF)
    assert removed.kept_at == tree.with_name("t1.kept-1") and not tree.exists()
    assert (removed.kept_at / "cache" / "model.bin").read_text() == "x" * 2_000
    assert removed.preserved is not None and show(repo, removed.preserved, "b.txt") == "b"


def test_ignored_work_is_kept_with_the_rest_and_caches_are_not(repo: Path, tree: Path) -> None:
    write(
        tree,
        {"cache/report.txt": "deliverable\n", "cache/__pycache__/x.pyc": "c", "node_modules/m/i.js": "m"},
    )
    write(tree, {"x.log": "told\n"})
    kept = remove(repo, tree, REF).preserved
    assert kept is not None
    assert show(repo, kept, "cache/report.txt") == "deliverable" and show(repo, kept, "x.log") == "told"
    assert "pyc" not in git(repo, "ls-tree", "-r", "--name-only", kept)


def test_a_worktree_that_git_has_forgotten_is_removed_with_its_work_kept(
    repo: Path, tree: Path, tmp_path: Path
) -> None:
    """`git worktree prune` drops the entry of one that was away for a moment."""
    write(tree, {"b.txt": "b\n"})
    tree.rename(tmp_path / "away")
    git(repo, "worktree", "prune")
    (tmp_path / "away").rename(tree)
    kept = remove(repo, tree, REF).preserved
    assert kept is not None and show(repo, kept, "b.txt") == "b" and not tree.exists()
    assert remove(repo, tree, REF).preserved is None, "it can be said again"


def test_what_no_fleet_made_is_never_taken_for_a_worktree_to_remove(repo: Path, trees: Path) -> None:
    write(trees / "t9", {"precious.txt": "p\n"})
    with pytest.raises(RemoveRefused, match="look at what is in it"):
        remove(repo, trees / "t9", REF)
    assert (trees / "t9" / "precious.txt").exists()


AS_A_PERSON = f"""
import sys
from pathlib import Path
from typing import Any
from workers.worktree.remove import remove
print(remove(Path(sys.argv[1]), Path(sys.argv[2]), {REF!r}).preserved)
"""
POWERS = "-dac_override,-dac_read_search,-fowner"


@pytest.mark.skipif(sys.platform != "linux", reason="root's powers are dropped by setpriv")
def test_directories_that_may_not_be_written_go_for_an_ordinary_user_too(repo: Path, tree: Path) -> None:
    """Go's module cache is made so."""
    write(tree, {"cache/mod/f": "x\n", "b.txt": "b\n"})
    for folder in (tree / "cache" / "mod", tree / "cache"):
        folder.chmod(0o555)
    powerless = ["setpriv", f"--bounding-set={POWERS}", f"--inh-caps={POWERS}"] if os.geteuid() == 0 else []
    ended = subprocess.run(
        [*powerless, sys.executable, "-c", AS_A_PERSON, str(repo), str(tree)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert show(repo, ended.stdout.strip(), "b.txt") == "b" and not tree.exists()
    assert show(repo, REF, "cache/mod/f") == "x"


KEYED = """#!/bin/sh
# As git-crypt does: the key lies in the repository's git directory, and files are written with it alone.
test -e "$(git rev-parse --git-dir)/test-crypt/key" || { echo "no key" >&2; exit 1; }
tr a-zA-Z n-za-mN-ZA-M
"""


@pytest.fixture
def keyed(tmp_path: Path) -> Path:
    repo = repository(tmp_path / "keyed")
    (tmp_path / "filter").write_text(KEYED)
    (tmp_path / "filter").chmod(0o755)
    for direction in ("clean", "smudge"):
        git(repo, "config", f"filter.test-crypt.{direction}", str(tmp_path / "filter"))
    git(repo, "config", "filter.test-crypt.required", "true")
    (repo / ".git" / "test-crypt").mkdir()
    (repo / ".git" / "test-crypt" / "key").write_text("k")
    commit(repo, {".gitattributes": "secret.txt filter=test-crypt\n", "secret.txt": "s3cret\n"})
    assert git(repo, "cat-file", "blob", "HEAD:secret.txt") == "f3perg"
    return repo


def test_a_repository_that_keeps_a_key_is_worked_on_where_it_is_unlocked(keyed: Path, trees: Path) -> None:
    assert (make(keyed, trees / "t1") / "secret.txt").read_text() == "s3cret\n"


def test_of_one_that_is_locked_the_filter_is_named_and_what_to_do(keyed: Path, trees: Path) -> None:
    (keyed / ".git" / "test-crypt" / "key").unlink()
    with pytest.raises(FilterFailed, match=r"'test-crypt'.*Unlock the repository"):
        make(keyed, trees / "t1")
    (keyed / ".git" / "test-crypt" / "key").write_text("k")
    assert (make(keyed, trees / "t1") / "secret.txt").read_text() == "s3cret\n", "it goes on by itself"
