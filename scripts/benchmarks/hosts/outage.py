"""The measured process of `eight`, in a network of its own.

    unshare --net --mount python -m benchmarks.hosts.outage ROOT MACHINES WORKERS_EACH

Says one JSON document: what came of it, with seconds since the first task was added.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.hosts.machines import HUB, Machine, make_hub
from fleet.double import Double, Script, Step, Task, ToolCall
from tests.real.farm import Farm
from tests.real.household import Household
from tests.real.scripting import job, prompt, says, subscription, writes
from tests.workers.sshd import Person

ACCOUNTS = tuple(f"a{number}" for number in range(8))
"""With four of them fifteen workers began on each, and the other four tasks waited until some had ended."""
CHECKPOINT = "20s"
LOST_AFTER = "10s"
START_TIMEOUT = "5m"
"""So many clients begin at once on two cores."""
PATIENCE_S = 400.0
WAIT_MS_MAX = 600_000
"""The longest that the client lets a command run before it goes on without it."""


def main(root: Path, machines: int, workers_each: int) -> None:
    make_hub()
    names = [f"w{number}" for number in range(machines * workers_each)]
    script = Script(
        accounts=tuple(subscription(name) for name in ACCOUNTS),
        tasks=tuple(_task(root, name) for name in names),
    )
    with ExitStack() as until_done:
        house = Household(root, until_done.enter_context(Double(script, address=HUB)))
        farm = Farm(house, Person(root))
        made = [
            Machine(f"m{number}", number, _directory(root, number), farm.person.public_key)
            for number in range(1, machines + 1)
        ]
        for machine in made:
            until_done.callback(machine.kill)
            farm.servers[machine.name] = machine.server
        house.make_repo()
        for name in ACCOUNTS:
            house.add_account(name, "--mine", "--concurrency", str(len(names)))
        for machine in made:
            farm.add(machine.name, "--workers", str(workers_each))
        house.fleet("host", "drain", "local")
        outage = Outage(house, farm, made, names)
        with house.coordinator(
            *("--checkpoint-every", CHECKPOINT, "--host-lost-after", LOST_AFTER),
            *("--start-timeout", START_TIMEOUT),
        ):
            outage.run()
        outage.look()
    json.dump(outage.told, sys.stdout)


def _directory(root: Path, number: int) -> Path:
    directory = root / "machines" / str(number)
    directory.mkdir(parents=True)
    return directory


def _gate(root: Path) -> Path:
    return root / "gate"


def _task(root: Path, name: str) -> Task:
    return job(
        name,
        writes(f"{name}-1.txt", f"{name} 1\n"),
        Step("I wait.", (ToolCall("Bash", {"command": _wait_for(_gate(root)), "timeout": WAIT_MS_MAX}),)),
        writes(f"{name}-2.txt", f"{name} 2\n"),
        says("Done."),
    )


def _wait_for(gate: Path) -> str:
    return f"while ! test -e {gate}; do sleep 0.5; done"


class Outage:
    def __init__(self, house: Household, farm: Farm, machines: list[Machine], names: list[str]) -> None:
        self.house, self.farm, self.machines = house, farm, machines
        self.dead, self.cut_off = machines[0], machines[1]
        self.names = names
        self.tasks: list[str] = []
        self.told: dict[str, Any] = {}
        self._began = time.monotonic()

    def run(self) -> None:
        self._began = time.monotonic()
        for name in self.names:
            self.tasks.append(
                self.house.add_task(
                    prompt(name), "--target", "main", "--land", "merge", "--allow-tool", "Bash"
                )
            )
        self._wait("all at work", lambda: self._at_the_gate() == set(self.names))
        self.told["worker_processes"] = sum(map(Machine.worker_processes, self.machines))
        stricken = self._tasks_on(self.dead) | self._tasks_on(self.cut_off)
        self._wait("checkpoints", lambda: stricken <= self._checkpointed())
        self.dead.kill()
        self.cut_off.partition()
        _gate(self.house.root).touch()
        self._wait("gone on elsewhere", lambda: all(self._attempts(task) > 1 for task in stricken))
        self.told["zombie_processes"] = self.cut_off.worker_processes()
        self.cut_off.connect()
        self._wait("all landed", lambda: self._landed() == len(self.tasks))
        self._wait("back", lambda: self.farm.host(self.cut_off.name)["state"] == "ready")
        self.told["zombie_processes_left"] = self.cut_off.worker_processes()
        self.told["moved"] = len(stricken)
        self.told["lost_host"] = self.farm.host(self.dead.name)["state"]

    def _wait(self, what: str, holds: Any) -> None:
        self.house.wait_for(holds, f"never {what}", PATIENCE_S)
        self.told[f"{what.replace(' ', '_')}_s"] = round(time.monotonic() - self._began, 1)

    def _at_the_gate(self) -> set[str | None]:
        return {r.task for r in self.house.double.requests if r.outcome == "answered" and r.step == 1}

    def _tasks_on(self, machine: Machine) -> set[str]:
        seen = {task: self.house.seen(task) for task in self.tasks}
        return {task for task, told in seen.items() if told["attempts"][-1]["host"] == machine.name}

    def _checkpointed(self) -> set[str]:
        refs = self.house.git("for-each-ref", "--format=%(refname)", "refs/fleet/checkpoints").split()
        return {ref.rpartition("/")[2] for ref in refs}

    def _attempts(self, task: str) -> int:
        return len(self.house.seen(task)["attempts"])

    def _landed(self) -> int:
        return sum(self.house.seen(task)["state"] == "landed" for task in self.tasks)

    # --- afterwards ---

    def look(self) -> None:
        self.told["landed"] = self._landed()
        self.told["attempts"] = sum(map(self._attempts, self.tasks))
        refs = self.house.git("for-each-ref", "--format=%(refname)").split()
        self.told["kept_of_zombies"] = sum(f"given-up-on-{self.cut_off.name}" in ref for ref in refs)
        self.told["wrong"] = list(self._wrong())

    def _wrong(self) -> Iterable[str]:
        for task, name in zip(self.tasks, self.names, strict=True):
            work = self.house.git(
                "log", "--format=%H", "--no-merges", f"--grep=Fleet-Task: {task}$", "main"
            ).split()
            if len(work) != 1:
                yield f"{task} stands on main {len(work)} times"
            for part in (1, 2):
                if self.house.git("show", f"main:{name}-{part}.txt") != f"{name} {part}\n":
                    yield f"{name}-{part}.txt is not on main"
        if left := self.told["zombie_processes_left"]:
            yield f"{left} processes of workers that were given up live on"
        yield from (f"process {pid} is left over" for pid in self.house.leftovers())


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
