"""`fleet events` and `fleet needs`: for people, and line by line for programs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import pytest

from fleet.core.notes import DATA, NoteType
from tests.cli.commands import Shell
from tests.schemas import wrong


def schema(name: str) -> dict[str, Any]:
    text = Path(__file__).parents[2] / "fleet" / "views" / "schema" / "v1" / f"{name}.json"
    found: dict[str, Any] = json.loads(text.read_text("utf-8"))
    return found


def checked(lines: str) -> list[dict[str, Any]]:
    """Each line is valid by the schema that the program prints."""
    found = [json.loads(line) for line in lines.splitlines()]
    assert wrong(schema("feed"), found) == []
    return found


def said(shell: Shell, *words: str) -> str:
    """What the command prints; it ends well."""
    ended = shell.fleet(*words)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


BOX = [
    "account",
    "add",
    "box",
    "--kind",
    "local",
    "--base-url",
    "http://127.0.0.1:9",
    "--tier-map",
    "local=m",
]


@pytest.fixture
def worked(shell: Shell, repo: Path) -> Shell:
    said(shell, *BOX)
    for title in ("Count", "Turn"):
        said(shell, "task", "add", title, "--repo", str(repo), "--tier", "local")
    said(shell, "task", "cancel", "t1")
    return shell


def test_the_schema_that_is_printed_names_each_type_with_its_values(shell: Shell) -> None:
    printed = json.loads(said(shell, "events", "--schema"))
    assert printed == schema("feed")
    event = printed["$defs"]["event"]
    assert event["properties"]["type"]["enum"] == [None, *get_args(NoteType)]
    shown = {key: [name.replace("_at_ms", "_at") for name in keys] for key, keys in DATA.items() if keys}
    named = {
        one["if"]["properties"]["type"]["const"]: one["then"]["properties"]["data"]["required"]
        for one in event["allOf"]
    }
    assert named == shown


def test_each_event_is_a_line_with_type_and_values_in_the_order_of_its_number(worked: Shell) -> None:
    found = checked(said(worked, "events", "--json", "--since", "0"))
    of_tasks = [(line["type"], line["task"]) for line in found if line["task"]]
    assert of_tasks == [("task.added", "t1"), ("task.added", "t2"), ("task.cancelled", "t1")]
    assert [line["seq"] for line in found] == sorted({line["seq"] for line in found})
    after = found[1]["seq"]
    assert checked(said(worked, "events", "--json", "--since", str(after))) == found[2:]
    assert checked(said(worked, "events", "--json", "--since", "1h")) == found
    assert checked(said(worked, "events", "--json", "--since", "2999-01-01")) == []


def test_events_are_chosen_by_type_group_and_task(worked: Shell) -> None:
    def told(*words: str) -> list[str]:
        return [line["type"] for line in checked(said(worked, "events", "--json", *words))]

    assert told("--type", "task.added") == ["task.added"] * 2
    assert told("--type", "account", "--type", "task.cancelled") == ["account.added", "task.cancelled"]
    assert told("--task", "t1") == ["task.added", "task.cancelled"]


def test_people_see_each_event_in_a_line(worked: Shell) -> None:
    lines = said(worked, "events", "--task", "t1").splitlines()
    assert [line.split(maxsplit=2)[1:] for line in lines] == [
        ["t1", "added: Count"],
        ["t1", "cancelled by a person"],
    ]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--type", "tsk"), "no type of events 'tsk'"),
        (("--since", "soon"), "'soon' is no time"),
        (("--task", "t9"), "there is no task t9"),
    ],
)
def test_what_is_asked_for_and_is_not_there_is_said(worked: Shell, words: tuple[str, ...], told: str) -> None:
    ended = worked.fleet("events", *words)
    assert ended.returncode == 1 and told in ended.stderr and not ended.stdout


def test_needs_names_what_waits_for_a_person_and_says_so_by_its_exit_code(shell: Shell, repo: Path) -> None:
    assert said(shell, "needs", "--exit-code") == ""
    said(shell, *BOX)
    said(shell, "task", "add", "Count", "--repo", str(repo), "--tier", "opus")
    ended = shell.fleet("needs", "--exit-code", "--json")
    found = json.loads(ended.stdout)
    assert wrong(schema("needs"), [found]) == []
    assert ended.returncode == 1
    assert [need["kind"] for need in found] == ["tier-nobody-has", "all-waiting"]
    assert "fleet why t1" in said(shell, "needs")
