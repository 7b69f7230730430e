"""Everything that goes wrong on purpose, and the controls that make it so while the double runs."""

from __future__ import annotations

import gzip
import http.client
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from fleet.double import Account, Double, Fault, Script, Step, Task, ToolCall, Window
from tests.double.asking import SYSTEM, ask, call, user
from tests.patience import PATIENCE_S

TEXT = "A sentence that is long enough to be cut."
WRITE = ToolCall("Write", {"file_path": "{cwd}/a.txt", "content": "hello"})
ACCOUNTS = (Account("a", "tok-a", windows=(Window("five_hour"),)), Account("b", "tok-b"))
TASK = Task("t", (Step(TEXT, (WRITE,)), Step("Done with it.")))
PROMPT = [user("[[double:t]]")]


def play(*faults: Fault) -> Double:
    return Double(Script(ACCOUNTS, (TASK,), faults=faults))


@pytest.fixture
def double() -> Iterator[Double]:
    with play() as started:
        yield started


def test_a_stream_carries_the_same_answer_as_json(double: Double) -> None:
    streamed = ask(double, "tok-a", PROMPT, stream=True)
    plain = ask(double, "tok-a", PROMPT)
    assert streamed.whole
    assert [event["type"] for event in streamed.events[-2:]] == ["message_delta", "message_stop"]
    assert streamed.events[-2]["delta"]["stop_reason"] == plain.body["stop_reason"] == "tool_use"
    assert [block.get("input") for block in streamed.blocks] == [block.get("input") for block in plain.blocks]
    assert streamed.text == plain.text == TEXT


def test_a_throttle_names_no_window_and_passes(double: Double) -> None:
    double.account("a").throttle(2)
    heard = [ask(double, "tok-a", PROMPT) for _ in range(3)]
    assert [one.status for one in heard] == [429, 429, 200]
    assert not [name for name in heard[0].headers if name.startswith("anthropic-ratelimit")]


def test_an_overload_strikes_its_account_alone(double: Double) -> None:
    double.account("a").overload()
    assert ask(double, "tok-b", PROMPT).status == 200
    assert ask(double, "tok-a", PROMPT).body["error"]["type"] == "overloaded_error"
    assert [entry.outcome for entry in double.requests] == ["answered", "overload"]


def test_an_expired_login_answers_401_until_it_is_restored(double: Double) -> None:
    double.account("a").expire_login()
    assert ask(double, "tok-a", PROMPT).status == 401
    assert call(double, "GET", "/api/oauth/usage", headers={"authorization": "Bearer tok-a"}).status == 401
    double.account("a").restore_login()
    assert ask(double, "tok-a", PROMPT).status == 200


def test_a_token_of_no_account_is_refused_and_never_shown(double: Double) -> None:
    heard = ask(double, "tok-stranger", PROMPT)
    assert (heard.status, double.requests[0].outcome) == (401, "unknown token")
    assert "tok-stranger" not in json.dumps(heard.body) + str(double.requests)


def test_a_cut_ends_the_stream_within_the_first_block(double: Double) -> None:
    double.account("a").cut()
    heard = ask(double, "tok-a", PROMPT, stream=True)
    assert not heard.whole
    assert 0 < len(heard.text) < len(TEXT)
    assert "content_block_stop" not in [event["type"] for event in heard.events]
    assert ask(double, "tok-a", PROMPT, stream=True).whole


def test_a_late_cut_leaves_one_whole_block(double: Double) -> None:
    double.account("a").cut(late=True)
    heard = ask(double, "tok-a", PROMPT, stream=True)
    assert not heard.whole
    assert [event["type"] for event in heard.events].count("content_block_stop") == 1
    assert 0 < len(heard.text) < len(TEXT)


def test_a_fault_of_the_script_strikes_at_its_step_for_its_times_after_its_grace() -> None:
    with play(Fault("overload", account="a", task="t", step=0, times=2, after=1)) as double:
        assert ask(double, "tok-a", [user("hello")]).status == 200
        assert ask(double, "tok-b", PROMPT).status == 200
        assert [ask(double, "tok-a", PROMPT).status for _ in range(4)] == [200, 529, 529, 200]


def test_a_fault_may_strike_one_model_alone() -> None:
    with play(Fault("overload", model="opus")) as double:
        assert ask(double, "tok-a", PROMPT).status == 200
        assert ask(double, "tok-a", PROMPT, model="claude-opus-4-8").status == 529


def test_a_limit_in_the_middle_of_a_task_lasts_until_its_reset() -> None:
    with play(Fault("limit", account="a", task="t", step=1, window="thirty_day", seconds=3600)) as double:
        first = ask(double, "tok-a", PROMPT)
        calls = [block for block in first.blocks if block["type"] == "tool_use"]
        told = {"type": "tool_result", "tool_use_id": calls[0]["id"], "content": "ok"}
        later = [*PROMPT, first.message, {"role": "user", "content": [told]}]
        assert [ask(double, "tok-a", later).status for _ in range(2)] == [429, 429]
        assert ask(double, "tok-b", later).text == "Done with it."


def test_a_delayed_answer_comes_after_its_delay_and_whole(double: Double) -> None:
    double.account("a").delay(0.2)
    began = time.monotonic()
    assert ask(double, "tok-a", PROMPT, stream=True).whole
    assert time.monotonic() - began >= 0.2


@pytest.mark.parametrize("stream", [True, False])
def test_a_hanging_answer_ends_when_the_double_stops(stream: bool) -> None:
    with play() as double:
        double.account("a").hang()
        ended: list[object] = []

        def wait() -> None:
            try:
                ended.append(ask(double, "tok-a", PROMPT, stream=stream).whole)
            except (http.client.HTTPException, ConnectionError) as broken:
                ended.append(broken)

        waiting = threading.Thread(target=wait)
        waiting.start()
        double.wait_for(lambda log: any(entry.outcome == "hang" for entry in log))
        assert not ended
    waiting.join(PATIENCE_S)
    assert ended
    assert ended != [True]


def test_waiting_for_a_request_that_never_comes_tells_what_came(double: Double) -> None:
    ask(double, "tok-a", PROMPT)
    with pytest.raises(TimeoutError, match="'a', 't', 0, 'answered'"):
        double.wait_for(lambda log: len(log) > 1, timeout_s=0.05)


def test_many_clients_at_once_are_each_logged_and_charged_once() -> None:
    windows = (Window("five_hour", capacity=100, cost_per_answer=1),)
    with Double(Script((Account("a", "tok-a", windows=windows),), (TASK,))) as double:

        def several() -> None:
            for _ in range(5):
                ask(double, "tok-a", PROMPT, stream=True)

        threads = [threading.Thread(target=several) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(double.turns) == 40
        assert double.account("a").windows()["five_hour"]["utilization"] == pytest.approx(0.4)


def test_the_other_requests_of_a_starting_client_are_answered_harmlessly(double: Double) -> None:
    assert call(double, "HEAD", "/api/hello").status == 200
    assert call(double, "HEAD", "/").status == 200
    assert call(double, "GET", "/v1/models").body["data"][0]["type"] == "model"
    assert call(double, "POST", "/api/event_logging/batch", {}).status == 404
    counted = call(
        double, "POST", "/v1/messages/count_tokens", {"messages": PROMPT}, {"authorization": "Bearer tok-a"}
    )
    assert counted.body["input_tokens"] > 0
    assert double.turns == []


@pytest.mark.parametrize("body", [b"no json", b"[]", b""])
def test_a_body_that_is_no_object_is_refused(double: Double, body: bytes) -> None:
    heard = call(double, "POST", "/v1/messages", body, {"authorization": "Bearer tok-a"})
    assert (heard.status, heard.body["error"]["type"]) == (400, "invalid_request_error")


@pytest.mark.parametrize(
    "messages", [None, "text", [3], [{"role": "user"}], [{"role": "user", "content": [7]}]]
)
def test_a_conversation_of_nonsense_is_an_unknown_prompt(double: Double, messages: object) -> None:
    body = {"model": "claude-sonnet-5-5", "messages": messages, "tools": [1], "metadata": {"user_id": "x"}}
    heard = call(double, "POST", "/v1/messages", body, {"authorization": "Bearer tok-a"})
    assert "no script" in heard.text


def test_gzipped_and_chunked_bodies_are_read(double: Double) -> None:
    body = {"model": "m", "system": SYSTEM, "messages": PROMPT, "tools": [1]}
    headers = {"authorization": "Bearer tok-a", "content-encoding": "gzip"}
    assert (
        call(double, "POST", "/v1/messages", gzip.compress(json.dumps(body).encode()), headers).text == TEXT
    )
    assert call(double, "POST", "/v1/messages", b"not gzip", headers).status == 400
    connection = http.client.HTTPConnection(
        "127.0.0.1", urlsplit(double.base_url).port or 0, timeout=PATIENCE_S
    )
    pieces = [json.dumps(body).encode()[start : start + 50] for start in range(0, 500, 50)]
    connection.request("POST", "/v1/messages", iter(pieces), {"x-api-key": "tok-a"}, encode_chunked=True)
    assert connection.getresponse().status == 200
    connection.close()


def test_controls_over_http_do_what_the_python_ones_do(double: Double) -> None:
    assert (
        call(double, "POST", "/_double/account/a/refuse", {"window": "five_hour", "resets_in_s": 60}).status
        == 200
    )
    assert ask(double, "tok-a", PROMPT).status == 429
    assert call(double, "GET", "/_double/accounts").body["a"]["windows"]["five_hour"]["status"] == "rejected"
    assert call(double, "POST", "/_double/account/b/throttle").status == 200
    assert ask(double, "tok-b", PROMPT).status == 429
    logged = call(double, "GET", "/_double/requests").body["requests"]
    assert [(entry["account"], entry["outcome"]) for entry in logged] == [("a", "limit"), ("b", "throttle")]


@pytest.mark.parametrize(
    ("order", "body", "told"),
    [
        ("nobody/cut", {}, "no account 'nobody'"),
        ("a/explode", {}, "no order 'explode'"),
        ("a/fill", {"window": "five_hour"}, "utilization"),
        ("a/fill", b"{", "Expecting"),
    ],
)
def test_a_wrong_control_is_refused_with_the_reason(
    double: Double, order: str, body: object, told: str
) -> None:
    heard = call(double, "POST", f"/_double/account/{order}", body)
    assert heard.status == 400
    assert told in heard.body["error"]


def test_the_process_form_serves_its_script_and_ends_at_a_signal(tmp_path: Path) -> None:
    script, port_file = tmp_path / "script.toml", tmp_path / "port"
    script.write_text(
        '[[account]]\nname = "a"\ntoken = "tok-a"\n[[task]]\nname = "t"\n[[task.step]]\ntext = "Hi."'
    )
    command = [sys.executable, "-m", "fleet.double", "--script", str(script), "--port-file", str(port_file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert url == f"http://127.0.0.1:{port_file.read_text().strip()}"
        connection = http.client.HTTPConnection("127.0.0.1", urlsplit(url).port or 0, timeout=PATIENCE_S)
        connection.request("GET", "/_double/requests")
        assert json.loads(connection.getresponse().read()) == {"requests": []}
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0
        connection.close()
