"""A repository's own commands run once a person has agreed to them; what waits for that is seen, and goes on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fleet.double import Script
from tests.real.conftest import MakeHousehold
from tests.real.household import Household
from tests.real.scripting import MERGE, job, prompt, says, subscription, writes

pytestmark = pytest.mark.client


def asks_for(*commands: str) -> str:
    return f"[verify]\ncommands = {json.dumps(commands)}\n"


def seen_to_wait(house: Household, task: str, command: str) -> None:
    """By whoever looks, with the command to type."""
    for words in (("status",), ("why", task), ("task", "list")):
        ended = house.run(*words)
        assert allow(house) in ended.stdout + ended.stderr, words
    (need,) = house.json("status")["needs"]
    assert need["tasks"] == [task] and f"`{command}`" in need["story"]


def test_a_repository_s_commands_wait_for_a_person_and_those_of_a_worker_keep_nobody_else_waiting(
    household: MakeHousehold, tmp_path: Path
) -> None:
    """Before that no worker is started and nothing fails. What a worker asks for waits at its own gate alone."""
    ran, more = f"touch {tmp_path}/ran", f"touch {tmp_path}/more"
    asks = job("asks", writes(".fleet.toml", asks_for(ran, more)), says("Done."))
    works = job("works", writes("b.txt", "b\n"), says("Done."))
    house = household(Script(accounts=(subscription("first"),), tasks=(asks, works)))
    house.make_repo()
    (house.repo / ".fleet.toml").write_text(asks_for(ran))
    house.git("add", "--all")
    house.git("commit", "--quiet", "-m", "Ask")
    house.git("branch", "--force", "main")
    house.add_account("first")
    first = house.add_task(prompt("asks"), *MERGE)
    told = [line for line in house.up_until_idle(code=1) if allow(house) in line["event"]]
    assert [(line["task"], line["level"]) for line in told] == [(first, "warning")]
    seen_to_wait(house, first, ran)
    assert house.double.turns == [] and house.task(first)["state"] == "queued"
    assert f"runs to verify work: {ran}" in house.fleet("project", "allow", str(house.repo), "--yes")
    with house.coordinator():
        house.wait_for(
            lambda: any(more in n["story"] for n in house.json("status")["needs"]), "nobody was asked"
        )
        seen_to_wait(house, first, more)
        assert not (tmp_path / "more").exists() and house.seen(first)["state"] == "checking"
        second = house.add_task(prompt("works"), *MERGE)
        house.wait_for_state(second, "landed")
        shown = house.fleet("project", "allow", str(house.repo), "--yes")
        assert f"as {first} (" in shown and f"runs to verify work: {more}" in shown and "different" in shown
        house.wait_for_state(first, "landed")
    assert (tmp_path / "more").exists() and house.json("status")["needs"] == []


def allow(house: Household) -> str:
    return f"fleet project allow {house.repo}"
