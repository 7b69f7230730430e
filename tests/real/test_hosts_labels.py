"""Which hosts a task may run on, and what is said while there is none."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fleet.core.events import AccountAdded
from fleet.core.model import Account
from fleet.double import Script
from fleet.home import Home
from fleet.service.requests import submit
from fleet.shell.stamp import stamp
from tests.real.conftest import MakeHousehold
from tests.real.farm import farm
from tests.real.scripting import job, prompt, says, subscription, writes

pytestmark = pytest.mark.client

MERGE = ("--target", "main", "--land", "merge")


@pytest.mark.large
def test_a_task_waits_for_a_host_that_may_take_it_and_says_which(household: MakeHousehold) -> None:
    """A label that no host has; an account whose login lies on this machine and on no other."""
    house = household(
        Script(
            accounts=(subscription("first"),),
            tasks=tuple(
                job(name, writes(f"{name}.txt", "text\n"), says("Done.")) for name in ("alpha", "beta")
            ),
        )
    )
    house.make_repo()
    house.add_account("first", "--tier-map", "sonnet=sonnet")
    # Its token is not in the keyring: the client itself is logged in, in the account's own directory.
    mine = Account("mine", "subscription", (("opus", "opus"),), 4, "account:mine", 1)
    mine = replace(mine, login=True, secret=False, base_url=house.double.base_url)
    submit(Home(house.home), AccountAdded(**stamp(), account=mine))
    with farm(house, "one") as hosts:
        labelled = house.add_task(prompt("alpha"), *MERGE, "--tier", "sonnet", "--label", "gpu")
        with house.coordinator():
            house.wait_for(lambda: house.json("host", "list"), "this machine is not known")
            why = house.fleet("why", labelled)
            assert "host local: it has not the label gpu" in why
            assert "fleet host add NAME ssh://USER@MACHINE --label gpu" in why

            hosts.add("one", "--label", "gpu")
            shown = house.wait_for_state(labelled, "landed")
            assert [attempt["host"] for attempt in shown["attempts"]] == ["one"]

            house.fleet("host", "drain", "local")
            at_home = house.add_task(prompt("beta"), *MERGE, "--tier", "opus")
            why = house.fleet("why", at_home)
            assert "host one: the login of mine lies on this machine" in why
            assert "host local: it is being drained" in why
            assert house.seen(at_home)["attempts"] == []
        assert house.leftovers() == []
