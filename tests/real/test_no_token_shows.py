"""Tokens live in the keyring and on a pipe, and never anywhere else: planted ones are looked for everywhere."""

from __future__ import annotations

import pytest

from fleet.double import Account, Fault, Script
from tests.real.conftest import MakeHousehold
from tests.real.household import Household
from tests.real.scripting import job, prompt, runs, says, subscription, writes
from tests.real.token_watch import Watch, traces

pytestmark = pytest.mark.client

TOKENS = {
    "first": "sk-ant-oat01-PLANTED-first-4f1c9a7e2b",
    "second": "planted.gateway.token.second.88d1",
    "key": "sk-ant-api03-PLANTED-key-c0ffee1234",
}
SCRIPT = Script(
    accounts=(
        subscription("first", token=TOKENS["first"]),
        subscription("second", token=TOKENS["second"]),
        Account("key", TOKENS["key"], kind="api-key"),
    ),
    tasks=(
        job("moving", runs("env; cat /proc/$PPID/environ"), writes("a.txt", "a\n"), says("Done.")),
        job("expired", runs("sleep 1; env"), says("Done.")),
        job("keyed", runs("env; ls -l /proc/self/fd; sleep 1"), says("Done.")),
        job("later", runs("env"), says("Done.")),
    ),
    faults=(
        Fault("limit", account="first", task="moving", step=1, seconds=3600),
        Fault("overload", account="second", task="moving", step=2),
        Fault("login", account="key", task="keyed", step=1, times=9),
    ),
)


def test_planted_tokens_never_appear(household: MakeHousehold) -> None:
    """After moves, limits, ended logins and refused words no token is in a log, a file, a process or the database."""
    house = household(SCRIPT)
    house.make_repo()
    watch = Watch(traces(TOKENS.values()))
    with watch.on():
        for name in ("first", "second"):
            house.add_account(name, "--tier-map", "sonnet=sonnet", token=TOKENS[name])
        house.add_account(
            "key", "--tier-map", "opus=opus", "--spend", "free", kind="api-key", token=TOKENS["key"]
        )
        # Only the key has the tier, and it is worth its bill.
        on_the_key = ("--tier", "opus,sonnet", "--value", "100")
        tasks = [
            house.add_task(prompt(name), "--allow-tool", "Bash", "--allow-empty", *more)
            for name, *more in (("moving",), ("expired",), ("keyed", *on_the_key))
        ]
        with house.coordinator():
            house.wait_for(lambda: house.double.turns, "no request")
            console = house.run("account", "verify", "first")
            for task in tasks:
                house.wait_for_state(task, "landed")
            in_use = house.run("task", "add", "-", "--repo", "repo", stdin=f"Use {TOKENS['second']}.")
        house.add_task(prompt("later"), "--allow-tool", "Bash", "--allow-empty")
    words_of_persons_are_refused(house, tasks[0])
    in_a_console_log_too = house.run("up", "--until-idle", "--log-format", "console")

    assert watch.looks > 20 and watch.found == set()
    assert [a["state"] for a in house.json("account", "list")] == ["limited", "quarantined", "ready"]
    assert in_use.returncode == 1 and "credential of an account" in in_use.stderr
    said = (
        in_use.stderr
        + console.stdout
        + console.stderr
        + in_a_console_log_too.stderr
        + in_a_console_log_too.stdout
    )
    assert not watch.shows(said.encode())
    assert (house.root / "up.log").exists() and (house.home / "fleet.db").exists()
    assert watch.files_below(house.root, house.root / "data") == []


def words_of_persons_are_refused(house: Household, landed: str) -> None:
    """A token in a prompt or in words to a session would be kept with them: it is refused, and not repeated."""
    for token in (TOKENS["first"], "sk-ant-api03-somebody-elses-0123456789"):
        for words in (
            ("task", "say", landed, f"Use {token}."),
            ("task", "add", f"Use {token}.", "--repo", "repo"),
        ):
            refused = house.run(*words)
            assert refused.returncode == 1 and "credential" in refused.stderr
            assert token not in refused.stderr and refused.stdout == ""


STOLEN = "a-stolen-token-0123456789-of-no-known-shape"


def test_a_token_that_a_worker_got_hold_of_does_not_land_and_is_hidden_wherever_its_words_are_kept_or_shown(
    household: MakeHousehold,
) -> None:
    """The gate sends it back with what to do; the session takes it out of its commits, and then its work lands."""
    steal = runs(f"printf '%s\\n' {STOLEN} > stolen.txt; git add -A; git commit -qm Work; cat stolen.txt")
    undo = runs("git reset -q --soft main && git rm -qf stolen.txt && echo fine > a.txt && git add -A")
    house = household(
        Script(
            accounts=(subscription("first", token=STOLEN),),
            tasks=(job("thief", steal, says("Done."), credential=(undo, says("Taken out."))),),
        )
    )
    house.make_repo()
    house.add_account("first", token=STOLEN)
    say_it = f"printf '%s' {STOLEN[:9]}; echo {STOLEN[9:]}"
    task = house.add_task(prompt("thief"), "--allow-tool", "Bash", "--verify", f"{say_it}; test -e a.txt")
    up = house.run("up", "--until-idle", "--log-format", "console")

    assert house.task(task)["state"] == "landed", up.stderr
    assert "stands in stolen.txt" in up.stderr
    assert "stolen.txt" not in house.git("rev-list", "--objects", "main")
    shown = house.fleet("task", "logs", task)
    assert "[hidden]" in shown
    kept = [path.read_text() for path in (house.home / "checks").iterdir()]
    assert any("[hidden]" in text for text in kept)
    for told in (
        up.stderr,
        up.stdout,
        shown,
        *kept,
        house.fleet("why", task),
        house.fleet("task", "show", task),
    ):
        assert STOLEN not in told
