"""The home that one process of tests has to itself. Programs are found, and ended, by a home's id in their environment
wherever they run on this machine: two processes of tests that gave it the same name would end each other's."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator

import pytest

from workers import processes

HOME_ID = uuid.uuid4().hex


@pytest.fixture(autouse=True, scope="session")
def nobody_elses_processes_are_ended() -> Iterator[None]:
    """A test that looks for processes by a name that other processes of tests may use, too, fails for it."""
    find = processes.find

    def of_ours(run_marker: str) -> set[int]:
        assert re.search("[0-9a-f]{32}", run_marker), (
            f"another process of tests may run what is named {run_marker}: name it by tests.own_home.HOME_ID"
        )
        return find(run_marker)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(processes, "find", of_ours)
        yield
