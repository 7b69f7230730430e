"""The fields of a transcript's line that matter here. All else is skipped without being looked at.

Measured with Claude Code 2.1.330 against a double; older clients and gateways leave fields out or give null.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import Annotated, Any

import msgspec

SYNTHETIC = "<synthetic>"
"""The model of messages that the client makes up itself, to tell of an error."""


TOKENS_MAX = 10**9
"""Of one kind in one answer: a thousand times what any model takes. More is an error, and would break sums."""

Tokens = Annotated[int, msgspec.Meta(ge=0, le=TOKENS_MAX)]


class CacheCreation(msgspec.Struct, gc=False):
    ephemeral_5m_input_tokens: Tokens | None = None
    ephemeral_1h_input_tokens: Tokens | None = None


class Usage(msgspec.Struct, gc=False):
    input_tokens: Tokens | None = None
    output_tokens: Tokens | None = None
    cache_creation_input_tokens: Tokens | None = None
    cache_read_input_tokens: Tokens | None = None
    cache_creation: CacheCreation | None = None
    service_tier: str | None = None


class Message(msgspec.Struct, gc=False):
    id: str | None = None
    model: str | None = None
    usage: Usage | None = None


class Origin(msgspec.Struct, gc=False):
    sessionId: str | None = None


class Record(msgspec.Struct, gc=False):
    """One line. `requestSessionId` (or `forkedFrom`) names the session that an answer was given to, in a fork."""

    type: str | None = None
    message: Message | None = None
    timestamp: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    requestId: str | None = None
    sessionId: str | None = None
    requestSessionId: str | None = None
    forkedFrom: Origin | None = None
    agentId: str | None = None
    uuid: str | None = None
    parentUuid: str | None = None
    isSidechain: bool | None = None
    isApiErrorMessage: bool | None = None
    cwd: str | None = None
    gitBranch: str | None = None
    quotaLimits: Any = None


ANSWERS = ("assistant", None)
"""The types of records that are answers; the oldest have none."""

BEGINS_MAX = 10_000
_BEGINS = re.compile(r'\{\s*"(?:' + "|".join(Record.__struct_fields__) + r'|version|userType)"\s*:')
"""Where a record may begin, whatever its first field is."""

_parse = json.JSONDecoder().raw_decode


_UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError)
"""What reading raises; the errors of msgspec are ValueErrors only from 0.20 on."""


class Broken(ValueError):
    """A line that should tell of an answer cannot be read: {why}."""


_decode = msgspec.json.Decoder(Record).decode
_decode_anything = msgspec.json.Decoder().decode


def record_of(line: bytes) -> Record | None:
    """The line's record; None where a line of another kind uses our words for something else. Raises Broken."""
    try:
        return _decode(line)
    except msgspec.ValidationError:
        return _mended(line)
    except _UNREADABLE as error:
        raise Broken(f"not JSON: {error}") from None


def _mended(line: bytes) -> Record | None:
    """With whole numbers that are written as floats. Raises Broken when a line whose fields are not as they should be
    is an answer all the same."""
    try:
        table = _decode_anything(line)
    except _UNREADABLE as error:
        raise Broken(f"not JSON: {error}") from None
    message = table.get("message") if isinstance(table, dict) else None
    if not isinstance(message, dict) or table.get("type") not in ANSWERS:
        return None
    if message.get("usage") is None:
        return None
    try:
        return msgspec.convert({**table, "message": {**message, "usage": _whole(message["usage"])}}, Record)
    except _UNREADABLE as error:
        raise Broken(f"an answer with unknown fields: {error}") from None


def _whole(told: object) -> object:
    """`5.0` is 5."""
    if isinstance(told, dict):
        return {name: _whole(value) for name, value in told.items()}
    return int(told) if isinstance(told, float) and told.is_integer() else told


def records_within(line: bytes) -> Iterator[bytes]:
    """The whole records in a line that is no JSON: a crash tore one off, and the next was written behind it; or the end
    of the line between two is lost. Only what names its session is one: records repeat answers of others within."""
    text = line.decode(errors="surrogateescape")
    at = 0
    for found in islice(_BEGINS.finditer(text), BEGINS_MAX):
        if found.start() < at:
            continue
        try:
            table, at = _parse(text, found.start())
        except (ValueError, RecursionError):
            continue
        if isinstance(table, dict) and table.get("type") == "assistant" and table.get("sessionId"):
            yield text[found.start() : at].encode(errors="surrogateescape")
