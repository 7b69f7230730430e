from __future__ import annotations

import pytest

from tests.workers.client import recordings
from workers.client.listen.activity import Activity
from workers.client.listen.messages import Lifecycle, Message, ModelUse, Result, SessionState
from workers.client.listen.stream import read

FIRST, SECOND = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
BOTH = frozenset({FIRST, SECOND})


def activity(lines: list[Message]) -> Activity:
    found = Activity()
    for line in lines:
        found = found.after(line)
    return found


def rests(lines: list[Message], told: frozenset[str]) -> list[int]:
    """After which lines the client counts as at rest."""
    return [at for at in range(1, len(lines) + 1) if activity(lines[:at]).at_rest(told)]


@pytest.mark.parametrize(
    ("name", "told", "results"),
    [
        ("finished", {FIRST}, 1),
        ("limited_five_hour", {FIRST}, 1),
        ("interrupted", {FIRST}, 1),
        ("told_during_tool", BOTH, 1),
        ("told_during_answer", BOTH, 2),
        ("told_then_interrupted", BOTH, 2),
        ("background", {FIRST}, 2),
    ],
)
def test_a_client_is_at_rest_only_at_the_end(name: str, told: set[str], results: int) -> None:
    """However many results came, the client is at rest when the last line was said, and at no time before."""
    lines = recordings.lines(name)
    assert sum(isinstance(line, Result) for line in lines) == results
    assert rests(lines, frozenset(told)) == [len(lines)]


def test_the_oldest_client_is_read_as_well() -> None:
    """2.1.197 says neither lifecycle nor uuids in results: five told messages, four turns, one rest at the end."""
    lines = recordings.lines("older_client")
    assert not any(isinstance(line, Lifecycle) for line in lines)
    assert sum(isinstance(line, Result) for line in lines) == 4
    told = frozenset(f"{n * 8}-{n * 4}-4{n * 3}-8{n * 3}-{n * 12}" for n in "12345")
    assert rests(lines, told) == [len(lines)]


@pytest.mark.parametrize("name", ["finished", "told_during_tool", "told_during_answer"])
def test_an_older_client_rests_after_the_result_that_took_in_all(name: str) -> None:
    """Without state and lifecycle lines, the result of the turn that took in the last message is the end."""
    found = recordings.lines(name)
    lines: list[Message] = [line for line in found if not isinstance(line, SessionState | Lifecycle)]
    told = BOTH if name.startswith("told") else frozenset({FIRST})
    last = max(at for at, line in enumerate(lines, 1) if isinstance(line, Result))
    assert rests(lines, told)[0] == last


def test_a_message_told_to_a_resting_client_ends_its_rest() -> None:
    """A client that was told something new is not at rest, though it has not said anything yet."""
    assert not activity(recordings.lines("finished")).at_rest(BOTH)


def test_what_was_refused_is_in_the_history_and_what_was_queued_is_not() -> None:
    """A refused message need not be told again; one that only stood in the queue when the client was killed
    must be.
    """
    assert activity(recordings.lines("limited_five_hour")).untold({FIRST}) == frozenset()
    lines = recordings.lines("told_during_answer")
    killed = next(at for at, line in enumerate(lines) if line == Lifecycle(SECOND, "queued")) + 1
    assert activity(lines[:killed]).untold(BOTH) == {SECOND}


def test_a_message_that_was_thrown_away_is_lost() -> None:
    """A client that refuses or discards a message does not keep us waiting for it."""
    found = activity([SessionState("running"), Lifecycle(FIRST, "discarded"), SessionState("idle")])
    assert found.at_rest({FIRST})
    assert found.lost == found.untold({FIRST}) == {FIRST}


def test_a_turns_tokens_add_up_whatever_ended_the_process_before() -> None:
    """Each result has its own turn's use, so that sums are right also when a kill made the client forget its
    sum.
    """
    results = [line for line in recordings.lines("told_during_answer") if isinstance(line, Result)]
    assert [use.tokens.output for result in results for use in result.turn or ()] == [42, 42]
    assert [result.tokens.output for result in results] == [42, 84]


def test_an_older_clients_turn_is_unknown() -> None:
    """Unknown is not zero: without the field there is no sum for the turn."""
    line = read(b'{"type":"result","modelUsage":{"m":{"outputTokens":7}}}')
    assert isinstance(line, Result)
    assert line.turn is None
    assert [(use.model, use.tokens.output) for use in line.models] == [("m", 7)]
    assert isinstance(line.models[0], ModelUse)


def test_a_command_left_in_the_background_is_known_to_run() -> None:
    """With all words settled and a command still running, the client is not at rest, and one can tell why."""
    lines = recordings.lines("background")
    first = next(at for at, line in enumerate(lines, 1) if line == SessionState("idle"))
    found = activity(lines[:first])
    assert (found.at_rest({FIRST}), found.settled_all({FIRST}), found.background) == (False, True, 1)
