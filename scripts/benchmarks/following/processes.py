"""The processes of a measurement: some that write as supervisors do, and the coordinator that follows them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

HERE = Path(__file__).parent
END_S = 30.0


class Writers:
    """So many processes that share the runs of `attempts`, each of which says so many lines a second."""

    def __init__(
        self, runs: Path, attempts: Sequence[str], processes: int, lines_per_s: float, seconds: float
    ) -> None:
        words = [
            sys.executable,
            "-I",
            "-S",
            str(HERE / "writer.py"),
            str(runs),
            str(lines_per_s),
            str(seconds),
        ]
        self._processes = [
            subprocess.Popen(
                [*words, *attempts[number::processes]], stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
            for number in range(processes)
        ]
        for writer in self._processes:
            assert writer.stdout is not None
            writer.stdout.readline()  # it holds its locks now

    def begin(self) -> None:
        for writer in self._processes:
            assert writer.stdin is not None
            writer.stdin.write(b"go\n")
            writer.stdin.flush()

    def wait(self) -> None:
        """Until they have written everything. They hold their runs' locks on, as supervisors of living clients do."""
        for writer in self._processes:
            assert writer.stdout is not None
            writer.stdout.readline()

    def end(self) -> None:
        for writer in self._processes:
            writer.communicate(timeout=END_S)
            assert writer.returncode == 0


class Measured:
    """A coordinator that follows the workers of `home`, and says what it took."""

    def __init__(
        self, home: Path, warm_up_s: float, seconds: float, env: Mapping[str, str] | None = None
    ) -> None:
        words = [sys.executable, "-m", "benchmarks.following.coordinator"]
        words += [str(home), str(warm_up_s), str(seconds)]
        self._process = subprocess.Popen(words, stdout=subprocess.PIPE, env=env)
        assert self._process.stdout is not None
        self._process.stdout.readline()  # it follows now

    def result(self) -> dict[str, float]:
        """Waits for its end."""
        said, _ = self._process.communicate()
        assert self._process.returncode == 0
        measured: dict[str, float] = json.loads(said)
        return measured
