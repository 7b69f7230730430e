"""Values survive being written as JSON, older bodies are read, and nothing is dropped silently."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.core.model import Account, Attempt, Bucket, Host, Task, TaskSpec, Worktree
from fleet.core.model.learned import Demand, Experience, Rate
from fleet.core.model.policy import Floor, Limit, Policy, Project, Reservation, Spent, Strategy, Tier
from fleet.core.model.prices import Prices
from fleet.store.codec import EFFECTS, Undecodable, decode, encode
from tests.contract.full_fleet import ACCOUNT, SPEC

numbers = st.none() | st.floats(allow_nan=False, allow_infinity=False)
finite = st.floats(allow_nan=False, allow_infinity=False)
shares = st.dictionaries(st.text(), finite)
tiers = st.builds(Tier, weight=finite)
strategies = st.builds(Strategy, protect=finite, quantile=finite, haste=finite)
specs = st.builds(TaskSpec, max_budget_usd=numbers, size=finite, value=numbers)
rates = st.builds(Rate, share=finite, work=finite, pending=finite, risen=finite, prompt=finite, late=finite)
moments = dict.fromkeys(("count", "log_work", "log_work_m2", "log_ms", "log_ms_m2", "won", "lost"), finite)
values = st.one_of(
    st.builds(Task, spec=specs, tier_work=finite, spent_usd=finite),
    st.builds(Attempt, cost_usd=numbers),
    st.builds(Bucket, utilization=numbers),
    st.builds(Project, weight=finite),
    st.builds(Reservation, amount=finite),
    st.builds(Limit, amount=finite),
    st.builds(Floor, share=finite),
    st.builds(Spent, amount=finite),
    rates,
    st.builds(Experience, **moments),
    st.builds(Demand, value=finite, size=finite, count=finite),
    st.builds(Policy, tiers=st.tuples(tiers), strategy=strategies),
    st.builds(
        Prices,
        buckets=shares,
        slots=shares,
        hosts=finite,
        later=st.dictionaries(st.text(), st.tuples(finite)),
        solve_ms=finite,
    ),
    *(st.from_type(kind) for kind in (Account, Host, Worktree, *EFFECTS.values())),
)


@given(values)
def test_every_value_comes_back_from_its_body(value: Any) -> None:
    assert decode(type(value), encode(value)) == value


def test_a_field_added_later_takes_its_default_in_an_older_body() -> None:
    body = json.loads(encode(ACCOUNT))
    del body["pass_env"], body["busy_count"]
    older = decode(Account, json.dumps(body))
    assert (older.pass_env, older.busy_count) == ((), 0)
    assert older.env == ACCOUNT.env


@pytest.mark.parametrize("place", ["spec", "task"])
def test_a_field_of_a_newer_version_is_an_error_that_names_it(place: str) -> None:
    """Dropping it would lose what the newer version wrote."""
    body = json.loads(encode(Task(id="t1", number=1, spec=SPEC, created_ms=0, state="queued")))
    (body["spec"] if place == "spec" else body)["colour"] = "red"
    with pytest.raises(Undecodable, match=r"colour is a field that this version of fleet does not know"):
        decode(Task, json.dumps(body))


def test_a_body_that_is_wrong_says_where() -> None:
    body = encode(ACCOUNT).replace('"quarantined"', '"asleep"')
    with pytest.raises(Undecodable, match=r"^state: .*'ready', 'silent', 'quarantined' or 'removed'"):
        decode(Account, body)
