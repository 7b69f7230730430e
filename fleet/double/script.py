"""What the double plays: accounts and their windows, tasks and their steps, faults. Frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

AccountKind = Literal["subscription", "api-key"]
FaultKind = Literal[
    "limit",
    "throttle",
    "overload",
    "login",
    "cut",
    "cut_late",
    "delay",
    "hang",
    "disabled",
    "unpaid",
    "credits",
    "signature",
    "image",
    "too_long",
]

ACCOUNT_KINDS: tuple[AccountKind, ...] = ("subscription", "api-key")
FAULT_KINDS: tuple[FaultKind, ...] = (
    *("limit", "throttle", "overload", "login"),
    *("cut", "cut_late", "delay", "hang"),
    *("disabled", "unpaid", "credits", "signature", "image", "too_long"),
)


class ScriptError(ValueError):
    """The script cannot be played; the message says where it is wrong and what belongs there."""


@dataclass(frozen=True)
class Window:
    """One metered window of an account. The set of names is open.

    `capacity` is in units: tokens (in and out) of the answers, or answers times `cost_per_answer` when given.
    `models` are parts of model names that draw on it (`("opus",)`); None means every model does.
    A window `starts` at its first use, as a five-hour window does, or is `fixed`: it rolls over on the clock
    whether used or not. `resets_in_s` is the time left at start in a window already open; None means all of
    `length_s`.
    """

    name: str
    capacity: float = 1_000_000.0
    length_s: float = 18_000.0
    models: tuple[str, ...] | None = None
    starts: Literal["first_use", "fixed"] = "first_use"
    utilization: float = 0.0
    resets_in_s: float | None = None
    cost_per_answer: float | None = None


@dataclass(frozen=True)
class Account:
    """One login or API key, recognised by its token."""

    name: str
    token: str
    kind: AccountKind = "subscription"
    windows: tuple[Window, ...] = ()


@dataclass(frozen=True)
class ToolCall:
    """A tool the answer calls. `{cwd}` in any text of `input` becomes the client's working directory."""

    name: str
    input: Mapping[str, Any]


@dataclass(frozen=True)
class Step:
    """One answer: text, tool calls, and what it costs. An answer without tool calls ends the turn."""

    text: str = ""
    tools: tuple[ToolCall, ...] = ()
    tokens_in: int = 2_000
    tokens_out: int = 150
    delay_s: float = 0.0


@dataclass(frozen=True)
class Reaction:
    """Steps to play when a later user message contains `on` (case does not matter)."""

    on: str
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Task:
    """The answers of one conversation. It is chosen by `[[double:NAME]]` in a user message, or by `match`
    (default: the name) standing in the conversation's first user message. One that `reviews` another task is who is
    asked to review its work, where `match` (default: anything) stands in what they are asked."""

    name: str
    steps: tuple[Step, ...]
    match: str | None = None
    reviews: str | None = None
    reactions: tuple[Reaction, ...] = ()


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong for the next `times` requests that fit `account`, `task`, `step` and `model`
    (None: any), after `after` fitting requests went well.

    `step` is the index of the step about to be played, 0 being the task's first. A `limit` fills `window`
    until `seconds` from then; a `delay` lasts `seconds`; `throttle` and `overload` may send `seconds` as
    `retry-after`. A `cut` closes the socket within the first content block (the client asks again, as after
    an overload); a `cut_late` does after a whole block (the client goes on from there three times, then gives
    up). The others are refusals: the account's organisation is `disabled`, it is `unpaid`, has no `credits` for so long
    a context, does not take the session's history (a `signature`, an `image`), or that is `too_long`.
    """

    kind: FaultKind
    account: str | None = None
    task: str | None = None
    step: int | None = None
    model: str | None = None
    times: int = 1
    after: int = 0
    window: str = "five_hour"
    seconds: float | None = None


@dataclass(frozen=True)
class Script:
    """Everything the double needs to know before it starts."""

    accounts: tuple[Account, ...]
    tasks: tuple[Task, ...] = ()
    reactions: tuple[Reaction, ...] = ()
    faults: tuple[Fault, ...] = ()
    unknown_prompt: Step = field(
        default=Step(text="Hello from the double. I have no script for this prompt, so I am done.")
    )

    def __post_init__(self) -> None:
        _refuse_twice("account", [account.name for account in self.accounts])
        _refuse_twice("account token of", [account.token for account in self.accounts], shown=False)
        _refuse_twice("task", [task.name for task in self.tasks])
        for account in self.accounts:
            _refuse_twice(f"window of account {account.name!r}", [window.name for window in account.windows])
        self._refuse_faults_of_nobody()

    def _refuse_faults_of_nobody(self) -> None:
        accounts = {account.name for account in self.accounts}
        tasks = {task.name for task in self.tasks}
        for fault in self.faults:
            if fault.account is not None and fault.account not in accounts:
                raise ScriptError(
                    f"a fault names the account {fault.account!r}; the script has {sorted(accounts)}"
                )
            if fault.task is not None and fault.task not in tasks:
                raise ScriptError(f"a fault names the task {fault.task!r}; the script has {sorted(tasks)}")


def _refuse_twice(what: str, names: list[str], *, shown: bool = True) -> None:
    for index, name in enumerate(names):
        if name in names[:index]:
            detail = repr(name) if shown else "two accounts: give each its own"
            raise ScriptError(f"the script names the {what} {detail} twice")
