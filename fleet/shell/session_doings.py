"""What a session did, by its own spools: evidence, beside git's logs, of who moved what in a shared repository."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from workers.client.listen import Answer, ToolUse, read
from workers.spool import parse

_AGENT = re.compile(rb'"agent_?[iI]d":"([A-Za-z0-9_-]+)"')
"""A field of the client's own lines; within what a tool said, the quotes would be escaped."""


MOVES = r"(?:branch|tag)\s[^\n;&|]*?(?:-f|--force)\b|update-ref\b|(?:push|fetch)\s[^\n;&|]*?\.(?=\s)"
DELETES = r"(?:branch|tag)\s[^\n;&|]*?(?:-[dDmM]|--delete|--move)\b|update-ref\b|push\s[^\n;&|]*?\.(?=\s)"
REPLACES = r"replace\s|\S[^\n;&|]*?refs/replace/"
STASHES = r"stash\s+(?:pop|apply|branch|show)\b"
DROPS = r"stash\s+(?:pop|drop|clear)\b"


@dataclass(slots=True)
class SessionDoings:
    commands: list[str] = field(default_factory=list)
    agents: set[str] = field(default_factory=set)
    entered: set[str] = field(default_factory=set)

    def said(self, what: str, name: str = "") -> bool:
        """Whether it ran git with words of this pattern and, behind them, the name of a branch or tag."""
        behind = (
            rf"[^\n;&|]*(?<![\w/.-])(?:(?:refs/)?(?:heads|tags)/)?{re.escape(name)}(?![\w/.-])"
            if name
            else ""
        )
        asked = re.compile(rf"\bgit\b[^\n;&|]*?\s(?:{what}){behind}")
        return any(asked.search(command) for command in self.commands)

    def made_tree(self, path: PurePath) -> bool:
        """Whether the worktree is the doing of this session, or of its client."""
        if is_of_a_client(path):
            return path.name in self.entered or path.name.removeprefix("agent-") in self.agents
        return self.said(r"worktree\s+add\b") and any(path.name in command for command in self.commands)


def is_of_a_client(path: PurePath) -> bool:
    """Whether a worktree lies where the client puts its own."""
    return path.parts[-3:-1] == (".claude", "worktrees")


def session_doings(spools: Iterable[Path]) -> SessionDoings:
    """From the spools of a task's attempts; one that is gone tells nothing."""
    found = SessionDoings()
    for spool in spools:
        with suppress(FileNotFoundError), spool.open("rb") as lines:
            for line in lines:
                if b'"agent' in line or b"tool_use" in line:
                    _read(line.rstrip(b"\n"), found)
    return found


def _read(line: bytes, found: SessionDoings) -> None:
    record = parse(line)
    if record.kind != "o":
        return
    found.agents.update(name.decode() for name in _AGENT.findall(record.payload))
    for tool in _tools(record.payload):
        if isinstance(command := tool.input.get("command"), str):
            found.commands.append(command)
        if tool.name == "EnterWorktree":
            found.entered.update(PurePath(said).name for said in tool.input.values() if isinstance(said, str))


def _tools(payload: bytes) -> Iterator[ToolUse]:
    said = read(payload)
    if isinstance(said, Answer):
        yield from (part for part in said.parts if isinstance(part, ToolUse))
