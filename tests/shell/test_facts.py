"""What the coordinator understands of what a worker's client says."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.core.events import (
    Answered,
    AwaitsBackground,
    Exited,
    Fact,
    Garbled,
    Outcome,
    TurnEnded,
    Used,
    WindowReading,
    WindowsRead,
    WordTaken,
)
from fleet.core.model.tokens import Tokens
from fleet.shell.facts import Listener, is_urgent
from tests.shell.spools import TIERS, records
from tests.workers.client import recordings
from workers.spool import Record

RESET_MS = 1_795_400_000_000
ZERO = Tokens()


def hear(spooled: Iterable[Record], tiers: dict[str, str] = TIERS) -> list[Fact]:
    return Listener(tiers).hear(spooled).facts


def heard(name: str) -> list[Fact]:
    return hear(records(name))


def outcomes(facts: Iterable[Fact]) -> list[Outcome]:
    return [fact.outcome for fact in facts if isinstance(fact, TurnEnded)]


def refused(facts: Iterable[Fact]) -> set[tuple[str, str | None, int | None]]:
    """Each window that refused, with its scope and its reset."""
    readings = (r for f in facts if isinstance(f, WindowsRead) for r in f.readings)
    return {(r.name, r.scope, r.resets_ms) for r in readings if r.refused}


def said(text: str | dict[str, object], at_ms: int = 1) -> Record:
    return Record("o", at_ms, (text if isinstance(text, str) else json.dumps(text)).encode())


OUTCOMES: dict[str, list[Outcome]] = {
    "background": ["finished"],
    "bad_flag": [],
    "billing_400": ["unpaid"],
    "budget": ["budget"],
    "busy_429": ["busy"],
    "busy_429_api_key": ["busy"],
    "busy_529": ["busy"],
    "credits_429": ["credits"],
    "cut": ["cut"],
    "disabled_400": ["unpaid"],
    "dropped": ["cut"],
    "finished": ["finished"],
    "image_400": ["unfit"],
    "interrupted": ["interrupted"],
    "invalid_400": ["error"],
    "killed": [],
    "limited_five_hour": ["limited"],
    "limited_opus": ["limited"],
    "limited_overage": ["limited"],
    "limited_seven_day": ["limited"],
    "limited_sonnet": ["limited"],
    "limited_unknown_window": ["limited"],
    "login_401": ["login"],
    "login_401_api_key": ["login"],
    "login_403": ["unpaid"],
    "login_revoked": ["login"],
    "max_tokens": ["error"],
    "model_changed": ["finished", "finished"],
    "model_forbidden_403": ["no_model"],
    "model_missing_404": ["no_model"],
    "model_plan_400": ["error"],
    "no_session": ["no_session"],
    "not_logged_in": ["login"],
    "older_client": ["finished", "finished", "limited"],
    "prompt_too_long": ["context"],
    "refused": ["refused"],
    "server_500": ["busy"],
    "session_taken": [],
    "sigint": ["interrupted"],
    "signature_400": ["unfit"],
    "sigterm": [],
    "thinking_400": ["unfit"],
    "timeout": ["cut"],
    "told_during_answer": ["finished"],
    "told_during_tool": ["finished"],
    "told_then_interrupted": ["interrupted", "finished"],
    "tool_pair_400": ["unfit"],
    "tool_pair_open_400": ["unfit"],
    "turns": ["turns"],
    "unpaid_402": ["unpaid"],
    "unreachable": ["cut"],
    "warning": ["finished"],
}


@pytest.mark.parametrize("name", recordings.NAMES)
def test_each_recorded_run_ends_its_turns_as_it_did(name: str) -> None:
    """Limit, overload, login, cut and all other ends of turns come out as what they mean, none twice."""
    assert outcomes(heard(name)) == OUTCOMES[name]


@pytest.mark.parametrize("name", recordings.NAMES)
def test_the_last_fact_is_the_clients_exit(name: str) -> None:
    *before, last = heard(name)
    assert last.__class__ is Exited
    assert not any(isinstance(fact, Exited | Garbled) for fact in before)


@pytest.mark.parametrize(
    ("name", "window"),
    [
        ("limited_five_hour", ("five_hour", None, RESET_MS)),
        ("limited_seven_day", ("seven_day", None, RESET_MS)),
        ("limited_opus", ("seven_day_opus", "opus", RESET_MS)),
        ("limited_sonnet", ("seven_day_sonnet", "sonnet", RESET_MS)),
        ("limited_unknown_window", ("thirty_day_fable", "fable", RESET_MS)),
        ("limited_overage", ("overage", None, RESET_MS)),
        ("older_client", ("five_hour", None, 1_795_357_116_000)),
    ],
)
def test_a_limit_refuses_its_own_window_for_its_own_tier_and_no_other(
    name: str, window: tuple[str, str | None, int]
) -> None:
    assert refused(heard(name)) == {window}


@pytest.mark.parametrize("name", [n for n in recordings.NAMES if "limited" not in OUTCOMES[n]])
def test_what_is_no_limit_refuses_no_window(name: str) -> None:
    """A busy server, a refused login and a cut stream are never taken for a full window."""
    assert refused(heard(name)) == set()


def test_a_refusal_is_known_before_the_turn_has_ended() -> None:
    """The refusal in the stream is urgent of itself: failover need not wait for the result."""
    facts = heard("limited_five_hour")
    first = next(n for n, fact in enumerate(facts) if is_urgent(fact))
    assert isinstance(facts[first], WindowsRead)
    assert first < next(n for n, fact in enumerate(facts) if isinstance(fact, TurnEnded))


def rate_limit(**info: object) -> Record:
    return said({"type": "rate_limit_event", "rate_limit_info": info})


@pytest.mark.parametrize("window", ["overage", "seven_day_overage"])
def test_an_overage_window_beside_others_only_informs(window: str) -> None:
    """Overage is rejected on every account that has not switched it on; that must close nothing."""
    (fact,) = hear(
        [
            rate_limit(
                status="allowed_warning",
                rateLimitType="five_hour",
                resetsAt=1_795_400_000,
                utilization=0.93,
                overageStatus="rejected",
                unifiedWindows={
                    "five_hour": {"utilization": 0.93, "resetsAt": 1_795_400_000, "status": "allowed"},
                    window: {"status": "rejected", "resetsAt": 1_795_600_000},
                },
            )
        ]
    )
    assert isinstance(fact, WindowsRead)
    assert {(r.name, r.refused) for r in fact.readings} == {("five_hour", False), (window, False)}


def test_another_rejected_window_is_refused_with_the_one_that_decided() -> None:
    (fact,) = hear(
        [
            rate_limit(
                status="rejected",
                rateLimitType="five_hour",
                resetsAt=1_795_400_000,
                unifiedWindows={
                    "seven_day_opus": {"status": "rejected", "resetsAt": 1_795_600_000},
                    "seven_day": {"status": "allowed", "utilization": 0.5},
                },
            )
        ]
    )
    assert refused([fact]) == {
        ("five_hour", None, RESET_MS),
        ("seven_day_opus", "opus", 1_795_600_000_000),
    }


def test_a_window_is_scoped_by_the_accounts_own_tiers() -> None:
    """`seven_day_opus` blocks the tier that this account serves with an Opus model, whatever the tier is called."""
    facts = hear(records("limited_opus"), {"deep": "claude-opus-4-5", "quick": "claude-haiku-4"})
    assert refused(facts) == {("seven_day_opus", "deep", RESET_MS)}


def test_a_limit_that_names_no_window_still_refuses_one() -> None:
    """Else the task would come straight back to the account that has just refused it."""
    result = {
        "type": "result",
        "is_error": True,
        "api_error_status": 429,
        "api_error": "usage_limit_reached",
    }
    ended = next(fact for fact in hear([said(result)]) if isinstance(fact, TurnEnded))
    assert ended.outcome == "limited"
    assert ended.readings == (WindowReading("unnamed", None, None, None, "rejected", refused=True),)


@pytest.mark.parametrize("name", recordings.NAMES)
def test_what_was_used_is_counted_exactly_once(name: str) -> None:
    """The facts of a whole run add up to what the client itself says of it at its end."""
    used = sum((fact.tokens for fact in heard(name) if isinstance(fact, Used)), ZERO)
    result = recordings.result(name)
    total = result.tokens if result else None
    assert used.total == (total.total if total else 0)


def test_a_turn_is_finished_only_once_the_client_is_at_rest() -> None:
    """Words told in mid-answer get a turn of their own; the good end of the first turn must not end the worker."""
    facts = heard("told_during_answer")
    (end,) = (n for n, fact in enumerate(facts) if isinstance(fact, TurnEnded))
    taken = [n for n, fact in enumerate(facts) if isinstance(fact, WordTaken)]
    used = [n for n, fact in enumerate(facts) if isinstance(fact, Used)]
    assert len(taken) == 2
    assert max(taken) < end
    assert max(used) < end


def test_a_good_end_is_not_told_before_the_client_says_idle() -> None:
    """Up to the record before `idle` nothing says finished, at whichever record the coordinator looks."""
    listener, spooled = Listener(TIERS), records("finished")
    idle = next(n for n, r in enumerate(spooled) if b'"state":"idle"' in r.payload)
    assert not outcomes(listener.hear(spooled[:idle]).facts)
    assert outcomes(listener.hear(spooled[idle : idle + 1]).facts) == ["finished"]


def test_a_command_left_in_the_background_is_waited_for() -> None:
    facts = heard("background")
    kinds = [type(fact) for fact in facts if isinstance(fact, Used | AwaitsBackground | TurnEnded)]
    assert kinds == [Used, AwaitsBackground, Used, TurnEnded]


@pytest.mark.parametrize(
    ("name", "words"),
    [("told_during_tool", "12"), ("told_during_answer", "12"), ("older_client", "12345"), ("finished", "1")],
)
def test_each_word_is_taken_up_once_and_in_order(name: str, words: str) -> None:
    taken = [fact.word for fact in heard(name) if isinstance(fact, WordTaken)]
    assert taken == [f"{w * 8}-{w * 4}-4{w * 3}-8{w * 3}-{w * 12}" for w in words]


def test_pieces_of_one_answer_are_one_fact() -> None:
    """However many lines an answer comes in, it is one answer, with the count of its last piece."""

    def piece(output: int) -> Record:
        usage = {"input_tokens": 10, "output_tokens": output}
        return said({"type": "assistant", "message": {"id": "msg_1", "model": "m", "usage": usage}})

    assert hear([piece(1), piece(5)]) == [Answered("msg_1", Tokens(10, 5))]


@pytest.mark.parametrize(
    "record",
    [
        said("not JSON at all"),
        said('{"type":"assistant","message":'),
        said("[1, 2]"),
        said(""),
        Record("s", 1, b"{torn"),
        Record("?", 0, b"x no such kind"),
    ],
)
def test_a_malformed_line_is_counted_and_nothing_else_is_lost(record: Record) -> None:
    """Wherever a bad line comes in, all other facts are as without it."""
    spooled = records("limited_five_hour")
    for at in range(len(spooled) + 1):
        facts = hear([*spooled[:at], record, *spooled[at:]])
        assert Garbled(1) in facts
        # A bad line between two pieces of an answer parts them; the core counts a message's id once.
        rest = [fact for fact in facts if fact != Garbled(1)]
        assert [f for n, f in enumerate(rest) if not n or f != rest[n - 1]] == hear(spooled)


@settings(max_examples=50)
@given(st.binary(max_size=200))
def test_no_line_whatsoever_stops_the_listener(payload: bytes) -> None:
    listener = Listener(TIERS)
    listener.hear([Record(kind, 1, payload) for kind in "oes?"])
    assert outcomes(listener.hear(records("finished")).facts) == ["finished"]


@pytest.mark.parametrize(
    ("name", "story"),
    [
        ("bad_flag", "exit code 1 and no result: error: unknown option '--no-such-flag'"),
        ("session_taken", "is already in use."),
        ("killed", "signal 9 ended the client"),
        ("sigterm", "signal 15 ended the client"),
    ],
)
def test_a_client_that_dies_without_a_result_leaves_its_last_words(name: str, story: str) -> None:
    last = heard(name)[-1]
    assert isinstance(last, Exited)
    assert story in last.detail


def test_the_supervisors_own_reason_is_kept() -> None:
    stalled = {"event": "exit", "code": None, "signal": 9, "cause": "stalled", "detail": "silent for 900 s"}
    assert hear([Record("s", 1, json.dumps(stalled).encode())]) == [
        Exited("stalled", None, "silent for 900 s")
    ]


def test_a_sandbox_that_could_not_be_made_is_no_end_of_the_client() -> None:
    """So that the machine is at fault, not the task or the account: bubblewrap's words, and none of the client's."""
    said = b"bwrap: Can't create file at /home/ann/.local/bin/claude: No such file or directory"
    ended = json.dumps({"event": "exit", "code": 1, "cause": "exited"}).encode()
    (fact,) = hear([Record("e", 1, said), Record("s", 2, ended)])
    assert fact == Exited("cannot_start", 1, f"its sandbox could not be made: {said.decode()}")
    *_, fact = hear([Record("o", 1, b"{}"), Record("e", 1, said), Record("s", 2, ended)])
    assert isinstance(fact, Exited) and fact.cause == "exited"


@pytest.mark.parametrize("name", recordings.NAMES)
def test_hearing_again_up_to_any_record_leads_to_the_same_rest(name: str) -> None:
    """After a restart the spool is heard again up to the committed offset, in whatever pieces; what follows then gives
    the same facts as if nothing had happened."""
    spooled = records(name)
    for cut in range(len(spooled) + 1):
        through, again = Listener(TIERS), Listener(TIERS)
        for record in spooled[:cut]:
            through.hear([record])
        again.hear(spooled[:cut])
        assert again.hear(spooled[cut:]).facts == through.hear(spooled[cut:]).facts


@settings(max_examples=50)
@given(name=st.sampled_from(recordings.NAMES), cuts=st.lists(st.integers(0, 40), max_size=8))
def test_however_the_spool_is_cut_up_its_facts_are_the_same(name: str, cuts: list[int]) -> None:
    """Only pieces of one answer may come as several facts of the same message, the last of which counts."""
    spooled, listener = records(name), Listener(TIERS)
    facts: list[Fact] = []
    edges = [0, *sorted(min(c, len(spooled)) for c in cuts), len(spooled)]
    for start, end in pairwise(edges):
        facts += listener.hear(spooled[start:end]).facts
    folded = [
        fact
        for fact, following in zip(facts, [*facts[1:], None], strict=True)
        if not (
            isinstance(fact, Answered)
            and isinstance(following, Answered)
            and fact.message_id == following.message_id
        )
    ]
    assert folded == hear(spooled)
