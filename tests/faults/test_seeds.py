"""The real engine through seeds of faults: safety at every commit, and liveness once the faults are healed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet

from fleet.store.sqlite import SqliteStore
from fleet.virtual.memory_store import MemoryStore
from tests.faults import simulate

REACHING = 20
"""The first seeds, of which one test also asks that they reach what they are for."""
SEEDS = 20
SEEDS_LARGE = 1_000
AT_ONCE = 10


def firsts() -> Iterator[ParameterSet]:
    for first in range(REACHING, SEEDS_LARGE, AT_ONCE):
        yield pytest.param(first, marks=[] if first < SEEDS else pytest.mark.large)


@pytest.mark.parametrize("first", tuple(firsts()))
def test_no_fault_breaks_an_invariant_and_every_task_that_can_end_ends(first: int) -> None:
    for seed in range(first, first + AT_ONCE):
        simulate(seed)


@pytest.mark.parametrize("seed", range(10_000, 10_003))
def test_the_same_holds_on_sqlite_opened_anew_after_each_crash(seed: int, tmp_path: Path) -> None:
    simulate(seed, open_store=lambda: SqliteStore(tmp_path / "fleet.db"))


def test_a_seed_runs_the_same_way_in_every_process() -> None:
    command = [sys.executable, "-m", "tests.faults", "--seed", "7"]
    told = repr(simulate(7))
    for hash_seed in ("0", "4711"):
        env = {**os.environ, "PYTHONHASHSEED": hash_seed}
        run = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
        assert run.stdout.strip() == told


def test_the_first_seeds_break_nothing_and_do_reach_what_they_are_for() -> None:
    """Coordinators are killed, sessions move, tasks land, hosts are lost, lie, and come back with what was given
    up: a simulator in which nothing happens proves nothing."""
    outcomes = [simulate(seed) for seed in range(REACHING)]
    assert sum(o.kills for o in outcomes) > 20
    assert sum(o.moves for o in outcomes) > 20
    assert sum(o.landed for o in outcomes) > 100
    assert sum(o.carried for o in outcomes) > 5
    assert sum(o.hosts_lost for o in outcomes) > 5
    assert sum(o.hosts_distrusted for o in outcomes) > 1
    assert sum(o.zombies for o in outcomes) > 1
    assert sum(o.kept_apart for o in outcomes) > 20
    assert sum(o.revised for o in outcomes) > 40
    assert sum(o.silences for o in outcomes) > 5
    assert sum(o.renewed for o in outcomes) > 5
    assert sum(o.outages for o in outcomes) > 5
    assert sum(o.pauses for o in outcomes) > 10
    assert sum(o.approved for o in outcomes) > 20
    assert sum(o.merged_later for o in outcomes) > 0
    assert sum(o.judged for o in outcomes) > 20


def test_hosts_whose_git_refuses_repositories_break_nothing_and_fail_no_task_alone() -> None:
    """These seeds are among those in which hosts get much to do."""
    outcomes = [simulate(seed) for seed in (5_002, 5_017, 5_022, 5_023)]
    assert sum(o.refused for o in outcomes) > 10


def test_a_broken_invariant_names_the_seed_and_the_command_that_runs_it_again() -> None:
    def forgetful() -> MemoryStore:
        return MemoryStore()

    with pytest.raises(Exception) as broke:
        for seed in range(20):
            simulate(seed, open_store=forgetful)
    assert any("python -m tests.faults --seed" in note for note in broke.value.__notes__)
