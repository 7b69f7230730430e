"""Work on hosts reached over ssh: real servers on loopback, the real client, the whole program."""

from __future__ import annotations

import pytest

from fleet.double import Script
from tests.real.conftest import MakeHousehold
from tests.real.farm import farm
from tests.real.scripting import job, prompt, runs, says, subscription, writes

pytestmark = pytest.mark.client


def test_three_hosts_share_the_work_and_everything_lands(household: MakeHousehold) -> None:
    names = ("alpha", "beta", "gamma")
    house = household(
        Script(
            accounts=(subscription("first"), subscription("second")),
            tasks=tuple(
                job(name, runs("pwd > where.txt"), writes(f"{name}.txt", f"{name}\n"), says("Done."))
                for name in names
            ),
        )
    )
    house.make_repo({".gitignore": "where.txt\n", "README.md": "A sample.\n"})
    for account in ("first", "second"):
        house.add_account(account, "--concurrency", "4")
    with farm(house, "one", "two", "three") as hosts:
        for name in hosts.servers:
            hosts.add(name, "--workers", "1")
        house.fleet("host", "drain", "local")
        for name in names:
            house.add_task(prompt(name), "--target", "main", "--land", "merge", "--allow-tool", "Bash")
        with house.coordinator():
            for n in (1, 2, 3):
                house.wait_for_state(f"t{n}", "landed", timeout_s=40.0)
        assert house.git("ls-tree", "--name-only", "main").split() == [
            *(".gitignore", "README.md", "alpha.txt", "beta.txt", "gamma.txt")
        ]
        on = {attempt["host"] for n in (1, 2, 3) for attempt in house.task(f"t{n}")["attempts"]}
        assert on == {"one", "two", "three"}
        assert house.leftovers() == []
