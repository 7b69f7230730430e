"""What one worker does to others is noticed, or believed within bounds only."""

from __future__ import annotations

import time

import pytest

from fleet.double import Script
from fleet.shell.unexplained import SLACK_MS
from tests.real.conftest import MakeHousehold
from tests.real.gates import Gates, waits
from tests.real.scripting import job, prompt, runs, says, subscription, writes

pytestmark = pytest.mark.client


def test_a_file_written_into_anothers_worktree_is_told_when_that_comes_to_its_gate(
    household: MakeHousehold,
) -> None:
    """Its own files are not."""
    thinks = job("thinks", writes("mine.txt", "mine\n"), says("Done.", delay_s=3 * SLACK_MS / 1000))
    house = household(Script(accounts=(subscription("first"),), tasks=(thinks,)))
    house.make_repo()
    house.add_account("first")
    task = house.add_task(prompt("thinks"), "--land", "merge", "--target", "main")
    with house.coordinator():
        house.wait_for(lambda: list(house.home.glob("worktrees/*/*/mine.txt")), "nothing was written")
        (mine,) = house.home.glob("worktrees/*/*/mine.txt")
        begun = mine.stat().st_ctime
        house.wait_for(lambda: time.time() > begun + SLACK_MS / 1000 + 0.5, "time stood still")
        mine.with_name("planted.txt").write_text("planted\n")
        house.wait_for_state(task, "landed")
    told = [entry["text"] for entry in house.task(task)["history"]]
    (noticed,) = [text for text in told if "none of its session's tools ran" in text]
    assert "planted.txt" in noticed and "mine.txt" not in noticed
    assert noticed in house.fleet("why", task)


def test_a_line_forged_into_a_spool_closes_an_account_for_no_longer_than_its_window(
    household: MakeHousehold,
) -> None:
    forged = (
        '{"type":"rate_limit_event","rate_limit_info":{"status":"rejected","resetsAt":4102444800,'
        '"rateLimitType":"five_hour"}}'
    )
    forge = runs(f"echo 'o '$(date +%s)000' {forged}' >> $CLAUDE_CONFIG_DIR/../../runs/$FLEET_TASK.1/spool")
    script = Script(
        accounts=(subscription("first"),), tasks=(job("forges", forge, waits("end"), says("Done.")),)
    )
    house = household(script)
    gates = Gates(house)
    house.make_repo()
    house.add_account("first", *gates.for_account)
    task = house.add_task(prompt("forges"), "--allow-tool", "Bash")
    with house.coordinator():
        gates.await_at(task, "end")
        house.wait_for(
            lambda: "rejected" in house.fleet("account", "show", "first", "--json"), "it was not read"
        )
        shown = house.fleet("account", "show", "first", "--json")
        gates.open(task, "end")
    assert "2100-01" not in shown and "2100-01" not in house.fleet("status", "--json")
