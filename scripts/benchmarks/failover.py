"""From a refusal to the same session's first request on another account, against the client's own start.

The real `fleet up`, the real client, the double in this process. A sample is a task whose second request is refused;
the time runs from the double's refusal to the first request of that session under another account's token. Then the
client alone takes its turn: the very command, environment and directory that Fleet gave the second attempt, resuming
a copy of the session as it was at the refusal, timed from before its exec to its first request.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks.figure import Figure, Options, spread
from fleet.double import Account, Double, Fault, Script, Step, Task, ToolCall
from fleet.double.stage import Request
from tests.real.household import Household

SAMPLES = 9
WARM_UPS = 1
HOLD_S = 3.0
"""How long the double holds the answer after the failover, so that the client alone runs while Fleet only waits."""
TARGET = 1.5
ALONE = "alone"


def measure(options: Options) -> list[Figure]:
    samples = 3 if options.quick else SAMPLES
    with tempfile.TemporaryDirectory(prefix="fleet-bench-") as scratch:
        moved, alone, stages = _sample(Path(scratch), samples + WARM_UPS)
    took, base = statistics.median(moved), statistics.median(alone)
    parts = {f"{name}_ms": round(statistics.median(s[name] for s in stages), 1) for name in stages[0]}
    detail = {"samples": samples, **spread("failover", moved), **spread("client_alone", alone), **parts}
    return [Figure("failover / client alone", round(took / base, 3), TARGET, detail=detail)]


def _sample(scratch: Path, count: int) -> tuple[list[float], list[float], list[dict[str, float]]]:
    moved, alone, stages = [], [], []
    with Double(_script(count)) as double:
        house = Household(scratch, double)
        house.make_repo()
        for number in range(count + 1):
            house.add_account(f"a{number}")
        with house.coordinator():
            for number in range(count):
                task = house.add_task(
                    f"[[double:failover-{number}]] Look, then tell.", "--allow-tool", "Bash", "--allow-empty"
                )
                refused, followed = _failover(double, f"failover-{number}")
                alone.append(
                    _client_alone(house, double, task, str(followed.session), scratch / f"alone-{number}")
                )
                moved.append(followed.at_s - refused.at_s)
                stages.append(_stages(house, task, refused, followed))
                house.wait_for_state(task, "landed", "failed")
    return moved[WARM_UPS:], alone[WARM_UPS:], stages[WARM_UPS:]


def _script(count: int) -> Script:
    names = [f"a{number}" for number in range(count + 1)]
    tool = ToolCall("Bash", {"command": "git log --oneline"})
    steps = (Step("I look first.", (tool,)), Step("I have looked.", delay_s=HOLD_S))
    tasks = tuple(Task(f"failover-{number}", steps) for number in range(count))
    faults = tuple(Fault("limit", task=task.name, step=1, seconds=18_000.0) for task in tasks)
    accounts = tuple(Account(name, f"tok-{name}") for name in (*names, ALONE))
    return Script(accounts=accounts, tasks=tasks, faults=faults)


def _failover(double: Double, task: str) -> tuple[Request, Request]:
    """The refused request of the task, and the first one of its session after that."""

    def of_task(log: Iterable[Request]) -> list[Request]:
        return [entry for entry in log if entry.task == task and entry.part is not None]

    def after_refusal(log: list[Request]) -> list[Request]:
        found = of_task(log)
        outcomes = [entry.outcome for entry in found]
        return found[outcomes.index("limit") :] if "limit" in outcomes else []

    refused, followed = after_refusal(double.wait_for(lambda log: len(after_refusal(log)) > 1, 60.0))[:2]
    assert refused.session == followed.session, (refused, followed)
    assert followed.account not in (None, refused.account), (refused, followed)
    return refused, followed


def _client_alone(house: Household, double: Double, task: str, session: str, config: Path) -> float:
    """Seconds from before the client's exec to its first request."""
    spec = json.loads((house.home / "runs" / f"{task}.2" / "spec.json").read_text())
    first = json.loads((house.home / "runs" / f"{task}.1" / "spec.json").read_text())
    _copy_session(Path(first["env"]["CLAUDE_CONFIG_DIR"]), session, config)
    env = {**spec["env"], "CLAUDE_CONFIG_DIR": str(config), "FLEET_RUN": "alone"}
    before = len(double.requests)
    reading, writing = os.pipe()
    os.write(writing, f"tok-{ALONE}".encode())
    os.close(writing)
    fd = spec["secret_fd"]
    began = time.monotonic()
    client = subprocess.Popen(
        ["/bin/sh", "-c", f'exec "$@" {fd}<&{reading} {reading}<&-', "sh", *spec["argv"]],
        cwd=spec["cwd"],
        env=env,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=(reading,),
    )
    os.close(reading)
    with client:
        assert client.stdin is not None
        client.stdin.write("".join(f"{line}\n" for line in spec["first_lines"]).encode())
        client.stdin.flush()
        asked = _first_of(double, before, ALONE)
        client.kill()
    return asked.at_s - began


def _first_of(double: Double, before: int, account: str) -> Request:
    def found(log: list[Request]) -> list[Request]:
        return [entry for entry in log[before:] if entry.account == account and entry.part is not None]

    return found(double.wait_for(lambda log: bool(found(log)), 60.0))[0]


def _copy_session(config: Path, session: str, target: Path) -> None:
    """The refused account's own directory still holds the session as it was at the refusal."""
    transcript = next((config / "projects").glob(f"*/{session}.jsonl"))
    place = target / "projects" / transcript.parent.name
    place.mkdir(parents=True)
    shutil.copy2(transcript, place)


# --- where the time goes --------------------------------------------------------------------------------


def _stages(house: Household, task: str, refused: Request, followed: Request) -> dict[str, float]:
    """Milliseconds between what the spools and the double have noted, by the wall clock."""
    old, new = _spool(house, f"{task}.1"), _spool(house, f"{task}.2")
    told = next(at for at, kind, said in old if kind == "o" and said.get("type") == "result")
    ordered = next(at for at, kind, said in old if kind == "s" and said.get("event") == "stopping")
    gone = next(at for at, kind, said in old if kind == "s" and said.get("event") == "exit")
    started = next(at for at, kind, said in new if kind == "s" and said.get("event") == "started")
    return {
        "refused_to_result": float(told - refused.at_ms),
        "result_to_stop": float(ordered - told),
        "stop_to_exit": float(gone - ordered),
        "exit_to_started": float(started - gone),
        "started_to_request": float(followed.at_ms - started),
    }


def _spool(house: Household, attempt: str) -> list[tuple[int, str, dict[str, Any]]]:
    lines = (house.home / "runs" / attempt / "spool").read_bytes().splitlines()
    parts = [line.split(b" ", 2) for line in lines]
    return [(int(at), kind.decode(), json.loads(said) if kind != b"e" else {}) for kind, at, said in parts]
