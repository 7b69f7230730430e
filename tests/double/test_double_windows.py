"""Accounts and their windows: they fill, refuse, reset, and say so in the headers the client reads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from fleet.double import Account, Double, Script, Step, Task, Window
from tests.double.asking import Heard, ask, call, user

UNIFIED = "anthropic-ratelimit-unified-"
NOON = 1_800_000_000.0


class Clock:
    """Epoch seconds that pass only when told to."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now


@contextmanager
def account(*windows: Window, clock: Clock | None = None, kind: str = "subscription") -> Iterator[Double]:
    one = Account("a", "tok-a", "api-key" if kind == "api-key" else "subscription", windows)
    task = Task("t", (Step("A hundred tokens.", tokens_in=90, tokens_out=10),))
    with Double(Script((one,), (task,)), clock=clock or Clock()) as double:
        yield double


def turn(double: Double, model: str = "claude-sonnet-5-5") -> Heard:
    return ask(double, "tok-a", [user("[[double:t]]")], model=model)


def unified(heard: Heard) -> dict[str, str]:
    return {
        name.removeprefix(UNIFIED): value for name, value in heard.headers.items() if name.startswith(UNIFIED)
    }


def test_utilization_grows_with_every_answer_until_the_window_refuses() -> None:
    with account(Window("five_hour", capacity=200)) as double:
        assert [unified(turn(double))["5h-utilization"] for _ in range(2)] == ["0.5000", "1.0000"]
        refused = turn(double)
        assert refused.status == 429
        assert refused.body["error"]["type"] == "rate_limit_error"
        said = unified(refused)
        assert (said["status"], said["representative-claim"]) == ("rejected", "five_hour")
        assert said["reset"] == said["5h-reset"] == str(int(NOON) + 18_000)
        assert refused.headers["retry-after"] == "18000"


def test_a_refused_request_costs_nothing() -> None:
    with account(Window("five_hour", capacity=100), Window("seven_day", capacity=1000)) as double:
        turn(double)
        turn(double)
        assert double.account("a").windows()["seven_day"]["utilization"] == 0.1


def test_a_window_opens_again_at_the_reset_it_told_and_not_before() -> None:
    clock = Clock()
    with account(Window("five_hour", capacity=100, length_s=10.5), clock=clock) as double:
        turn(double)
        told = int(unified(turn(double))["reset"])
        clock.now = NOON + 10.4
        assert turn(double).status == 429
        clock.now = told
        assert turn(double).status == 200


def test_a_window_begins_with_its_first_use_unless_it_is_fixed() -> None:
    clock = Clock()
    first_use, fixed = Window("five_hour", length_s=100), Window("seven_day", length_s=100, starts="fixed")
    with account(first_use, fixed, clock=clock) as double:
        assert double.account("a").windows()["five_hour"]["resets_at"] is None
        clock.now += 250
        said = unified(turn(double))
        assert said["5h-reset"] == str(int(NOON) + 350)
        assert said["7d-reset"] == str(int(NOON) + 300)


def test_a_window_already_open_resets_when_the_script_says() -> None:
    with account(Window("five_hour", utilization=0.4, resets_in_s=60)) as double:
        assert unified(turn(double))["5h-reset"] == str(int(NOON) + 60)


def test_the_cost_of_an_answer_can_be_fixed_and_ten_tenths_are_the_whole() -> None:
    with account(Window("five_hour", capacity=1, cost_per_answer=0.1)) as double:
        assert [turn(double).status for _ in range(11)] == [200] * 10 + [429]


def test_a_window_of_one_model_refuses_that_model_alone() -> None:
    with account(Window("five_hour"), Window("seven_day_opus", models=("opus",))) as double:
        double.account("a").refuse("seven_day_opus", resets_in_s=60)
        refused = turn(double, "claude-opus-4-8")
        assert (refused.status, unified(refused)["representative-claim"]) == (429, "seven_day_opus")
        allowed = turn(double)
        assert (allowed.status, unified(allowed)["status"]) == (200, "allowed")
        assert "seven_day_opus-utilization" not in unified(allowed)


@pytest.mark.parametrize("name", ["thirty_day", "seven_day_fable", "lunar_month"])
def test_a_window_nobody_heard_of_fills_refuses_and_is_named(name: str) -> None:
    with account(Window("five_hour", capacity=1e6), Window(name, capacity=200)) as double:
        said = unified(turn(double))
        assert (said["representative-claim"], said[f"{name}-utilization"]) == (name, "0.5000")
        turn(double)
        assert unified(turn(double))["representative-claim"] == name


def test_of_several_full_windows_the_last_to_reset_is_named() -> None:
    with account(Window("five_hour"), Window("seven_day")) as double:
        double.account("a").refuse("seven_day", resets_in_s=500)
        double.account("a").refuse("five_hour", resets_in_s=50)
        assert unified(turn(double))["representative-claim"] == "seven_day"


def test_a_nearly_full_window_warns_with_the_threshold_it_passed() -> None:
    with account(Window("five_hour", capacity=1e6, utilization=0.93)) as double:
        said = unified(turn(double))
        assert (said["5h-status"], said["5h-surpassed-threshold"]) == ("allowed_warning", "0.9")


def test_an_api_key_tells_what_remains_and_nothing_of_unified_windows() -> None:
    with account(Window("tokens", capacity=1000, length_s=60), kind="api-key") as double:
        heard = ask(double, "tok-a", [user("[[double:t]]")], key_header=True)
        assert heard.headers["anthropic-ratelimit-tokens-remaining"] == "900"
        assert heard.headers["anthropic-ratelimit-tokens-reset"] == "2027-01-15T08:01:00Z"
        assert unified(heard) == {}
        double.account("a").refuse("tokens")
        refused = turn(double)
        assert (refused.status, refused.headers["retry-after"], unified(refused)) == (429, "60", {})


def test_windows_can_be_filled_and_emptied_while_running() -> None:
    with account(Window("five_hour", capacity=1000)) as double:
        double.account("a").fill("five_hour", 0.97, resets_in_s=30)
        assert unified(turn(double))["5h-utilization"] == "1.0000"
        double.account("a").reset("five_hour")
        assert unified(turn(double))["5h-utilization"] == "0.1000"


def test_the_usage_endpoint_reports_percent_and_iso_times() -> None:
    with account(
        Window("five_hour", utilization=0.25, resets_in_s=60), Window("odd", models=("opus",))
    ) as double:
        report = call(double, "GET", "/api/oauth/usage", headers={"authorization": "Bearer tok-a"}).body
        assert report["five_hour"] == {"utilization": 25.0, "resets_at": "2027-01-15T08:01:00Z"}
        assert report["odd"] == {"utilization": 0.0, "resets_at": None}
        assert report["limits"][1]["scope"]["model"]["display_name"] == "Opus"


def test_usage_splits_into_cached_and_fresh_tokens_and_another_account_starts_cold() -> None:
    script = Script(
        (Account("a", "tok-a"), Account("b", "tok-b")), (Task("t", (Step("x", tokens_in=1000),)),)
    )
    with Double(script) as double:
        used = [
            ask(double, token, [user("[[double:t]]")]).body["usage"] for token in ("tok-a", "tok-a", "tok-b")
        ]
    assert [usage["cache_read_input_tokens"] for usage in used] == [0, 900, 0]
    for usage in used:
        parts = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
        assert sum(usage[part] for part in parts) == 1000
