"""What the core tells, a program can go by: each line has a type of the closed list, and always the same values."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import fleet.core
from fleet.core import events
from fleet.core.decisions import Note
from fleet.core.model import Pause
from fleet.core.notes import DATA, NoteType
from tests.core.story import Story, account, spec

ABOUT = {"task", "attempt", "account", "host"}
REVISED = ("task.edited", "task.paused", "task.resumed")


def calls() -> Iterator[tuple[str, ast.Call]]:
    sources = {path: path.read_text("utf-8") for path in Path(fleet.core.__file__).parent.rglob("*.py")}
    for path, source in sources.items():
        for call in ast.walk(ast.parse(source)) if ".note(" in source else ():
            if (
                isinstance(call, ast.Call)
                and isinstance(call.func, ast.Attribute)
                and call.func.attr == "note"
            ):
                yield f"{path.name}:{call.lineno}", call


def test_each_type_says_which_values_it_has() -> None:
    assert tuple(DATA) == get_args(NoteType)


def test_each_line_of_the_core_has_exactly_the_values_of_its_type() -> None:
    """Also those that no story and no seed of the fault simulation comes to."""
    told = set()
    for where, call in calls():
        keys = tuple(word.arg for word in call.keywords if word.arg not in ABOUT)
        words = {node.value for node in ast.walk(call.args[1]) if isinstance(node, ast.Constant)}
        named = [one for one in DATA if one in words]
        assert {DATA[one] for one in named} <= {keys}, where
        told.update(named)
    assert told == {*DATA}


def test_a_revision_that_only_pauses_is_told_as_a_pause() -> None:
    story = Story(account("a"))
    story.add()
    paused = spec(title="Other", paused=Pause("a person", "later"))
    for fields, named in ((("title",), paused), (("paused",), paused), (("paused",), spec())):
        story.tell(events.TaskRevised, task="t1", fields=fields, spec=named, by="a person")
    types = [told.type for told in story.decided if isinstance(told, Note)]
    assert [one for one in types if one in REVISED] == ["task.edited", "task.paused", "task.resumed"]
