"""The double's state, under one lock: accounts, their meters, the faults still due, the log of requests."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from fleet.double import conversation, meters, wire
from fleet.double.conversation import Turn
from fleet.double.meters import Meter
from fleet.double.script import Account, Fault, Script, Step, Window

CUTS: dict[str, Literal["early", "late"]] = {"cut": "early", "cut_late": "late"}
REFUSALS: Mapping[str, tuple[int, str, str]] = {
    "disabled": (400, "invalid_request_error", "This organization has been disabled."),
    "unpaid": (402, "billing_error", "The account has an unpaid balance."),
    "credits": (429, "rate_limit_error", "Extra usage is required for long context requests."),
    "signature": (
        400,
        "invalid_request_error",
        "messages.1.content.0: Invalid `signature` in `thinking` block",
    ),
    "image": (400, "invalid_request_error", "messages.2.content.0.image: Could not process image"),
    "too_long": (400, "invalid_request_error", "prompt is too long: 213000 tokens > 200000 maximum"),
}
"""As the API words them; the client tells them apart by status, type and these words."""
_REFUSED_LOGIN = "OAuth token has expired. Please obtain a new token or refresh your existing token."


@dataclass(frozen=True)
class Request:
    """One request as it was understood and answered.

    `at_s` is `time.monotonic()` seconds, `at_ms` epoch milliseconds of its arrival. `part` says which run of
    steps (the task's name, or `on …` for a reaction), `step` the index in it. `outcome` is `answered`, one of
    the fault kinds, `unknown token`, `side` (the client's own probe or title), `count`, `usage` or `other`.
    """

    at_s: float
    at_ms: int
    method: str
    path: str
    account: str | None
    model: str | None
    session: str | None
    task: str | None
    part: str | None
    step: int | None
    outcome: str
    status: int


@dataclass(frozen=True)
class Reply:
    """What the server is to send: either an `answer` or a `body`."""

    status: int
    headers: Mapping[str, str]
    request_id: str
    body: Mapping[str, Any] | None = None
    answer: wire.Answer | None = None
    delay_s: float = 0.0
    cut: Literal["early", "late"] | None = None
    hang: bool = False


@dataclass
class _Due:
    """A fault not yet used up."""

    fault: Fault
    passed: int = 0
    struck: int = 0

    def strikes(self, account: str, model: str, turn: Turn) -> bool:
        if self.struck >= self.fault.times or not self._fits(account, model, turn):
            return False
        if self.passed < self.fault.after:
            self.passed += 1
            return False
        self.struck += 1
        return True

    def _fits(self, account: str, model: str, turn: Turn) -> bool:
        fault = self.fault
        return (
            fault.account in (None, account)
            and fault.task in (None, turn.task)
            and fault.step in (None, turn.step)
            and (fault.model is None or fault.model in model)
        )


class AccountState:
    """One account in motion. Call it with the stage's lock held."""

    def __init__(self, account: Account, now: float) -> None:
        self.account = account
        self.logged_in = True
        self.meters = {window.name: Meter.at_start(window, now) for window in account.windows}

    def roll(self, now: float) -> list[Meter]:
        for meter in self.meters.values():
            meter.roll(now)
        return list(self.meters.values())

    def meter(self, name: str, now: float) -> Meter:
        """The window `name`; one that nobody heard of yet comes into being."""
        if name not in self.meters:
            self.meters[name] = Meter.at_start(Window(name), now)
        meter = self.meters[name]
        meter.roll(now)
        return meter

    def refuse(self, name: str, resets_in_s: float | None, now: float) -> None:
        meter = self.meter(name, now)
        meter.used = max(meter.used, meter.window.capacity)
        if resets_in_s is not None:
            meter.resets_at = now + resets_in_s
        elif meter.resets_at is None:
            meter.resets_at = now + meter.window.length_s

    def headers(self, model: str, now: float) -> dict[str, str]:
        current = self.roll(now)
        if self.account.kind == "subscription":
            return meters.unified_headers(current, model)
        return meters.api_key_headers(current, model, now)


class Stage:
    """Decides every reply. `clock` gives epoch seconds and may be replaced to make windows reset at will."""

    def __init__(self, script: Script, clock: Callable[[], float] = time.time) -> None:
        self.script = script
        self.clock = clock
        self.changed = threading.Condition()
        self.log: list[Request] = []
        self.accounts = {account.name: AccountState(account, clock()) for account in script.accounts}
        self._due = [_Due(fault) for fault in script.faults]
        self._warm: dict[tuple[str, str], int] = {}

    def add(self, fault: Fault) -> None:
        with self.changed:
            self._due.append(_Due(fault))

    def state(self, account: str) -> AccountState:
        if account not in self.accounts:
            raise KeyError(f"no account {account!r} in the script; it has {sorted(self.accounts)}")
        return self.accounts[account]

    def message(self, path: str, headers: Mapping[str, str], body: Mapping[str, Any]) -> Reply:
        """The reply to `POST /v1/messages`. `headers` have lower-case names."""
        with self.changed:
            entry = self._entry("POST", path, headers, body)
            state = self._state_of(headers)
            if state is None:
                return self._refuse_login(entry, "unknown token", "Invalid bearer token")
            if not state.logged_in:
                return self._refuse_login(entry, "login", _REFUSED_LOGIN)
            if conversation.is_side_request(body):
                return self._side(entry, state, body)
            return self._main(entry, state, body)

    def count_tokens(
        self, path: str, headers: Mapping[str, str], body: Mapping[str, Any], size: int
    ) -> Reply:
        with self.changed:
            entry = self._entry("POST", path, headers, body)
            state = self._state_of(headers)
            if state is None or not state.logged_in:
                return self._refuse_login(entry, "login", _REFUSED_LOGIN)
            return self._body(entry, "count", 200, {}, {"input_tokens": max(size // 4, 1)})

    def usage(self, path: str, headers: Mapping[str, str]) -> Reply:
        """The reply to `GET /api/oauth/usage`."""
        with self.changed:
            entry = self._entry("GET", path, headers, {})
            state = self._state_of(headers)
            if state is None or not state.logged_in or state.account.kind != "subscription":
                return self._refuse_login(entry, "login", _REFUSED_LOGIN)
            return self._body(entry, "usage", 200, {}, meters.usage_report(state.roll(self.clock())))

    def other(
        self, method: str, path: str, headers: Mapping[str, str], status: int, body: Mapping[str, Any]
    ) -> Reply:
        """Anything else that the client asks at its start."""
        with self.changed:
            return self._body(self._entry(method, path, headers, {}), "other", status, {}, body)

    def _entry(self, method: str, path: str, headers: Mapping[str, str], body: Mapping[str, Any]) -> Request:
        state = self._state_of(headers)
        return Request(
            at_s=time.monotonic(),
            at_ms=int(time.time() * 1000),
            method=method,
            path=path,
            account=state.account.name if state else None,
            model=str(body["model"]) if "model" in body else None,
            session=conversation.session_of(body, headers),
            task=None,
            part=None,
            step=None,
            outcome="",
            status=0,
        )

    def _state_of(self, headers: Mapping[str, str]) -> AccountState | None:
        bearer = headers.get("authorization", "").removeprefix("Bearer ").strip()
        offered = {token for token in (bearer, headers.get("x-api-key")) if token}
        return next((state for state in self.accounts.values() if state.account.token in offered), None)

    def _main(self, entry: Request, state: AccountState, body: Mapping[str, Any]) -> Reply:
        turn = conversation.next_turn(self.script, conversation.messages_of(body))
        entry = replace(entry, task=turn.task, part=turn.part, step=turn.step)
        fault = self._struck(state.account.name, entry.model or "", turn)
        kind = fault.kind if fault else None
        if fault is not None and kind == "limit":
            state.refuse(fault.window, fault.seconds, self.clock())
        if fault is not None and fault.kind in REFUSALS:
            status, error, text = REFUSALS[fault.kind]
            return self._error(entry, fault.kind, status, {}, error, text)
        if fault is not None and kind in ("throttle", "overload", "login"):
            return self._fault(entry, fault)
        if self._full(state, entry.model or ""):
            return self._limit(entry, state)
        return self._answer(entry, state, body, turn, fault)

    def _struck(self, account: str, model: str, turn: Turn) -> Fault | None:
        return next((due.fault for due in self._due if due.strikes(account, model, turn)), None)

    def _full(self, state: AccountState, model: str) -> bool:
        return any(meter.full and meter.draws(model) for meter in state.roll(self.clock()))

    def _fault(self, entry: Request, fault: Fault) -> Reply:
        after = {} if fault.seconds is None else {"retry-after": f"{fault.seconds:g}"}
        if fault.kind == "login":
            return self._refuse_login(entry, "login", _REFUSED_LOGIN)
        if fault.kind == "throttle":
            body = ("rate_limit_error", "Number of concurrent requests has exceeded your rate limit.")
            return self._error(entry, "throttle", 429, after, *body)
        return self._error(entry, "overload", 529, after, "overloaded_error", "Overloaded")

    def _limit(self, entry: Request, state: AccountState) -> Reply:
        now, model = self.clock(), entry.model or ""
        headers = state.headers(model, now)
        claim = meters.representative([meter for meter in state.meters.values() if meter.draws(model)])
        if claim is not None and claim.resets_at_header is not None:
            headers["retry-after"] = str(max(int(claim.resets_at_header - now), 1))
        text = "This request would exceed your account's rate limit. Please try again later."
        return self._error(entry, "limit", 429, headers, "rate_limit_error", text)

    def _refuse_login(self, entry: Request, outcome: str, text: str) -> Reply:
        return self._error(entry, outcome, 401, {}, "authentication_error", text)

    def _side(self, entry: Request, state: AccountState, body: Mapping[str, Any]) -> Reply:
        if self._full(state, entry.model or ""):
            return self._limit(entry, state)
        step = Step(text='{"title": "Scripted work"}', tokens_in=20, tokens_out=5)
        answer = self._compose(step, entry, body, warm_tokens=0)
        return self._reply(entry, "side", 200, state.headers(entry.model or "", self.clock()), answer=answer)

    def _answer(
        self, entry: Request, state: AccountState, body: Mapping[str, Any], turn: Turn, fault: Fault | None
    ) -> Reply:
        step, now, model = turn.answer, self.clock(), entry.model or ""
        for meter in state.roll(now):
            if meter.draws(model):
                meter.charge(step, now)
        cache = (state.account.name, entry.session or "")
        answer = self._compose(step, entry, body, self._warm.get(cache, 0))
        self._warm[cache] = step.tokens_in
        kind = fault.kind if fault else "answered"
        slow_s = (fault.seconds or 0.0) if fault is not None and kind == "delay" else 0.0
        return self._reply(
            entry,
            kind,
            200,
            state.headers(model, now),
            answer=answer,
            delay_s=step.delay_s + slow_s,
            cut=CUTS.get(kind),
            hang=kind == "hang",
        )

    def _compose(self, step: Step, entry: Request, body: Mapping[str, Any], warm_tokens: int) -> wire.Answer:
        number = len(self.log) + 1
        answer_id = hashlib.sha256(f"{entry.session} {number}".encode()).hexdigest()[:24]
        blocks = wire.blocks_of(step, answer_id, conversation.working_directory(body))
        return wire.Answer(
            f"msg_{answer_id}", entry.model or "unknown", blocks, wire.usage_of(step, warm_tokens)
        )

    def _error(
        self, entry: Request, outcome: str, status: int, headers: Mapping[str, str], kind: str, text: str
    ) -> Reply:
        body = wire.error_body(kind, text, self._request_id())
        return self._body(entry, outcome, status, headers, body)

    def _body(
        self, entry: Request, outcome: str, status: int, headers: Mapping[str, str], body: Mapping[str, Any]
    ) -> Reply:
        return self._reply(entry, outcome, status, headers, body=body)

    def _reply(
        self, entry: Request, outcome: str, status: int, headers: Mapping[str, str], **rest: Any
    ) -> Reply:
        request_id = self._request_id()
        self.log.append(replace(entry, outcome=outcome, status=status))
        self.changed.notify_all()
        return Reply(status, headers, request_id, **rest)

    def _request_id(self) -> str:
        return f"req_double{len(self.log) + 1:08d}"


def as_table(request: Request) -> dict[str, Any]:
    return asdict(request)
