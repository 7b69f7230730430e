from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from workers.client.launch import BadLaunch, Launch, Launched, command, launched
from workers.orders import RunSpec

SESSION = "7c1b3f0e-0000-4000-8000-000000000007"
ALL = frozenset({"--replay-user-messages", "--permission-prompts"})


def launch(**changes: Any) -> Launch:
    return Launch(**{"session_id": SESSION, "resume": False, "model": "sonnet", "cwd": Path("/w"), **changes})


def test_a_new_session_and_a_resumed_one_are_asked_for_by_the_same_id() -> None:
    """A session keeps its id over its attempts."""
    fresh = command(Path("/c"), launch(), ALL, ())
    again = command(Path("/c"), launch(resume=True), ALL, ())
    assert fresh[fresh.index("--session-id") + 1] == again[again.index("--resume") + 1] == SESSION


def test_flags_that_a_client_does_not_have_are_left_out() -> None:
    """An older client is not started with a flag it would refuse."""
    argv = command(Path("/c"), launch(), frozenset(), ())
    assert not ALL & set(argv)
    assert set(command(Path("/c"), launch(), ALL, ())) > ALL


def test_the_prompt_of_a_session_that_moved_is_made_anew() -> None:
    """A recorded system prompt names places that are not there; an older client records none."""
    known = ALL | {"--system-prompt-snapshot"}
    argv = command(Path("/c"), launch(resume=True, moved=True), known, ())
    assert argv[argv.index("--system-prompt-snapshot") + 1] == "off"
    assert "--system-prompt-snapshot" not in command(Path("/c"), launch(resume=True), known, ())
    assert "--system-prompt-snapshot" not in command(Path("/c"), launch(resume=True, moved=True), ALL, ())


def test_limits_are_passed_as_the_client_reads_them() -> None:
    """Turns are whole, and a small budget is not written as 1e-05."""
    argv = command(Path("/c"), launch(max_turns=3, max_budget_usd=0.00001), ALL, ())
    assert argv[argv.index("--max-turns") + 1] == "3"
    assert argv[argv.index("--max-budget-usd") + 1] == "0.00001"


def test_a_client_that_only_reads_has_no_other_tool_and_is_not_started_where_that_cannot_be_said() -> None:
    said = command(Path("/c"), launch(reads_only=True), ALL | {"--tools"}, ())
    assert [word for word in said if word.startswith("--tools")] == ["--tools=Read,Grep,Glob"]
    assert not any(
        word.startswith("--tools") for word in command(Path("/c"), launch(), ALL | {"--tools"}, ())
    )
    with pytest.raises(BadLaunch, match="cannot be kept to reading: update it"):
        command(Path("/c"), launch(reads_only=True), ALL, ())


@pytest.mark.parametrize("rule", ["Edit", "Agent", "EnterWorktree"])
def test_no_client_may_leave_its_worktree_whatever_it_is_allowed(rule: str) -> None:
    """Neither by its own tools nor by a subagent with a worktree of its own."""
    said = command(Path("/c"), launch(allow_tools=(rule,)), ALL, ())
    denied = {
        word.removeprefix("--disallowedTools=") for word in said if word.startswith("--disallowedTools=")
    }
    assert denied == {"EnterWorktree", "ExitWorktree", "Agent(isolation:worktree)"}


@pytest.mark.parametrize(
    "rule",
    [
        "Edit",
        "Bash(git *)",
        "Bash(npm test, please)",
        'Bash(python3 -c "print(1, (2))")',
        "mcp__db__query",
        "mcp__db__*",
    ],
)
def test_each_tool_rule_is_an_argument_of_its_own(rule: str) -> None:
    """A rule with spaces, commas or parentheses reaches the client in one piece."""
    assert f"--allowedTools={rule}" in command(Path("/c"), launch(allow_tools=(rule,)), ALL, ())


@pytest.mark.parametrize(
    "rule",
    [
        "",
        " ",
        "Bash(git *) Edit",
        "Bash(git *),Edit",
        "Edit,Write",
        "Bash(git",
        "Bash)git(",
        "Bash()",
        "--bare",
        "Bash(a) b)",
        "Bash(a\nb)",
    ],
)
def test_a_rule_that_would_be_cut_up_is_refused(rule: str) -> None:
    """What the client would read as several rules, or none, is refused with the rule in the message."""
    with pytest.raises(BadLaunch) as refused:
        launch(allow_tools=(rule,))
    assert repr(rule) in str(refused.value)


@pytest.mark.parametrize(
    "bad",
    [
        {"session_id": "t7"},
        {"session_id": SESSION.upper()},
        {"session_id": "--help"},
        {"model": ""},
        {"model": "--bare"},
        {"max_turns": 0},
        {"max_budget_usd": 0.0},
        {"max_budget_usd": float("nan")},
    ],
)
def test_a_launch_that_cannot_work_is_refused(bad: dict[str, Any]) -> None:
    """A value that the client would take for something else is refused before anything starts."""
    with pytest.raises(BadLaunch):
        launch(**bad)


@pytest.mark.parametrize("resumed", [False, True])
def test_a_run_that_is_found_launched_says_in_its_spec_which_session_it_has(resumed: bool) -> None:
    """Whatever its command line says."""
    argv = ("claude", "--resume", "another", "--session-id", "another")
    spec = RunSpec(argv, "/w", {}, session_id=SESSION, resumed=resumed)
    assert launched(json.loads(spec.to_json("t1.1", "t1.1@home"))) == Launched(SESSION, resumed)


@pytest.mark.parametrize("resumed", [False, True])
def test_a_run_that_the_version_before_launched_is_known_by_its_command_line(resumed: bool) -> None:
    argv = command(Path("/c"), launch(resume=resumed), ALL, ())
    assert launched({"version": 1, "argv": argv}) == Launched(SESSION, resumed)


@pytest.mark.parametrize(
    "spec",
    [
        {},
        {"argv": "--resume x"},
        {"argv": ["claude", "--resume"]},
        {"argv": ["claude", "--resume", 7]},
        {"argv": ["claude", "--resume", SESSION], "session_id": None, "resumed": False},
        {"session_id": SESSION},
        {"session_id": SESSION, "resumed": "yes"},
        {"session_id": 7, "resumed": True},
    ],
)
def test_a_spec_that_names_no_session_is_refused(spec: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="names no session"):
        launched(spec)
