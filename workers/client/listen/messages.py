"""What the client can say: one frozen value for each kind of line. `stream.read` makes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from workers.client.listen.windows import Windows

Json: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens by kind, as the API counts them."""

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_creation: int = 0

    def __add__(self, other: Tokens) -> Tokens:
        return Tokens(
            self.input + other.input,
            self.output + other.output,
            self.cache_read + other.cache_read,
            self.cache_creation + other.cache_creation,
        )

    def __sub__(self, other: Tokens) -> Tokens:
        return Tokens(
            self.input - other.input,
            self.output - other.output,
            self.cache_read - other.cache_read,
            self.cache_creation - other.cache_creation,
        )

    @property
    def total(self) -> int:
        return self.input + self.output + self.cache_read + self.cache_creation


@dataclass(frozen=True, slots=True)
class Init:
    """A turn begins: the client says it again at each turn, not only at the first."""

    session_id: str
    model: str
    version: str
    api_key_source: str
    """`none` for a subscription."""
    capabilities: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Text:
    text: str


@dataclass(frozen=True, slots=True)
class ToolUse:
    id: str
    name: str
    input: Json


@dataclass(frozen=True, slots=True)
class Answer:
    """A piece of the model's answer. One answer comes as several lines with one `message_id` and the same
    `tokens`.

    `tokens` is what the API said at the answer's start, so its `output` is not final: `Result` has the full
    count.
    """

    message_id: str
    model: str
    tokens: Tokens
    parts: tuple[Text | ToolUse, ...]
    subagent: bool
    error: str | None = None
    """Set when the client wrote this answer itself to report an error: `rate_limit`, `authentication_failed`,
    `billing_error`, `model_not_found`, `server_error`, `invalid_request`, `max_output_tokens`, `unknown`,
    …
    """
    refused: Windows | None = None
    """The limit that refused it, when the error is one."""


@dataclass(frozen=True, slots=True)
class ToolResult:
    id: str
    is_error: bool
    text: str


@dataclass(frozen=True, slots=True)
class ToolResults:
    results: tuple[ToolResult, ...]
    subagent: bool


@dataclass(frozen=True, slots=True)
class Retry:
    """The client waits `delay_ms` milliseconds before it asks the API again. `status` is None when no answer
    came at all.
    """

    attempt: int
    max_retries: int
    delay_ms: int
    status: int | None
    error: str


@dataclass(frozen=True, slots=True)
class ModelUse:
    """What one model did; subagents count too. The cost is the client's estimate at list prices."""

    model: str
    tokens: Tokens
    cost_usd: float


@dataclass(frozen=True, slots=True)
class Result:
    """A turn has ended. `subtype` says success even for an API error: `verdict.judge` reads the rest."""

    session_id: str
    is_error: bool
    subtype: str
    api_error_status: int | None
    api_error: str | None
    api_error_type: str | None
    terminal_reason: str | None
    stop_reason: str | None
    num_turns: int
    text: str
    errors: tuple[str, ...]
    models: tuple[ModelUse, ...]
    """Counted from the session's start if the client that held it before ended by itself, else from this
    process's start: a SIGKILL loses the sum. So add up `turn` instead, if it is there.
    """
    turn: tuple[ModelUse, ...] | None
    """Counted since the result before this one. None when the client is too old to say."""
    cost_usd: float
    permission_denials: tuple[str, ...]
    """Names of the tools that were denied."""
    consumed: tuple[str, ...]
    """Ids of the user messages that this turn took in."""

    @property
    def tokens(self) -> Tokens:
        return sum((use.tokens for use in self.models), Tokens())


@dataclass(frozen=True, slots=True)
class Replay:
    """A user message that was told, said back when a turn took it in."""

    uuid: str
    text: str


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """Where a told message is: `queued`, `started` (in a turn), then `completed`, `cancelled` (its turn was
    interrupted), `discarded`, `refused`, or a newer word.
    """

    uuid: str
    state: str


@dataclass(frozen=True, slots=True)
class SessionState:
    """`running`, `idle` (nothing runs and nothing is queued), or `requires_action`."""

    state: str


@dataclass(frozen=True, slots=True)
class Background:
    """How many commands and agents now run in the background. When one ends, the client begins a turn by
    itself.
    """

    running: int


@dataclass(frozen=True, slots=True)
class ControlReply:
    """The answer to a control request of ours; `error` says why it failed."""

    request_id: str
    ok: bool
    response: Json
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Other:
    """A line this program has no use for, such as `system/informational`."""

    type: str


@dataclass(frozen=True, slots=True)
class Malformed:
    """Bytes that are no JSON object. Log them and go on: a torn or foreign line says nothing about the
    work.
    """

    reason: str


Message: TypeAlias = (
    Init | Answer | ToolResults | Windows | Retry | Result | Replay | Lifecycle | SessionState | Background
    | ControlReply | Other | Malformed
)  # fmt: skip
