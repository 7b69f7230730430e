"""Reading many files: here when it is little, in as many processes as there are processors when it is much."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from fleet.history.scan.result import Unreadable
from fleet.history.transcripts.answers import Prices
from fleet.history.transcripts.incremental import FileRead, Todo, read

ALONE_BYTES = 24 << 20
"""Less than this is read before another process has started."""

BATCH_BYTES = 6 << 20
WAITING_BATCHES = 4
"""So many batches for each process are handed out at once: what they found waits in memory."""

Work = tuple[Todo, int]
"""A file, and how many bytes of it are to be read."""


def read_many(work: Sequence[Work], prices: Prices) -> Iterator[FileRead | Unreadable]:
    """In any order."""
    processes = min(_processors(), len(work))
    if processes < 2 or sum(size for _, size in work) < ALONE_BYTES:
        yield from read_batch([todo for todo, _ in work], prices)
        return
    yield from _read_apart(work, prices, processes)


def _read_apart(work: Sequence[Work], prices: Prices, processes: int) -> Iterator[FileRead | Unreadable]:
    # Imported only here: it takes as long as reading a small change.
    from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
    from multiprocessing import get_context

    batches = iter(_batches(sorted(work, key=lambda one: -one[1])))
    # A fork would copy the threads' locks of whoever scans, and with them a deadlock.
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        running: set[Future[list[FileRead | Unreadable]]] = set()
        while True:
            room = processes * WAITING_BATCHES - len(running)
            running |= {pool.submit(_read_batch, batch, prices) for batch in islice(batches, room)}
            if not running:
                return
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                yield from future.result()


def _read_batch(todos: list[Todo], prices: Prices) -> list[FileRead | Unreadable]:
    return list(read_batch(todos, prices))


def read_batch(todos: Iterable[Todo], prices: Prices) -> Iterator[FileRead | Unreadable]:
    for todo in todos:
        try:
            yield read(todo, prices)
        except OSError as error:
            yield Unreadable(todo.path, error.strerror or str(error))


def _batches(work: Iterable[Work]) -> Iterator[list[Todo]]:
    batch: list[Todo] = []
    weight = 0
    for todo, size in work:
        batch.append(todo)
        weight += size
        if weight >= BATCH_BYTES:
            yield batch
            batch, weight = [], 0
    if batch:
        yield batch


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
