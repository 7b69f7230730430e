"""What the coordinator writes for people and for programs."""

from __future__ import annotations

import io
import json
from typing import Any, TextIO, cast

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from fleet.shell.logs import Format, open_log
from fleet.shell.veil import Veil
from fleet.streams import Edge

KNOWN = "a-token-of-no-known-shape-42"
PLANTED = [
    KNOWN,
    "sk-ant-oat01-AbCdEf_ghIJ-klMNopQRstuv",
    "sk-ant-api03-0123456789abcdef",
    "Bearer abcdef0123456789.ABCDEF",
    "authorization: bearer abcdef0123456789abcdef",
    "ghp_0123456789abcdefghijABCDEFGHIJ",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmN",
]
FORMATS: list[Format] = ["console", "json"]


def opened(form: Format, *secrets: str) -> tuple[structlog.stdlib.BoundLogger, io.StringIO]:
    veil, out = Veil(), io.StringIO()
    for secret in secrets:
        veil.learn(secret)
    return open_log(form, veil, out), out


def bare(secret: str) -> str:
    return secret.split(" ")[-1]


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("secret", PLANTED)
def test_a_planted_secret_appears_nowhere_in_a_line(form: Format, secret: str) -> None:
    """Not in the text, not in a value however deep, not as a key, not in an object, bytes or an exception."""
    log, out = opened(form, KNOWN)
    log.info(f"said {secret}!", plain=secret, deep={"a": [{"b": (secret, {secret})}]}, **{secret: 1})
    log.bind(account=secret).warning("bound", bytes=secret.encode(), error=ValueError(secret))
    try:
        raise RuntimeError(f"it failed with {secret}") from KeyError(secret)
    except RuntimeError:
        log.error("failed", exc_info=True)
    assert out.getvalue().count("[hidden]") >= 7
    assert bare(secret) not in out.getvalue()


def test_of_two_secrets_that_begin_alike_nothing_of_the_longer_one_is_left() -> None:
    short, long = "abcdefgh", "abcdefgh-and-the-rest"
    for order in ([short, long], [long, short]):
        log, out = opened("json", *order)
        log.info(f"{long} {short}")
        assert json.loads(out.getvalue())["event"] == "[hidden] [hidden]"


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=6))
def test_any_secret_it_was_told_of_is_hidden(secret: str) -> None:
    log, out = opened("json", secret)
    log.info("before" + secret + "after", deep=[{"k": secret}])
    line = json.loads(out.getvalue())
    assert secret not in line["event"].replace("[hidden]", "").removeprefix("before").removesuffix("after")
    assert line["deep"] == [{"k": "[hidden]"}] or secret in "[hidden]"


@pytest.mark.parametrize("text", ["task-force is not sk-", "the bearer of news", "ask-me-anything-12345678"])
def test_plain_words_are_not_hidden(text: str) -> None:
    log, out = opened("json")
    log.info(text)
    assert json.loads(out.getvalue())["event"] == text


def test_json_lines_carry_task_attempt_account_and_host() -> None:
    log, out = opened("json")
    log = log.bind(task="t1", attempt="t1.2", account="work", host="local")
    log.info("worker runs\non two lines, 100% é 🦉")
    log.warning("slow", utilization=0.5, missing=None)
    first, second = (json.loads(line) for line in out.getvalue().splitlines())
    bound = {"task": "t1", "attempt": "t1.2", "account": "work", "host": "local"}
    assert [{key: line[key] for key in bound} for line in (first, second)] == [bound, bound]
    assert (first["event"], first["level"]) == ("worker runs\non two lines, 100% é 🦉", "info")
    assert (second["utilization"], second["missing"], second["level"]) == (0.5, None, "warning")
    assert first["timestamp"].endswith("Z")


def test_json_lines_carry_a_type_and_values_that_a_person_is_not_shown() -> None:
    log, out = opened("json")
    log.info("limit reached", type="bucket.refused", data={"until_at_ms": 1_000, "bucket": "week"})
    log.warning("worktrees of nobody")
    refused, other = (json.loads(line) for line in out.getvalue().splitlines())
    assert refused["type"] == "bucket.refused"
    assert refused["data"] == {"until_at": "1970-01-01T00:00:01.000Z", "bucket": "week"}
    assert (other["type"], other["data"]) == ("log", {})
    log, out = opened("console")
    log.info("limit reached", type="bucket.refused", data={"bucket": "week"})
    assert out.getvalue().endswith("limit reached\n")


def test_console_lines_are_columns() -> None:
    """When, how bad, who, which account, what: each begins in the same column; this machine goes without saying."""
    log, out = opened("console")
    log.info("coordinator begins")
    log.bind(task="t1").info("verified")
    bound = log.bind(task="t1", attempt="t1.2", account="work", host="local")
    bound.warning("limit reached")
    bound.bind(host="far").error("failed", left=3)
    lines = out.getvalue().splitlines()
    texts = ["coordinator begins", "verified", "limit reached", "failed"]
    assert {line.index(text) for line, text in zip(lines, texts, strict=True)} == {30}
    assert [line[9] for line in lines] == [" ", " ", "!", "✗"]
    assert [line[11:18].strip() for line in lines] == ["", "t1", "t1.2", "t1.2"]
    assert [line[19:29].strip() for line in lines] == ["", "", "work", "work"]
    assert lines[3].endswith("failed host=far left=3")
    assert "\x1b" not in out.getvalue()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_form_follows_the_terminal_unless_it_is_named() -> None:
    def first(out: io.StringIO, form: Format | None) -> str:
        open_log(form, Veil(), cast(TextIO, Edge(out))).info("here")
        return out.getvalue()

    assert json.loads(first(io.StringIO(), None))
    assert json.loads(first(Terminal(), "json"))
    assert "\x1b[" in first(Terminal(), None)


def test_debug_is_not_shown() -> None:
    log, out = opened("json")
    log.debug("client 2.1.330")
    assert out.getvalue() == ""


def test_a_value_that_cannot_be_json_does_not_break_the_line() -> None:
    log, out = opened("json")
    odd: Any = object()
    log.info("odd", odd=odd, key={1: odd})
    assert json.loads(out.getvalue())["event"] == "odd"
