"""What workers say, in the coordinator's log: a little of each."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from fleet.shell.chatter import Chatter
from fleet.shell.logs import open_log
from fleet.shell.veil import Veil
from tests.contract.full_fleet import ATTEMPT
from workers.client.listen.messages import Answer, Init, Text, Tokens


def answer(text: str) -> Answer:
    return Answer("m", "m", Tokens(), (Text(text),), subagent=False)


class Log:
    def __init__(self) -> None:
        self._out = io.StringIO()
        self.chatter = Chatter(open_log("json", Veil(), self._out))

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._out.getvalue().splitlines()]

    def texts(self) -> list[str]:
        return [line["event"] for line in self.lines()]


@pytest.fixture
def log() -> Log:
    return Log()


def test_a_line_names_its_task_attempt_account_and_host(log: Log) -> None:
    log.chatter.say(ATTEMPT, None, answer("hello"), 0.0)
    (line,) = log.lines()
    assert {"task": "t2", "attempt": "t2.3", "account": "work", "host": "local"}.items() <= line.items()
    assert "hello" in line["event"]


def test_a_fast_talker_is_shown_a_few_lines_and_the_rest_is_counted(log: Log) -> None:
    """Eight at once, three a second after that; what was hidden is said with the next line that is shown."""
    for n in range(100):
        log.chatter.say(ATTEMPT, None, answer(f"line {n}"), 0.0)
    assert len(log.texts()) == 8
    log.chatter.say(ATTEMPT, None, answer("later"), 1.0)
    hidden, shown = log.texts()[8:]
    assert hidden == "(92 lines not shown: fleet task logs t2)"
    assert "later" in shown
    for n in range(100):
        log.chatter.say(ATTEMPT, None, answer(f"again {n}"), 1.0)
    assert len(log.texts()) == 12


def test_each_worker_has_a_voice_of_its_own(log: Log) -> None:
    from dataclasses import replace

    other = replace(ATTEMPT, id="t9.1", task="t9")
    for _ in range(100):
        log.chatter.say(ATTEMPT, None, answer("loud"), 0.0)
    log.chatter.say(other, None, answer("quiet"), 0.0)
    assert "quiet" in log.texts()[-1]


def test_lines_that_say_nothing_cost_no_voice(log: Log) -> None:
    for _ in range(100):
        log.chatter.say(ATTEMPT, None, Init("s", "m", "2", "none"), 0.0)
    log.chatter.say(ATTEMPT, None, answer("heard"), 0.0)
    assert "heard" in log.texts()[-1]


def test_paths_are_shown_as_the_worker_sees_them(log: Log) -> None:
    log.chatter.say(ATTEMPT, "/h/worktrees/clock/t2", answer("see /h/worktrees/clock/t2/src/a.py"), 0.0)
    assert "see src/a.py" in log.texts()[0]


def test_a_worker_that_was_silent_for_a_minute_begins_anew(log: Log) -> None:
    for _ in range(50):
        log.chatter.say(ATTEMPT, None, answer("loud"), 0.0)
    log.chatter.flush(30.0)
    log.chatter.flush(61.0)
    log.chatter.say(ATTEMPT, None, answer("back"), 61.0)
    assert "back" in log.texts()[-1]
    assert not any("not shown" in text for text in log.texts())
