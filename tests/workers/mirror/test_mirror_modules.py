"""Submodules on a host: from home's own copies, with no access to where they are from, and back."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.workers.mirror.trees import finish, prepare
from tests.workers.mirror.wires import Wires
from tests.workers.worktree.repositories import MARKER, commit, git, repository
from workers.git import Git
from workers.remote.mirror import Mirror, adopt_branch, base_ref
from workers.remote.mirror_modules import bring_modules, send_modules
from workers.worktree.make import make_ready
from workers.worktree.settings import read_settings
from workers.worktree.submodules import SubmoduleMissing


@pytest.fixture
def nested(tmp_path: Path) -> Path:
    """A repository with a submodule that has a submodule; what they were cloned from is gone."""
    for name in ("deep", "lib"):
        repository(tmp_path / name, {f"{name}.txt": f"{name}\n"})
    git(
        tmp_path / "lib",
        "submodule",
        "--quiet",
        "add",
        "--name",
        "inner/deep",
        str(tmp_path / "deep"),
        "deep",
    )
    commit(tmp_path / "lib", {}, "add deep")
    repo = repository(tmp_path / "super")
    git(repo, "submodule", "--quiet", "add", str(tmp_path / "lib"), "lib")
    commit(repo, {}, "add lib")
    git(repo, "submodule", "--quiet", "update", "--init", "--recursive")
    shutil.rmtree(tmp_path / "lib")
    shutil.rmtree(tmp_path / "deep")
    return repo


def started(mirror: Mirror, root: Path) -> Path:
    tip = mirror.git.said("rev-parse", "main")
    mirror.send({base_ref("main"): tip})
    send_modules(mirror, tip)
    return prepare(mirror, root, tip)


def test_nested_submodules_are_there(nested: Path, host: Wires, root: Path) -> None:
    tree = started(Mirror(host, nested), root)
    assert (tree / "lib" / "lib.txt").read_text() == "lib\n"
    assert (tree / "lib" / "deep" / "deep.txt").read_text() == "deep\n"
    assert git(tree, "status", "--porcelain") == ""


def test_what_was_sent_is_not_sent_again(nested: Path, host: Wires, root: Path) -> None:
    mirror = Mirror(host, nested)
    started(mirror, root)
    opened = host.opened
    send_modules(mirror, mirror.git.said("rev-parse", "main"))
    assert host.opened == opened == 3


def test_work_in_submodules_comes_home_and_can_be_checked_out_here(
    nested: Path, host: Wires, root: Path, tmp_path: Path
) -> None:
    mirror = Mirror(host, nested)
    tree = started(mirror, root)
    commit(tree / "lib" / "deep", {"deep.txt": "deeper\n"})
    commit(tree / "lib", {"lib.txt": "better\n"})
    head = finish(mirror, tree)
    mirror.bring({"refs/fleet/there/t1": head})
    bring_modules(mirror, head)
    adopt_branch(Git(nested), "fleet/t1", head, "refs/fleet/preserved/t1.1")
    make_ready(
        nested, tmp_path / "trees" / "t2", branch="fleet/t2", base="fleet/t1", marker_env=MARKER,
        settings=lambda git, commit: read_settings(git, commit).worktree,
    )  # fmt: skip
    assert (tmp_path / "trees" / "t2" / "lib" / "lib.txt").read_text() == "better\n"
    assert (tmp_path / "trees" / "t2" / "lib" / "deep" / "deep.txt").read_text() == "deeper\n"
    opened = host.opened
    bring_modules(mirror, head)
    assert host.opened == opened


def test_the_users_submodules_are_left_as_they_are(nested: Path, host: Wires, root: Path) -> None:
    before = (nested / ".git" / "config").read_bytes(), (nested / ".git/modules/lib/config").read_bytes()
    mirror = Mirror(host, nested)
    tree = started(mirror, root)
    commit(tree / "lib", {"lib.txt": "better\n"})
    head = finish(mirror, tree)
    mirror.bring({"refs/fleet/there/t1": head})
    bring_modules(mirror, head)
    assert before == (
        (nested / ".git" / "config").read_bytes(),
        (nested / ".git/modules/lib/config").read_bytes(),
    )
    assert git(nested, "status", "--porcelain") == ""


def test_a_submodule_that_home_does_not_have_is_a_clear_error(nested: Path, host: Wires, root: Path) -> None:
    shutil.rmtree(nested / ".git" / "modules" / "lib" / "modules")
    with pytest.raises(SubmoduleMissing, match=r"inner/deep .*host there .*git submodule update --init deep"):
        started(Mirror(host, nested), root)


def test_a_name_that_leads_elsewhere_is_refused(nested: Path, host: Wires, root: Path) -> None:
    text = (nested / ".gitmodules").read_text().replace('"lib"', '"../../../elsewhere"')
    commit(nested, {".gitmodules": text})
    with pytest.raises(SubmoduleMissing):
        started(Mirror(host, nested), root)
