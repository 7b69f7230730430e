"""What needs a person is told for as long as it is so, with commands that exist."""

from __future__ import annotations

import shlex
from typing import Any

import pytest

from fleet.cli.parser import parse
from fleet.core.model import Settings
from fleet.core.model.policy import AUTO
from fleet.views import needs as needing
from fleet.views.needs import KINDS, asks_somebody, needs

TASK: dict[str, Any] = {
    "id": "t1",
    "title": "Count",
    "state": "queued",
    "repo": "/repo",
    "reason": "",
    "trouble": "",
    "needs_consent": False,
    "paused": None,
    "ended_at": None,
    "tiers": ["sonnet"],
    "labels": [],
}
ACCOUNT: dict[str, Any] = {
    "name": "work",
    "state": "ready",
    "reason": "",
    "needs_person": False,
    "tiers": {"sonnet": "s"},
    "token_ends_at": "2027-01-01T00:00:00.000Z",
    "token_ends_soon": False,
}
HOST: dict[str, Any] = {
    "name": "big",
    "state": "ready",
    "silent_since": None,
    "problem": "",
    "labels": ["gpu"],
    "unfit": [],
}
UNFIT = {"repo": "/repo", "why": "no room", "since": "2026-11-30T00:00:00.000Z", "lasting": True, "times": 6}


def sections(**but: Any) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "tasks": {},
        "accounts": {"work": ACCOUNT},
        "workers": {"t9.1": {}},
        "hosts": {"big": HOST},
        "counts": {},
        "fleet": {"breaker": ""},
    }
    return {**plain, **but}


def tasks(*but: dict[str, Any]) -> dict[str, Any]:
    return {f"t{n}": {**TASK, "id": f"t{n}", **one} for n, one in enumerate(but, start=1)}


CONSENT = {"needs_consent": True, "trouble": "its .fleet.toml wants: fleet project allow /repo"}
OPEN: dict[str, tuple[dict[str, Any], str]] = {
    "review": (sections(tasks=tasks({"state": "review"})), "t1"),
    "held": (sections(tasks=tasks({"state": "held", "reason": "main is checked out"})), "t1"),
    "failed": (sections(tasks=tasks({"state": "failed", "reason": "6 times", "ended_at": "2026"})), "t1"),
    "consent": (sections(tasks=tasks(CONSENT, {**CONSENT, "state": "held"})), "/repo"),
    "account-refused": (
        sections(accounts={"work": {**ACCOUNT, "state": "quarantined", "reason": "401"}}),
        "work",
    ),
    "account-silent": (
        sections(
            accounts={"work": {**ACCOUNT, "state": "silent", "reason": "no answer", "needs_person": True}}
        ),
        "work",
    ),
    "account-none": (sections(accounts={}, tasks=tasks({})), "accounts"),
    "keyring-locked": (sections(accounts={"work": {**ACCOUNT, "state": "waiting"}}), "keyring"),
    "token-expires": (sections(accounts={"work": {**ACCOUNT, "token_ends_soon": True}}), "work"),
    "host-distrusted": (sections(hosts={"big": {**HOST, "state": "distrusted", "problem": "lied"}}), "big"),
    "host-lost": (sections(hosts={"big": {**HOST, "state": "lost", "problem": "no route"}}), "big"),
    "host-unfit": (sections(hosts={"big": {**HOST, "unfit": [UNFIT]}}), "big"),
    "breaker-open": (sections(fleet={"breaker": "3 workers in a row"}), "fleet"),
    "tier-nobody-has": (sections(tasks=tasks({"tiers": ["opus"]}, {"tiers": ["opus"]})), "opus"),
    "label-nobody-has": (sections(tasks=tasks({"labels": ["gpu", "arm"]})), "gpu,arm"),
    "all-waiting": (sections(tasks=tasks({}), workers={}), "fleet"),
}


def test_there_is_a_case_of_each_kind() -> None:
    assert tuple(OPEN) == KINDS


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_need_is_one_and_its_commands_can_be_typed(kind: str) -> None:
    found, subject = OPEN[kind]
    (need,) = needs(found)
    assert (need["kind"], need["subject"]) == (kind, subject)
    assert need["key"].startswith(f"{kind}:") and need["text"]
    assert asks_somebody([need]) == (kind != "all-waiting")
    for command in need["commands"]:
        program, *words = shlex.split(command)
        assert program == "fleet"
        if "--help" not in words:
            parse(words)
    assert needs(sections()) == []


@pytest.mark.parametrize(
    "found",
    [
        sections(tasks=tasks({"state": "running"}, {"tiers": [AUTO]}, {"labels": ["gpu"]})),
        sections(accounts={"work": {**ACCOUNT, "state": "silent"}}),
        sections(hosts={"big": {**HOST, "state": "suspected", "unfit": [{**UNFIT, "times": 5}]}}),
        sections(hosts={"big": {**HOST, "unfit": [{**UNFIT, "lasting": False}]}}),
        sections(tasks=tasks({"paused": {"by": "you", "why": "later"}}), workers={}),
    ],
)
def test_what_passes_by_itself_needs_nobody(found: dict[str, Any]) -> None:
    assert needs(found) == []


def test_a_need_that_stays_open_keeps_its_key_whoever_joins_it() -> None:
    one, more = (sections(tasks=tasks(*[CONSENT] * count)) for count in (1, 3))
    assert [need["key"] for need in needs(one)] == [need["key"] for need in needs(more)]


def test_what_is_said_here_of_the_core_is_so_there() -> None:
    assert (AUTO, Settings().faults_max) == (needing.AUTO, needing.UNFIT_TIMES)
