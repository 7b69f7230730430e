"""A client that is missing, old, silent, hanging or babbling: every face says what to do, and the task stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.proofs import AS_PROVED, real_version, vouch
from tests.real.household import Household
from tests.real.staging import answered, journal, living, prompt, writes
from tests.real_client import CLIENT

pytestmark = pytest.mark.client

GREET = writes("greet", "hello.txt")
ANSWERS_AS_A_CLIENT = f'case "$1" in --version|--help) exec {CLIENT} "$1";; esac\n{AS_PROVED}'


def install(house: Household, script: str) -> Path:
    """Makes a shell script the client of the household."""
    path = house.root / "client"
    path.write_text(f"#!/bin/sh\n{script}")
    path.chmod(0o755)
    if AS_PROVED in script:
        vouch(path, real_version(), house.home)
    house.extra_env["FLEET_CLIENT"] = str(path)
    return path


def with_task(house: Household) -> str:
    house.make_repo()
    house.add_account("work")
    return house.add_task(prompt("greet"), "--land", "merge", "--target", "main")


def heal(house: Household) -> None:
    del house.extra_env["FLEET_CLIENT"]


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (None, "no such file"),
        ("echo '1.0.0 (Claude Code)'\n", "version 1.0.0; at least"),
        ("exit 0\n", "printed nothing"),
        ("echo 'cannot find module' >&2; exit 3\n", "exit code 3: cannot find module"),
        ("echo 2.1.330\n", "does not list --input-format"),
    ],
)
def test_an_unfit_client_is_refused_before_anything_starts(
    tmp_path: Path, script: str | None, said: str
) -> None:
    """`up` and `doctor` name the client and what to do, in one line; the task is queued as before."""
    with living(tmp_path, GREET) as house:
        task = with_task(house)
        client = install(house, script or "")
        if script is None:
            client.unlink()
        ended = house.run("up", "--until-idle")
        assert ended.returncode == 1 and "Traceback" not in ended.stderr
        assert said in ended.stderr and str(client) in ended.stderr
        assert said in house.fleet("doctor", code=1)
        assert house.task(task)["state"] == "queued"
        assert "fleet up" in house.fleet("why", task)


def test_a_client_that_hangs_when_asked_for_its_version_is_given_up_on(tmp_path: Path) -> None:
    with living(tmp_path, GREET) as house:
        task = with_task(house)
        install(house, "exec sleep 600\n")
        ended = house.run("up", "--until-idle")
        assert ended.returncode == 1
        assert "--version did not answer within 10 s" in ended.stderr
        assert house.task(task)["state"] == "queued"


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo 'no license for this machine' >&2; exit 7\n", "no license for this machine"),
        pytest.param("exit 0\n", "exit code 0 and no result", marks=pytest.mark.large),
        pytest.param(
            "echo 'not json at all'; echo '{\"torn\": '; exit 1\n",
            "exit code 1 and no result",
            marks=pytest.mark.large,
        ),
    ],
)
def test_a_client_that_ends_at_once_is_tried_a_few_times_and_the_task_goes_on_once_it_is_healed(
    tmp_path: Path, script: str, said: str
) -> None:
    """Every try stands in the task's history with the client's own words; `retry` puts it back with a whole client."""
    with living(tmp_path, GREET) as house:
        task = with_task(house)
        install(house, ANSWERS_AS_A_CLIENT + script)
        with house.coordinator():
            house.wait_for(lambda: len(house.task(task)["attempts"]) >= 2, "it is not tried again")
            shown = house.task(task)
            assert said in shown["attempts"][0]["detail"]
            house.wait_for(lambda: said in house.fleet("why", task), "it does not say why it backs off")
        heal(house)
        house.up_until_idle()
        assert house.task(task)["state"] == "landed"
        assert any(said in line for line in journal(house, task))


@pytest.mark.large
def test_a_client_that_says_nothing_is_stopped_and_tried_again(tmp_path: Path) -> None:
    with living(tmp_path, GREET) as house:
        task = with_task(house)
        install(house, ANSWERS_AS_A_CLIENT + "exec sleep 600\n")
        with house.coordinator("--start-timeout", "2s"):
            house.wait_for(lambda: len(house.task(task)["attempts"]) >= 2, "it is not tried again")
            first = house.task(task)["attempts"][0]
            assert first["reason"] == "start_timeout" and "no output in the first" in first["detail"], first
        heal(house)
        house.up_until_idle()
        assert house.task(task)["state"] == "landed"
        assert house.leftovers() == []


@pytest.mark.large
def test_a_client_that_vanishes_after_it_was_looked_at_is_named(tmp_path: Path) -> None:
    with living(tmp_path, GREET) as house:
        task = with_task(house)
        client = install(house, ANSWERS_AS_A_CLIENT + f'exec {CLIENT} "$@"\n')
        house.fleet("task", "cancel", task)
        with house.coordinator():
            client.unlink()
            house.fleet("task", "retry", task)
            house.wait_for(
                lambda: house.task(task)["attempts"][:1] and house.task(task)["attempts"][0]["ended_at"], ""
            )
            assert str(client) in house.task(task)["attempts"][0]["detail"]
            install(house, ANSWERS_AS_A_CLIENT + f'exec {CLIENT} "$@"\n')
            house.wait_for_state(task, "landed")


@pytest.mark.parametrize(
    "garbage",
    [
        'printf \'warning: something\\n{"type": \\n\\377\\376\\000\\n[1,2]\\n"text"\\n{"type":"result"}x\\n\'\n',
        "head -c 20000000 /dev/zero | tr '\\0' x; echo\n",
    ],
    ids=["malformed", "20 MB line"],
)
def test_lines_that_cannot_be_read_cost_nothing_but_a_word_about_them(tmp_path: Path, garbage: str) -> None:
    with living(tmp_path, GREET) as house:
        task = with_task(house)
        install(house, ANSWERS_AS_A_CLIENT + garbage + f'exec {CLIENT} "$@"\n')
        house.up_until_idle()
        shown = house.task(task)
        assert shown["state"] == "landed" and len(shown["attempts"]) == 1
        assert any("could not be read" in line for line in journal(house, task))
        assert answered(house) == [("greet", "greet", 0), ("greet", "greet", 1)]
        house.fleet("task", "logs", task)
