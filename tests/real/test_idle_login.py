"""An account that is a login and has nothing to do: the coordinator asks its client how much is left."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fleet.core.events import AccountAdded
from fleet.core.model import Account
from fleet.double import Account as Payer
from fleet.double import Double, Script, Window
from fleet.home import Home
from fleet.service.making_home import home_id
from fleet.service.requests import submit
from fleet.shell.stamp import stamp
from tests.real.household import Household
from tests.shell.loopback_world import HOST, loopback_world, plant_login

pytestmark = pytest.mark.client

WINDOWS = (Window("five_hour", utilization=0.25, resets_in_s=3600), Window("seven_day", utilization=0.5))


def test_what_is_left_of_an_idle_login_is_known_without_any_work(tmp_path: Path) -> None:
    with (
        Double(Script(accounts=(Payer("a", "tok-a", windows=WINDOWS),), tasks=())) as double,
        loopback_world(double, tmp_path) as world,
    ):
        house = Household(tmp_path / "house", double, world.environ)
        home = Home(house.home)
        # As `fleet account add --login` does, whose client makes the directory when there is a database.
        home_id(home)
        plant_login(home.config_dir("idle"), "tok-a", "user:inference", "user:profile")
        tiers = (("sonnet", "sonnet"),)
        idle = Account("idle", "subscription", tiers, 4, "account:idle", 1, login=True, secret=False)
        submit(home, AccountAdded(**stamp(), account=idle))
        with house.coordinator():
            house.wait_for(lambda: buckets(house), "the idle account was never read")
        seen = {one["name"]: (one["utilization"], one["source"]) for one in buckets(house)}
        assert seen == {"five_hour": (0.25, "usage"), "seven_day": (0.5, "usage")}
        assert double.turns == []
        assert set(world.asked) == {f"{HOST}:443"}
        assert house.leftovers() == []


def buckets(house: Household) -> list[dict[str, Any]]:
    (account,) = json.loads(house.fleet("account", "list", "--json"))
    found: list[dict[str, Any]] = account["buckets"]
    return found
