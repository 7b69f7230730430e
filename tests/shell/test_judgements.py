"""The border where a stranger's words become a judgement, or none."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fleet.core import events
from fleet.core.model import Finding, Judgement
from fleet.core.review_words import SCHEMA
from fleet.shell.judgements import EVIDENCE_CHARS_MAX, FINDINGS_MAX, PATH_CHARS_MAX, read_judgement

WRONG = {"path": "src/x.py", "line": 3, "severity": "blocking", "evidence": "it is\nwrong"}


def answer(*findings: dict[str, Any], verdict: str = "", **more: Any) -> str:
    found = {"verdict": verdict or ("findings" if findings else "pass"), "findings": list(findings), **more}
    return json.dumps(found)


def test_a_pass_and_findings_are_read_also_in_a_fence() -> None:
    assert read_judgement(answer()) == Judgement()
    found = Judgement((Finding("src/x.py", 3, "blocking", "it is\nwrong"),))
    assert read_judgement(answer(WRONG)) == read_judgement(f"```json\n{answer(WRONG)}\n```\n") == found
    assert not found.passed


def test_minor_findings_may_stand_beside_a_pass() -> None:
    minor = {**WRONG, "severity": "minor", "line": None}
    found = read_judgement(answer(minor, verdict="pass"))
    assert found is not None and found.passed and found.findings[0].line is None


@pytest.mark.parametrize(
    "said",
    [
        "",
        "It is fine: pass.",
        "pass",
        f"Here it is: {answer()}",
        f"{answer()} {answer(WRONG)}",
        "null",
        "[]",
        "[" * 100_000,
        answer(verdict="PASS"),
        answer(WRONG, verdict="pass"),
        answer(verdict="findings"),
        answer(approve=True),
        answer({**WRONG, "severity": "fatal"}),
        answer({**WRONG, "line": "3"}),
        answer({**WRONG, "line": 0}),
        answer({**WRONG, "line": True}),
        answer({**WRONG, "path": ""}),
        answer({**WRONG, "path": "x" * (PATH_CHARS_MAX + 1)}),
        answer({**WRONG, "evidence": "x" * (EVIDENCE_CHARS_MAX + 1)}),
        answer({key: value for key, value in WRONG.items() if key != "evidence"}),
        answer(*[WRONG] * (FINDINGS_MAX + 1)),
    ],
)
def test_whatever_does_not_fit_in_every_part_is_no_judgement(said: str) -> None:
    assert read_judgement(said) is None


def test_what_a_terminal_would_obey_is_shown_and_a_path_makes_no_line_of_its_own() -> None:
    hostile = {**WRONG, "path": "a\nb\x1b]52;", "evidence": "\x1b[2Jgone\u202e\nnext"}
    found = read_judgement(answer(hostile))
    assert found is not None
    assert found.findings[0].path == "a\\u000ab\\u001b]52;"
    assert found.findings[0].evidence == "\\u001b[2Jgone\\u202e\nnext"


def test_what_is_told_to_be_the_schema_is_what_is_held_to() -> None:
    schema = json.loads(SCHEMA)
    finding = schema["properties"]["findings"]
    assert finding["maxItems"] == FINDINGS_MAX
    assert set(finding["items"]["required"]) == set(WRONG) == set(finding["items"]["properties"])
    assert schema["additionalProperties"] is finding["items"]["additionalProperties"] is False


def test_the_turn_of_a_worker_that_judges_nothing_is_no_judgement() -> None:
    assert events.TurnEnded("finished", "").judgement is None
