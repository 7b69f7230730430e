"""ccusage, the peer: installed from npm into a directory of its own, and run on the same files."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.history.truth import Sums

VERSIONS = ("20.0.26", "20.0.24")
"""The newest first; the first whose program for this machine can be had. Those before 20 take ten times as long."""

INSTALL_S = 300


@dataclass(frozen=True, slots=True)
class Peer:
    version: str
    command: tuple[str, ...]

    def environment(self, scratch: Path, config_dirs: Sequence[Path]) -> Mapping[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(scratch),
            "CLAUDE_CONFIG_DIR": ",".join(map(str, config_dirs)),
        }


@dataclass(frozen=True, slots=True)
class NoPeer:
    why: str


def find_peer() -> Peer | NoPeer:
    """Keeps what it has installed for the next time."""
    why = "npm found no version"
    for version in VERSIONS:
        folder = Path(tempfile.gettempdir()) / f"fleet-bench-ccusage-{version}"
        binary = folder / "node_modules" / "@ccusage" / "ccusage-linux-x64" / "bin" / "ccusage"
        try:
            if not binary.exists():
                _install(folder, version)
            binary.chmod(0o755)
            subprocess.run([binary, "--version"], check=True, capture_output=True, timeout=60)
        except (OSError, subprocess.SubprocessError) as error:
            why = f"ccusage {version}: {error}"
            continue
        return Peer(version, (str(binary), "claude", "daily", "--json", "--offline", "--timezone", "UTC"))
    return NoPeer(why)


def _install(folder: Path, version: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    command = ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(folder), f"ccusage@{version}"]
    subprocess.run(command, check=True, capture_output=True, timeout=INSTALL_S)


def by_day(output: str) -> Sums:
    """What its daily report counts. It tells no number of answers and no lifetimes of cache writes: all writes stand
    under five minutes."""
    return {
        day["date"]: [
            0,
            day["inputTokens"],
            day["outputTokens"],
            day["cacheCreationTokens"],
            0,
            day["cacheReadTokens"],
        ]
        for day in json.loads(output)["daily"]
    }
