"""The main job: several accounts, tasks that build on each other, and a limit that stops nothing."""

from __future__ import annotations

import json
import subprocess

import pytest

from fleet.double import Fault, Script
from tests.real.conftest import MakeHousehold
from tests.real.household import Household
from tests.real.scripting import (
    accounts_of,
    job,
    played,
    prompt,
    runs,
    says,
    subscription,
    writes,
)
from tests.schemas import wrong

pytestmark = pytest.mark.client

ATTEMPT_FIELDS = {
    *("id", "account", "tier", "host", "session_id", "state", "reason"),
    *("started_at", "ended_at", "tokens", "cost_usd"),
}
BUCKET_FIELDS = {"name", "scope", "utilization", "resets_at", "observed_at", "source", "status"}

SCRIPT = Script(
    accounts=(subscription("first"), subscription("second"), subscription("third")),
    tasks=(
        job(
            "alpha",
            runs("pwd > where.txt"),
            writes("alpha.txt", "alpha\n"),
            runs("pwd >> where.txt"),
            says("Alpha is done."),
        ),
        job("beta", writes("beta.txt", "beta\n"), says("Beta is done.")),
        job("gamma", runs("cat beta.txt > gamma.txt"), says("Gamma is done.")),
        job("delta", runs("cat alpha.txt gamma.txt > delta.txt"), says("Delta is done.")),
        job("epsilon", writes("epsilon.txt", "epsilon\n"), says("Epsilon is done.")),
    ),
    faults=(Fault("limit", account="first", task="alpha", step=2, seconds=3600),),
)


def told_to_whoever_follows(house: Household, following: subprocess.Popen[str]) -> None:
    """Every event, in its order, as the journal has them; each is what its schema says."""
    told = house.fleet("events", "--json", "--since", "0").splitlines()
    with following:
        assert following.stdout is not None
        assert [following.stdout.readline().rstrip("\n") for _ in told] == told
        following.kill()
    found = [json.loads(line) for line in told]
    assert wrong(json.loads(house.fleet("events", "--schema")), found) == []
    assert {"task.placed", "attempt.ended", "bucket.refused", "task.landed"} <= {one["type"] for one in found}


def test_several_tasks_land_although_an_account_reaches_its_limit(household: MakeHousehold) -> None:
    """A limit mid-task moves the session, in its worktree and with what it knew, and everything lands on main."""
    house = household(SCRIPT)
    house.make_repo()
    for name in ("first", "second", "third"):
        house.add_account(name)
    merge = ("--target", "main", "--land", "merge", "--allow-tool", "Bash")
    alpha = house.add_task(prompt("alpha"), *merge, "--priority", "9", "--verify", "test -s alpha.txt")
    beta = house.add_task(prompt("beta"), *merge, "--verify", "grep -q beta beta.txt")
    gamma = house.add_task(prompt("gamma"), *merge, "--after", beta, "--verify", "grep -q beta gamma.txt")
    delta = house.add_task(prompt("delta"), *merge, "--after", alpha, "--after", gamma)
    epsilon = house.add_task(prompt("epsilon"), "--target", "main", "--land", "branch")

    following = house.begin("events", "--follow", "--json", "--since", "0")
    log = house.up_until_idle()

    told_to_whoever_follows(house, following)
    assert all(isinstance(line["type"], str) and isinstance(line["data"], dict) for line in log)
    assert house.json("needs") == []

    # The session went on, nothing was played twice, and the worktree was the same.
    turns = house.double.turns
    assert played(turns, "alpha") == [("alpha", 0), ("alpha", 1), ("alpha", 2), ("alpha", 3)]
    assert len({r.session for r in turns if r.task == "alpha"}) == 1
    on = accounts_of(turns, "alpha")
    assert on[0] == "first" and len(on) == 2
    before, after = house.git("show", "main:where.txt").splitlines()
    assert before == after and before.endswith(f"/{alpha}")

    # Everything is on main; the branch that was only to be left is left.
    assert house.git("show", "main:delta.txt") == "alpha\nbeta\n"
    shown = {task: house.task(task) for task in (alpha, beta, gamma, delta, epsilon)}
    assert {task: one["state"] for task, one in shown.items()} == dict.fromkeys(shown, "landed")
    for task in (alpha, beta, gamma, delta):
        house.git("merge-base", "--is-ancestor", shown[task]["landed_commit"], "main")
    assert house.git("show", f"{shown[epsilon]['branch']}:epsilon.txt") == "epsilon\n"
    assert "epsilon.txt" not in house.git("ls-tree", "--name-only", "main")

    # Two attempts, one session; the first ended because of the limit.
    first, second = shown[alpha]["attempts"]
    assert first.keys() >= ATTEMPT_FIELDS
    assert (first["account"], first["state"], first["reason"]) == ("first", "ended", "limited")
    assert (second["account"], second["reason"]) == (on[1], "finished")
    assert first["session_id"] == second["session_id"] == shown[alpha]["session_id"]
    assert second["cost_usd"] > 0 and sum(second["tokens"].values()) > 0
    assert len(shown[beta]["attempts"]) == 1

    # What status shows afterwards.
    status = house.json("status")
    assert status["tasks"] == {"landed": 4, "on-branch": 1}
    assert status["workers"] == [] and status["coordinator"] is None
    assert [a["name"] for a in status["accounts"]] == ["first", "second", "third"]
    assert status["accounts"][0]["state"] == "limited"
    assert all(set(b) == BUCKET_FIELDS for a in status["accounts"] for b in a["buckets"])
    five_hours = next(b for b in status["accounts"][0]["buckets"] if b["name"] == "five_hour")
    assert five_hours["status"] == "rejected" and five_hours["resets_at"] and five_hours["scope"] is None

    # What a person can read: the log names the move, `task logs` what the workers said.
    assert any(f"moves from first to {on[1]}" in line["event"] for line in log)
    assert all({"task", "attempt", "account", "host"} <= line.keys() for line in log if "attempt" in line)
    said = house.fleet("task", "logs", alpha)
    assert "I write alpha.txt." in said and "Alpha is done." in said and "5-hour limit" in said

    # Nothing is left behind, and the person's own checkout was never touched.
    assert house.leftovers() == []
    assert house.git("worktree", "list").count("\n") == 1 + house.git("worktree", "list").count("/landing-")
    assert house.git("status", "--porcelain") == "" and house.git("branch", "--show-current") == "elsewhere\n"
