"""What in a worktree its own session did not do, by the times of its tools and of the files."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from fleet.shell.unexplained import SLACK_MS, unexplained, watch_of
from tests.service.repositories import git, repository

MINUTE_MS = 60_000
EXIT = {"event": "exit", "code": 0, "signal": None, "cause": "exited", "detail": None}


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def use(name: str, **given: object) -> dict[str, object]:
    call = {"type": "tool_use", "id": name, "name": "Bash", "input": given}
    message = {"id": "m", "model": "sonnet", "content": [call], "usage": {}}
    return {"type": "assistant", "message": message, "parent_tool_use_id": None}


def result(name: str) -> dict[str, object]:
    content = [{"type": "tool_result", "tool_use_id": name, "content": "ok"}]
    return {"type": "user", "message": {"content": content}, "parent_tool_use_id": None}


def spool(path: Path, *records: tuple[int, Mapping[str, object]]) -> Path:
    """Times are relative to now."""
    lines = [
        f"{'s' if 'event' in said else 'o'} {now_ms() + at} {json.dumps(said)}\n" for at, said in records
    ]
    path.write_text("".join(lines))
    return path


@pytest.fixture
def worktree(tmp_path: Path) -> Path:
    """With a file that is changed in no commit, and one that is committed, both just now."""
    made = repository(tmp_path / "repo")
    git(made, "tag", "base")
    (made / "committed.txt").write_text("x")
    git(made, "add", "--all")
    git(made, "commit", "--quiet", "--message", "Work")
    (made / "loose.txt").write_text("x")
    return made


STARTED = (-MINUTE_MS, {"event": "started"})
OVER = (MINUTE_MS, {"event": "exit"})


def told(worktree: Path, *spools: Path) -> str:
    return unexplained(worktree, "base", watch_of(spools, now_ms() + MINUTE_MS))


def test_what_changed_while_no_tool_ran_is_told(tmp_path: Path, worktree: Path) -> None:
    early = (-MINUTE_MS + 1, use("a")), (-MINUTE_MS // 2, result("a"))
    said = told(worktree, spool(tmp_path / "s", STARTED, *early))
    assert "committed.txt, loose.txt" in said and "another worker or a person" in said


@pytest.mark.parametrize(
    "records",
    [
        [(-MINUTE_MS, use("a")), (MINUTE_MS, result("a"))],
        [(-MINUTE_MS, use("a"))],
        [(-MINUTE_MS, use("a", run_in_background=True)), (-MINUTE_MS + 1, result("a"))],
    ],
    ids=["a tool that ended", "one that still runs", "one that runs in the background"],
)
def test_what_changed_while_a_tool_ran_is_the_sessions_own(
    tmp_path: Path, worktree: Path, records: list[tuple[int, dict[str, object]]]
) -> None:
    assert told(worktree, spool(tmp_path / "s", STARTED, *records)) == ""


def test_what_changed_before_between_and_after_workers_is_not_told(tmp_path: Path, worktree: Path) -> None:
    """Fleet makes the worktree ready then; and where a spool is gone, nothing is known."""
    before = spool(tmp_path / "a", (-2 * MINUTE_MS, {"event": "started"}), (-MINUTE_MS, EXIT))
    after = spool(tmp_path / "b", (MINUTE_MS, {"event": "started"}))
    assert told(worktree, before, after, tmp_path / "gone") == ""


def test_a_second_worker_of_the_task_explains_what_it_did(tmp_path: Path, worktree: Path) -> None:
    first = spool(tmp_path / "a", STARTED, (-MINUTE_MS // 2, EXIT))
    second = spool(
        tmp_path / "b", (-SLACK_MS * 2, {"event": "started"}), (-SLACK_MS, use("a")), (SLACK_MS, result("a"))
    )
    assert told(worktree, first, second) == ""


def test_garbage_in_a_spool_explains_nothing_and_breaks_nothing(tmp_path: Path, worktree: Path) -> None:
    file = spool(tmp_path / "s", STARTED)
    file.write_bytes(file.read_bytes() + b"garbage\no 99 {tool_use\no x tool_result\n\xff\xfe")
    assert "loose.txt" in told(worktree, file)


def test_of_many_the_first_are_named(tmp_path: Path, worktree: Path) -> None:
    for n in range(20):
        (worktree / f"{n:02}.txt").write_text("x")
    assert told(worktree, spool(tmp_path / "s", STARTED)).count(".txt") == 5
