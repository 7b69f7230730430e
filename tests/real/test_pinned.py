"""A repository, or what a worker wrote, has no hands: the token goes to the account's address only."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from fleet.double import Script, Task
from tests.proofs import real_version, vouch
from tests.real.conftest import MakeHousehold
from tests.real.farm import farm
from tests.real.household import Household
from tests.real.scripting import job, subscription
from tests.real.staging import bash, living, prompt, step, write, writes
from tests.real_client import CLIENT
from tests.workers.sshd import needs
from workers.pinned import bait
from workers.pinned.servers import Server, serving

pytestmark = pytest.mark.client

DEAF = f"""\
for word do
    shift
    case "$word" in --settings) skip=1; continue;; --strict-mcp-config) continue;; esac
    [ -n "$skip" ] && {{ skip=; continue; }}
    set -- "$@" "$word"
done
exec {CLIENT} "$@"
"""
"""A client that does not take its pins."""

MERGE = ("--land", "merge", "--target", "main", "--allow-tool", "Bash", "--allow-tool", "Skill")


def script(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}")
    path.chmod(0o755)
    return path


def spoil(house: Household, stranger: Server) -> Path:
    """The canary's own repository, as the household's; where its commands leave their marks."""
    repo, marks = house.root / "spoilt", house.root / "marks"
    bait.lay_out(repo, house.root / "spoilt-account", marks, stranger.address)
    files = {str(file.relative_to(repo)): file.read_text() for file in repo.rglob("*") if file.is_file()}
    house.make_repo({"README.md": "A sample.\n", **files})
    return marks


def marked(marks: Path) -> list[str]:
    return sorted(mark.name for mark in marks.iterdir())


def test_a_repository_that_tries_everything_gets_nothing_and_harms_no_account(tmp_path: Path) -> None:
    """Its `apiKeyHelper` prints junk, too: the account is not taken for one with a bad credential."""
    uses = step("I use what is there.", bash("true"))
    task = Task("greet", (uses, step("I write.", write("hello.txt")), step("Done.")))
    with serving(Server(answers=False)) as stranger, living(tmp_path, task) as house:
        marks = spoil(house, stranger)
        house.add_account("work")
        added = house.add_task(prompt("greet"), *MERGE)
        house.up_until_idle()
        assert house.task(added)["state"] == "landed"
        assert (stranger.asked, marked(marks)) == ([], [])
        assert [account["state"] for account in house.json("account", "list")] == ["ready"]


def test_what_a_worker_wrote_in_mid_run_leaks_nothing_when_its_session_goes_on(tmp_path: Path) -> None:
    """In its worktree, the repository's main checkout, and its account's own directory."""
    with serving(Server(answers=False)) as stranger:
        bait.lay_out(tmp_path / "bait", tmp_path / "account", tmp_path / "marks", stranger.address)
        settings = shlex.quote(str(tmp_path / "bait/.claude/settings.json"))
        writes_them = (
            f'for at in "$PWD/.claude" {tmp_path}/repo/.claude "$CLAUDE_CONFIG_DIR"; do mkdir -p "$at"; '
            f'cp {settings} "$at/settings.json"; cp {settings} "$at/settings.local.json"; done; '
            f'cp {tmp_path}/account/.claude.json "$CLAUDE_CONFIG_DIR/.claude.json"; '
            f"touch {tmp_path}/ready; until test -e {tmp_path}/go; do sleep 0.05; done"
        )
        task = Task(
            "greet", (step("I plot.", bash(writes_them)), step("I write.", write("hello.txt")), step("Done."))
        )
        with living(tmp_path, task) as house:
            house.make_repo()
            house.add_account("work")
            added = house.add_task(prompt("greet"), *MERGE)
            with house.coordinator():
                house.wait_for((tmp_path / "ready").exists, "the worker did not write")
                house.fleet("task", "cancel", added)
                house.wait_for_state(added, "cancelled")
                (tmp_path / "go").touch()
                # Its worker may still be on its way out.
                house.wait_for(
                    lambda: house.run("task", "retry", added).returncode == 0, "it cannot be retried"
                )
                house.wait_for_state(added, "landed", "failed")
            shown = house.task(added)
            assert shown["state"] == "landed" and len(shown["attempts"]) == 2, shown
            assert (stranger.asked, marked(tmp_path / "marks")) == ([], [])


def test_a_client_that_takes_orders_from_a_repository_is_refused_before_anything_starts(
    tmp_path: Path,
) -> None:
    with living(tmp_path, writes("greet", "hello.txt")) as house:
        house.make_repo()
        house.add_account("work")
        added = house.add_task(prompt("greet"), *MERGE)
        house.extra_env["FLEET_CLIENT"] = str(script(tmp_path / "deaf", DEAF))
        ended = house.run("up", "--until-idle")
        assert ended.returncode == 1 and "cannot be trusted with a repository" in ended.stderr
        assert "FLEET_CLIENT" in ended.stderr and "Traceback" not in ended.stderr
        assert "cannot be trusted with a repository" in house.fleet("doctor", code=1)
        assert house.task(added)["attempts"] == [] and house.double.requests == []
        del house.extra_env["FLEET_CLIENT"]
        house.up_until_idle()
        assert house.task(added)["state"] == "landed"


@pytest.mark.large
def test_a_client_that_was_replaced_under_a_running_coordinator_is_tried_again(tmp_path: Path) -> None:
    """The task waits, and says why, until there is one that obeys."""
    with living(tmp_path, writes("greet", "hello.txt")) as house:
        house.make_repo()
        house.add_account("work")
        client = script(tmp_path / "client", f'exec {CLIENT} "$@"\n')
        vouch(client, real_version(), house.home)
        house.extra_env["FLEET_CLIENT"] = str(client)
        with house.coordinator():
            script(client, DEAF)
            added = house.add_task(prompt("greet"), *MERGE)
            house.wait_for(lambda: house.seen(added)["attempts"], "it was not tried")
            house.wait_for_state(added, "queued")
            assert "cannot be trusted with a repository" in house.fleet("why", added)
            assert house.double.requests == []
            script(client, f'exec {CLIENT} "$@"\n')
            house.wait_for_state(added, "landed")


@pytest.mark.large
def test_a_hosts_own_client_is_tried_there_and_gets_no_work_when_it_fails(household: MakeHousehold) -> None:
    needs("sshd", "ssh-keygen")
    task = job("alpha", step("I write.", write("one.txt")), step("Done."))
    house = household(Script(accounts=(subscription("first"),), tasks=(task,)))
    house.make_repo()
    house.add_account("first")
    with farm(house, "box") as hosts:
        hosts.add("box", "--client", str(script(house.root / "deaf", DEAF)))
        house.fleet("host", "drain", "local")
        added = house.add_task(prompt("alpha"), *MERGE)
        with house.coordinator():
            house.wait_for(
                lambda: "cannot be trusted with a repository" in str(hosts.shows("box")),
                "nothing is said of it",
            )
            assert house.seen(added)["state"] == "queued" and house.double.requests == []
            script(house.root / "deaf", f'exec {CLIENT} "$@"\n')
            house.wait_for_state(added, "landed")
        assert "cannot be trusted" not in house.fleet("doctor", code=None)
