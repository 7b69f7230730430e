"""What a worker is started with."""

from __future__ import annotations

import pytest

from fleet.core.model import Task
from fleet.shell.starting import extra_environment
from tests.core.story import account, spec


@pytest.mark.parametrize(("tier", "model"), [("haiku", "h"), ("fable", None), (None, None)])
def test_subagents_run_on_the_model_that_the_account_has_for_their_tier(
    tier: str | None, model: str | None
) -> None:
    task = Task("t1", 1, spec(subagent_tier=tier), 0, "running")
    extra = extra_environment(task, account("a"), None)
    assert extra.get("CLAUDE_CODE_SUBAGENT_MODEL") == model
    assert extra["FLEET_TASK"] == "t1"
