"""The fields of a transcript's line that matter here. All else is skipped without being looked at.

Measured with Claude Code 2.1.330 against a double; older clients and gateways leave fields out or give null.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec

SYNTHETIC = "<synthetic>"
"""The model of messages that the client makes up itself, to tell of an error."""


class CacheCreation(msgspec.Struct, gc=False):
    ephemeral_5m_input_tokens: int | None = None
    ephemeral_1h_input_tokens: int | None = None


class Usage(msgspec.Struct, gc=False):
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
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


class Broken(ValueError):
    """A line that should tell of an answer cannot be read: {why}."""


_decode = msgspec.json.Decoder(Record).decode
_decode_anything = msgspec.json.Decoder().decode


def record_of(line: bytes) -> Record | None:
    """The line's record; None where a line of another kind uses our words for something else. Raises Broken."""
    try:
        return _decode(line)
    except msgspec.ValidationError as error:
        _check(line, str(error))
        return None
    except (msgspec.DecodeError, RecursionError) as error:
        raise Broken(f"not JSON: {error}") from None


def _check(line: bytes, why: str) -> None:
    """Raises Broken when a line whose fields are not as they should be is an answer all the same."""
    try:
        table = _decode_anything(line)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Broken(f"not JSON: {error}") from None
    message = table.get("message") if isinstance(table, dict) else None
    if isinstance(message, dict) and table.get("type") == "assistant" and message.get("usage") is not None:
        raise Broken(f"an answer with unknown fields: {why}")
