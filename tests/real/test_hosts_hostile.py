"""Hosts that were taken over: they reach nothing at home, are drained and said, and their work goes on elsewhere. A
real sshd, whose far end or git is altered (`tests/workers/evil_end.py`, `evil_git.py`)."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fleet.double import Script
from tests.real.conftest import MakeHousehold
from tests.real.farm import Farm, farm
from tests.real.household import Household
from tests.real.scripting import MERGE, job, prompt, runs, says, subscription, writes
from tests.sizes import large
from tests.workers import evil_end, evil_git

pytestmark = pytest.mark.client

AS_ASKED = 'exec /bin/sh -c "$SSH_ORIGINAL_COMMAND"'


@contextmanager
def taken_over(house: Household, attack: str, target: str) -> Iterator[Farm]:
    """A host that is added in good order, and is in other hands afterwards."""
    with farm(house, "one") as hosts:
        server = hosts.servers["one"]
        hosts.add("one")
        server.stop()
        if attack in evil_git.ATTACKS:
            path = evil_git.install(house.root / "evil", attack, target)
            server.through(f"PATH={path}\n{AS_ASKED}")
        else:
            server.through(f"exec {shlex.join([sys.executable, evil_end.__file__, attack, target])}")
        server.start()
        yield hosts


def mend(hosts: Farm) -> None:
    (hosts.servers["one"].directory / "forced").write_text(f"#!/bin/sh\n{AS_ASKED}\n")


def files_of(*places: Path) -> dict[str, bytes]:
    """All that lies there, by content."""
    found = (
        file for place in places for file in place.rglob("*") if file.is_file() and not file.is_symlink()
    )
    return {str(file): file.read_bytes() for file in found}


@pytest.mark.parametrize(
    "attack",
    [
        "settings",
        *large("branch", "side", "trav", "session", "greeting"),
    ],
)
def test_a_host_that_was_taken_over_reaches_nothing_at_home_and_its_task_lands_elsewhere(
    household: MakeHousehold, tmp_path: Path, attack: str
) -> None:
    # The work may not land before the host shows what it is: all but one do so while their worker still runs.
    seen = tmp_path / "seen"
    steps = (writes("one.txt", "one\n"), runs(f"until test -e {seen}; do sleep 0.1; done"), says("Done."))
    if attack == "branch":
        seen.touch()
    house = household(Script(accounts=(subscription("first"),), tasks=(job("alpha", *steps),)))
    house.make_repo()
    house.git("branch", "release")
    house.add_account("first")
    bashrc = house.root / "person" / ".bashrc"
    bashrc.parent.mkdir(exist_ok=True)
    bashrc.write_text("# the person's own\n")
    target = {"branch": "release", "session": evil_end.SESSION}.get(attack, str(bashrc))
    with taken_over(house, attack, target) as hosts:
        house.fleet("host", "drain", "local")
        refs = house.git("for-each-ref", "refs/heads/release", "refs/heads/main")
        person = files_of(bashrc.parent)
        task = house.add_task(prompt("alpha"), *MERGE)
        with house.coordinator("--checkpoint-every", "1s"):
            house.wait_for(lambda: hosts.shows("one")["state"] == "distrusted", "nobody noticed")
            assert refs == house.git("for-each-ref", "refs/heads/release", "refs/heads/main")
            seen.touch()
            why = house.fleet("why", task)
            assert "host one: not to be trusted" in why, why
            house.fleet("host", "drain", "local", "--off")
            shown = house.wait_for_state(task, "landed")
            mend(hosts)
            assert hosts.shows("one")["state"] == "distrusted"
            doctor = house.run("doctor").stdout
            assert "not to be trusted" in doctor and "fleet host verify one" in doctor
            assert "not to be trusted" in house.fleet("status") + house.fleet("host", "list")
            assert "not to be trusted" in house.fleet("host", "show", "one")
            verified = house.run("host", "verify", "one")
            assert verified.returncode == 0 and "takes work again" in verified.stdout + verified.stderr
            house.wait_for(lambda: hosts.shows("one")["state"] == "ready", "it is not tried again")
        assert [attempt["host"] for attempt in shown["attempts"]][-1] == "local"
        assert shown["branch"].startswith(f"fleet/{task}-")
        assert files_of(bashrc.parent) == person
        home = files_of(house.home)
        assert not [
            name for name, content in home.items() if evil_end.EVIL in content and "spool" not in name
        ]
        assert house.git("rev-parse", "release").strip() in refs
