"""When persons' own use is forecast anew."""

from __future__ import annotations

from dataclasses import replace

from fleet.core.model import Bucket, Fleet
from fleet.core.policy import STRATEGIES, Policy
from fleet.shell.foreseeing import APART_S, EVERY_S, Foreseeing
from tests.core.story import account

BUCKETS = {"a/five_hour": Bucket("a", "five_hour", None, 0, "stream")}
FLEET = Fleet(accounts={"a": account("a")}, buckets=BUCKETS)


def test_it_is_due_at_once_and_then_on_a_beat() -> None:
    foreseeing = Foreseeing()
    assert foreseeing.is_due(FLEET, 0.0)
    foreseeing.foreseen(FLEET, 0.0)
    assert not foreseeing.is_due(FLEET, EVERY_S - 1.0)
    assert foreseeing.is_due(FLEET, EVERY_S)


def test_a_new_bucket_or_strategy_makes_it_due_soon_but_not_again_and_again() -> None:
    foreseeing = Foreseeing()
    foreseeing.foreseen(FLEET, 0.0)
    more = replace(FLEET, buckets={**BUCKETS, "a/seven_day": Bucket("a", "seven_day", None, 0, "stream")})
    other = replace(FLEET, policy=Policy(strategy=STRATEGIES[0]))
    for changed in (more, other):
        assert not foreseeing.is_due(changed, APART_S - 1.0)
        assert foreseeing.is_due(changed, APART_S)


def test_where_nothing_could_be_kept_it_is_never_due() -> None:
    off = replace(FLEET, policy=Policy(foresee=False))
    for idle in (Fleet(), replace(FLEET, buckets={}), off):
        assert not Foreseeing().is_due(idle, 0.0)
