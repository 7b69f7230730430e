"""How long a worktree takes to be made ready, against git alone. Prints ratios within one run; no absolute time counts.

One after another: `make_ready` and `git worktree add` take turns, the median of the ratios of neighbours is told.
Ten at once: ten `make_ready` together against ten `git worktree add` together, again taking turns.
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.figure import Figure, Options
from workers.worktree.make import make_ready
from workers.worktree.settings import worktree_settings

FILES = 50_000
ROUNDS = 15
ROUNDS_AT_ONCE = 6
AT_ONCE = 10
GIT_TRIES = 20
TARGET = 1.15
TARGET_AT_ONCE = 1.05
"""No slower than git, that is 1.0: single rounds scatter from 0.85 to 1.15, so a median of six may miss it."""


def repository(root: Path, files: int) -> Path:
    """A repository of `files` small files in directories of a hundred."""
    repo = root / "repo"
    subprocess.run(["git", "init", "--quiet", "-b", "main", str(repo)], check=True)
    for number in range(files):
        directory = repo / f"d{number // 10_000}" / f"e{number // 100 % 100}"
        if number % 100 == 0:
            directory.mkdir(parents=True)
        (directory / f"f{number % 100}.txt").write_text(f"file {number}\n" * 8)
    who = ["-c", "user.name=Bench", "-c", "user.email=bench@localhost"]
    subprocess.run(["git", "add", "-A"], cwd=repo, check=True)
    subprocess.run(["git", *who, "commit", "--quiet", "-m", "first"], cwd=repo, check=True)
    subprocess.run(["git", "repack", "-adq"], cwd=repo, check=True)
    return repo


def with_git(repo: Path, path: Path) -> None:
    """Ten gits at once sometimes fail on each other's half-made entries ("failed to read … commondir: Success"): then a
    person, too, has to do it again."""
    words = ["git", "worktree", "add", "--quiet", "--no-track", "-B", path.name, str(path), "main"]
    for _ in range(GIT_TRIES):
        if subprocess.run(words, cwd=repo, stderr=subprocess.DEVNULL).returncode == 0:
            return
    subprocess.run(words, cwd=repo, check=True)


def with_fleet(repo: Path, path: Path) -> None:
    marker = {"FLEET_RUN": f"{path.name}@bench"}
    make_ready(
        repo,
        path,
        branch=f"fleet/{path.name}",
        base="main",
        ports=None,
        settings=worktree_settings,
        marker_env=marker,
    )


def timed(make: Callable[[Path, Path], None], repo: Path, paths: list[Path]) -> float:
    """Seconds until all of `paths` are made, at the same time; removes them again."""
    started = time.perf_counter()
    with ThreadPoolExecutor(len(paths)) as pool:
        list(pool.map(lambda path: make(repo, path), paths))
    took = time.perf_counter() - started
    for path in paths:
        shutil.rmtree(path)
    subprocess.run(["git", "worktree", "prune", "--expire=now"], cwd=repo, check=True)
    return took


def ratios(repo: Path, trees: Path, rounds: int, at_once: int) -> list[float]:
    """`make_ready` over plain git, per round. Who goes first takes turns, so that neither always has the warm cache."""
    found = []
    for turn in range(-1, rounds):
        makers = [("git", with_git), ("fleet", with_fleet)][:: 1 if turn % 2 else -1]
        took = {
            name: timed(make, repo, [trees / f"{name}-{at_once}-{turn}-{n}" for n in range(at_once)])
            for name, make in makers
        }
        if turn >= 0:  # the first round only warms up
            found.append(took["fleet"] / took["git"])
    return found


def measure(options: Options) -> list[Figure]:
    files = FILES // 10 if options.quick else FILES
    with tempfile.TemporaryDirectory(prefix="fleet-bench-") as scratch:
        root = Path(scratch)
        repo = repository(root, files)
        (root / "trees").mkdir()
        alone = ratios(repo, root / "trees", 3 if options.quick else ROUNDS, 1)
        together = ratios(repo, root / "trees", 1 if options.quick else ROUNDS_AT_ONCE, AT_ONCE)
    return [
        _figure("worktree ready / git worktree add", alone, TARGET, files),
        _figure(f"the same, {AT_ONCE} at once / git {AT_ONCE} at once", together, TARGET_AT_ONCE, files),
    ]


def _figure(name: str, found: list[float], target: float, files: int) -> Figure:
    told = {"files": files, "rounds": [round(ratio, 3) for ratio in found]}
    return Figure(name, round(statistics.median(found), 3), target, detail=told)
