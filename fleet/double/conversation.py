"""What a request of the client means: whose session, which directory, which task, which step comes next.

Nothing is remembered between requests. The next step follows from the conversation in the request alone, so a
session that moved to another account, or was resumed, simply goes on.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fleet.double.script import Reaction, Script, Step, Task

_MARKER = re.compile(r"\[\[double:([^\]\s@]+)(?:@(\d+))?\]\]")
# The client's own notes in a user's message: reminders, and commands run in the session.
_NOTES = re.compile(r"<(system-reminder|local-command-[a-z]+|command-[a-z]+)>.*?</\1>", re.DOTALL)
# How the client (2.1.330) hands on what a person says while a turn runs: in a message of role "system".
_MID_TURN = re.compile(
    r"The user sent a new message while you were working:\n(.*?)(?:\n\nThis is how Claude Code|\n\nIMPORTANT:|\Z)",
    re.DOTALL,
)
REVIEW_ASKED = "You review the work of another session"
"""How a coordinator begins what it asks of who reviews."""
_WORKING_DIRECTORY = re.compile(
    r"^[ \t\-*]*(?:primary )?(?:working directory|cwd):[ \t]*(/.*?)(?: \(was .*\))?[ \t]*$",
    re.MULTILINE | re.I,
)
# What the client itself writes in the user's place after a cut stream (2.1.330).
_CLIENTS_OWN_WORDS = "Your response above was cut off"
# How the client tells of tool calls that the end of its process, or an interrupt, broke off.
_BROKEN_OFF = ("[Tool call interrupted", "The user doesn't want to proceed with this tool use")
_KILLED = ("Exit code 137", "Exit code 143")
# What it puts in the assistant's place when a session is resumed whose last turn had no end.
_UNENDED_TURN = "No response requested."
_COMPACTION = "CRITICAL: Respond with TEXT ONLY. Do NOT call any tools."
_SIDE_WORK = re.compile(r"\b(title|topic|summari[sz]e|suggest)", re.I)

Message = Mapping[str, Any]


@dataclass(frozen=True)
class Turn:
    """The answer due, and where in the script it stands (`step` counts from 0; None outside any task)."""

    task: str | None
    part: str
    step: int | None
    answer: Step


@dataclass
class _Part:
    """A run of steps being played: the task itself or a reaction."""

    name: str
    steps: Sequence[Step]
    played: int = 0

    @property
    def left(self) -> bool:
        return self.played < len(self.steps)


def session_of(body: Message, headers: Mapping[str, str]) -> str | None:
    """The client's session id, from its header or from the request's metadata."""
    named = headers.get("x-claude-code-session-id")
    if named:
        return named
    user_id = _table(body.get("metadata")).get("user_id")
    if not isinstance(user_id, str):
        return None
    try:
        session = _table(json.loads(user_id)).get("session_id")
    except json.JSONDecodeError:
        found = re.search(r"session_([0-9a-f-]{36})", user_id)
        session = found.group(1) if found else None
    return session if isinstance(session, str) else None


def working_directory(body: Message) -> str | None:
    """The directory that the client says it works in; the latest word counts."""
    found = None
    for text in _told(body):
        for match in _WORKING_DIRECTORY.finditer(text):
            found = match.group(1)
    return found


def is_side_request(body: Message) -> bool:
    """Whether the client asks for itself (a quota probe, a title) and not for the conversation."""
    if body.get("max_tokens") == 1:
        return True
    if body.get("tools"):
        return False
    if _table(body.get("output_config")).get("format"):
        return True
    system = " ".join(_texts(body.get("system")))
    return "haiku" in str(body.get("model")) and bool(_SIDE_WORK.search(system))


def next_turn(script: Script, messages: Sequence[Message]) -> Turn:
    """The step that answers `messages`."""
    reader = _Reader(script)
    for message in messages:
        if message.get("role") == "assistant":
            reader.heard(message)
        else:
            reader.reported(message)
            reader.told(_said(message))
    return reader.due()


class _Reader:
    """Replays a conversation against the script."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._task: Task | None = None
        self._parts: list[_Part] = []
        self._counted: _Part | None = None
        self._killed = False
        self._first = True
        self._unknown_marker: str | None = None
        self._compacting = False

    def reported(self, message: Message) -> None:
        """Take a step back when its tool calls were broken off: it is to be played again."""
        outcomes = [_outcome(block) for block in _blocks(message.get("content"))]
        self._killed = any(outcome.startswith(_KILLED) for outcome in outcomes)
        if any(outcome.startswith(_BROKEN_OFF) for outcome in outcomes):
            self._step_back()

    def told(self, said: str) -> None:
        """Take up what a person said: a new task, or a reaction on top of what is being played."""
        if not said:
            return
        self._compacting = said.startswith(_COMPACTION)
        if self._compacting:
            return
        task, played = self._task_named_in(said)
        self._first = False
        if task is not None and task is not self._task:
            self._task = task
            self._parts = [_Part(task.name, task.steps, played)]
            return
        reaction = self._reaction_to(said)
        if reaction is not None:
            self._parts.append(_Part(f"on {reaction.on}", reaction.steps))

    def heard(self, message: Message) -> None:
        """Count a step as played when its whole answer is there: no cut one, no words of the client's own."""
        said = "".join(_texts(message.get("content"))).strip()
        if self._killed and said == _UNENDED_TURN:
            return self._step_back()
        part = next((part for part in reversed(self._parts) if part.left), None)
        if part is None:
            return None
        step = part.steps[part.played]
        calls = any(block.get("type") == "tool_use" for block in _blocks(message.get("content")))
        if calls if step.tools else step.text.strip() in said:
            part.played += 1
            self._counted = part
        return None

    def due(self) -> Turn:
        name = self._task.name if self._task else None
        if self._compacting:
            return Turn(name, "compaction", None, Step(text=self._summary()))
        part = next((part for part in reversed(self._parts) if part.left), None)
        if part is not None:
            return Turn(name, part.name, part.played, part.steps[part.played])
        if self._unknown_marker is not None:
            known = ", ".join(task.name for task in self._script.tasks)
            text = f"The double has no task {self._unknown_marker!r}; it knows {known or 'none'}."
            return Turn(None, "unknown", None, Step(text=text))
        if self._task is None:
            return Turn(None, "unknown", None, self._script.unknown_prompt)
        return Turn(name, "done", None, Step(text="Done.", tokens_out=5))

    def _step_back(self) -> None:
        if self._counted is not None:
            self._counted.played -= 1
            self._counted = None
        self._killed = False

    def _summary(self) -> str:
        """What stands in the place of the conversation from then on: the task and how far it went."""
        place = f"[[double:{self._task.name}@{self._parts[0].played}]]" if self._task else "nothing yet"
        return f"<summary>The work so far: {place}</summary>"

    def _task_named_in(self, said: str) -> tuple[Task | None, int]:
        marker = _MARKER.search(said)
        if marker is not None and self._first and said.startswith(REVIEW_ASKED):
            reviewers = (t for t in self._script.tasks if t.reviews == marker.group(1))
            return next((t for t in reviewers if (t.match or "") in said), None), 0
        if marker is not None:
            named = next((task for task in self._script.tasks if task.name == marker.group(1)), None)
            self._unknown_marker = marker.group(1) if named is None else None
            return named, int(marker.group(2) or 0)
        if not self._first:
            return None, 0
        authors = [task for task in self._script.tasks if task.reviews is None]
        fitting = [task for task in authors if (task.match or task.name) in said]
        return max(fitting, key=lambda task: len(task.match or task.name), default=None), 0

    def _reaction_to(self, said: str) -> Reaction | None:
        own = self._task.reactions if self._task else ()
        lowered = said.lower()
        return next((entry for entry in (*own, *self._script.reactions) if entry.on.lower() in lowered), None)


def _said(message: Message) -> str:
    """What a person (or the coordinator) wrote, without tool results and the client's own reminders."""
    texts = _texts(message.get("content"))
    mid_turn = [found for text in texts for found in _MID_TURN.findall(text)]
    if mid_turn or message.get("role") != "user":
        return "\n".join(mid_turn).strip()
    own = [text for text in texts if not text.startswith(_CLIENTS_OWN_WORDS)]
    return _NOTES.sub("", "\n".join(own)).strip()


def _outcome(block: Message) -> str:
    """The text of a failed tool call; nothing for any other block."""
    failed = block.get("type") == "tool_result" and block.get("is_error")
    return "".join(_texts(block.get("content"))) if failed else ""


def _told(body: Message) -> Iterator[str]:
    yield from _texts(body.get("system"))
    for message in messages_of(body):
        if message.get("role") in ("user", "system"):
            yield from _texts(message.get("content"))


def messages_of(body: Message) -> list[Message]:
    """The messages of a request; anything that is no message counts as an empty one."""
    messages = body.get("messages")
    return [_table(message) for message in messages] if isinstance(messages, list) else []


def _blocks(content: object) -> list[Message]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return [_table(block) for block in content] if isinstance(content, list) else []


def _texts(content: object) -> list[str]:
    return [str(block.get("text", "")) for block in _blocks(content) if block.get("type") == "text"]


def _table(value: object) -> Message:
    return value if isinstance(value, dict) else {}
