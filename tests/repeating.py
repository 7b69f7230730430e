"""Records what tests take and start, and repeats chosen ones. A pytest plugin for scripts/test --under-load."""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import Any

import pytest

STARTING = ("subprocess.Popen", "os.posix_spawn", "os.fork", "os.forkpty", "os.exec")
"""What Python tells an audit hook when a process is started."""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("under load")
    group.addoption("--record", type=Path, help="write a line of JSON for each test that ran to this file")
    group.addoption("--repeat", type=Path, help="a JSON table: how often to run which test, and no other")
    group.addoption("--order", type=int, help="run tests in a random order; this is its seed")
    group.addoption("--until", type=float, help="start no test after this time (seconds since 1970)")


def pytest_configure(config: pytest.Config) -> None:
    if config.option.record and hasattr(config, "workerinput"):
        config.pluginmanager.register(Starts(), "starts")
    elif config.option.record:
        config.pluginmanager.register(Record(config.option.record), "record")
    if config.option.repeat:
        config.pluginmanager.register(Repeats(json.loads(config.option.repeat.read_text())), "repeats")


class Starts:
    """Notes on each test whether it started a process of its own, and whether it is marked as sensitive.

    Git is left out: it is waited for, so nothing else of the test happens meanwhile.
    """

    def __init__(self) -> None:
        self.started = 0
        self.before = 0
        sys.addaudithook(self._heard)

    def _heard(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in STARTING and not (event == STARTING[0] and PurePath(_program(arguments)).name == "git"):
            self.started += 1

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self) -> None:
        self.before = self.started

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Iterator[None]:
        try:
            return (yield)
        finally:
            noted = {
                "starts": self.started > self.before,
                "sensitive": item.get_closest_marker("sensitive") is not None,
            }
            item.user_properties.extend(noted.items())


def _program(popen: tuple[Any, ...]) -> str:
    executable, arguments = popen[:2]
    first = executable or (arguments if isinstance(arguments, str) else next(iter(arguments), ""))
    return first.decode() if isinstance(first, bytes) else str(first)


class Record:
    """The line of a test: what it is called, each part of it, how long that took, how it ended, what was noted."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.write_text("")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        line = {
            "test": report.nodeid,
            "when": report.when,
            "s": round(report.duration, 3),
            "outcome": report.outcome,
        }
        if report.failed:
            line["story"] = report.longreprtext
        with self.path.open("a") as record:
            record.write(json.dumps(line | dict(report.user_properties)) + "\n")


class Repeats:
    def __init__(self, times: dict[str, int]) -> None:
        self.times = times

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        times = self.times.get(metafunc.definition.nodeid, 0)
        metafunc.fixturenames.append("repetition")
        metafunc.parametrize("repetition", range(times), indirect=True, ids=lambda number: f"run {number}")

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = [item for item in items if base(item.nodeid) in self.times]


@pytest.fixture
def repetition(request: pytest.FixtureRequest) -> int:
    """Which of the runs of a test this is."""
    number: int = request.param
    return number


def base(nodeid: str) -> str:
    """The test without its parameters."""
    return nodeid.partition("[")[0]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.option.order is not None:
        random.Random(config.option.order).shuffle(items)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.config.option.until and time.time() > item.config.option.until:
        pytest.skip("out of time")
