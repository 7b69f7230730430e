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

Of copies the main chain's count more than a side chain's, then the latest by its own time, then the one with more
output; what is still equal comes from the place with the higher number. This is the same in whatever order files are
read, so a history read piece by piece comes to what one scan of the whole comes to. A side chain's row is dropped where
the main chain has one of the same `message` under another `request` (`ledger/writing.sql`).
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
"""Set in the preference of an answer of the main chain; the bits below are the place's number."""

UNPRICED = float("nan")
"""SQLite stores it as NULL."""

_Prompt = tuple[int, int, int]
_Ids = tuple[str | None, str | None]

OPEN_ANSWERS = 8
"""Of so many answers of a file more copies are expected: side chains may be interleaved."""

_decode = msgspec.json.Decoder(list[tuple[_Ids, int, int, _Prompt, str | None, datetime]]).decode

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
    """One answer of a file: the numbers it is known by, what its first copy says of the prompt, and its last copies."""

    __slots__ = ("best", "last_at", "last_uuid", "message", "prompt", "request")

    def __init__(
        self, message: int, request: int, prompt: _Prompt, last_uuid: str | None, last_at: datetime
    ) -> None:
        self.message = message
        self.request = request
        self.prompt = prompt
        self.last_uuid = last_uuid
        self.last_at = last_at
        self.best: Copy | None = None


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
            ids: Answer(message, request, prompt, uuid, at)
            for ids, message, request, prompt, uuid, at in (_decode(open_) if open_ else ())
        }
        self._answers: list[Answer] = []

    def open(self) -> str:
        """The last answers, by which more copies of them are known when the file is read on."""
        told = [
            (ids, a.message, a.request, a.prompt, a.last_uuid, a.last_at) for ids, a in self._open.items()
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
            answer.best = copy
            self._answers.append(answer)
        elif self._outranks(copy, answer.best):
            answer.best = copy

    def _begin(self, ids: _Ids, copy: Copy) -> None:
        record, _, usage, at = copy
        prompt = _prompt(usage)
        self._open.pop(ids, None)
        if len(self._open) >= OPEN_ANSWERS:
            del self._open[next(iter(self._open))]
        answer = self._open[ids] = Answer(*_key(ids, prompt, at), prompt, record.uuid, at)
        answer.best = copy
        self._answers.append(answer)

    def _outranks(self, copy: Copy, other: Copy) -> bool:
        """As `put_answer` does in ledger/writing.sql."""
        record, best = copy[0], other[0]
        if copy[3] > other[3] and (record.isSidechain, record.agentId) == (best.isSidechain, best.agentId):
            return True  # As nearly always, and soon said.
        rank, highest = self._rank(copy), self._rank(other)
        return rank > highest or (rank == highest and self._preference(copy) > self._preference(other))

    def _rank(self, copy: Copy) -> tuple[bool, datetime, int]:
        record, _, usage, at = copy
        return not (record.isSidechain or record.agentId or self._agent), at, usage.output_tokens or 0

    def _preference(self, copy: Copy) -> int:
        return self._preferences[self._place(copy[0])]

    def rows(self, prices: Prices) -> Iterator[bytes]:
        """Each answer packed as `ROW`, with places and models by their numbers in `places` and `models`."""
        for answer in self._answers:
            if answer.best is None:
                continue
            record, message, usage, at = answer.best
            at_ms, model, tokens = milliseconds(at), message.model or "", _tokens(usage)
            batch = usage.service_tier == "batch"
            cost = prices.price(model, at_ms, tokens, batch=batch)
            place = self._place(record)
            yield ROW.pack(
                answer.message,
                answer.request,
                self._preferences[place],
                at_ms,
                place,
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
            chain = 0 if place.sidechain else MAIN_CHAIN
            self._preferences.append(chain | (_number(told) % MAIN_CHAIN))
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
