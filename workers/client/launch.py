"""The command line that starts a client which is talked to while it runs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal
from uuid import UUID

PermissionMode = Literal["acceptEdits", "auto", "bypassPermissions", "default", "dontAsk", "manual", "plan"]

ENVIRONMENT = {
    # Asks for `session_state_changed` lines: "idle" comes once nothing is running or queued any more.
    "CLAUDE_CODE_EMIT_SESSION_STATE_EVENTS": "1",
    "DISABLE_AUTOUPDATER": "1",
    "DISABLE_TELEMETRY": "1",
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
}
"""Set for every worker, on top of the account's own environment. Measured in docs/client-facts.md,
"duplex".
"""

IMPATIENT = {"CLAUDE_CODE_MAX_RETRIES": "2"}
"""For a question that somebody waits for: the client asks ten times, over minutes, by itself."""

WAYS_OUT = ("EnterWorktree", "ExitWorktree", "Agent(isolation:worktree)")
"""Rules for what a client must not use. With these tools it makes worktrees in the person's own checkout and works on
there, where nothing is committed or verified for the task (docs/client-facts.md, "Ways out of its worktree")."""

READING = ("Read", "Grep", "Glob")
"""All that a client has which only reads: with `--tools` there is no other built-in one, and pins leave no foreign."""

_RULE = re.compile(r"[A-Za-z_][\w*-]*(\(.+\))?", re.DOTALL)


class BadLaunch(ValueError):
    """The client would misread what it is asked to do; the message names the value."""


@dataclass(frozen=True, slots=True)
class Launch:
    """How to start a client. `cwd` is where the process is to be started: the client has no flag for it.

    `moved`: the session has been in another directory, or on another account or host. The system prompt that was
    recorded there names places of that time, so it is made anew; with every resume, for the record stays as it is.
    `reads_only`: it has no tool that changes anything.
    """

    session_id: str
    resume: bool
    model: str
    cwd: Path
    allow_tools: tuple[str, ...] = ()
    permission_mode: PermissionMode = "acceptEdits"
    max_turns: int | None = None
    max_budget_usd: float | None = None
    moved: bool = False
    reads_only: bool = False

    def __post_init__(self) -> None:
        _check_session(self.session_id)
        if not self.model or self.model.startswith("-"):
            raise BadLaunch(f"{self.model!r} is not a model name.")
        for rule in self.allow_tools:
            check_rule(rule)
        if self.max_turns is not None and self.max_turns < 1:
            raise BadLaunch(f"max_turns is {self.max_turns}; at least 1 turn is needed.")
        if self.max_budget_usd is not None and not self.max_budget_usd > 0:
            raise BadLaunch(f"max_budget_usd is {self.max_budget_usd}; it must be above 0.")


def command(client: Path, launch: Launch, known_flags: Set[str], pins: Sequence[str]) -> list[str]:
    """The argument list. `known_flags` (`probe.flags`) decides over flags that older clients do not have; `pins`
    (`workers.pinned`) keep it from the orders of a repository. Raises BadLaunch for a client that cannot be kept to
    reading."""
    if launch.reads_only and "--tools" not in known_flags:
        raise BadLaunch("this client has no --tools, so that it cannot be kept to reading: update it")
    argv = [str(client), "-p", "--input-format", "stream-json", "--output-format", "stream-json", "--verbose"]
    argv += ["--resume" if launch.resume else "--session-id", launch.session_id]
    argv += ["--model", launch.model, "--permission-mode", launch.permission_mode]
    if "--replay-user-messages" in known_flags:
        argv.append("--replay-user-messages")
    if "--permission-prompts" in known_flags:
        argv += ["--permission-prompts", "none"]
    if launch.moved and "--system-prompt-snapshot" in known_flags:
        argv += ["--system-prompt-snapshot", "off"]
    if launch.max_turns is not None:
        argv += ["--max-turns", str(launch.max_turns)]
    if launch.max_budget_usd is not None:
        argv += ["--max-budget-usd", f"{launch.max_budget_usd:.6f}".rstrip("0").rstrip(".")]
    argv += pins
    if launch.reads_only:
        argv.append(f"--tools={','.join(READING)}")
    # One `=` argument for each rule: a list flag would swallow whatever came after it.
    argv += [f"--disallowedTools={rule}" for rule in WAYS_OUT]
    return argv + [f"--allowedTools={rule}" for rule in launch.allow_tools]


def one_question(client: Path, model: str, prompt: str) -> list[str]:
    """The argument list of a client that answers once, remembers nothing and ends; pins are to be added."""
    argv = [str(client), "-p", prompt, "--output-format", "stream-json", "--verbose", "--model", model]
    return [*argv, "--max-turns", "1", "--no-session-persistence"]


@dataclass(frozen=True, slots=True)
class Launched:
    """The session of a run that was launched, and whether the client goes on in it or began it."""

    session_id: str
    resumed: bool


def launched(spec: Mapping[str, object]) -> Launched:
    """What `spec.json` of a run (`RunSpec.to_json`) says of its session.

    Raises:
        ValueError: it names none.
    """
    if "session_id" not in spec:
        return _launched_by_the_version_before(spec.get("argv"))
    session_id, resumed = spec["session_id"], spec.get("resumed")
    if not isinstance(session_id, str) or not isinstance(resumed, bool):
        raise ValueError("the run's spec names no session")
    return Launched(session_id, resumed)


def _launched_by_the_version_before(argv: object) -> Launched:
    """Specs written before 0.2.0 name the session in the command line alone. It can go with 0.3.0: a run that such a
    version started, and that still lives, is adopted by 0.2 first."""
    for option, session_id in pairwise(argv if isinstance(argv, list) else ()):
        if option in ("--resume", "--session-id") and isinstance(session_id, str):
            return Launched(session_id, option == "--resume")
    raise ValueError("the run's command line names no session")


def check_rule(rule: str) -> None:
    """Refuse a tool rule that the client would cut into several: it splits at commas and spaces outside
    parentheses.

    Raises:
        BadLaunch: with the rule and how to write it.
    """
    if not _RULE.fullmatch(rule) or not _balanced(rule) or any(ord(c) < 32 for c in rule):
        raise BadLaunch(
            f"{rule!r} is not one tool rule. Write a tool's name, with what it may do in parentheses "
            "if you like, such as `Edit` or `Bash(git *)`; give several rules one by one."
        )


def _balanced(rule: str) -> bool:
    """Whether the parenthesis that opens first closes last, and at no time earlier."""
    if "(" not in rule:
        return True
    depth = 0
    for at, letter in enumerate(rule):
        depth += (letter == "(") - (letter == ")")
        if depth == 0 and letter == ")":
            return at == len(rule) - 1
    return False


def _check_session(session_id: str) -> None:
    try:
        ok = str(UUID(session_id)) == session_id
    except ValueError:
        ok = False
    if not ok:
        raise BadLaunch(f"{session_id!r} is not a session id: the client takes only a UUID in lower case.")
