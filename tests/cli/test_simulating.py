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


def own(shell: Shell, repo: Path) -> Shell:
    """A home with an account and three tasks that wait."""
    words = "account add box --kind local --base-url http://127.0.0.1:9 --tier-map sonnet=m,opus=n"
    assert shell.fleet(*words.split()).returncode == 0
    for title in ("one", "two", "three"):
        assert shell.fleet("task", "add", title, "--repo", str(repo), "--tier", "auto").returncode == 0
    return shell


def test_ones_own_week_is_run_and_says_first_what_is_learned_and_what_is_guessed(
    shell: Shell, repo: Path
) -> None:
    told = own(shell, repo).fleet("simulate", "--own", "--weeks", "0.2", "--policy", "threshold")
    assert told.returncode == 0, told.stderr
    lines = told.stdout.splitlines()
    assert lines[0] == "guessed:"
    assert "  box has shown no bucket so far: it is taken for one without limits" in lines
    assert lines.index("not in it:") < lines.index("policy                          threshold")
    score = json.loads(shell.fleet("simulate", "--own", "--policy", "fifo", "--json").stdout)
    assert (score["without"], score["basis"]["learned"]) == (None, [])
    assert score["tasks"] >= 3


def test_one_more_account_is_compared_with_how_it_is(shell: Shell, repo: Path) -> None:
    words = ("simulate", "--own", "--weeks", "0.2", "--add-account", "box", "--policy", "fifo")
    told = own(shell, repo).fleet(*words)
    assert told.returncode == 0, told.stderr
    assert "as it is" in told.stdout
    assert "with box #2" in told.stdout
    assert told.stdout.splitlines()[-1].startswith(("with box #2: value +", "! "))
    both = json.loads(shell.fleet(*words, "--json").stdout)
    assert {bucket["account"] for bucket in both["buckets"]} == {"box", "box #2"}
    assert {bucket["account"] for bucket in both["without"]["buckets"]} == {"box"}


def test_ones_own_week_is_written_down_and_runs_as_a_scenario(shell: Shell, repo: Path) -> None:
    told = own(shell, repo).fleet("simulate", "--own", "--write", "week.json")
    assert told.stderr == "written; edit it, then: fleet simulate --scenario week.json\n"
    ran = shell.fleet("simulate", "--scenario", "week.json", "--policy", "fifo")
    assert ran.returncode == 0, ran.stderr


def test_words_about_ones_own_week_need_it(shell: Shell) -> None:
    told = shell.fleet("simulate", "--scenario", EXAMPLE, "--add-account", "work")
    assert told.returncode == 1
    assert "--weeks, --add-account, --strategy and --write go with --own" in told.stderr
    assert shell.fleet("simulate").returncode == 2
    assert shell.fleet("simulate", "--own", "--weeks", "nan").returncode == 2
    assert "no account is ready" in shell.fleet("simulate", "--own").stderr
