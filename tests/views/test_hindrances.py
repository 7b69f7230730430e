"""`fleet why` and `fleet plan` name what really keeps a task from running: removed, the task runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from fleet.core.dispatch import choose, explain
from fleet.core.model import Bucket, Fleet, queue_of
from fleet.core.model.policy import Limit, Per, Project, Spent
from tests.core.story import HOUR_MS, START_MS, Story, account, spec

Change = Callable[[Fleet], Fleet]


@dataclass(frozen=True)
class Hindrance:
    """`made` brings it about in a fleet in which everything else is well. `person`: only a person can remove it."""

    made: Change
    said: str
    person: bool = False


def task_with(**but: Any) -> Change:
    def change(fleet: Fleet) -> Fleet:
        task = replace(fleet.tasks["t1"], **but)
        return replace(fleet, tasks={"t1": task}, queue=queue_of([task]))

    return change


def asks_for(**but: Any) -> Change:
    return lambda fleet: task_with(spec=replace(fleet.tasks["t1"].spec, **but))(fleet)


def account_with(**but: Any) -> Change:
    return lambda fleet: replace(fleet, accounts={"a": replace(fleet.accounts["a"], **but)})


def host_with(**but: Any) -> Change:
    return lambda fleet: replace(fleet, hosts={"here": replace(fleet.hosts["here"], **but)})


def refused(fleet: Fleet) -> Fleet:
    bucket = Bucket("a", "five_hour", None, START_MS, "stream", 1.0, None, "rejected", START_MS + HOUR_MS)
    return replace(fleet, buckets={"a/five_hour": bucket})


def limited(per: Per) -> Change:
    limit = Limit("l1", "fleet", "", per, "tokens", 2e7, START_MS)
    return lambda fleet: replace(fleet, limits={"l1": limit}, spent={"l1": Spent("l1", 0, 2e7)})


def other_project(fleet: Fleet) -> Fleet:
    project = Project("/repo", accounts=("b",))
    return replace(fleet, projects={"/repo": project})


HINDRANCES = {
    "no account": Hindrance(lambda fleet: replace(fleet, accounts={}), "there is no account", person=True),
    "no tier": Hindrance(asks_for(tiers=("gpt",)), "no account can take it (a: has no tier gpt", person=True),
    "quarantined": Hindrance(
        account_with(state="quarantined", reason="401"),
        "no account can take it (a: quarantined: 401",
        person=True,
    ),
    "account paused": Hindrance(
        account_with(paused=True), "no account can take it (a: paused by you", person=True
    ),
    "spend never": Hindrance(
        account_with(spend="never"), "no account can take it (a: takes no work", person=True
    ),
    "not for the project": Hindrance(
        other_project, "no account can take it (a: is not for project /repo", person=True
    ),
    "no label": Hindrance(asks_for(labels=("gpu",)), "host here: it has not the label gpu", person=True),
    "host drained": Hindrance(host_with(draining=True), "host here: it is being drained", person=True),
    "breaker": Hindrance(
        lambda fleet: replace(fleet, policy=replace(fleet.policy, breaker="too dear")),
        "the circuit breaker is open",
        person=True,
    ),
    "closed": Hindrance(
        refused, "every account it may use is closed: a opens first, of which five_hour was refused"
    ),
    "backs off": Hindrance(task_with(not_before_ms=START_MS + 5_000, reason="crashed"), "backs off: crashed"),
    "stopping": Hindrance(lambda fleet: replace(fleet, draining=True), "no new workers are started"),
    "host full": Hindrance(host_with(workers_max=0), "host here: all 0 places for workers are taken"),
    "account full": Hindrance(account_with(concurrency=0), "no account has room now: a has 0 of 0 workers"),
    "limit": Hindrance(limited("day"), "waits: on a with sonnet"),
    "limit for good": Hindrance(
        limited("total"), "no account can take it (a: the limit of the fleet", person=True
    ),
}


def well() -> Fleet:
    """A queued task that would be started this moment."""
    story = Story(account("a", allowance=8, answered_ms=START_MS), workers_max=0)
    story.add()
    return host_with(workers_max=4)(story.fleet)


def why(fleet: Fleet) -> Any:
    return explain(fleet, fleet.tasks["t1"])


@pytest.mark.parametrize("name", HINDRANCES)
def test_what_alone_keeps_a_task_from_running_is_named_first(name: str) -> None:
    fleet = well()
    assert [placed.task for placed in choose(fleet)] == ["t1"]
    one = HINDRANCES[name]
    hindered = one.made(fleet)
    assert list(choose(hindered)) == []
    assert why(hindered).summary.startswith(one.said)
    assert why(hindered).stuck is one.person and (not one.person or why(hindered).advice)


@pytest.mark.parametrize("name", [name for name, one in HINDRANCES.items() if one.person])
def test_what_only_a_person_can_change_is_named_before_what_passes(name: str) -> None:
    """A label that no host has is named, and not that everything is closed until 21:33: then it would still wait."""
    one = HINDRANCES[name]
    for passing in ("closed", "backs off", "stopping", "host full", "account full", "limit"):
        if passing == "host full" and name == "host drained":
            continue
        both = one.made(HINDRANCES[passing].made(well()))
        found = why(both)
        assert found.summary.startswith(one.said) and found.stuck, (passing, found.summary)


def test_of_several_accounts_the_one_that_least_is_missing_of_is_named() -> None:
    fleet = well()
    accounts = {
        "a": account("a", tiers=(("haiku", "h"),)),
        "b": account("b", spend="never"),
        "c": account("c", state="quarantined", reason="401"),
    }
    found = why(replace(fleet, accounts=accounts))
    assert found.summary == "no account can take it (c: quarantined: 401)"
    assert found.advice == "renew the credential, then fleet account verify c"


def test_a_task_that_waits_names_the_one_that_keeps_its_predecessor() -> None:
    story = Story(account("a"), workers_max=0)
    story.add(spec(key="first", labels=("gpu",)), spec(after=("first",)))
    found = story.why("t2")
    assert found.summary == "waits for t1 (queued) to land" and found.advice == "see: fleet why t1"
