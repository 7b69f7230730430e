"""How a turn, or the client's life, ended and whose matter that is.

Fields decide. The client's prose is read in three places only, where 2.1.332 gives no field, and all are
marked. Each kind was recorded from the real client: `tests/workers/client/recorded/<name>.jsonl`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import StrEnum

from workers.client.listen.messages import Answer, Init, Message, Result, Retry
from workers.client.listen.windows import Windows


class Kind(StrEnum):
    """What it means for the task, its account and its session."""

    FINISHED = "finished"
    """The model ended its turn. [finished]"""
    LIMITED = "limited"
    """A window of the account is full: this account or this model of it, until the reset. [limited_*]"""
    BUSY = "busy"
    """429 without a window, 5xx: the server, not the account's quota. Wait; do not switch. [busy_*,
    server_500]
    """
    LOGIN = "login"
    """The credential is refused (401; 403 where its words say so), or there is none: quarantine the account, keep the
    task. [login_401, login_401_api_key, login_revoked, not_logged_in]"""
    BILLING = "billing"
    """The account is unpaid, out of credit, its organisation is disabled or does not allow this use: a person has to
    settle that. [billing_400, unpaid_402, disabled_400, login_403]
    """
    CREDITS = "credits"
    """The account has no credits for so long a context: this session is not for it, others are. [credits_429]"""
    UNFIT = "unfit"
    """The session's history is refused: a signature, a tool call without its result, an image. [signature_400,
    tool_pair_400, image_400]
    """
    CUT = "cut"
    """No whole answer arrived (dropped, refused, timed out): resume the same session. [cut, dropped,
    unreachable, timeout]
    """
    TURNS = "turns"
    """`--max-turns` is reached. [turns]"""
    BUDGET = "budget"
    """`--max-budget-usd` is reached. [budget]"""
    INTERRUPTED = "interrupted"
    """We, or a person, interrupted the turn. [interrupted, sigint]"""
    NO_SESSION = "no_session"
    """The session to resume is not in this account's directory: carry it there first. [no_session]"""
    SESSION_TAKEN = "session_taken"
    """A new session was asked for under the id of one that exists: resume it instead. [session_taken]"""
    MODEL_MISSING = "model_missing"
    """The account may not use this model, or there is none of that name. [model_missing_404,
    model_forbidden_403]
    """
    TOO_LONG = "too_long"
    """The session no longer fits into the model's context, and compacting did not help. [prompt_too_long]"""
    REFUSED = "refused"
    """The model's safeguards refused the content: the same words will be refused again. [refused]"""
    OUTPUT_LIMIT = "output_limit"
    """One answer was longer than the model may write: go on in the same session. [max_tokens]"""
    STOPPED = "stopped"
    """The process was ended by a signal before its turn did: ours, or the host's (out of memory, say).
    [sigterm, killed]
    """
    CRASHED = "crashed"
    """The process ended by itself with no result. [bad_flag]"""
    ERROR = "error"
    """An error that none of the above describes, a 403 of a region, a proxy or a policy among them. [invalid_400]"""


@dataclass(frozen=True, slots=True)
class Exit:
    """How the process ended; `code` is None when a signal ended it."""

    code: int | None
    signal: int | None = None
    stderr_tail: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How it ended. `window` and `resets_at_ms` (epoch) belong to `limited` alone; each may be unknown. Which model a
    window blocks depends on the account's tiers: `profiles.windows` says it.
    """

    kind: Kind
    reason: str
    """For a person: what happened, in one line."""
    window: str | None = None
    resets_at_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """What earlier lines said that a verdict needs. Fold every line of a process into it: `seen =
    seen.after(line)`.
    """

    started: bool = False
    """The client began a turn at least once, so it has a session."""
    model: str = ""
    error: str | None = None
    """The error word of this turn."""
    refused: Windows | None = None
    """The `rejected` event of this turn, which names a window if it is about the account's quota."""

    def after(self, line: Message) -> Seen:
        if isinstance(line, Init):
            return Seen(started=True, model=line.model)
        if isinstance(line, Windows):
            return replace(self, refused=line if line.status == "rejected" else None)
        if isinstance(line, Answer) and not line.subagent:
            if line.error is None and self.error is None and self.refused is None:
                return self  # nearly every line of a stream
            refused = line.refused or self.refused
            return replace(self, error=line.error, refused=refused if line.error else None)
        if isinstance(line, Retry):
            return replace(self, error=None)
        return self


def judge(result: Result | None, seen: Seen, exit: Exit | None) -> Verdict:  # noqa: A002
    """Judge a turn by its `result`, or a process that ended without one by its exit.

    Args:
        result: the last result, or None when the process gave none for what it was told.
        seen: every line up to the result, folded.
        exit: how the process ended; None while it lives (then there must be a result).
    """
    if result is None:
        return _without_result(exit or Exit(None))
    if not result.is_error:
        return Verdict(Kind.FINISHED, "the turn ended")
    return _by_ending(result, seen) or _by_status(result, seen) or _by_word(result, seen)


def _without_result(exit: Exit) -> Verdict:  # noqa: A002
    last = exit.stderr_tail.strip().rsplit("\n", 1)[-1].strip()[:300]
    story = f": {last}" if last else ", and said nothing on standard error"
    if exit.signal is not None or exit.code == 143:
        name = exit.signal if exit.signal is not None else 15
        return Verdict(Kind.STOPPED, f"signal {name} ended the client before its turn did")
    # Prose, for want of a field: this failure writes no line to standard output.
    if exit.code == 1 and last.startswith("Error: Session ID ") and last.endswith("is already in use."):
        return Verdict(Kind.SESSION_TAKEN, last)
    return Verdict(Kind.CRASHED, f"the client ended with exit code {exit.code} and no result{story}")


_ENDINGS = {
    ("subtype", "error_max_turns"): Kind.TURNS,
    ("subtype", "error_max_budget_usd"): Kind.BUDGET,
    ("reason", "max_turns"): Kind.TURNS,
    ("reason", "budget_exhausted"): Kind.BUDGET,
    ("reason", "aborted_streaming"): Kind.INTERRUPTED,
    ("reason", "aborted_tools"): Kind.INTERRUPTED,
    ("reason", "prompt_too_long"): Kind.TOO_LONG,
    ("reason", "blocking_limit"): Kind.TOO_LONG,
    ("api_error", "media_removed"): Kind.UNFIT,
    ("api_error", "tool_history_mismatch"): Kind.UNFIT,
    ("api_error", "long_context_credits_required"): Kind.CREDITS,
    ("stop", "refusal"): Kind.REFUSED,
    ("api_error", "max_output_tokens"): Kind.OUTPUT_LIMIT,
    ("api_error", "connection_failed"): Kind.CUT,
}


def _by_ending(result: Result, seen: Seen) -> Verdict | None:
    said = (
        ("subtype", result.subtype),
        ("reason", result.terminal_reason),
        ("stop", result.stop_reason),
        ("api_error", result.api_error),
    )
    for field, value in said:
        kind = _ENDINGS.get((field, value or ""))
        if kind:
            return Verdict(kind, _story(result))
    # Prose as a second witness only: no turn began, and none was counted.
    if not seen.started and result.num_turns == 0 and "No conversation found" in _story(result):
        return Verdict(Kind.NO_SESSION, _story(result))
    return None


def _by_status(result: Result, seen: Seen) -> Verdict | None:
    status = result.api_error_status
    if status == 429 or result.api_error == "usage_limit_reached":
        return _limited(result, seen)
    if status is None:
        return None
    if seen.error == "oauth_org_not_allowed":
        return Verdict(Kind.BILLING, _story(result))
    if status == 404:
        return Verdict(Kind.MODEL_MISSING, _story(result))
    if status == 401:
        return Verdict(Kind.LOGIN, _story(result))
    if status == 403:
        return Verdict(_forbidden(result, seen), _story(result))
    if status >= 500:
        return Verdict(Kind.BUSY, _story(result))
    if status == 413:
        return Verdict(Kind.TOO_LONG, _story(result))
    if status == 402 or result.api_error_type == "billing_error":
        return Verdict(Kind.BILLING, _story(result))
    return _by_prose(result) if status in (400, 422) else None


_REFUSED_AS = (
    (re.compile(r"organi[sz]ation has been disabled|credit balance is too low|unpaid", re.I), Kind.BILLING),
    (
        re.compile(
            r"(prompt|input|request) is too long|context (window|length|size)|maximum context|too many tokens",
            re.I,
        ),
        Kind.TOO_LONG,
    ),
    (
        re.compile(
            r"signature|thinking[`'\" ]* blocks?|tool_use|tool_result|could not process image|image (is|was|exceeds)",
            re.I,
        ),
        Kind.UNFIT,
    ),
)


def _by_prose(result: Result) -> Verdict | None:
    """Prose, for want of a field: a disabled organisation, a full context of a server that is not Anthropic's, and a
    history that is refused all come as the same 400."""
    story = _story(result)
    return next((Verdict(kind, story) for said, kind in _REFUSED_AS if said.search(story)), None)


def _limited(result: Result, seen: Seen) -> Verdict:
    refused = seen.refused
    window = refused.refused_by if refused else None
    if refused and window:
        return Verdict(Kind.LIMITED, _story(result), window.name, window.resets_at_ms)
    if result.api_error == "usage_limit_reached":
        return Verdict(Kind.LIMITED, _story(result), None, refused.resets_at_ms if refused else None)
    return Verdict(Kind.BUSY, _story(result))


_WORDS = {
    "rate_limit": Kind.BUSY,
    "overloaded": Kind.BUSY,
    "server_error": Kind.CUT,
    "authentication_failed": Kind.LOGIN,
    "oauth_org_not_allowed": Kind.BILLING,
    "billing_error": Kind.BILLING,
    "model_not_found": Kind.MODEL_MISSING,
}


def _by_word(result: Result, seen: Seen) -> Verdict:
    return Verdict(_WORDS.get(seen.error or "", Kind.ERROR), _story(result))


_OF_THE_CREDENTIAL = re.compile(
    r"\b(revoked|expired|deactivated)\b"
    r"|associated with this (token|key)"
    r"|\b(invalid|unknown|disabled)\b.{0,20}\b(token|key|credentials?|authori[sz]ation)\b"
    r"|\b(token|key|credentials?|authori[sz]ation)\b.{0,40}\b(invalid|not valid|unknown|disabled|deleted)\b",
    re.I,
)
_OF_THE_MODEL = re.compile(
    r"\b(access to|use|using|for) (the |this |that |specified )*model\b|\bmodel\b.{0,40}\bnot\b", re.I
)


def _forbidden(result: Result, seen: Seen) -> Kind:
    """Whose matter a 403 is. Prose, for want of a field: the client's fields are the same for a revoked token, a model
    that is not given, a region, and a proxy that says no, and it puts "Failed to authenticate" before them all. What
    does not speak of the credential is no verdict on it: such an account is tried again, and proves itself."""
    text = result.text
    if (seen.model and seen.model in text) or _OF_THE_MODEL.search(text):
        return Kind.MODEL_MISSING
    return Kind.LOGIN if _OF_THE_CREDENTIAL.search(text) else Kind.ERROR


def _story(result: Result) -> str:
    text = result.text or "; ".join(result.errors) or result.subtype or "the client gave no reason"
    return " ".join(text.split())[:300]
