"""Tokens live in the keyring and on a pipe, and never anywhere else: planted ones are looked for everywhere."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from fleet.double import Account, Fault, Script
from tests.real.conftest import MakeHousehold
from tests.real.household import Household
from tests.real.scripting import job, prompt, runs, says, subscription, writes

pytestmark = pytest.mark.client

TOKENS = {
    "first": "sk-ant-oat01-PLANTED-first-4f1c9a7e2b",
    "second": "planted.gateway.token.second.88d1",
    "key": "sk-ant-api03-PLANTED-key-c0ffee1234",
}
PLANTED = {
    found
    for token in TOKENS.values()
    for found in (token.encode(), base64.b64encode(token.encode()), token[:24].encode())
}


def shows(data: bytes) -> bool:
    return any(token in data for token in PLANTED)


@dataclass
class Watch:
    """Looks at the command line and environment of every process there is, again and again."""

    looks: int = 0
    found: set[str] = field(default_factory=set)

    def look(self) -> None:
        self.looks += 1
        for process in Path("/proc").glob("[0-9]*"):
            for what in ("cmdline", "environ"):
                try:
                    if shows((process / what).read_bytes()):
                        self.found.add(f"{what} of {(process / 'comm').read_text().strip()}")
                except OSError:
                    continue

    @contextmanager
    def on(self) -> Iterator[None]:
        over = threading.Event()

        def watch() -> None:
            while not over.wait(0.05):
                self.look()

        thread = threading.Thread(target=watch)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


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
    watch = Watch()
    with watch.on():
        for name in ("first", "second"):
            house.add_account(name, "--tier-map", "sonnet=sonnet", token=TOKENS[name])
        house.add_account("key", "--tier-map", "opus=opus", kind="api-key", token=TOKENS["key"])
        # Only the key has the tier, and it is worth its bill.
        on_the_key = ("--tier", "opus,sonnet", "--value", "100")
        tasks = [
            house.add_task(prompt(name), "--allow-tool", "Bash", *more)
            for name, *more in (("moving",), ("expired",), ("keyed", *on_the_key))
        ]
        with house.coordinator():
            house.wait_for(lambda: house.double.turns, "no request")
            console = house.run("account", "verify", "first")
            for task in tasks:
                house.wait_for_state(task, "landed")
            in_use = house.run("task", "add", "-", "--repo", "repo", stdin=f"Use {TOKENS['second']}.")
        house.add_task(prompt("later"), "--allow-tool", "Bash")
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
    assert not shows(said.encode())
    files = [
        path for path in house.root.rglob("*") if path.is_file() and house.root / "data" not in path.parents
    ]
    assert house.root / "up.log" in files and house.home / "fleet.db" in files
    assert [path for path in files if shows(path.read_bytes())] == []


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
