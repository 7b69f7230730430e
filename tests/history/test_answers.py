"""Each answer is counted once, by the last of its copies, whatever traps lie in the transcripts."""

from __future__ import annotations

import pytest

from tests.history.writing import Disk, Line, answer


def test_the_last_of_the_streamed_copies_counts(disk: Disk) -> None:
    disk.write("s1.jsonl", *(answer(output=output, second=n) for n, output in enumerate((1, 3, 250))))
    result = disk.scan()
    assert disk.outputs() == [250]
    assert (result.answers_new, result.answers_updated, result.answers_duplicate) == (1, 0, 0)


def test_all_five_kinds_of_tokens_are_read(disk: Disk) -> None:
    lifetimes = {"ephemeral_5m_input_tokens": 30, "ephemeral_1h_input_tokens": 70}
    usage = {"cache_creation_input_tokens": 100, "cache_creation": lifetimes}
    disk.write("s1.jsonl", answer(usage=usage))
    disk.scan()
    assert disk.ask("SELECT input, output, cache_write_5m, cache_write_1h, cache_read FROM answers") == [
        (5, 100, 30, 70, 300)
    ]


def test_cache_writes_without_lifetimes_and_nulls_are_understood(disk: Disk) -> None:
    nothing = {"input_tokens": None, "cache_creation_input_tokens": None, "cache_read_input_tokens": None}
    disk.write("s1.jsonl", answer("a", usage={"cache_creation_input_tokens": 80}), answer("b", usage=nothing))
    disk.scan()
    assert disk.ask("SELECT input, cache_write_5m, cache_write_1h FROM answers ORDER BY input") == [
        (0, 0, 0),
        (5, 80, 0),
    ]


@pytest.mark.parametrize("asked", [{}, {"requestSessionId": "s1"}, {"forkedFrom": {"sessionId": "s1"}}])
def test_a_fork_brings_its_past_along_and_only_what_is_new_counts(disk: Disk, asked: Line) -> None:
    disk.write("s1.jsonl", answer("a"), answer("b", second=1))
    copies = [answer("a", session="s2", **asked), answer("b", session="s2", second=1, **asked)]
    disk.write("s2.jsonl", *copies, answer("c", session="s2", second=2))
    disk.scan()
    assert len(disk.outputs()) == 3
    sessions = dict(disk.ask("SELECT text, sum(answers) FROM sessions JOIN texts ON id = session GROUP BY 1"))
    if asked:
        assert sessions == {"s1": 2, "s2": 1}


def test_a_session_that_moved_to_another_config_directory_counts_once(disk: Disk) -> None:
    from fleet.history.scan import ConfigDir

    disk.dirs.append(ConfigDir(str(disk.root / "other"), "other"))
    disk.write("s1.jsonl", answer("a"))
    disk.write("s1.jsonl", answer("a"), answer("b", second=1), config_dir="other")
    disk.scan()
    assert len(disk.outputs()) == 2


def test_subagents_and_workflow_agents_below_a_session_are_read(disk: Disk) -> None:
    disk.write("s1.jsonl", answer("a"))
    disk.write("s1/subagents/agent-x.jsonl", answer("b", isSidechain=True, agentId="x"))
    disk.write("s1/subagents/workflows/w/agent-y.jsonl", answer("c", isSidechain=True))
    disk.scan()
    agents = (
        "SELECT text, sidechain FROM answers JOIN places ON places.id = place JOIN texts ON texts.id = agent"
    )
    assert sorted(disk.ask(agents)) == [("", 0), ("x", 1), ("y", 1)]


@pytest.mark.parametrize("main_first", [True, False])
def test_a_side_question_that_tells_the_main_chain_again_under_new_request_ids_counts_for_nothing(
    disk: Disk, main_first: bool
) -> None:
    main: tuple[str, list[Line]] = ("s1.jsonl", [answer("a", "req_1")])
    aside: tuple[str, list[Line]] = (
        "s1/subagents/agent-q.jsonl",
        [
            answer("a", "req_2", isSidechain=True, agentId="q"),
            answer("b", "req_3", isSidechain=True, agentId="q", output=7, second=1),
        ],
    )
    for name, lines in (main, aside) if main_first else (aside, main):
        disk.write(name, *lines)
        disk.scan()
    assert disk.outputs() == [100, 7]
    assert disk.ask("SELECT sum(answers) FROM quarters") == [(2,)]


def test_a_gateway_without_request_ids(disk: Disk) -> None:
    """Copies are known by their chain or their prompt; another message is another answer."""
    disk.write(
        "s1.jsonl",
        answer("a", None, output=1, uuid="u1"),
        answer("a", None, output=90, second=1, uuid="u2", parent="u1"),
        answer("b", "", output=2, second=2),
        answer("b", "", output=80, second=3),
    )
    disk.scan()
    assert disk.outputs() == [90, 80]


def test_a_gateway_without_message_ids(disk: Disk) -> None:
    disk.write("s1.jsonl", *(answer(None, f"req_{n // 2}", output=n + 1, second=n) for n in range(4)))
    disk.scan()
    assert disk.outputs() == [2, 4]


def test_a_gateway_without_any_ids(disk: Disk) -> None:
    """Copies follow each other in the chain; the next answer follows what was asked."""
    disk.write(
        "s1.jsonl",
        answer(None, None, output=1, uuid="u1", parent="asked"),
        answer(None, None, output=50, second=1, uuid="u2", parent="u1"),
        answer(None, None, output=60, second=2, uuid="u3", parent="result", usage={"input_tokens": 9}),
    )
    disk.scan()
    assert disk.outputs() == [50, 60]


@pytest.mark.parametrize(
    "requests", [("req_1", "req_2", "req_3"), (None, None, None), ("same", "same", "same")]
)
def test_a_gateway_that_repeats_its_ids_for_all_answers(disk: Disk, requests: tuple[str | None, ...]) -> None:
    prompts = ({"input_tokens": n * 100 + 100} for n in range(3))
    lines = [
        answer("msg", request, output=n + 1, second=n, usage=usage, uuid=f"u{n}", parent=f"asked{n}")
        for n, (request, usage) in enumerate(zip(requests, prompts, strict=True))
    ]
    disk.write("s1.jsonl", *lines)
    disk.scan()
    assert disk.outputs() == [1, 2, 3]


def test_a_gateway_that_tells_the_prompt_only_at_the_end(disk: Disk) -> None:
    empty = {"input_tokens": 0, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}
    disk.write(
        "s1.jsonl",
        answer("a", "r", output=0, usage=empty, uuid="u1"),
        answer("a", "r", output=40, usage={"input_tokens": 700}, second=1, uuid="u2", parent="u1"),
    )
    disk.scan()
    assert disk.ask("SELECT input, output FROM answers") == [(700, 40)]


def test_copies_of_tool_calls_in_between_are_still_one_answer(disk: Disk) -> None:
    result = {"type": "user", "message": {"role": "user", "content": "ok"}, "uuid": "t1"}
    disk.write(
        "s1.jsonl", answer(output=1, uuid="u1"), result, answer(output=9, second=1, uuid="u2", parent="u1")
    )
    disk.scan()
    assert disk.outputs() == [9]


def test_decoys_are_no_usage(disk: Disk) -> None:
    usage = {"input_tokens": 1, "output_tokens": 1}
    nested = {"type": "assistant", "message": answer("p")["message"]}
    disk.write(
        "s1.jsonl",
        {"type": "user", "message": {"role": "user", "content": []}, "toolUseResult": {"usage": usage}},
        {"type": "progress", "timestamp": "2026-09-21T12:26:00Z", "data": {"message": nested}},
        {"type": "summary", "message": '"output_tokens"', "note": {"output_tokens": 3}},
        answer("synthetic", model="<synthetic>"),
        answer("error", isApiErrorMessage=True),
    )
    result = disk.scan()
    assert (disk.outputs(), result.broken) == ([], 0)


def test_limits_on_synthetic_errors_become_readings_once(disk: Disk) -> None:
    limits = {
        "status": "rejected",
        "resetsAt": 1_790_009_000,
        "rateLimitType": "five_hour",
        "utilization": 1.0,
    }
    windows = {"unifiedWindows": {"seven_day": {"utilization": 0.4, "status": "allowed"}, "odd": 3}}
    error = answer("e", model="<synthetic>", isApiErrorMessage=True, quotaLimits=limits | windows)
    disk.write("s1.jsonl", error)
    disk.write("s2.jsonl", error | {"sessionId": "s2"}, answer("e2", model="<synthetic>", quotaLimits="none"))
    assert disk.scan().readings == 2
    readings = """SELECT a.text, b.text, s.text, utilization, resets_at_ms FROM readings
        JOIN texts AS a ON a.id = account JOIN texts AS b ON b.id = bucket JOIN texts AS s ON s.id = status
        ORDER BY b.text"""
    assert disk.ask(readings) == [
        ("me", "five_hour", "rejected", 1.0, 1_790_009_000_000),
        ("me", "seven_day", "allowed", 0.4, None),
    ]


def test_unknown_models_are_unpriced_and_not_free(disk: Disk) -> None:
    disk.write("s1.jsonl", answer("a", output=10), answer("b", model="unknown", second=1))
    disk.scan()
    assert disk.ask("SELECT sum(cost_usd), sum(unpriced) FROM quarters") == [(0.1, 1)]
    assert disk.ask("SELECT count(*) FROM answers WHERE cost_usd IS NULL") == [(1,)]


@pytest.mark.parametrize(
    ("model", "tier"),
    [
        ("claude-opus-4-1-20250805", "opus"),
        ("claude-3-5-sonnet@20241022", "sonnet"),
        ("us.anthropic.claude-haiku-4-5-20251001-v1:0", "haiku"),
        ("claude-fable-5[1m]", "fable"),
        ("kimi-k2.5", ""),
    ],
)
def test_a_tier_is_the_familys_name(disk: Disk, model: str, tier: str) -> None:
    disk.write("s1.jsonl", answer(model=model))
    disk.scan()
    assert disk.ask("SELECT text FROM models JOIN texts ON texts.id = tier") == [(tier,)]
