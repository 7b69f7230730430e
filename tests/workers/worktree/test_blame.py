"""Whose matter it is that work cannot be committed: of the session that made it so, of the machine, or of a person."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.workers.worktree.repositories import MARKER, commit, git, hook, show, write
from workers import trouble
from workers.git import GitFailed
from workers.messages import MessageRefused
from workers.worktree.commit import HookRefused, WorkUnfinished, commit_work
from workers.worktree.make import make_ready
from workers.worktree.settings import worktree_settings

BRANCH = "fleet/t1"


@pytest.fixture
def tree(repo: Path, trees: Path) -> Path:
    return made(repo, trees)


def made(repo: Path, trees: Path) -> Path:
    tree = trees / "t1"
    make_ready(repo, tree, branch=BRANCH, base="main", settings=worktree_settings, marker_env=MARKER)
    return tree


def index_of(tree: Path) -> Path:
    return tree / git(tree, "rev-parse", "--git-path", "index")


def name_that_git_refuses(tree: Path) -> None:
    write(tree, {"deep/.GIT/config": "x"})


def pipe_in_place_of_a_file(tree: Path) -> None:
    (tree / "a.txt").unlink()
    os.mkfifo(tree / "a.txt")


def broken_gitmodules(tree: Path) -> None:
    write(tree, {".gitmodules": "[submodule\n", "b.txt": "b\n"})


def encoding_that_a_file_does_not_have(tree: Path) -> None:
    write(tree, {".gitattributes": "a.txt working-tree-encoding=UTF-16\n", "a.txt": "plain\n"})


def torn_index(tree: Path) -> None:
    index = index_of(tree)
    index.write_bytes(index.read_bytes()[:20])


def garbage_for_an_index(tree: Path) -> None:
    index_of(tree).write_bytes(b"DIRC" + b"\xff" * 200)


def directory_for_an_index(tree: Path) -> None:
    index_of(tree).unlink()
    index_of(tree).mkdir()


SESSIONS: dict[Callable[[Path], None], str] = {
    name_that_git_refuses: "rename or remove it",
    pipe_in_place_of_a_file: "make it a file again",
    broken_gitmodules: r"mend or remove it|\.gitmodules",
    encoding_that_a_file_does_not_have: "correct either of them",
    torn_index: "git reset",
    garbage_for_an_index: "git reset",
    directory_for_an_index: "git reset",
}


@pytest.mark.parametrize("fault", SESSIONS, ids=lambda fault: fault.__name__)
def test_what_the_session_has_made_goes_back_to_it_in_words_that_say_what_to_do(
    repo: Path, tree: Path, fault: Callable[[Path], None]
) -> None:
    write(tree, {"work.txt": "work\n"})
    fault(tree)
    with pytest.raises(WorkUnfinished, match=SESSIONS[fault]):
        commit_work(tree, "work")
    assert (tree / "work.txt").read_text() == "work\n"


@pytest.mark.parametrize(
    "said",
    [
        "error: open(\"sec\"): Permission denied\nerror: unable to index file 'sec'\nfatal: adding files failed",
        "warning: could not open directory 'd/': Permission denied",
    ],
)
def test_a_file_that_cannot_be_read_is_the_sessions_though_the_system_denies_it(said: str) -> None:
    """As git 2.39 says it to one who is not root."""
    meaning = trouble.of_work(said)
    assert meaning is not None and "chmod" in meaning.cure
    assert trouble.is_of_work(128, said)


def test_a_socket_and_a_pipe_are_no_work_and_keep_none_from_being_committed(repo: Path, tree: Path) -> None:
    write(tree, {"work.txt": "work\n"})
    os.mkfifo(tree / "pipe")
    commit_work(tree, "work")
    assert show(repo, BRANCH, "work.txt") == "work"


def test_a_program_that_the_files_need_is_what_the_machine_lacks(repo: Path, tree: Path) -> None:
    """As git-lfs, whose filter is required."""
    git(repo, "config", "filter.big.process", "git-big filter-process")
    git(repo, "config", "filter.big.required", "true")
    write(tree, {".gitattributes": "*.bin filter=big\n", "x.bin": "large\n"})
    with pytest.raises(GitFailed) as failed:
        commit_work(tree, "work")
    assert failed.value.of_the_host
    assert (
        str(failed.value.meaning)
        == "git-big, which the repository's files need, is not installed: install it"
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a repository away")
def test_whether_another_users_repository_is_trusted_is_no_sessions_matter(repo: Path, tree: Path) -> None:
    write(tree, {"work.txt": "work\n"})
    os.chown(tree, 65534, 65534)
    with pytest.raises(GitFailed, match="dubious ownership") as failed:
        commit_work(tree, "work")
    assert not failed.value.of_the_host


@pytest.mark.parametrize("orphan", [False, True])
def test_work_on_a_branch_that_was_deleted_is_on_it_again(repo: Path, tree: Path, *, orphan: bool) -> None:
    tip = commit(tree, {"b.txt": "committed\n"})
    if orphan:
        git(tree, "checkout", "--quiet", "--orphan", "new")
    else:
        git(tree, "update-ref", "-d", f"refs/heads/{BRANCH}")
    write(tree, {"c.txt": "loose\n"})
    commit_work(tree, "work")
    assert git(repo, "rev-parse", f"{BRANCH}~1") == tip
    assert show(repo, BRANCH, "c.txt") == "loose"


# --- hooks ---


def test_what_a_hook_has_formatted_is_committed_with_that(repo: Path, tree: Path) -> None:
    """As formatters do under pre-commit: they modify files and refuse."""
    hook(
        repo,
        "pre-commit",
        "grep -q '  $' b.txt || exit 0; sed -i 's/ *$//' b.txt; echo reformatted b.txt; exit 1",
    )
    write(tree, {"b.txt": "text  \n"})
    commit_work(tree, "work")
    assert show(repo, BRANCH, "b.txt") == "text"


def test_a_hook_that_formats_and_refuses_again_is_the_sessions(repo: Path, tree: Path) -> None:
    hook(repo, "pre-commit", "echo x >> log.txt; echo 'E501 line too long'; exit 1")
    write(tree, {"b.txt": "text\n"})
    with pytest.raises(HookRefused, match="E501"):
        commit_work(tree, "work")
    assert (tree / "log.txt").read_text() == "x\nx\n", "it is tried once more, and no more"


CONVENTIONAL = (
    "grep -qE '^(feat|fix|chore)(\\(.+\\))?: ' \"$1\" || { echo 'not a conventional commit'; exit 1; }"
)


def test_the_first_message_is_said_that_the_commit_msg_hook_lets_pass(repo: Path, tree: Path) -> None:
    hook(repo, "commit-msg", CONVENTIONAL)
    write(tree, {"b.txt": "text\n"})
    commit_work(tree, "Add b", "chore: add b")
    assert git(repo, "log", "-1", "--format=%s", BRANCH) == "chore: add b"


def test_a_message_that_prepare_commit_msg_completes_is_fit(repo: Path, tree: Path) -> None:
    hook(repo, "prepare-commit-msg", 'sed -i "1s/^/feat: /" "$1"')
    hook(repo, "commit-msg", CONVENTIONAL)
    write(tree, {"b.txt": "text\n"})
    commit_work(tree, "Add b", "chore: add b")
    assert git(repo, "log", "-1", "--format=%s", BRANCH) == "feat: Add b"


def test_a_message_that_is_refused_is_a_persons_to_set_and_no_sessions(repo: Path, tree: Path) -> None:
    hook(repo, "commit-msg", "echo 'name an issue, such as ABC-1'; exit 1")
    write(tree, {"b.txt": "text\n"})
    with pytest.raises(MessageRefused, match=r"ABC-1(.|\n)*\[commit\] message = "):
        commit_work(tree, "Add b", "chore: add b")
