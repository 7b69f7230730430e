"""Behind one name two login nodes with a home directory in common, whose locks are their own."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import pytest

from fleet.double import Script
from tests.patience import PATIENCE_S
from tests.proofs import lend
from tests.real.conftest import MakeHousehold
from tests.real.farm import Farm
from tests.real.gates import Gates, halfway
from tests.real.scripting import prompt, subscription
from tests.real.staging import records
from tests.workers.nodes import Node, own_locks
from tests.workers.proxy import proxy_to
from tests.workers.sshd import Person

pytestmark = pytest.mark.client

WORDS = "you are on two, its workers are on one: name one node"


def logins(node: Node) -> int:
    return (node.directory / "log").read_text().count("Accepted publickey")


@pytest.mark.large
def test_a_worker_on_another_node_than_the_one_that_answers_is_neither_doubled_nor_given_up(
    household: MakeHousehold, tmp_path: Path
) -> None:
    """Nor by a coordinator that begins meanwhile; and when its node answers again, its work lands once."""
    house = household(Script(accounts=(subscription("first"),), tasks=(halfway("gate"),)))
    house.make_repo()
    gates = Gates(house)
    house.add_account("first", *gates.for_account)
    person, shared = Person(house.root), tmp_path / "shared"
    one = Node(tmp_path / "one", person.public_key, shared)
    two = Node(tmp_path / "two", person.public_key, shared, key_of=one)
    own_locks(shared, *(f"fleet/runs/t1.{n}/lock" for n in (1, 2)))
    lend(shared / "fleet")
    with ExitStack() as running:
        for node in (one, two):
            running.callback(node.stop)
            node.start()
        wire = running.enter_context(proxy_to(one.port))
        hosts = Farm(house, person, {"box": one})
        hosts.add("box", port=wire.port)
        house.fleet("host", "drain", "local")
        task = house.add_task(prompt("alpha"), "--target", "main", "--land", "merge", "--allow-tool", "Bash")
        with (house.root / "up.log").open("ab") as log:
            process = house.start_coordinator(log)
            try:
                gates.await_at(task, "gate")
                wire.lead_to(two.port)
                house.wait_for(lambda: WORDS in str(hosts.shows("box")["problem"]), "nobody noticed")
                assert hosts.shows("box")["state"] == "suspected"
                assert WORDS in house.fleet("host", "list") and WORDS in house.fleet("doctor", code=None)
                verified = house.run("host", "verify", "box")
                assert verified.returncode == 1 and WORDS in verified.stderr
            finally:
                process.kill()
                process.wait(PATIENCE_S)
        with house.coordinator():
            before = logins(two)
            house.wait_for(lambda: logins(two) > before + 1, "it was not tried again")
            assert [attempt["state"] for attempt in house.seen(task)["attempts"]] == ["running"]
            wire.lead_to(one.port)
            house.wait_for(lambda: hosts.shows("box")["state"] == "ready", "it did not come back")
            assert "is shared: two answered in it, too" in house.fleet("host", "verify", "box")
            gates.open(task, "gate")
            shown = house.wait_for_state(task, "landed")
        assert [attempt["reason"] for attempt in shown["attempts"]] == ["finished"]
        events = Counter(record["event"] for record in records(house, "t1.1"))
        assert (events["started"], events["exit"]) == (1, 1)
        assert (gates.folder / f"{task}.gate.reached").read_text().count("\n") == 1
        assert house.git("ls-tree", "--name-only", "main").split() == ["README.md", "one.txt", "two.txt"]
        assert house.leftovers() == []
