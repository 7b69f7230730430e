"""Each kind of what may happen has its rule: a coordinator that met one without would stop in the middle of work."""

from __future__ import annotations

from typing import get_args

from fleet.core import events, step
from fleet.core.decisions import IN_WORDS, Effect
from fleet.core.rules import worker_reports


def test_every_kind_of_event_has_a_rule() -> None:
    kinds = {
        kind for kind in vars(events).values() if isinstance(kind, type) and issubclass(kind, events.Event)
    }
    assert set(step._RULES) == kinds - {events.Event}


def test_every_fact_that_a_spool_may_tell_has_a_rule() -> None:
    assert set(worker_reports._RULES) == set(get_args(events.Fact))


def test_every_effect_can_be_told_to_a_person_when_it_fails() -> None:
    assert set(IN_WORDS) == set(get_args(Effect))
