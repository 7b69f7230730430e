from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

from tests.cli.commands import Shell

EXAMPLE = str(Path(__file__).parents[2] / "docs" / "examples" / "two-accounts.toml")


def test_a_scenario_is_run_scored_and_drawn(shell: Shell) -> None:
    told = shell.fleet(
        "simulate", "--scenario", EXAMPLE, "--policy", "threshold", "--json", "--picture", "week.svg"
    )
    assert told.returncode == 0, told.stderr
    score = json.loads(told.stdout)
    assert score["policy"] == "threshold"
    assert 0 < score["tasks_finished"] <= score["tasks"]
    assert ElementTree.parse(shell.home.parent / "week.svg").getroot().tag.endswith("svg")


def test_a_seed_tells_the_same_twice_and_another_seed_something_else(shell: Shell) -> None:
    once, again, other = (
        shell.fleet("simulate", "--scenario", EXAMPLE, "--policy", "fifo", "--seed", seed).stdout
        for seed in ("1", "1", "2")
    )
    assert once == again != other


def test_a_policy_nobody_knows_is_answered_with_those_there_are(shell: Shell) -> None:
    told = shell.fleet("simulate", "--scenario", EXAMPLE, "--policy", "magic")
    assert told.returncode == 1
    assert "there is no policy “magic”; there are: fleet, fifo" in told.stderr


def test_a_scenario_that_cannot_be_run_is_told_by_table_and_key(shell: Shell) -> None:
    (shell.home.parent / "odd.toml").write_text("version = 1\ntiers = []\n")
    told = shell.fleet("simulate", "--scenario", "odd.toml")
    assert told.returncode == 1
    assert "tiers: must not be empty" in told.stderr
    assert "accounts: is missing" in told.stderr
