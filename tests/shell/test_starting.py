"""What a worker is started with."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fleet.core.model import Task
from fleet.shell.starting import CannotStart, Starter, extra_environment
from tests.core.story import Story, account, spec
from tests.service.repositories import repository
from workers.worktree.repository import locate


@pytest.mark.parametrize(("tier", "model"), [("haiku", "h"), ("fable", None), (None, None)])
def test_subagents_run_on_the_model_that_the_account_has_for_their_tier(
    tier: str | None, model: str | None
) -> None:
    task = Task("t1", 1, spec(subagent_tier=tier), 0, "running")
    extra = extra_environment(task, account("a"), None)
    assert extra.get("CLAUDE_CODE_SUBAGENT_MODEL") == model
    assert extra["FLEET_TASK"] == "t1"


def test_a_repository_that_is_away_as_a_whole_makes_its_tasks_wait(tmp_path: Path) -> None:
    """A disk that is not mounted fails no queue; a repository that is there, and cannot be used, ends a task."""
    repo = repository(tmp_path / "app")
    story = Story(account("a"))
    story.add(spec(repo=str(repo)))

    def prepare(task: Task, *_: object) -> None:
        locate(task.spec.repo)

    driver: Any = SimpleNamespace(prepare=prepare)
    drivers: Any = SimpleNamespace(of=lambda _: driver)
    secrets: Any = None
    starter = Starter(drivers, "h", secrets, tmp_path)

    def fault() -> tuple[str, str]:
        with pytest.raises(CannotStart) as failed:
            starter.start(story.task(), story.attempt("t1.1"), account("a"), story.fleet.worktrees["t1"])
        return failed.value.fault, str(failed.value)

    repo.rename(tmp_path / "elsewhere")
    assert fault() == (
        "machine",
        f"its repository is not there: bring it back, or mount the disk that it lies on: {repo}",
    )
    repo.mkdir()
    assert fault()[0] == "repository"
