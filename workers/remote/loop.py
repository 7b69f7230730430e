"""The one thread in which this process speaks ssh, whatever the number of hosts. Started when it is first needed."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

_lock = threading.Lock()
_loop: asyncio.AbstractEventLoop | None = None


def get() -> asyncio.AbstractEventLoop:
    """The running loop of that thread."""
    global _loop
    with _lock:
        if _loop is None:
            _loop = asyncio.new_event_loop()
            # A daemon: what runs in it is only the near end of connections, which may end at any moment anyway.
            threading.Thread(target=_loop.run_forever, name="ssh", daemon=True).start()
        return _loop


def start(work: Coroutine[Any, Any, T]) -> concurrent.futures.Future[T]:
    return asyncio.run_coroutine_threadsafe(work, get())


def call(work: Callable[[], T], timeout_s: float) -> T:
    """Call it in that thread."""

    async def called() -> T:
        return work()

    return run(called(), timeout_s)


async def aside(work: Callable[[], T]) -> T:
    """Await what blocks, in a thread of its own: in a pool one that hangs would keep others waiting."""
    pool = concurrent.futures.ThreadPoolExecutor(1, "ssh-aside")
    try:
        return await asyncio.get_running_loop().run_in_executor(pool, contextvars.copy_context().run, work)
    finally:
        pool.shutdown(wait=False)


def run(work: Coroutine[Any, Any, T], timeout_s: float) -> T:
    """Wait for it. What it raises is raised here; TimeoutError, and it is cancelled, when it takes too long."""
    future = start(work)
    try:
        return future.result(timeout_s)
    except concurrent.futures.TimeoutError:
        future.cancel()
        raise
