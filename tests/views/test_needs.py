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

SINCE = "2026-11-30T01:00:00.000Z"
LATER = "2026-11-30T02:00:00.000Z"

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
    "since": SINCE,
    "trouble_since": None,
    "at_risk_since": None,
    "denied": {},
    "denied_since": None,
    "deadline": None,
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
    "token_ends_soon_since": None,
    "since": SINCE,
}
HOST: dict[str, Any] = {
    "name": "big",
    "state": "ready",
    "silent_since": None,
    "problem": "",
    "labels": ["gpu"],
    "unfit": [],
    "address": "ssh://fleet@big",
    "observed_at": SINCE,
    "disk_free_bytes": None,
    "disk_low_since": None,
}
UNFIT = {"repo": "/repo", "why": "no room", "since": SINCE, "lasting": True, "times": 6}


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


DENIED = {"state": "running", "denied": {"Bash": 3, "WebFetch": 1}, "denied_since": SINCE}
RISK = {"state": "running", "deadline": "2026-12-01T00:00:00.000Z", "at_risk_since": SINCE}
LOW = {"disk_free_bytes": 1_900_000_000, "disk_low_since": SINCE}
CONSENT = {
    "needs_consent": True,
    "trouble_since": SINCE,
    "since": LATER,
    "trouble": "its .fleet.toml wants: fleet project allow /repo",
}
OPEN: dict[str, tuple[dict[str, Any], str]] = {
    "review": (sections(tasks=tasks({"state": "review"})), "t1"),
    "held": (sections(tasks=tasks({"state": "held", "reason": "main is checked out"})), "t1"),
    "failed": (sections(tasks=tasks({"state": "failed", "reason": "6 times", "ended_at": SINCE})), "t1"),
    "denied-tools": (sections(tasks=tasks(DENIED)), "t1"),
    "deadline-at-risk": (sections(tasks=tasks(RISK)), "t1"),
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
    "token-expires": (
        sections(accounts={"work": {**ACCOUNT, "token_ends_soon": True, "token_ends_soon_since": SINCE}}),
        "work",
    ),
    "host-distrusted": (sections(hosts={"big": {**HOST, "state": "distrusted", "problem": "lied"}}), "big"),
    "host-lost": (sections(hosts={"big": {**HOST, "state": "lost", "problem": "no route"}}), "big"),
    "host-unfit": (sections(hosts={"big": {**HOST, "unfit": [UNFIT]}}), "big"),
    "disk-full": (sections(hosts={"big": {**HOST, **LOW}}), "big"),
    "breaker-open": (sections(fleet={"breaker": "3 workers in a row", "breaker_since": SINCE}), "fleet"),
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
    assert need["key"].startswith(f"{kind}:") and need["text"] and need["since"] == SINCE
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
        sections(tasks=tasks({"state": "running", "denied": {"Bash": 2}})),
        sections(hosts={"big": {**HOST, "disk_free_bytes": 9_000_000_000}}),
    ],
)
def test_what_passes_by_itself_needs_nobody(found: dict[str, Any]) -> None:
    assert needs(found) == []


def test_a_need_that_stays_open_keeps_its_key_whoever_joins_it() -> None:
    one, more = (sections(tasks=tasks(*[CONSENT] * count)) for count in (1, 3))
    assert [need["key"] for need in needs(one)] == [need["key"] for need in needs(more)]


def test_a_task_that_needs_somebody_anyhow_needs_them_for_one_thing() -> None:
    for state in ("review", "failed", "held"):
        (need,) = needs(sections(tasks=tasks({**DENIED, **RISK, "state": state})))
        assert need["kind"] == state


def test_this_machines_disk_is_cleaned_by_a_command_here() -> None:
    (need,) = needs(sections(hosts={"local": {**HOST, **LOW, "name": "local", "address": None}}))
    assert need["commands"] == ["fleet clean --dry-run", "fleet host show local"]
    assert "1.9 GB free" in need["text"]


def test_what_is_said_here_of_the_core_is_so_there() -> None:
    assert (AUTO, Settings().faults_max) == (needing.AUTO, needing.UNFIT_TIMES)
