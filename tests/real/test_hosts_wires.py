"""A wire to a host that is cut, stalls and comes back: its worker never notices, and nothing of it is lost."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from fleet.double import Script
from tests.patience import PATIENCE_S
from tests.real.conftest import MakeHousehold
from tests.real.farm import farm
from tests.real.gates import Gates, waits
from tests.real.scripting import job, prompt, says, subscription, writes
from tests.real.staging import answered, records
from tests.workers.proxy import proxy_to

pytestmark = pytest.mark.client


def grows(spool: Path, size: int) -> bool:
    return spool.exists() and spool.stat().st_size > size


@pytest.mark.large
def test_a_worker_speaks_through_a_cut_a_stall_and_a_killed_coordinator(household: MakeHousehold) -> None:
    house = household(
        Script(
            accounts=(subscription("first"),),
            tasks=(
                job(
                    "alpha",
                    *(writes(f"{n}.txt", "x" * 20_000) for n in (1, 2)),
                    waits("cut"),
                    *(writes(f"{n}.txt", "x" * 20_000) for n in (3, 4)),
                    waits("stalled"),
                    *(writes(f"{n}.txt", "x" * 20_000) for n in (5, 6)),
                    waits("killed"),
                    says("Done."),
                ),
            ),
        )
    )
    house.make_repo()
    gates = Gates(house)
    house.add_account("first", *gates.for_account)
    with farm(house, "one") as hosts, proxy_to(hosts.servers["one"].port) as wire:
        hosts.add("one", port=wire.port)
        house.fleet("host", "drain", "local")
        task = house.add_task(prompt("alpha"), "--target", "main", "--land", "merge", "--allow-tool", "Bash")
        here = house.home / "runs" / "t1.1" / "spool"
        there = hosts.directory("one") / "runs" / "t1.1" / "spool"
        with (house.root / "up.log").open("ab") as log:
            process = house.start_coordinator(log)
            try:
                gates.await_at(task, "cut")
                wire.refuse()
                gates.open(task, "cut")
                gates.await_at(task, "stalled")
                wire.flow()
                house.wait_for(
                    lambda: grows(here, there.stat().st_size - 1), "the cut was not caught up with"
                )
                assert len(house.seen(task)["attempts"]) == 1
                # Then nothing gets through any more, but nobody is told.
                wire.stall()
                house.wait_for(lambda: hosts.shows("one")["state"] == "suspected", "nobody noticed the stall")
                assert "host one, which does not answer" in house.fleet("why", task)
                gates.open(task, "stalled")
                gates.await_at(task, "killed")
            finally:
                process.kill()
                process.wait(PATIENCE_S)
        wire.flow()
        with house.coordinator():
            house.wait_for(lambda: grows(here, there.stat().st_size - 1), "the stall was not caught up with")
            assert here.read_bytes() == there.read_bytes()
            gates.open(task, "killed")
            shown = house.wait_for_state(task, "landed")
        assert [attempt["reason"] for attempt in shown["attempts"]] == ["finished"]
        events = Counter(record["event"] for record in records(house, "t1.1"))
        assert (events["started"], events["exit"]) == (1, 1)
        assert set(Counter(answered(house)).values()) == {1}
        assert len(house.git("ls-tree", "--name-only", "main").split()) == 7
        assert house.leftovers() == []
