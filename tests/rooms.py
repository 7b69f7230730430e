"""What each room of the tests took, told at the end of a run. A pytest plugin, switched on in pyproject.toml."""

from __future__ import annotations

from collections import defaultdict
from pathlib import PurePath

import pytest


class Rooms:
    """Adds up what each directory of tests took: set-up, test and tear-down, on whichever process they ran.

    Where tests run side by side the sum is larger than the time that went by.
    """

    def __init__(self) -> None:
        self.taken_s: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        file, _, test = report.nodeid.partition("::")
        room = PurePath(file).parent.as_posix().removeprefix("tests/")
        self.taken_s[room][f"{PurePath(file).name}::{test}"] += report.duration

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if len(self.taken_s) < 2:
            return
        terminalreporter.section("what each room took")
        terminalreporter.write_line(f"{'room':<22} {'tests':>6} {'s':>7}   slowest test")
        for room, tests in sorted(self.taken_s.items(), key=lambda room: -sum(room[1].values())):
            slowest = max(tests, key=tests.__getitem__)
            line = (
                f"{room:<22} {len(tests):>6} {sum(tests.values()):>7.1f}   {tests[slowest]:.1f} s {slowest}"
            )
            terminalreporter.write_line(line)
        tests_s = [took_s for tests in self.taken_s.values() for took_s in tests.values()]
        terminalreporter.write_line(f"{'all':<22} {len(tests_s):>6} {sum(tests_s):>7.1f}")


def pytest_configure(config: pytest.Config) -> None:
    # The processes of xdist send their reports to the one that tells.
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Rooms(), "rooms")
