"""`fleet project allow`: what a person is shown before a repository's commands run."""

from __future__ import annotations

import json
import os
import pty
import sys
from pathlib import Path

import pytest

from tests.cli.commands import Shell
from tests.service.repositories import git, repository
from tests.sizes import large

HOSTILE = "make test\n  runs to verify work: true\x1b[2K\u202e"
"""A line that would look like another, and what turns a line around."""


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    repo = repository(tmp_path / "repo")
    text = (
        f'[worktree]\nsetup = ["uv sync"]\nlink = ["cache"]\n[verify]\ncommands = [{json.dumps(HOSTILE)}]\n'
    )
    (repo / ".fleet.toml").write_text(text)
    git(repo, "add", "--all")
    git(repo, "commit", "--quiet", "--message", "Ask")
    return repo


def test_all_that_would_run_is_shown_in_lines_of_its_own_and_agreed_to_with_yes(
    shell: Shell, repo: Path
) -> None:
    """A script that has not said so agrees to nothing, and is told how."""
    shown = [
        ".fleet.toml as branch main has it:",
        "  runs in each new worktree: uv sync",
        "  runs to verify work: make test\\u000a  runs to verify work: true\\u001b[2K\\u202e",
        "  links into your checkout: cache",
    ]
    asked = shell.fleet("project", "allow", str(repo))
    assert asked.returncode == 1 and "--yes" in asked.stderr and asked.stdout.splitlines() == shown
    agreed = shell.fleet("project", "allow", str(repo), "--yes")
    assert (agreed.returncode, agreed.stdout) == (0, asked.stdout)
    again = shell.fleet("project", "allow", str(repo))
    assert (again.returncode, again.stdout) == (0, "") and "nothing to allow" in again.stderr


def test_another_branch_is_asked_for_by_its_name(shell: Shell, repo: Path) -> None:
    git(repo, "checkout", "--quiet", "-b", "release")
    (repo / ".fleet.toml").write_text('[verify]\ncommands = ["make release"]\n')
    git(repo, "commit", "--quiet", "--all", "--message", "Release")
    git(repo, "checkout", "--quiet", "main")
    shown = shell.fleet("project", "allow", str(repo), "--target", "release", "--yes").stdout
    assert "make release" in shown and "uv sync" not in shown
    assert "no branch 'none'" in shell.fleet("project", "allow", str(repo), "--target", "none").stderr


@pytest.mark.parametrize(("answer", "code"), [("n", 1), *large(("y", 0), ("", 1))])
def test_at_a_terminal_the_person_is_asked(shell: Shell, repo: Path, answer: str, code: int) -> None:
    pid, terminal = pty.fork()
    if not pid:
        words = [sys.executable, "-m", "fleet.cli", "project", "allow", str(repo)]
        os.execve(sys.executable, words, {**shell.environment(), "PYTHONPATH": os.pathsep.join(sys.path)})
    said = b""
    while b"Allow this text? [y/N]" not in said:
        said += os.read(terminal, 4096)
    assert b"runs in each new worktree: uv sync" in said
    os.write(terminal, f"{answer}\n".encode())
    _, status = os.waitpid(pid, 0)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(status) == code
    assert ("uv sync" in shell.fleet("project", "allow", str(repo)).stdout) == bool(code)
