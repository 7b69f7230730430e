"""Five-hour blocks: the client's rolling window as it shows in what was used.

A block begins at the full hour (UTC) of an account's first answer and lasts five hours; the next answer after that
begins the next one. Between blocks nothing was used. This is the rule of ccusage's `blocks`
(https://ccusage.com/guide/blocks-reports), which takes it from the client's own sessions; here each account has blocks
of its own, since windows belong to accounts. Where a bucket's resets were read, those are right and this is a guess.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from operator import add, itemgetter

from fleet.history.reports.choice import QUARTER_MS, Choice
from fleet.history.reports.statements import ask
from fleet.history.reports.uses import Use, use_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Sequence

QUARTERS_OF_AN_HOUR = 4
LENGTH = 5 * QUARTERS_OF_AN_HOUR
"""Of a block, in quarters of an hour."""


@dataclass(frozen=True, slots=True)
class Block:
    """`use` is of the block's time; while `active`, it is not over yet. `gap_ms`: how long nothing was used since the
    end of the account's block before."""

    account: str
    begins_ms: int
    ends_ms: int
    last_ms: int
    gap_ms: int
    active: bool
    use: Use


def blocks(connection: sqlite3.Connection, choice: Choice, now_ms: int) -> list[Block]:
    """In the order of time, those that reach into the chosen time, of the chosen accounts. Projects and models are not
    chosen: a block is made of all that its account used."""
    parameters = choice.parameters(connection)
    names = dict(connection.execute("SELECT id, text FROM texts WHERE id IN (SELECT account FROM quarters)"))
    rows = sorted(ask(connection, "quarters_of_accounts", parameters), key=itemgetter(0))
    found = [
        block
        for account, of_account in groupby(rows, key=itemgetter(0))
        for block in _of_account(names[account], of_account, now_ms)
        if block.ends_ms > parameters["since"] * QUARTER_MS
        and block.begins_ms < parameters["until"] * QUARTER_MS
    ]
    return sorted(found, key=lambda block: (block.begins_ms, block.account))


def _of_account(account: str, rows: Iterable[tuple[int, ...]], now_ms: int) -> Iterator[Block]:
    end: int | None = None
    for begin, last, sums in _cut(rows):
        gap = 0 if end is None else begin - end
        end = begin + LENGTH
        yield Block(
            account,
            begins_ms=begin * QUARTER_MS,
            ends_ms=end * QUARTER_MS,
            last_ms=(last + 1) * QUARTER_MS,
            gap_ms=gap * QUARTER_MS,
            active=begin * QUARTER_MS <= now_ms < end * QUARTER_MS,
            use=use_of((account, *sums)),
        )


def _cut(rows: Iterable[tuple[int, ...]]) -> Iterator[tuple[int, int, Sequence[float]]]:
    """First quarter, last quarter that was used, and sums of each block."""
    begin = last = 0
    sums: Sequence[float] = ()
    for _, quarter, *more in rows:
        if sums and quarter < begin + LENGTH:
            sums = list(map(add, sums, more))
        else:
            if sums:
                yield begin, last, sums
            begin, sums = quarter - quarter % QUARTERS_OF_AN_HOUR, more
        last = quarter
    if sums:
        yield begin, last, sums
