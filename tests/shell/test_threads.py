"""A machine that gives no thread is waited for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from fleet import threads


@pytest.fixture
def starved(monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    """Says whether this process gets threads from here on; the refusal is CPython's own."""
    refuse = [False]
    for name in ("_start_new_thread", "_start_joinable_thread"):  # the latter since Python 3.13
        if hasattr(threading, name):
            monkeypatch.setattr(threading, name, _like(getattr(threading, name), refuse))
    return lambda yes: refuse.__setitem__(0, yes)


def _like(begin: Callable[..., Any], refuse: list[bool]) -> Callable[..., Any]:
    def start(*given: Any, **named: Any) -> Any:
        if refuse[0]:
            raise RuntimeError(threads.REFUSED)
        return begin(*given, **named)

    return start


def test_what_blocks_is_done_once_there_is_a_thread_and_it_is_known_that_somebody_waits(
    starved: Callable[[bool], None],
) -> None:
    async def run() -> None:
        done: list[int] = []
        starved(True)
        async with anyio.create_task_group() as group:
            group.start_soon(threads.in_thread, done.append, 1)
            while not threads.refused():
                await anyio.lowlevel.checkpoint()
            assert done == []
            starved(False)
        assert done == [1] and not threads.refused()

    anyio.run(run)


def test_another_error_of_what_is_called_is_not_taken_for_a_refusal() -> None:
    def fails() -> None:
        raise RuntimeError("it is broken")

    with pytest.raises(RuntimeError, match="it is broken"):
        anyio.run(threads.in_thread, fails)
