"""Large files on a host: from home's store, with no server, and new ones back. Needs git-lfs."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest

from tests.workers.mirror.trees import finish, prepare
from tests.workers.mirror.wires import Wires
from tests.workers.worktree.repositories import commit, git, repository
from workers.remote import lfs
from workers.remote.lfs import LargeFilesMissing, NoGitLfs, bring_large_files, send_large_files
from workers.remote.mirror import Mirror, base_ref
from workers.worktree.filters import FilterFailed

BIG = "large\n" * 1000


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """A repository with a large file, and a text that only looks like a pointer to one."""
    (tmp_path / "home" / "gitconfig").write_text(
        '[filter "lfs"]\nclean = git-lfs clean -- %f\nsmudge = git-lfs smudge -- %f\nrequired = true\n'
    )
    return repository(
        tmp_path / "repo", {".gitattributes": "*.bin filter=lfs -text\n", "sub/a.bin": BIG, "b.txt": "b\n"}
    )


@pytest.fixture
def mirror(host: Wires, repo: Path, tmp_path: Path) -> Mirror:
    (tmp_path / "home" / "gitconfig").rename(tmp_path / "home" / "at home")
    return Mirror(host, repo)


def started(mirror: Mirror, root: Path) -> Path:
    tip = mirror.git.said("rev-parse", "main")
    mirror.send({base_ref("main"): tip})
    send_large_files(mirror, tip, "git-lfs/3.3.0")
    return prepare(mirror, root, tip)


def stored(repo: Path, content: str) -> Path:
    oid = hashlib.sha256(content.encode()).hexdigest()
    return repo / ".git" / "lfs" / "objects" / oid[:2] / oid[2:4] / oid


def test_large_files_are_there_with_no_server(
    mirror: Mirror, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lfs, "PIECE_BYTES", 1000)
    tree = started(mirror, root)
    assert (tree / "sub" / "a.bin").read_text() == BIG
    assert git(tree, "status", "--porcelain") == ""


def test_new_large_files_come_home_from_every_commit(
    mirror: Mirror, repo: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = started(mirror, root)
    base = git(tree, "rev-parse", "HEAD")
    commit(tree, {"sub/a.bin": "first\n" * 900})
    (tree / "sub" / "a.bin").write_text("second\n" * 900)
    head = finish(mirror, tree)
    mirror.bring({"refs/fleet/there/t1": head})
    monkeypatch.setattr(lfs, "PIECE_BYTES", 1000)
    bring_large_files(mirror, head, base)
    for content in ("first\n" * 900, "second\n" * 900):
        assert stored(repo, content).read_text() == content
    assert [path for path in (repo / ".git" / "lfs").rglob("*") if path.name.startswith(".fleet")] == []
    asked = len(mirror.far.asked) if isinstance(mirror.far, Wires) else 0
    bring_large_files(mirror, head, base)
    assert isinstance(mirror.far, Wires) and len(mirror.far.asked) == asked


def test_what_was_sent_is_not_sent_again(mirror: Mirror, host: Wires, root: Path) -> None:
    started(mirror, root)
    asked = len(host.asked)
    send_large_files(mirror, mirror.git.said("rev-parse", "main"), "git-lfs/3.3.0")
    assert len(host.asked) == asked
    again = Mirror(host, mirror.place.root)
    send_large_files(again, mirror.git.said("rev-parse", "main"), "git-lfs/3.3.0")
    assert host.asked.count("lfs_put") == 1


def test_a_host_without_git_lfs_is_told_how_to_get_it(mirror: Mirror) -> None:
    with pytest.raises(
        NoGitLfs, match=r"host there has none: install it there .*apt install git-lfs"
    ) as said:
        send_large_files(mirror, mirror.git.said("rev-parse", "main"), None)
    assert said.value.of_the_host


def test_an_object_that_home_lacks_is_a_clear_error(mirror: Mirror, repo: Path) -> None:
    shutil.rmtree(repo / ".git" / "lfs")
    with pytest.raises(LargeFilesMissing, match=r"not in .*repo, so host there .*git lfs fetch origin"):
        send_large_files(mirror, mirror.git.said("rev-parse", "main"), "git-lfs/3.3.0")


def test_an_object_that_the_host_lost_is_a_clear_error(mirror: Mirror, root: Path) -> None:
    tree = started(mirror, root)
    base = git(tree, "rev-parse", "HEAD")
    head = commit(tree, {"sub/a.bin": "first\n" * 900})
    shutil.rmtree(Path(mirror.path) / "lfs" / "objects")
    mirror.bring({"refs/fleet/there/t1": head})
    with pytest.raises(LargeFilesMissing, match="host there made a commit with a large file"):
        bring_large_files(mirror, head, base)


def test_a_repository_without_large_files_asks_nothing(host: Wires, tmp_path: Path) -> None:
    mirror = Mirror(host, repository(tmp_path / "plain"))
    send_large_files(mirror, "main", None)
    bring_large_files(mirror, "main", "main")
    assert host.asked == []


def test_a_store_elsewhere_is_found(mirror: Mirror, repo: Path, root: Path, tmp_path: Path) -> None:
    (repo / ".git" / "lfs").rename(tmp_path / "store")
    git(repo, "config", "lfs.storage", str(tmp_path / "store"))
    assert (started(mirror, root) / "sub" / "a.bin").read_text() == BIG


def test_without_its_objects_git_itself_would_have_failed(mirror: Mirror, root: Path) -> None:
    """Why they are sent before the worktree is made."""
    tip = mirror.git.said("rev-parse", "main")
    mirror.send({base_ref("main"): tip})
    mirror.ask("mirror_config", {"set": lfs.SETTINGS})
    with pytest.raises(FilterFailed, match="smudge"):
        prepare(mirror, root, tip)


@pytest.mark.parametrize("level", [".part", "oid", "folder"])
def test_a_large_file_is_laid_and_read_behind_no_link_in_a_mirror(
    mirror: Mirror, root: Path, tmp_path: Path, level: str
) -> None:
    """A worker there may have laid one, where it knows what comes next."""
    tip = mirror.git.said("rev-parse", "main")
    mirror.send({base_ref("main"): tip})
    outside = tmp_path / "outside"
    outside.mkdir()
    place = stored(Path(), BIG)
    there = next(root.glob("mirrors/*.git")) / place.relative_to(".git")
    there.parent.mkdir(parents=True)
    if level == "folder":
        there.parent.rmdir()
        there.parent.symlink_to(outside)
    else:
        (outside / ".bashrc").write_text("theirs\n")
        name = there.name + (".part" if level == ".part" else "")
        there.with_name(name).symlink_to(outside / ".bashrc")
    with pytest.raises(OSError, match=r"no plain file|a link or no directory"):
        send_large_files(mirror, tip, "git-lfs/3.3.0")
    assert [path.read_text() for path in outside.iterdir()] == ["theirs\n"] * (level != "folder")


def test_a_large_file_comes_home_behind_no_link_in_the_repository(
    mirror: Mirror, repo: Path, root: Path, tmp_path: Path
) -> None:
    tree = started(mirror, root)
    base = git(tree, "rev-parse", "HEAD")
    (tree / "sub" / "a.bin").write_text("new\n" * 900)
    head = finish(mirror, tree)
    mirror.bring({"refs/fleet/there/t1": head})
    outside = tmp_path / "outside"
    outside.mkdir()
    place = stored(repo, "new\n" * 900).parent
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(outside)
    with pytest.raises(OSError, match="a link or no directory"):
        bring_large_files(mirror, head, base)
    assert list(outside.iterdir()) == []
