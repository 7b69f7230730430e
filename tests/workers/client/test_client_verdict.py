from __future__ import annotations

import json

import pytest

from tests.workers.client import recordings
from workers.client.listen.messages import Answer, Init, Result
from workers.client.listen.stream import read
from workers.client.listen.verdict import Exit, Kind, Seen, judge

RESET_MS = 1_795_400_000_000

KINDS = {
    "finished": Kind.FINISHED,
    "warning": Kind.FINISHED,
    "told_during_tool": Kind.FINISHED,
    "told_during_answer": Kind.FINISHED,
    "told_then_interrupted": Kind.FINISHED,
    "background": Kind.FINISHED,
    "model_changed": Kind.FINISHED,
    "limited_five_hour": Kind.LIMITED,
    "limited_seven_day": Kind.LIMITED,
    "limited_opus": Kind.LIMITED,
    "older_client": Kind.LIMITED,
    "limited_sonnet": Kind.LIMITED,
    "limited_unknown_window": Kind.LIMITED,
    "limited_overage": Kind.LIMITED,
    "busy_429": Kind.BUSY,
    "busy_429_api_key": Kind.BUSY,
    "busy_529": Kind.BUSY,
    "server_500": Kind.BUSY,
    "login_401": Kind.LOGIN,
    "login_401_api_key": Kind.LOGIN,
    "login_403": Kind.BILLING,
    "login_revoked": Kind.LOGIN,
    "not_logged_in": Kind.LOGIN,
    "billing_400": Kind.BILLING,
    "unpaid_402": Kind.BILLING,
    "disabled_400": Kind.BILLING,
    "credits_429": Kind.CREDITS,
    "signature_400": Kind.UNFIT,
    "thinking_400": Kind.UNFIT,
    "tool_pair_400": Kind.UNFIT,
    "tool_pair_open_400": Kind.UNFIT,
    "image_400": Kind.UNFIT,
    "cut": Kind.CUT,
    "dropped": Kind.CUT,
    "unreachable": Kind.CUT,
    "timeout": Kind.CUT,
    "turns": Kind.TURNS,
    "budget": Kind.BUDGET,
    "interrupted": Kind.INTERRUPTED,
    "sigint": Kind.INTERRUPTED,
    "no_session": Kind.NO_SESSION,
    "session_taken": Kind.SESSION_TAKEN,
    "model_missing_404": Kind.MODEL_MISSING,
    "model_forbidden_403": Kind.MODEL_MISSING,
    "model_plan_400": Kind.ERROR,
    "prompt_too_long": Kind.TOO_LONG,
    "refused": Kind.REFUSED,
    "max_tokens": Kind.OUTPUT_LIMIT,
    "sigterm": Kind.STOPPED,
    "killed": Kind.STOPPED,
    "bad_flag": Kind.CRASHED,
    "invalid_400": Kind.ERROR,
}


@pytest.mark.parametrize("name", recordings.NAMES)
def test_every_recorded_ending_gets_its_kind(name: str) -> None:
    """Each ending that the real client showed is judged as what it is."""
    assert recordings.verdict(name).kind is KINDS[name]


def test_every_kind_was_recorded() -> None:
    """No kind is invented: each was seen from the real client."""
    assert {KINDS[name] for name in recordings.NAMES} == set(Kind)


@pytest.mark.parametrize(
    ("name", "window"),
    [
        ("limited_five_hour", "five_hour"),
        ("limited_seven_day", "seven_day"),
        ("limited_opus", "seven_day_opus"),
        ("limited_sonnet", "seven_day_sonnet"),
        ("limited_unknown_window", "thirty_day_fable"),
        ("limited_overage", "overage"),
    ],
)
def test_a_limit_names_its_window_and_its_reset(name: str, window: str) -> None:
    """A limit says which window, and until when; a window never heard of works too."""
    verdict = recordings.verdict(name)
    assert (verdict.window, verdict.resets_at_ms) == (window, RESET_MS)


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        # As they stand in reports of the client's users (anthropics/claude-code #1613, #9635, #54863, #65714 …).
        ("OAuth token revoked. Please log in again or contact your administrator.", Kind.LOGIN),
        ("API Error: 403 OAuth token has been revoked. Please obtain a new token.", Kind.LOGIN),
        (
            "API Error: 403 Account is no longer a member of the organization associated with this token.",
            Kind.LOGIN,
        ),
        ("API Error: 403 Invalid bearer token", Kind.LOGIN),
        ("API Error: 403 This API key has been disabled.", Kind.LOGIN),
        ("API Error: 403 Request not allowed", Kind.ERROR),
        ("API Error: 403 We are unable to serve your request", Kind.ERROR),
        ("API Error: 403 Your client is not authorized to use this API key", Kind.ERROR),
        ("API Error: 403 <html><title>Access denied</title>blocked by Example Web Proxy</html>", Kind.ERROR),
        ("API Error: 403 Your account does not have access to claude-sonnet-5-5.", Kind.MODEL_MISSING),
        (
            "API Error: 403 Your API key does not have permission to use the specified model.",
            Kind.MODEL_MISSING,
        ),
        (
            "API Error: 403 You don't have access to the model with the specified model ID.",
            Kind.MODEL_MISSING,
        ),
    ],
)
def test_a_403_is_a_verdict_on_the_credential_only_where_its_words_are(said: str, kind: Kind) -> None:
    """A region, a proxy and a policy say 403 as well: for them no account is shut until a person comes."""
    fields = {
        "type": "result",
        "is_error": True,
        "api_error_status": 403,
        "result": f"Failed to authenticate. {said}",
    }
    line = read(json.dumps(fields).encode())
    assert isinstance(line, Result)
    assert judge(line, Seen(True, "claude-sonnet-5-5", "authentication_failed"), None).kind is kind


def test_a_busy_server_is_never_a_full_window() -> None:
    """A 429 without a window blames no window, though its rate_limit_event says `rejected`."""
    assert recordings.verdict("busy_429").window is None


def test_an_older_clients_limit_is_read_without_the_event() -> None:
    """If the event is lost, the limit is still known from the answer that reports it."""
    seen = Seen()
    for payload in recordings.payloads("limited_opus"):
        line = read(payload)
        if isinstance(line, Init | Answer):
            seen = seen.after(line)
    verdict = judge(recordings.result("limited_opus"), seen, None)
    assert (verdict.kind, verdict.window, verdict.resets_at_ms) == (Kind.LIMITED, "seven_day_opus", RESET_MS)


def test_a_limit_of_an_earlier_turn_does_not_stain_a_later_one() -> None:
    """A session that was refused, then resumed and met a busy server, is busy and not limited."""
    seen = Seen()
    for name in ("limited_five_hour", "busy_429_api_key"):
        for line in recordings.lines(name):
            seen = seen.after(line)
    assert judge(recordings.result("busy_429_api_key"), seen, None).kind is Kind.BUSY


def test_a_process_that_dies_silently_is_told_with_its_exit_code() -> None:
    """A crash's story names the exit code and the last thing said on standard error."""
    verdict = judge(None, Seen(), Exit(3, None, "one\nsegfault in the parser\n"))
    assert verdict.kind is Kind.CRASHED
    assert "exit code 3" in verdict.reason
    assert "segfault in the parser" in verdict.reason


def test_a_result_without_the_error_field_is_no_success() -> None:
    """Unknown is not fine: a result that does not say whether it failed is an error."""
    line = read(b'{"type":"result","subtype":"success"}')
    assert isinstance(line, Result)
    assert judge(line, Seen(), None).kind is Kind.ERROR


def test_a_limit_whose_window_is_not_named_is_still_a_limit() -> None:
    """The client's own word `usage_limit_reached` makes it a limit, and the event's reset is kept."""
    event = b'{"type":"rate_limit_event","rate_limit_info":{"status":"rejected","resetsAt":1795400000}}'
    line = read(b'{"type":"result","is_error":true,"api_error_status":429,"api_error":"usage_limit_reached"}')
    assert isinstance(line, Result)
    verdict = judge(line, Seen().after(read(event)), None)
    assert (verdict.kind, verdict.window, verdict.resets_at_ms) == (Kind.LIMITED, None, RESET_MS)
