"""What is known of a task's work when a new session goes on with it: from its workers' spools, and from git."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from fleet.core.handoff import BEGIN, DIFF_CHARS_MAX, LOST, SAID_CHARS_MAX, WorkSoFar
from fleet.core.model import Task
from fleet.core.review_words import BEGIN as JUDGES
from fleet.core.review_words import DIFF_CHARS_MAX as REVIEWED_CHARS_MAX
from fleet.core.wording import CHECK_FAILED, is_of_the_fleet
from workers.client.listen import Answer, Replay, Text, read
from workers.git import HEADS, Git, GitError
from workers.spool import parse

TEXTS_MAX = 400
"""Of these the newest are kept: far more than there is room for in a handoff."""

_PLAIN = ("diff", "--no-ext-diff", "--no-textconv", "--ignore-submodules=all", "--no-color")


def work_so_far(runs: Path, task: Task, path: Path | None) -> WorkSoFar:
    """`path`: the task's worktree, where that is on this machine; else the branch is looked at, as it is at home."""
    told: deque[str] = deque(maxlen=TEXTS_MAX)
    said: deque[str] = deque(maxlen=TEXTS_MAX)
    verifier = ""
    for number in range(1, task.attempts + 1):
        for text, is_own in _texts(runs / f"{task.id}.{number}" / "spool"):
            if is_own:
                said.append(text)
            elif text.startswith(CHECK_FAILED):
                verifier = text.removeprefix(CHECK_FAILED).strip()
            elif not (text.startswith((BEGIN, task.spec.prompt)) or is_of_the_fleet(text)):
                told.append(text)
    return WorkSoFar(task.renewed_for or LOST, tuple(told), tuple(said), _diff(task, path), verifier)


def change_to_review(task: Task) -> str:
    """What the judged commit brings: which files, then the lines. Raises GitError."""
    commit = "" if task.judging is None else task.judging.commit
    git = Git(Path(task.spec.repo))
    span = f"{HEADS}{task.spec.target}...{commit}"
    files = git.run(*_PLAIN, "--stat", span, "--").out
    lines = git.run(*_PLAIN, span, "--").out[: 2 * REVIEWED_CHARS_MAX]
    return f"{files}\n\n{lines}"


def _texts(spool: Path) -> Iterator[tuple[str, bool]]:
    """What was told to a session, and what it said itself; nothing of a spool that is gone."""
    with suppress(FileNotFoundError), spool.open("rb") as lines:
        for line in lines:
            if b'"isReplay"' not in line and b'"assistant"' not in line:
                continue
            record = parse(line.rstrip(b"\n"))
            heard = read(record.payload) if record.kind == "o" else None
            if isinstance(heard, Replay) and heard.text:
                if heard.text.startswith(JUDGES):
                    return  # what a judge was told, and said, is no part of the work
                yield heard.text, False
            elif isinstance(heard, Answer) and not heard.subagent and heard.error is None:
                yield from (
                    (part.text[-SAID_CHARS_MAX:], True) for part in heard.parts if isinstance(part, Text)
                )


def _diff(task: Task, path: Path | None) -> str:
    """Since the task's base, with what is in no commit yet where the worktree is here; which files, then the lines."""
    if task.base_commit is None:
        return ""
    there = path is not None and (path / ".git").exists()
    git = Git(path if path is not None and there else Path(task.spec.repo))
    span = [task.base_commit] if there else [task.base_commit, task.branch or "HEAD"]
    try:
        files = git.run(*_PLAIN, "--stat", *span, "--").out
        new = git.run("ls-files", "--others", "--exclude-standard").out if there else ""
        lines = git.run(*_PLAIN, *span, "--").out[: 2 * DIFF_CHARS_MAX]
    except GitError as failed:
        return f"(git could not tell: {failed})"
    untracked = f"New files that are in no commit:\n{new}" if new.strip() else ""
    return "\n\n".join(part for part in (files, untracked, lines) if part.strip())
