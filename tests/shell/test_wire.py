"""Persons' requests on their way from a command to the coordinator."""

from __future__ import annotations

import json
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.core import events
from fleet.core.events import WindowReading
from fleet.core.model import TaskSpec
from fleet.core.model.policy import Floor, Limit, Project, Reservation, Strategy, Tier
from fleet.shell import wire

FINITE = st.floats(allow_nan=False, allow_infinity=False)
for kind, numbers in (
    (TaskSpec, {"max_budget_usd": st.none() | FINITE, "value": st.none() | FINITE, "size": FINITE}),
    (Project, {"weight": FINITE}),
    (Reservation, {"amount": FINITE}),
    (Limit, {"amount": FINITE}),
    (Floor, {"share": FINITE}),
    (Tier, {"weight": FINITE}),
    (WindowReading, {"utilization": st.none() | FINITE}),
    (Strategy, {"protect": FINITE, "quantile": FINITE, "haste": FINITE}),
):
    st.register_type_strategy(kind, st.builds(kind, **numbers))

PERSONS: st.SearchStrategy[events.Person] = st.one_of(
    *(st.from_type(kind) for kind in get_args(events.Person))
)


@settings(max_examples=100)
@given(PERSONS)
def test_every_request_arrives_as_it_was_sent(event: events.Person) -> None:
    sent = json.loads(json.dumps(wire.encode(event)))
    arrived = wire.decode(sent)
    assert type(arrived) is type(event)
    assert arrived == event


@pytest.mark.parametrize("kind", ["TimeTravelAsked", "WorkerLost", None, 7, ["CancelAsked"]])
def test_a_request_of_another_version_is_refused_with_a_hint(kind: object) -> None:
    """Reports of the world are no persons' requests either."""
    with pytest.raises(ValueError, match=r"does not know the request .*older version"):
        wire.decode({"kind": kind, "event": {}})


@pytest.mark.parametrize("event", [None, [], {"at_ms": 1}, {"at_ms": "x", "id": "e", "task": "t1"}])
def test_a_request_with_a_broken_body_is_refused(event: object) -> None:
    with pytest.raises(ValueError, match="validation error"):
        wire.decode({"kind": "CancelAsked", "event": event})


@pytest.mark.parametrize("place", ["event", "spec"])
def test_what_a_request_says_beyond_what_this_version_would_obey_is_refused(place: str) -> None:
    """A coordinator of the last release does less than asked for otherwise, and says nothing."""
    spec = TaskSpec(prompt="p", repo="/srv", title="t", tiers=("sonnet",), target="main")
    sent = wire.encode(events.TasksAdded(at_ms=1, id="e", specs=(spec,)))
    (sent["event"] if place == "event" else sent["event"]["specs"][0])["colour"] = "red"
    with pytest.raises(ValueError, match="colour"):
        wire.decode(sent)
