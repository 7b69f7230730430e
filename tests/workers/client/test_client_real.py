"""The real client, duplex, against the double: what this package assumes of it is so."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from fleet.double import Account, Double, Fault, Script, Step, Task, ToolCall, Window
from tests.workers.client.duplex import FLAGS, Duplex
from workers.client import words
from workers.client.launch import Launch
from workers.client.listen.messages import ControlReply, Init, Result, ToolResults
from workers.client.listen.verdict import Kind, judge
from workers.client.probe.locating import flags, locate, version
from workers.client.session import Carried, Missing, carry, find_transcript, slug

pytestmark = pytest.mark.client

SESSION = "7c1b3f0e-0000-4000-8000-000000000007"
SLOW = ToolCall("Bash", {"command": "sleep 1; echo slept"})
ODD = ToolCall("Bash", {"command": 'python3 -c "print(1, (2))"'})
FORBIDDEN = ToolCall("Bash", {"command": "python3 -c 'print(3)'"})
WINDOWS = (Window("five_hour"), Window("seven_day"))

Start = Callable[..., Duplex]


@pytest.fixture
def double() -> Iterator[Double]:
    tasks = (
        Task("short", (Step("All is well."),)),
        Task("tool", (Step("I look.", (ToolCall("Bash", {"command": "git --version"}),)), Step("Looked."))),
        Task("slow_tool", (Step("I wait.", (SLOW,)), Step("Waited."))),
        Task("slow_answer", (Step("At last."),)),
        Task("rules", (Step("Two tools.", (ODD, FORBIDDEN)), Step("Tried."))),
    )
    faults = (
        Fault("limit", account="a", task="tool", step=1, seconds=3600),
        Fault("delay", task="slow_answer", times=1, seconds=60),
    )
    accounts = (Account("a", "tok-a", windows=WINDOWS), Account("b", "tok-b", windows=WINDOWS))
    with Double(Script(accounts=accounts, tasks=tasks, faults=faults)) as started:
        yield started


@pytest.fixture
def start(double: Double, tmp_path: Path) -> Iterator[Start]:
    started: list[Duplex] = []

    def start(account: str = "a", **changes: Any) -> Duplex:
        (tmp_path / "w").mkdir(exist_ok=True)
        usual = {"session_id": SESSION, "resume": False, "model": "sonnet", "cwd": tmp_path / "w"}
        launch = Launch(
            **{**usual, "allow_tools": ("Bash(git *)", "Bash(sleep *)", "Bash(echo *)"), **changes}
        )
        client = Duplex(
            launch, base_url=double.base_url, token=f"tok-{account}", config_dir=tmp_path / account
        )
        started.append(client)
        return client

    yield start
    for client in started:
        with client:
            pass


def test_the_bundled_client_has_what_we_ask_of_it(tmp_path: Path) -> None:
    """The client that the SDK brings is new enough and lists the flags that are used."""
    binary = locate(None, str(tmp_path), tmp_path)
    version(binary)
    assert flags(binary) >= FLAGS


def test_a_limited_session_goes_on_elsewhere_with_all_it_knew(start: Start, tmp_path: Path) -> None:
    """Refused in mid-task and killed at once, the session continues on another account, and no word needs
    telling twice.
    """
    first = start("a")
    first.say("[[double:tool]] Look around.")
    verdict = first.rest()
    assert (verdict.kind, verdict.window) == (Kind.LIMITED, "five_hour")
    assert verdict.resets_at_ms is not None
    assert 3500 < verdict.resets_at_ms / 1000 - time.time() < 3700
    assert first.activity.untold(first.told) == frozenset()
    first.kill()
    assert isinstance(carry(SESSION, tmp_path / "a", tmp_path / "b"), Carried)
    second = start("b", resume=True)
    second.say("Continue where you left off.")
    assert second.rest().kind is Kind.FINISHED
    result = next(line for line in second.lines if isinstance(line, Result))
    assert (result.text, result.session_id) == ("Looked.", SESSION)


def test_words_told_during_a_tool_join_the_turn(start: Start) -> None:
    """What is said while a tool runs is taken in by the same turn: one result, then rest."""
    client = start()
    client.say("[[double:slow_tool]] Wait a little.")
    client.until(lambda line: isinstance(line, Init))
    client.until(lambda line: "⏵" in str(line) or "ToolUse" in str(line))
    client.say("And be quick.")
    assert client.rest().kind is Kind.FINISHED
    results = [line for line in client.lines if isinstance(line, Result)]
    assert [set(result.consumed) for result in results] == [client.told]


def test_an_interrupted_client_takes_in_what_came_next(start: Start, double: Double) -> None:
    """An interrupt ends the turn, not the session: the next message is answered."""
    client = start()
    client.say("[[double:slow_answer]] Take your time.")
    double.wait_for(lambda requests: bool(requests))
    client.send(words.interrupt("i1"))
    reply = client.until(lambda line: isinstance(line, ControlReply))
    assert isinstance(reply, ControlReply)
    assert reply.ok
    assert client.rest().kind is Kind.INTERRUPTED
    client.say("Now go on.")
    assert client.rest().kind is Kind.FINISHED


def test_the_model_can_be_changed_between_turns(start: Start, double: Double) -> None:
    """After set_model the next turn runs on the other model."""
    client = start()
    client.say("[[double:short]] One.")
    client.rest()
    client.send(words.set_model("m1", "haiku"))
    client.until(lambda line: isinstance(line, ControlReply) and line.request_id == "m1" and line.ok)
    client.say("[[double:short]] Two.")
    client.rest()
    models = [line.model for line in client.lines if isinstance(line, Init)]
    assert "sonnet" in models[0]
    assert "haiku" in models[-1]


def test_a_session_that_is_not_there_is_told_apart(start: Start, tmp_path: Path) -> None:
    """Resuming what this account never had is no crash and no fault of the task."""
    gone = str(uuid4())
    assert isinstance(carry(gone, tmp_path / "b", tmp_path / "a"), Missing)
    client = start("a", resume=True, session_id=gone)
    exit_ = client.ended()
    assert judge(client.result(), client.seen, exit_).kind is Kind.NO_SESSION


def test_a_session_that_exists_cannot_be_begun_again(start: Start) -> None:
    """Asking for a new session under a used id is told apart, so that it can be resumed instead."""
    first = start()
    first.say("[[double:short]] Hello.")
    first.rest()
    first.kill()
    second = start()
    exit_ = second.ended()
    assert judge(second.result(), second.seen, exit_).kind is Kind.SESSION_TAKEN


def test_a_tool_rule_reaches_the_client_whole(start: Start) -> None:
    """A rule with spaces, commas and parentheses allows what it says; what no rule allows is denied and
    named.
    """
    client = start(allow_tools=(f"Bash({ODD.input['command']})", "Edit"))
    client.say("[[double:rules]] Try both.")
    client.rest()
    tools = [one for line in client.lines if isinstance(line, ToolResults) for one in line.results]
    result = next(line for line in client.lines if isinstance(line, Result))
    assert sorted(one.is_error for one in tools) == [False, True]
    assert result.permission_denials == ("Bash",)
    client.say("[[double:short]] Hello.")
    client.rest()
    results = [line for line in client.lines if isinstance(line, Result)]
    assert [one.permission_denials for one in results] == [("Bash",), ()], "a result names those of its turn"


@pytest.mark.parametrize("name", ["a b.c_d-é 🚀+1", "x" * 100 + "/" + "y" * 120])
def test_a_session_lies_where_its_directory_says(start: Start, tmp_path: Path, name: str) -> None:
    """A session is laid down where the client of another directory would have put it, long paths too."""
    cwd = tmp_path.resolve() / name
    cwd.mkdir(parents=True)
    client = start(cwd=cwd)
    client.say("[[double:short]] Hello.")
    client.rest()
    path = find_transcript(tmp_path / "a", SESSION)
    assert path is not None
    assert path.parent.name == slug(str(cwd))


def test_what_is_carried_is_all_the_client_wrote(start: Start, tmp_path: Path) -> None:
    """When the result is said, the transcript is whole: a kill right then tears nothing and loses nothing."""
    client = start()
    client.say("[[double:tool]] Look around.")
    client.until(lambda line: isinstance(line, Result))
    path = find_transcript(tmp_path / "a", SESSION)
    assert path is not None
    at_result = path.read_bytes()
    client.kill()
    assert path.read_bytes().startswith(at_result)
    records = [json.loads(line) for line in at_result.splitlines()]
    assert any("usage_limit_reached" in json.dumps(record) for record in records)
