"""Read what the client says, a line of JSON each, as the values of `messages`.

Tolerant by design: the client changes weekly. What is not known becomes `Other`, what cannot be read becomes
`Malformed`, a field of an unexpected type counts as absent, and nothing here raises. Every shape was recorded
from the real client (tests/workers/client/recorded).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping

from pydantic_core import from_json

from workers.client.listen.messages import (
    Answer,
    Background,
    ControlReply,
    Init,
    Json,
    Lifecycle,
    Malformed,
    Message,
    ModelUse,
    Other,
    Replay,
    Result,
    Retry,
    SessionState,
    Text,
    Tokens,
    ToolResult,
    ToolResults,
    ToolUse,
)
from workers.client.listen.windows import read_windows


def read(payload: bytes) -> Message:
    """Read one line of the client's standard output. Raises nothing, whatever the bytes."""
    data = _parse(payload)
    if isinstance(data, Malformed):
        return data
    kind = _str(data.get("type"))
    if kind == "system":
        kind = f"system/{_str(data.get('subtype'))}"
    reader = _READERS.get(kind)
    return reader(data) if reader else Other(kind)


def _parse(payload: bytes) -> Json | Malformed:
    try:
        data = from_json(payload)
    except ValueError as strict:
        # The client cuts text in mid-emoji; half of one is valid JSON that the strict parser refuses.
        try:
            repaired = json.dumps(json.loads(payload), ensure_ascii=False).encode("utf-8", "replace")
            data = from_json(repaired)
        except (ValueError, RecursionError):
            return Malformed(str(strict))
    return data if isinstance(data, dict) else Malformed(f"a JSON {type(data).__name__}, not an object")


def _init(data: Json) -> Init:
    return Init(
        session_id=_str(data.get("session_id")),
        model=_str(data.get("model")),
        version=_str(data.get("claude_code_version")),
        api_key_source=_str(data.get("apiKeySource")),
        capabilities=frozenset(_strings(data.get("capabilities"))),
    )


def _answer(data: Json) -> Answer:
    message = _dict(data.get("message"))
    refused = _dict(_dict(data.get("api_error_params")).get("rate_limit_info"))
    return Answer(
        message_id=_str(message.get("id")),
        model=_str(message.get("model")),
        tokens=_tokens(_dict(message.get("usage"))),
        parts=tuple(_parts(message.get("content"))),
        subagent=isinstance(data.get("parent_tool_use_id"), str),
        error=_optional(data.get("error")),
        refused=read_windows(refused) if refused else None,
    )


def _parts(content: object) -> Iterable[Text | ToolUse]:
    for block in _dicts(content):
        if block.get("type") == "text":
            yield Text(_str(block.get("text")))
        elif block.get("type") == "tool_use":
            yield ToolUse(_str(block.get("id")), _str(block.get("name")), _dict(block.get("input")))


def _user(data: Json) -> Replay | ToolResults | Other:
    content = _dict(data.get("message")).get("content")
    if data.get("isReplay") is True:
        return Replay(_str(data.get("uuid")), _plain(content))
    results = tuple(
        ToolResult(
            _str(block.get("tool_use_id")), block.get("is_error") is True, _plain(block.get("content"))
        )
        for block in _dicts(content)
        if block.get("type") == "tool_result"
    )
    if results:
        return ToolResults(results, subagent=isinstance(data.get("parent_tool_use_id"), str))
    return Other("user")


def _retry(data: Json) -> Retry:
    return Retry(
        attempt=_int(data.get("attempt")),
        max_retries=_int(data.get("max_retries")),
        delay_ms=_int(data.get("retry_delay_ms")),
        status=_int(data.get("error_status")) or None,
        error=_str(data.get("error")),
    )


def _result(data: Json) -> Result:
    since = data.get("model_usage_since_last_result")
    return Result(
        session_id=_str(data.get("session_id")),
        # A result without the field is no success: unknown is not fine.
        is_error=data.get("is_error") is not False,
        subtype=_str(data.get("subtype")),
        api_error_status=_int(data.get("api_error_status")) or None,
        api_error=_optional(data.get("api_error")),
        api_error_type=_optional(data.get("api_error_type")),
        terminal_reason=_optional(data.get("terminal_reason")),
        stop_reason=_optional(data.get("stop_reason")),
        num_turns=_int(data.get("num_turns")),
        text=_str(data.get("result")),
        errors=tuple(_strings(data.get("errors"))),
        models=_models(data.get("modelUsage")),
        turn=_models(since) if isinstance(since, dict) else None,
        cost_usd=_float(data.get("total_cost_usd")),
        permission_denials=tuple(
            _str(one.get("tool_name")) for one in _dicts(data.get("permission_denials"))
        ),
        consumed=tuple(_strings(data.get("user_message_uuids"))),
    )


def _models(value: object) -> tuple[ModelUse, ...]:
    return tuple(_model_use(name, _dict(use)) for name, use in _dict(value).items())


def _model_use(model: str, use: Json) -> ModelUse:
    tokens = Tokens(
        input=_int(use.get("inputTokens")),
        output=_int(use.get("outputTokens")),
        cache_read=_int(use.get("cacheReadInputTokens")),
        cache_creation=_int(use.get("cacheCreationInputTokens")),
    )
    return ModelUse(model, tokens, _float(use.get("costUSD")))


def _tokens(usage: Json) -> Tokens:
    return Tokens(
        input=_int(usage.get("input_tokens")),
        output=_int(usage.get("output_tokens")),
        cache_read=_int(usage.get("cache_read_input_tokens")),
        cache_creation=_int(usage.get("cache_creation_input_tokens")),
    )


def _background(data: Json) -> Background:
    return Background(sum(1 for _ in _dicts(data.get("tasks"))))


def _control_reply(data: Json) -> ControlReply:
    reply = _dict(data.get("response"))
    ok = reply.get("subtype") == "success"
    error = None if ok else _str(reply.get("error")) or "the client gave no reason"
    return ControlReply(_str(reply.get("request_id")), ok, _dict(reply.get("response")), error)


_READERS: Mapping[str, Callable[[Json], Message]] = {
    "system/init": _init,
    "system/api_retry": _retry,
    "system/session_state_changed": lambda data: SessionState(_str(data.get("state"))),
    "system/background_tasks_changed": _background,
    "assistant": _answer,
    "user": _user,
    "rate_limit_event": lambda data: read_windows(_dict(data.get("rate_limit_info"))),
    "result": _result,
    "control_response": _control_reply,
    "command_lifecycle": lambda data: Lifecycle(_str(data.get("command_uuid")), _str(data.get("state"))),
}


def _plain(content: object) -> str:
    """The text of a message's content, which is a string or a list of blocks."""
    if isinstance(content, str):
        return content
    return "\n".join(_str(block.get("text")) for block in _dicts(content) if block.get("type") == "text")


def _str(value: object) -> str:
    return value if isinstance(value, str) else ""


def _optional(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _int(value: object) -> int:
    """A count: never negative, and small enough for a database column."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63 else 0


def _float(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0.0
    return float(value) if 0 <= value < 1e15 else 0.0


def _dict(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def _dicts(value: object) -> Iterable[Json]:
    return (one for one in value if isinstance(one, dict)) if isinstance(value, list) else ()


def _strings(value: object) -> Iterable[str]:
    return (one for one in value if isinstance(one, str)) if isinstance(value, list) else ()
