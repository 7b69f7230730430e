"""The real client against the double: what the facts say of it must come out of its own stream."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet.double import Account, Double, Fault, Script, Step, Task, ToolCall, Window
from tests.real_client import Line, of_type, result_of, run_client, transcript

pytestmark = pytest.mark.client

WRITE = ToolCall("Write", {"file_path": "{cwd}/hello.txt", "content": "hello\n"})
BASH = ToolCall("Bash", {"command": "tr a-z A-Z < hello.txt > loud.txt"})
GREET = Task("greet", (Step("I write.", (WRITE,)), Step("I shout.", (BASH,)), Step("All is written.")))
SCRIPT = Script(
    accounts=(
        Account("a", "tok-a", windows=(Window("five_hour"), Window("seven_day"))),
        Account("b", "tok-b", windows=(Window("five_hour"), Window("thirty_day", utilization=0.5))),
    ),
    tasks=(GREET,),
)


@pytest.fixture
def double() -> Iterator[Double]:
    with Double(SCRIPT) as started:
        yield started


@pytest.fixture
def cwd(tmp_path: Path) -> Path:
    directory = tmp_path / "work"
    directory.mkdir()
    return directory


def run(
    double: Double, account: str, cwd: Path, prompt: str = "[[double:greet]]", resume: str | None = None
) -> list[Line]:
    home = cwd.parent / account
    return run_client(
        prompt, base_url=double.base_url, token=f"tok-{account}", cwd=cwd, home=home, resume=resume
    )


def test_a_whole_task_is_done_with_the_clients_own_tools(double: Double, cwd: Path) -> None:
    stream = run(double, "a", cwd)
    result = result_of(stream)
    assert (result["is_error"], result["result"], stream[-1]["code"]) == (False, "All is written.", 0)
    assert (cwd / "loud.txt").read_text() == "HELLO\n"
    assert [entry.step for entry in double.turns] == [0, 1, 2]
    assert result["usage"]["output_tokens"] == 3 * Step.tokens_out
    assert result["total_cost_usd"] > 0
    windows = of_type(stream, "rate_limit_event")[-1]["rate_limit_info"]["unifiedWindows"]
    assert 0 < windows["five_hour"]["utilization"] < 0.1
    assert set(windows) == {"five_hour", "seven_day"}


def test_a_limit_ends_the_turn_at_once_and_the_session_goes_on_elsewhere(double: Double, cwd: Path) -> None:
    with Double(
        Script(SCRIPT.accounts, SCRIPT.tasks, faults=(Fault("limit", account="a", step=1),))
    ) as limited:
        stream = run(limited, "a", cwd)
        result, event = result_of(stream), of_type(stream, "rate_limit_event")[-1]["rate_limit_info"]
        assert (event["status"], event["rateLimitType"]) == ("rejected", "five_hour")
        assert (result["subtype"], result["is_error"]) == ("success", True)
        assert (result["api_error_status"], result["api_error"]) == (429, "usage_limit_reached")
        assert result["terminal_reason"] == "api_error"
        assert stream[-1]["code"] == 1
        session = result["session_id"]
        moved = transcript(cwd.parent / "b", cwd, session)
        moved.parent.mkdir(parents=True)
        moved.write_bytes(transcript(cwd.parent / "a", cwd, session).read_bytes())
        resumed = run(limited, "b", cwd, "Continue where you left off.", resume=session)
        assert result_of(resumed)["result"] == "All is written."
        told = [(entry.account, entry.step, entry.outcome) for entry in limited.turns]
    assert told == [("a", 0, "answered"), ("a", 1, "limit"), ("b", 1, "answered"), ("b", 2, "answered")]
    assert (cwd / "loud.txt").read_text() == "HELLO\n"


def test_a_window_the_client_never_heard_of_appears_when_it_limits_most(double: Double, cwd: Path) -> None:
    event = of_type(run(double, "b", cwd, "hello"), "rate_limit_event")[-1]["rate_limit_info"]
    assert (event["status"], event["rateLimitType"]) == ("allowed", "thirty_day")
    double.account("b").refuse("thirty_day", resets_in_s=3600)
    stream = run(double, "b", cwd, "hello")
    event = of_type(stream, "rate_limit_event")[-1]["rate_limit_info"]
    assert (event["status"], event["rateLimitType"]) == ("rejected", "thirty_day")
    assert event["resetsAt"] == double.account("b").windows()["thirty_day"]["resets_at"]
    assert result_of(stream)["api_error"] == "usage_limit_reached"


def test_an_expired_login_is_tried_again_and_then_told(double: Double, cwd: Path) -> None:
    double.account("a").expire_login()
    stream = run(double, "a", cwd)
    assert {retry["error_status"] for retry in of_type(stream, "system", "api_retry")} == {401}
    assert (result_of(stream)["api_error_status"], stream[-1]["code"]) == (401, 1)


def test_the_client_waits_out_an_overload_a_throttle_and_a_cut(double: Double, cwd: Path) -> None:
    double.account("a").overload()
    double.account("a").throttle()
    double.account("a").cut()
    stream = run(double, "a", cwd)
    retries = [retry["error_status"] for retry in of_type(stream, "system", "api_retry")]
    assert retries[:2] == [529, 429]
    assert result_of(stream)["result"] == "All is written."
    assert [entry.step for entry in double.turns if entry.outcome == "answered"] == [0, 1, 2]


def test_after_four_late_cuts_the_client_gives_up_and_a_resumed_session_goes_on(
    double: Double, cwd: Path
) -> None:
    double.account("a").cut(4, late=True)
    stream = run(double, "a", cwd)
    result = result_of(stream)
    assert (result["is_error"], result["terminal_reason"], stream[-1]["code"]) == (True, "api_error", 1)
    assert result["api_error"] == "connection_failed"
    resumed = run(double, "a", cwd, "Continue.", resume=result["session_id"])
    assert result_of(resumed)["result"] == "All is written."
    assert [entry.step for entry in double.turns if entry.outcome == "answered"] == [0, 1, 2]
