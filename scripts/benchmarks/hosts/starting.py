"""The measured process: starts workers here and on two hosts in turns.

    python -m benchmarks.hosts.starting '{"root": …, "rounds": …, "hosts": […], "echoes": {host: port}}'

Says one JSON document: seconds by what was done, a list for each.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from collections import defaultdict
from contextlib import closing
from pathlib import Path
from typing import Any

from benchmarks.hosts.plain_git import PlainGit, add_commit
from fleet.core.model import HERE, Account, Attempt, Fleet, Host, Task, TaskSpec, Worktree
from fleet.home import Home
from fleet.shell.hosts.all import Hosts
from fleet.shell.hosts.connecting import Connecting
from fleet.shell.hosts.driver import Client
from fleet.shell.hosts.local import LocalDriver
from fleet.shell.starting import Starter
from profiles.secrets import MemorySecrets
from workers.host import LocalHost
from workers.orders import Stop

HOME_ID = "benchhome"
ACCOUNT = Account("a", "subscription", (("sonnet", "sonnet"),), concurrency=400, pool="a", added_ms=1)
WARM_UPS = 2
CONNECT_S = 30.0


class Starting:
    def __init__(self, root: Path, hosts: list[Host], echoes: dict[str, int]) -> None:
        home = Home(root / "home")
        client = Client(root / "claude", "2.1.330", frozenset({"--replay-user-messages"}))
        home.runs.mkdir()
        here = LocalDriver(home, HOME_ID, LocalHost(home.runs, HOME_ID), client, dict(os.environ))
        self.repo = root / "repo"
        self.hosts = Hosts(here, Connecting(home, HOME_ID, Fleet).driver)
        for driver in self.hosts.sync(Fleet(hosts={host.name: host for host in hosts})):
            assert driver.link.wait(CONNECT_S), driver.link.state()
        secrets = MemorySecrets()
        secrets.put(ACCOUNT.name, "tok-a")
        self.starter = Starter(self.hosts, HOME_ID, secrets, home.runs)
        self.names = [HERE, *(host.name for host in hosts)]
        self.echoes = {name: _Echo(port) for name, port in echoes.items()}
        self.plain = {host.name: PlainGit(root, self.repo, host, home.known_hosts) for host in hosts}
        self.took = defaultdict[str, list[float]](list)
        self._tasks = 0

    def round(self, number: int, kind: str) -> None:
        """A start on each, whoever is first changing."""
        for turn in range(len(self.names)):
            name = self.names[(turn + number) % len(self.names)]
            key = kind if name == HERE else f"{kind} {name}"
            self.took[key].append(self._start(name))
        for name, echo in self.echoes.items():
            self.took[f"trip {name}"].append(echo.round_trip_s())

    def cold_round(self, number: int) -> None:
        add_commit(self.repo, number)
        for name, plain in self.plain.items():
            self.took[f"fetch {name}"].append(plain.fetch_s())
            self.took[f"push {name}"].append(plain.push_s())
        self.round(number, "cold")

    def _start(self, host: str) -> float:
        self._tasks += 1
        spec = TaskSpec("Mend the parser.", str(self.repo), f"Mend {self._tasks}", ("sonnet",), "main")
        task = Task(f"t{self._tasks}", self._tasks, spec, 1, "running", attempts=1)
        session = f"7c1b3f0e-0000-4000-8000-{self._tasks:012d}"
        attempt = Attempt(
            f"{task.id}.1", task.id, 1, ACCOUNT.name, "sonnet", "sonnet", host, session, 1, "starting"
        )
        worktree = Worktree(task.id, spec.repo, self._tasks, host=host)
        began = time.perf_counter()
        self.starter.start(task, attempt, ACCOUNT, worktree)
        took = time.perf_counter() - began
        self._end(task, attempt)
        return took

    def _end(self, task: Task, attempt: Attempt) -> None:
        driver = self.hosts.of(attempt.host)
        driver.runs.order(attempt.id, Stop("end", "measured", quick=True))
        while driver.runs.alive(attempt.id):
            time.sleep(0.02)
        driver.vacate(task)

    def close(self) -> None:
        for plain in self.plain.values():
            plain.close()
        self.hosts.close()


class _Echo:
    """A connection to a port that says again what it hears."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def round_trip_s(self) -> float:
        began = time.perf_counter()
        self._socket.sendall(b"ping")
        assert self._socket.recv(64) == b"ping"
        return time.perf_counter() - began


def main(asked: dict[str, Any]) -> None:
    hosts = [Host(**host) for host in asked["hosts"]]
    with closing(Starting(Path(asked["root"]), hosts, asked["echoes"])) as starting:
        for number in range(WARM_UPS):
            starting.cold_round(number)
            starting.round(number, "warm")
        starting.took.clear()
        for number in range(asked["rounds"]):
            starting.round(number, "warm")
        for number in range(WARM_UPS, WARM_UPS + asked["rounds"]):
            starting.cold_round(number)
        json.dump(starting.took, sys.stdout)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
