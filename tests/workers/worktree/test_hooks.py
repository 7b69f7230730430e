"""Hooks that lie in the person's checkout and in no commit run for work, too; or a person is told why they do not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.workers.worktree.repositories import MARKER, commit, git, write
from workers.worktree.commit import HookRefused, commit_work
from workers.worktree.hooks import absent_hooks
from workers.worktree.make import make_ready
from workers.worktree.settings import worktree_settings


def husky(repo: Path, ignore: str = "_", folder: str = ".husky/_", setup: str = "") -> None:
    """As `husky` makes it: the repository names a directory that it generates in each checkout."""
    files = {
        ".husky/.gitignore": f"{ignore}\n",
        ".fleet.toml": f"[worktree]\nsetup = [{setup!r}]\n" if setup else "",
    }
    commit(repo, files)
    write(repo, {f"{folder}/pre-commit": "#!/bin/sh\necho lint failed; exit 1\n", f"{folder}/husky.sh": ""})
    (repo / folder / "pre-commit").chmod(0o755)
    git(repo, "config", "core.hooksPath", folder)


def made(repo: Path, trees: Path) -> Path:
    tree = trees / "t1"
    make_ready(repo, tree, branch="fleet/t1", base="main", settings=worktree_settings, marker_env=MARKER)
    write(tree, {"b.txt": "work\n"})
    return tree


def test_hooks_that_are_generated_and_ignored_run_in_a_worktree_and_it_is_told(
    repo: Path, trees: Path
) -> None:
    husky(repo)
    with pytest.raises(HookRefused, match="lint failed"):
        commit_work(made(repo, trees), "work")
    absent = absent_hooks(repo)
    assert absent is not None and absent.names == ("pre-commit",)
    assert absent.story.startswith("core.hooksPath is .husky/_, which is in no commit")
    assert "[worktree] setup" in absent.cure


def test_hooks_that_the_setup_makes_are_the_setups(repo: Path, trees: Path) -> None:
    husky(repo, setup="printf '#!/bin/sh\\nexit 0\\n' > .husky/_/pre-commit")
    assert commit_work(made(repo, trees), "work") is not None


@pytest.mark.parametrize(
    ("folder", "ignore", "cure"),
    [(".git/hooks", "_", "git config core.hooksPath "), ("lint", "_", ".gitignore")],
)
def test_what_cannot_be_copied_is_told_with_what_to_do(
    repo: Path, trees: Path, folder: str, ignore: str, cure: str
) -> None:
    husky(repo, ignore, folder)
    assert commit_work(made(repo, trees), "work") is not None
    absent = absent_hooks(repo)
    assert absent is not None and cure in absent.cure
    assert git(repo, "status", "--porcelain", "--", "lint") == ("?? lint/" if folder == "lint" else "")


def test_hooks_in_commits_and_in_the_usual_place_and_none_are_no_news(repo: Path) -> None:
    assert absent_hooks(repo) is None
    git(repo, "config", "core.hooksPath", "nowhere")
    assert absent_hooks(repo) is None
    husky(repo, folder="hooks")
    git(repo, "add", "hooks")
    assert absent_hooks(repo) is None
