"""`fleet account verify` with the real client: what it says, and what the fleet knows afterwards."""

from __future__ import annotations

import pytest

from fleet.double import Script, Window
from tests.real.conftest import MakeHousehold
from tests.real.scripting import subscription

pytestmark = pytest.mark.client


def test_verifying_says_that_it_works_and_what_is_used_and_status_knows_it_too(
    household: MakeHousehold,
) -> None:
    house = household(Script(accounts=(subscription("first", Window("five_hour", utilization=0.31)),)))
    house.add_account("first")
    told = house.run("account", "verify", "first")
    assert told.returncode == 0, told.stderr
    assert told.stderr.startswith("first works; five_hour 3"), told.stderr
    assert "% resets " in told.stderr
    buckets = {b["name"]: b for b in house.json("account", "show", "first")["buckets"]}
    assert buckets["five_hour"]["utilization"] == pytest.approx(0.31, abs=0.05)
    assert buckets["five_hour"]["source"] == "verify"
    assert "five_hour 3" in house.fleet("status")
