"""The way to a thread, for what blocks: where the machine gives none, it is waited for.

A fork that is refused is an OSError, which whoever started a program handles. A thread that is refused is a
RuntimeError of `threading`, at any place that calls something blocking, and would end the coordinator.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar, TypeVarTuple

import anyio
from anyio import CapacityLimiter, to_thread

T = TypeVar("T")
Arguments = TypeVarTuple("Arguments")

REFUSED = "can't start new thread"
"""What CPython's `thread.error` says of every cause."""
AGAIN_S = 0.5

_waiting = 0


async def in_thread(
    call: Callable[[*Arguments], T], *arguments: *Arguments, limiter: CapacityLimiter | None = None
) -> T:
    """What `call` returns or raises. It is called again when it asked for a thread itself and got none.

    When the caller is cancelled it does not wait for the end of `call`.
    """
    return await until_given(
        lambda: to_thread.run_sync(call, *arguments, limiter=limiter, abandon_on_cancel=True)
    )


async def until_given(begin: Callable[[], Awaitable[T]]) -> T:
    """What comes of something of a library that needs a thread; it is begun again for as long as there is none."""
    global _waiting
    while True:
        try:
            return await begin()
        except RuntimeError as failed:
            if str(failed) != REFUSED:
                raise
        _waiting += 1
        try:
            await anyio.sleep(AGAIN_S)
        finally:
            _waiting -= 1


def refused() -> bool:
    """Whether somebody waits because the machine gave no thread."""
    return _waiting > 0
