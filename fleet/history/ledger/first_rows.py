"""The first rows of an empty ledger: added without the index of the key, and summed on the way."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

from fleet.history.ledger.statements import statements
from fleet.history.transcripts.answers import ROW

Row = tuple[Any, ...]
"""The values of `add_answer` and `put_answer` in writing.sql."""

MANY = 1_000_000
"""So many rows are added without it; what is known of them takes some 100 MB."""

QUARTER_MS = 900_000


_Sums = list[Any]
"""First and last time, answers, five kinds of tokens, cost, how many are unpriced."""


class FirstRows:
    """`end` makes the index and the sums. Rows of a message that was added already wait until then, and are in no
    sum."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._sql = statements()
        self._seen: set[int] = set()
        self._again: list[Row] = []
        self._sums: dict[tuple[int, int, int], _Sums] = {}
        connection.execute(self._sql["drop_key"])

    @property
    def are_many(self) -> bool:
        return len(self._seen) >= MANY

    def add(self, packed: bytes, places: Sequence[int], models: Sequence[int], account: int) -> None:
        """`packed` as `ROW`, with the ids of its places and models."""
        self._connection.executemany(self._sql["add_answer"], self._unseen(packed, places, models, account))

    def _unseen(
        self, packed: bytes, places: Sequence[int], models: Sequence[int], account: int
    ) -> Iterator[Row]:
        seen, sums = self._seen, self._sums
        for row in ROW.iter_unpack(packed):
            (
                message,
                request,
                preference,
                at_ms,
                place,
                model,
                plain,
                output,
                minutes,
                hour,
                read,
                batch,
                cost,
            ) = row
            if message in seen:
                self._again.append((*row[:4], places[place], models[model], account, *row[6:]))
                continue
            seen.add(message)
            place, model = places[place], models[model]
            key = (at_ms // QUARTER_MS, place, model)
            told = sums.get(key)
            if told is None:
                told = sums[key] = [at_ms, at_ms, 0, 0, 0, 0, 0, 0, 0.0, 0]
            elif at_ms > told[1]:
                told[1] = at_ms
            elif at_ms < told[0]:
                told[0] = at_ms
            told[2] += 1
            told[3] += plain
            told[4] += output
            told[5] += minutes
            told[6] += hour
            told[7] += read
            if cost == cost:
                told[8] += cost
            else:
                told[9] += 1
            yield (
                message, request, preference, at_ms, place, model, account,
                plain, output, minutes, hour, read, batch, cost,
            )  # fmt: skip

    def end(self) -> list[Row]:
        """Returns the rows that waited."""
        self._seen.clear()
        self._connection.execute(self._sql["make_key"])
        places = {id_: told for id_, *told in self._connection.execute(self._sql["places"])}
        quarters: dict[tuple[int, ...], _Sums] = {}
        sessions: dict[tuple[int, ...], _Sums] = {}
        for (quarter, place, model), told in self._sums.items():
            session, account, project = places[place]
            _add(quarters, (quarter, account, project, model, 0), told)
            _add(sessions, (session, account, project, model, 0, 0), told)
        self._sums.clear()
        self._connection.executemany(
            self._sql["put_quarter"], ((*key, *told[2:]) for key, told in quarters.items())
        )
        self._connection.executemany(
            self._sql["put_session"], ((*key, *told) for key, told in sessions.items())
        )
        return self._again


def _add(sums: dict[tuple[int, ...], _Sums], key: tuple[int, ...], told: _Sums) -> None:
    known = sums.get(key)
    if known is None:
        sums[key] = told[:]
        return
    known[0], known[1] = min(known[0], told[0]), max(known[1], told[1])
    for n in range(2, len(told)):
        known[n] += told[n]
