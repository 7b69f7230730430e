"""Eight machines, 64 workers with the real client at once, one machine killed and one cut off while they work.

Each machine has namespaces of its own for its network, processes and mounts, and a wire to the hub, where the
coordinator and the double of the Messages API are. Each task writes a file, waits until the gate opens, writes another.
When all of them wait and the work of the two machines has been brought home once, one is killed, the other's wire goes
down, and the gate opens. When the tasks of the one that was cut off have gone on elsewhere it comes back, with its
workers on it.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.figure import ROOT, Figure, Options
from benchmarks.hosts.place import command

MACHINES = 8
WORKERS_EACH = 8
WORKERS_EACH_QUICK = 2


def measure(options: Options) -> list[Figure]:
    each = WORKERS_EACH_QUICK if options.quick else WORKERS_EACH
    with tempfile.TemporaryDirectory(prefix="fleet-bench-") as scratch:
        told = _measured(Path(scratch), each)
    return _figures(told, each * MACHINES)


def _measured(root: Path, each: int) -> dict[str, Any]:
    """In a network of its own, which is gone with it. That takes root's rights."""
    words = ["unshare", "--net", "--mount", *command("hosts.outage", root, MACHINES, each)]
    env = {**os.environ, "PYTHONPATH": f"{ROOT / 'scripts'}:{ROOT}"}
    ended = subprocess.run(words, env=env, stdout=subprocess.PIPE, check=True)
    told: dict[str, Any] = json.loads(ended.stdout)
    return told


def _figures(told: dict[str, Any], tasks: int) -> list[Figure]:
    detail = {key: value for key, value in told.items() if key not in ("landed", "wrong")}
    return [
        Figure("eight hosts: tasks landed", told["landed"], tasks, "", detail, more_is_better=True),
        Figure("eight hosts: lost, twice, left over", len(told["wrong"]), 0, "", {"wrong": told["wrong"]}),
    ]
