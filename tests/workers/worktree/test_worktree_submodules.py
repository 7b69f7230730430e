"""Submodules: taken from what is already there, and their work is kept and landed like any other."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.workers.worktree.repositories import MARKER, commit, git, of_target, repository, show, write
from workers.landing import Landed, land
from workers.verify import Verdict
from workers.worktree.commit import commit_work
from workers.worktree.make import make_ready
from workers.worktree.preserve import preserve
from workers.worktree.remove import remove
from workers.worktree.settings import worktree_settings
from workers.worktree.submodules import SubmoduleMissing, is_inside

REF = "refs/fleet/preserved/t1"


@pytest.fixture
def nested(tmp_path: Path) -> Path:
    """A repository with a submodule that has a submodule; what they were cloned from is gone."""
    for name in ("deep", "lib"):
        repository(tmp_path / name, {f"{name}.txt": f"{name}\n"})
    git(tmp_path / "lib", "submodule", "--quiet", "add", str(tmp_path / "deep"), "deep")
    commit(tmp_path / "lib", {}, "add deep")
    repo = repository(tmp_path / "super")
    git(repo, "submodule", "--quiet", "add", str(tmp_path / "lib"), "lib")
    commit(repo, {}, "add lib")
    git(repo, "submodule", "--quiet", "update", "--init", "--recursive")
    shutil.rmtree(tmp_path / "lib")
    shutil.rmtree(tmp_path / "deep")
    return repo


@pytest.fixture
def tree(nested: Path, trees: Path) -> Path:
    make_ready(
        nested,
        trees / "t1",
        branch="fleet/t1",
        base="main",
        ports=None,
        settings=worktree_settings,
        marker_env=MARKER,
    )
    return trees / "t1"


def test_nested_submodules_are_there_although_their_origin_is_not(
    nested: Path, tree: Path, tmp_path: Path
) -> None:
    assert (tree / "lib" / "lib.txt").read_text() == "lib\n"
    assert (tree / "lib" / "deep" / "deep.txt").read_text() == "deep\n"
    assert git(tree / "lib", "remote", "get-url", "origin") == str(tmp_path / "lib")
    assert git(tree, "status", "--porcelain") == ""
    assert preserve(tree, REF) is None


def test_the_users_configuration_is_not_changed(nested: Path, trees: Path) -> None:
    before = (nested / ".git" / "config").read_text()
    make_ready(
        nested,
        trees / "t1",
        branch="fleet/t1",
        base="main",
        ports=None,
        settings=worktree_settings,
        marker_env=MARKER,
    )
    assert (nested / ".git" / "config").read_text() == before


def test_a_submodule_that_is_nowhere_to_be_had_is_a_clear_error(nested: Path, trees: Path) -> None:
    shutil.rmtree(nested / ".git" / "modules")
    with pytest.raises(SubmoduleMissing, match=r"lib .*git submodule update --init lib"):
        make_ready(
            nested,
            trees / "t1",
            branch="fleet/t1",
            base="main",
            ports=None,
            settings=worktree_settings,
            marker_env=MARKER,
        )


def test_unpushed_commits_and_loose_work_of_submodules_outlive_the_worktree(nested: Path, tree: Path) -> None:
    unpushed = commit(tree / "lib", {"lib.txt": "unpushed\n"})
    write(tree / "lib" / "deep", {"deep.txt": "loose\n"})
    kept = remove(nested, tree, REF).preserved
    assert kept and not tree.exists()
    reachable = git(nested, "rev-list", kept).split()
    assert unpushed in reachable and show(nested, unpushed, "lib.txt") == "unpushed"
    assert "loose" in [
        show(nested, c, "deep.txt") for c in reachable if "deep.txt" in git(nested, "ls-tree", c)
    ]


def test_work_in_a_submodule_can_be_landed(nested: Path, tree: Path, trees: Path) -> None:
    inner = commit(tree / "lib", {"lib.txt": "better\n"})
    assert commit_work(tree, "Take the better lib")
    git(nested, "checkout", "--quiet", "-b", "elsewhere")

    def gate(path: Path) -> Verdict:
        assert (path / "lib" / "lib.txt").read_text() == "better\n"
        return Verdict(True, None, 0, "", 0.0)

    outcome = land(
        nested, branch="fleet/t1", target="main", landing_path=trees / "landing", messages=["Land t1"],
        verify=gate, verified_ref="refs/fleet/verified/t1", marker_env=MARKER,
        settings=of_target,
    )  # fmt: skip
    assert isinstance(outcome, Landed)
    assert inner in git(nested, "ls-tree", "main", "lib")


@pytest.mark.parametrize(
    "name",
    [
        *(
            "",
            ".",
            "..",
            "../x",
            "a/../../x",
            "/etc",
            "//x",
            ".git",
            "a/.git/hooks",
            ".GIT",
            ".git.",
            ".git ",
            "git~1",
        ),
        *("a/.. /x", "..\\x", "a\nb", "a\u202eb", "... /x"),
    ],
)
def test_no_name_of_a_submodule_leads_out_of_where_it_is_put(name: str) -> None:
    assert not is_inside(name)


@pytest.mark.parametrize("name", ["lib", "deps/lib", "a.b", ".github", "git", "a b", "ünï", "..a"])
def test_ordinary_names_of_submodules_are_taken(name: str) -> None:
    assert is_inside(name)
