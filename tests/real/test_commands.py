"""The commands around a coordinator: what they print, what they refuse, and that they take effect at once."""

from __future__ import annotations

import pytest

from fleet.double import Script
from tests.patience import PATIENCE_S
from tests.real.conftest import MakeHousehold
from tests.real.scripting import job, prompt, runs, says, subscription, writes

pytestmark = pytest.mark.client

SCRIPT = Script(
    accounts=(subscription("first"), subscription("second")),
    tasks=(
        job("one", writes("one.txt", "1\n"), says("Done.")),
        job("two", runs("cat one.txt > two.txt"), says("Done.")),
        job("slow", runs("while ! test -e ../../../../gate; do sleep 0.1; done"), says("Done.")),
    ),
)


def test_a_file_adds_tasks_that_wait_for_each_other_or_none(household: MakeHousehold) -> None:
    """Ids of the file may be used in `after`; a circle is refused with the circle shown, and then nothing is added."""
    house = household(SCRIPT)
    house.make_repo()
    file = house.root / "tasks.toml"
    file.write_text(
        "[defaults]\nrepo = 'repo'\ntarget = 'main'\n"
        "[[task]]\nid = 'last'\nprompt = 'Last.'\nafter = ['first', 'middle']\n"
        "[[task]]\nid = 'first'\nprompt = 'First.'\n"
        "[[task]]\nid = 'middle'\nprompt = 'Middle.'\nafter = 'first'\n"
    )
    added = house.run("task", "add", "--file", str(file))
    assert (added.returncode, added.stdout) == (0, "t1\nt2\nt3\n")
    assert [(t["id"], t["after"], t["state"]) for t in house.json("task", "list")] == [
        ("t1", ["t2", "t3"], "waiting"),
        ("t2", [], "queued"),
        ("t3", ["t2"], "waiting"),
    ]

    file.write_text(
        "[[task]]\nid = 'a'\nprompt = 'A.'\nrepo = 'repo'\nafter = ['c']\n"
        "[[task]]\nid = 'b'\nprompt = 'B.'\nrepo = 'repo'\nafter = ['a']\n"
        "[[task]]\nid = 'c'\nprompt = 'C.'\nrepo = 'repo'\nafter = ['b']\n"
    )
    refused = house.run("task", "add", "--file", str(file))
    assert refused.returncode == 1 and refused.stdout == ""
    assert "a → c → b → a" in refused.stderr
    assert len(house.json("task", "list")) == 3

    unknown = house.run("task", "add", "More.", "--repo", str(house.repo), "--after", "t9")
    assert unknown.returncode == 1 and "t9" in unknown.stderr and unknown.stdout == ""


def test_what_only_reads_works_without_a_coordinator(household: MakeHousehold) -> None:
    """On a home that nothing ever ran on, and on one with a task, every reading command answers."""
    house = household(SCRIPT)
    house.make_repo()
    empty = house.json("status")
    assert empty == {
        "accounts": [],
        "tasks": {},
        "troubles": [],
        "workers": [],
        "hosts": [],
        "breaker": "",
        "breaker_until": None,
        "paused_projects": [],
        "coordinator": None,
        "needs": [],
    }
    assert house.json("task", "list") == [] and house.json("account", "list") == []
    assert house.json("worktree", "list") == []
    assert not house.home.exists() or not (house.home / "fleet.db").exists(), "reading made a database"
    nothing = house.run("task", "show", "t1")
    assert nothing.returncode == 1 and "there is no task t1" in nothing.stderr

    only_id = house.run("task", "add", prompt("one"), "--repo", str(house.repo))
    assert (only_id.returncode, only_id.stdout) == (0, "t1\n")
    assert house.json("task", "show", "t1")["state"] == "queued"
    assert "no account" in house.fleet("why", "t1")
    assert house.json("why", "t1")["stuck"] is True
    assert "t1 is queued" in house.fleet("task", "logs", "t1")
    assert house.json("status")["tasks"] == {"queued": 1}
    house.run("doctor", "--json")


def test_commands_take_effect_in_a_running_coordinator_at_once(household: MakeHousehold) -> None:
    """`account add`, `task add` and `cancel` reach the coordinator that runs; a second one is refused, naming it."""
    house = household(SCRIPT)
    house.make_repo()
    with house.coordinator() as process:
        second = house.run("up", "--until-idle")
        assert second.returncode == 1 and f"process {process.pid}" in second.stderr

        one = house.add_task(prompt("one"), "--target", "main", "--land", "merge")
        assert "no account" in house.fleet("why", one)
        house.add_account("first", "--concurrency", "1")
        house.wait_for_state(one, "landed")
        assert house.fleet("status").startswith(f"coordinator: process {process.pid}")

        slow = house.add_task(prompt("slow"), "--allow-tool", "Bash")
        queued = house.add_task(prompt("one"))
        house.double.wait_for(lambda log: any(r.task == "slow" for r in log), PATIENCE_S)
        assert [w["task"] for w in house.json("status")["workers"]] == [slow]
        assert "attempt" in house.fleet("why", slow)
        house.fleet("task", "cancel", queued)
        house.fleet("task", "cancel", slow)
        house.wait_for(lambda: house.leftovers() == [], "the cancelled worker lives on")
        assert house.seen(queued)["state"] == house.seen(slow)["state"] == "cancelled"
        again = house.run("task", "cancel", one)
        assert again.returncode == 1 and "already landed" in again.stderr
        house.fleet("down")
        assert process.wait(PATIENCE_S) == 0
    assert house.json("status")["coordinator"] is None


def test_two_homes_side_by_side_do_not_touch_each_other(household: MakeHousehold) -> None:
    """Two coordinators on one repository with the same task ids land each its own work, under its own account."""
    left, right = household(SCRIPT), household(SCRIPT)
    left.make_repo()
    right.extra_env["FLEET_HOME"] = str(right.home)
    for house, account in ((left, "first"), (right, "second")):
        house.add_account(account)
        house.fleet(
            *("task", "add", prompt("one"), "--repo", str(left.repo), "--title", account),
            *("--target", "main", "--verify", f"echo {account} >> one.txt && git commit -qam {account}"),
        )
    with left.coordinator(), right.coordinator():
        left.wait_for_state("t1", "landed")
        right.wait_for_state("t1", "landed")
        assert left.home_id() != right.home_id()

    for house, account in ((left, "first"), (right, "second")):
        shown = house.task("t1")
        assert [a["account"] for a in shown["attempts"]] == [account]
        assert {r.account for r in house.double.turns} == {account}
        assert left.git("show", f"{shown['branch']}:one.txt") == f"1\n{account}\n"
        assert house.leftovers() == []
