"""How long `fleet task add --file` takes for many tasks, and whether twice as many take twice as long.

Whole processes. A file of ten thousand and one of a thousand take turns, each into an empty home, so that the median of
the ratios of neighbours holds on a machine that does other things too.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sysconfig
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks.figure import Figure, Options, spread
from benchmarks.machine import beside
from benchmarks.status import seconds

MANY = 10_000
FEW = 1_000
ROUNDS = 5
BRANCHES = 100
TARGET_RATIO = 11.0
TARGET_S = 5.0

Shape = Callable[[int], str]
"""What a task with this number waits for: the line of its table."""

SHAPES: dict[str, Shape] = {
    "alone": lambda n: "",
    "in a chain": lambda n: f'after = "k{n - 1}"' if n else "",
    "in a chain, last first": lambda n: f'after = "k{n + 1}"' if n + 1 < MANY else "",
    "all after one": lambda n: 'after = "k0"' if n else "",
}


def repository(path: Path) -> Path:
    """One commit, and branches to land in."""
    who = ["-c", "user.name=Bench", "-c", "user.email=bench@localhost"]
    subprocess.run(["git", "init", "--quiet", "-b", "main", str(path)], check=True)
    subprocess.run(["git", *who, "commit", "--quiet", "--allow-empty", "-m", "first"], cwd=path, check=True)
    for number in range(BRANCHES):
        subprocess.run(["git", "branch", f"b{number}"], cwd=path, check=True)
    return path


def written(path: Path, count: int, shape: Shape) -> Path:
    tables = (
        f'[[task]]\nid = "k{n}"\nprompt = "Change number {n}. {"Keep to its style. " * 10}"\n'
        f'target = "b{n % BRANCHES}"\n{shape(n)}\n'
        for n in range(count)
    )
    path.write_text('[defaults]\nrepo = "repo"\nland = "merge"\nverify = "make test"\n' + "".join(tables))
    return path


def measure(options: Options) -> list[Figure]:
    rounds = 1 if options.quick else ROUNDS
    with tempfile.TemporaryDirectory(prefix="fleet-bench-") as scratch:
        root = Path(scratch)
        repository(root / "repo")
        many, few = (written(root / f"{n}.toml", n, SHAPES["alone"]) for n in (MANY, FEW))
        took: dict[str, list[float]] = {"many": [], "few": [], "again": []}
        processor: list[float] = []
        for number in range(rounds):
            home, before = root / f"home{number}", os.times()
            took["many"].append(_add(many, home))
            after = os.times()
            processor.append(
                after.children_user + after.children_system - before.children_user - before.children_system
            )
            took["few"].append(_add(few, root / f"few{number}"))
            took["again"].append(_add(many, home))
        shaped = {
            name: _add(written(root / "t.toml", MANY, shape), root / name) for name, shape in SHAPES.items()
        }
    told = {"rounds": rounds, **spread("many", took["many"]), **spread("few", took["few"]), **beside()}
    ratio = statistics.median(a / b for a, b in zip(took["many"], took["few"], strict=True))
    again = statistics.median(b / a for a, b in zip(took["many"], took["again"], strict=True))
    busy_s = round(statistics.median(processor), 2)
    slowest = max(shaped.values())
    each = {f"{name}_s": round(took_s, 2) for name, took_s in shaped.items()}
    return [
        Figure(f"adding {MANY:,} tasks / {FEW:,} tasks", round(ratio, 2), TARGET_RATIO, detail=told),
        Figure(
            f"adding {MANY:,} tasks",
            round(statistics.median(took["many"]), 2),
            TARGET_S,
            "s",
            {"of_it_processor_s": busy_s},
        ),
        Figure(f"… to {MANY:,} / to an empty home", round(again, 2), 2.0),
        Figure("… slowest order of dependencies", round(slowest, 2), TARGET_S, "s", {**each, **beside()}),
    ]


def _add(file: Path, home: Path) -> float:
    environment: Mapping[str, str] = {"PATH": os.environ["PATH"], "HOME": str(home), "FLEET_HOME": str(home)}
    fleet = str(Path(sysconfig.get_path("scripts")) / "fleet")
    return seconds([fleet, "task", "add", "--file", str(file)], environment, file.parent)
