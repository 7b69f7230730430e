"""Which records are one answer, and which of its copies counts.

The client writes an answer several times while it streams, each copy with more output than the one before; resumes and
forks copy the past of a session into other files; a side question tells the main chain's answers again as a side chain,
under request ids of its own. So an answer is known by numbers made of what is the same in all copies:

- `message`: of the message's id and its prompt (input, cache writes, cache reads: what the first copy says, for a
  gateway may tell only at the end), and `request`: of the request's id. Gateways that repeat one message id, or even
  both ids, for all their answers are told apart by request or prompt.
- Where a gateway omits either id: `message` is made of what ids there are and the time of the first copy, which forks
  keep; `request` is 0. A record is another copy of the answer last seen in its file under the same ids when it
  follows its last copy in the chain of uuids, or has the same prompt within ten minutes.

Of copies the main chain's count more than a side chain's, then the one that is a later copy in its own file (the third
in one file outranks the second in another: no clock is asked, for clocks step back), then the one with more output.
Where it was given is the place with the highest number among all that tell it, main chains before side chains; what is
known from one config directory stays there, though another is a copy of it. This is the same in whatever order files
are read, so a history read piece by piece comes to what one scan of the whole comes to. A side chain's row is dropped
where the main chain has one of the same `message` under another `request` (`ledger/writing.sql`).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Protocol
from zlib import crc32

import msgspec

from fleet.history.prices import Tokens
from fleet.history.transcripts.records import Message, Record, Usage

COPY_WITHIN = timedelta(minutes=10)
"""Copies of an answer without ids are no further apart: the client gives a request up after ten minutes."""

ROW = struct.Struct("=4q2i5qqd")
"""message, request, preference, at_ms, place, model, five kinds of tokens, batch, cost (NaN: unpriced)."""

MAIN_CHAIN = 1 << 40
"""Set in the preference of an answer of the main chain. Below it is the place's number, above it which copy this was in
its file (0 in ledgers of schema 1, which did not know)."""

MAIN_PLACE = 1 << 39
"""Set in the numbers of the main chain's places."""

COPY_SHIFT = 41
COPIES_MAX = (1 << 21) - 1

UNPRICED = float("nan")
"""SQLite stores it as NULL."""

_Prompt = tuple[int, int, int]
_Ids = tuple[str | None, str | None]

OPEN_ANSWERS = 8
"""Of so many answers of a file more copies are expected: side chains may be interleaved."""

_decode = msgspec.json.Decoder(list[tuple[_Ids, int, int, _Prompt, str | None, datetime, int]]).decode

Copy = tuple[Record, Message, Usage, datetime]
"""A record with its message, its usage and its time."""


class Prices(Protocol):
    """What answers cost. `digest` changes with every price."""

    digest: str

    def price(self, model: str, at_ms: int, tokens: Tokens, *, batch: bool = False) -> float | None: ...


@dataclass(frozen=True, slots=True)
class Place:
    project: str
    branch: str
    session: str
    agent: str
    sidechain: bool


class Answer:
    """One answer of a file: the numbers it is known by, what its first copy says of the prompt, and its last copies.
    `number` is that of the last one, `best` the one that counts, `place` the number of where it was given."""

    __slots__ = (
        "best",
        "best_main",
        "best_number",
        "last_at",
        "last_uuid",
        "message",
        "number",
        "place",
        "prompt",
        "request",
    )

    def __init__(
        self,
        message: int,
        request: int,
        prompt: _Prompt,
        last_uuid: str | None,
        last_at: datetime,
        number: int = 0,
    ) -> None:
        self.message = message
        self.request = request
        self.prompt = prompt
        self.last_uuid = last_uuid
        self.last_at = last_at
        self.number = number
        self.best: Copy | None = None
        self.best_main = False
        self.best_number = 0
        self.place = 0


class Answers:
    """The answers of one transcript. More copies are only expected of the last few."""

    def __init__(self, config_dir: str, session: str, agent: str, project: str, open_: str = "") -> None:
        """`session`, `agent` and `project`: what the file's own path says, for records that do not. `open_`: what
        `open` gave when the lines before were read."""
        self.places: dict[Place, int] = {}
        self.models: dict[str, int] = {}
        self._config_dir = config_dir
        self._session, self._agent, self._project = session, agent, project
        self._preferences: list[int] = []
        self._place_of: dict[tuple[object, ...], int] = {}
        self._open = {
            ids: Answer(message, request, prompt, uuid, at, number)
            for ids, message, request, prompt, uuid, at, number in (_decode(open_) if open_ else ())
        }
        self._answers: list[Answer] = []

    def open(self) -> str:
        """The last answers, by which more copies of them are known when the file is read on."""
        told = [
            (ids, a.message, a.request, a.prompt, a.last_uuid, a.last_at, a.number)
            for ids, a in self._open.items()
        ]
        return msgspec.json.encode(told).decode()

    def take(self, copy: Copy) -> None:
        record, message, usage, at = copy
        ids = (message.id, record.requestId)
        answer = self._open.get(ids)
        if answer is None or not (
            (record.parentUuid is not None and record.parentUuid == answer.last_uuid)
            or _is_copy(answer, ids, _prompt(usage), at)
        ):
            self._begin(ids, copy)
            return
        answer.last_uuid, answer.last_at = record.uuid, at
        if answer.best is None:
            self._answers.append(answer)
        self._count(answer, copy)

    def _begin(self, ids: _Ids, copy: Copy) -> None:
        record, _, usage, at = copy
        prompt = _prompt(usage)
        self._open.pop(ids, None)
        if len(self._open) >= OPEN_ANSWERS:
            del self._open[next(iter(self._open))]
        answer = self._open[ids] = Answer(*_key(ids, prompt, at), prompt, record.uuid, at)
        self._answers.append(answer)
        self._count(answer, copy)

    def _count(self, answer: Answer, copy: Copy) -> None:
        """As `put_answer` and `put_place` do in ledger/writing.sql."""
        record = copy[0]
        answer.number += 1
        main = not (record.isSidechain or record.agentId or self._agent)
        place, first = self._place(record), answer.best is None
        if first or self._preferences[place] > self._preferences[answer.place]:
            answer.place = place
        if first or main or not answer.best_main:
            answer.best, answer.best_main, answer.best_number = copy, main, answer.number

    def rows(self, prices: Prices) -> Iterator[bytes]:
        """Each answer packed as `ROW`, with places and models by their numbers in `places` and `models`."""
        for answer in self._answers:
            if answer.best is None:
                continue
            _, message, usage, at = answer.best
            at_ms, model, tokens = milliseconds(at), message.model or "", _tokens(usage)
            batch = usage.service_tier == "batch"
            cost = prices.price(model, at_ms, tokens, batch=batch)
            copy = min(answer.best_number, COPIES_MAX) << COPY_SHIFT
            yield ROW.pack(
                answer.message,
                answer.request,
                copy | (MAIN_CHAIN if answer.best_main else 0) | self._preferences[answer.place],
                at_ms,
                answer.place,
                self.models.setdefault(model, len(self.models)),
                *tokens,
                batch,
                UNPRICED if cost is None else cost,
            )

    def _place(self, record: Record) -> int:
        forked = record.forkedFrom.sessionId if record.forkedFrom else None
        session = record.requestSessionId or forked or record.sessionId
        seen = (record.cwd, record.gitBranch, session, record.agentId, record.isSidechain)
        place = self._place_of.get(seen)
        if place is None:
            place = self._place_of[seen] = self._new_place(record, session)
        return place

    def _new_place(self, record: Record, session: str | None) -> int:
        agent = record.agentId or self._agent
        place = Place(
            project=record.cwd or self._project,
            branch=record.gitBranch or "",
            session=session or self._session,
            agent=agent,
            sidechain=bool(record.isSidechain or agent),
        )
        number = self.places.setdefault(place, len(self.places))
        if number == len(self._preferences):
            told = "\0".join((self._config_dir, place.project, place.branch, place.session, place.agent))
            chain = 0 if place.sidechain else MAIN_PLACE
            self._preferences.append(chain | (_number(told) % MAIN_PLACE))
        return number


def milliseconds(at: datetime) -> int:
    """Since 1970. A thousandth is added, for a float keeps no milliseconds exactly."""
    return int(at.timestamp() * 1000 + 0.001)


def _prompt(usage: Usage) -> _Prompt:
    return (
        usage.input_tokens or 0,
        usage.cache_creation_input_tokens or 0,
        usage.cache_read_input_tokens or 0,
    )


def _is_copy(answer: Answer, ids: _Ids, prompt: _Prompt, at: datetime) -> bool:
    if prompt != answer.prompt:
        return False
    return all(ids) or (any(prompt) and abs(at - answer.last_at) <= COPY_WITHIN)


def _key(ids: _Ids, prompt: _Prompt, at: datetime) -> tuple[int, int]:
    """The numbers `message` and `request`."""
    message, request = ids
    if message and request:
        plain, written, read = prompt
        return _number(f"{message}\0{plain},{written},{read}"), crc32(_bytes(request))
    return _number(f"{message or ''}\0{request or ''}\0{milliseconds(at)}"), 0


def _number(text: str) -> int:
    """63 bits: among a million answers two share one with a chance of five in a hundred million."""
    return int.from_bytes(blake2b(_bytes(text), digest_size=8).digest(), "big") >> 1


def _bytes(text: str) -> bytes:
    """JSON may hold lone surrogates."""
    return text.encode(errors="surrogatepass")


def _tokens(usage: Usage) -> Tokens:
    """Cache writes by their lifetime; what no lifetime is told of is the default of five minutes."""
    written = usage.cache_creation_input_tokens or 0
    told = usage.cache_creation
    hour = told.ephemeral_1h_input_tokens or 0 if told else 0
    minutes = told.ephemeral_5m_input_tokens or 0 if told else 0
    return Tokens(
        usage.input_tokens or 0,
        usage.output_tokens or 0,
        max(minutes, written - hour),
        hour,
        usage.cache_read_input_tokens or 0,
    )
