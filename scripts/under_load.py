"""Looks for tests that pass by luck: runs them again and again on a busy machine. Called by scripts/test --under-load.

First the whole suite runs once at a load of 4. That also records what each test takes, and whether it starts a process
other than git (Python's audit hooks tell: no test can be forgotten). Then all that do so run up to twenty times at a
load of 8, in a random order, as do those that failed in the first part or are marked `sensitive`.

Twenty times all of them would take hours. So that 25 minutes are enough on two cores, each test gets the same time:
one that takes 0.2 s has its twenty runs, one that takes ten times as long has fewer, but at least one. Sensitive ones
always have all their runs. What was chosen is printed.

The load is made of two parts: as many busy processes as there are cores, so that a core is never free while tests wait,
and as many processes of tests as are missing then. What tests start comes on top. All of it is told by /proc/loadavg.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUSY = "import os, sys\nwhile os.getppid() == int(sys.argv[1]):\n    sum(range(1_000_000))"
START_S = 60.0
"""What pytest needs at such a load until the first test runs."""


@dataclass
class Test:
    """A test with all its parameters: what was recorded of it."""

    took_s: float = 0.0
    runs: int = 0
    starts: bool = False
    sensitive: bool = False
    failed: int = 0
    first_story: str = ""


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/test --under-load", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--rounds", type=int, default=20, help="the most runs of a test (default: 20)")
    parser.add_argument("--minutes", type=float, default=25.0, help="the most for these runs (default: 25)")
    parser.add_argument("--load", type=int, default=8, help="the load for these runs (default: 8)")
    parser.add_argument("--whole-load", type=int, default=4, help="the load for the whole suite (default: 4)")
    parser.add_argument(
        "--busy",
        type=int,
        default=os.cpu_count() or 2,
        help="busy processes among the load (default: the cores)",
    )
    parser.add_argument(
        "--again", action="store_true", help="leave out the whole suite, take its last record"
    )
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of the order (default: the time)")
    parser.add_argument("--logs", type=Path, default=ROOT / ".under-load", help="where all is written to")
    parser.add_argument("tests", nargs="*", help="which tests, as pytest takes them (default: all)")
    asked = parser.parse_args()
    asked.logs.mkdir(exist_ok=True)
    once, again, repeat = (asked.logs / name for name in ("whole.jsonl", "again.jsonl", "repeat.json"))
    if not asked.again:
        say(f"-- once, at a load of {asked.whole_load}; order {asked.seed}")
        run(asked.whole_load, asked.busy, once, asked.tests, order=asked.seed)
    elif not once.exists():
        parser.error(f"there is no record of an earlier run in {asked.logs}")
    whole = read(once)
    capacity_s = (asked.minutes * 60 - START_S) * test_processes(asked.load, asked.busy)
    times = choose(whole, asked.rounds, capacity_s, slower=asked.load / asked.whole_load)
    tell_choice(whole, times)
    repeat.write_text(json.dumps(times))
    say(f"-- again and again, at a load of {asked.load}; order {asked.seed}")
    until = time.time() + asked.minutes * 60
    run(asked.load, asked.busy, again, asked.tests, order=asked.seed, repeat=repeat, until=until)
    repeated = read(again)
    failed = tell_failures({"whole": whole, "again": repeated}, asked.logs)
    tell_runs(times, repeated)
    return 1 if failed or not repeated else 0


def run(load: int, busy: int, record: Path, tests: Sequence[str], **options: object) -> None:
    """Runs pytest in a machine with so many busy processes; its own output goes beside the record."""
    pytest = [sys.executable, "-m", "pytest", "-p", "tests.repeating", f"--record={record}", *tests]
    pytest += ["-n", str(test_processes(load, busy)), "--dist", "load", "--maxschedchunk", "1"]
    pytest += [f"--{name}={value}" for name, value in options.items()]
    log = record.with_suffix(".log")
    began = time.monotonic()
    with keeping_busy(busy), log.open("w") as output:
        process = subprocess.Popen(pytest, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT)
        loads = [1.0]
        while process.poll() is None:
            loads.append(os.getloadavg()[0])
            with_patience(process, 10.0)
    summary = log.read_text().rstrip().rpartition("\n")[2]
    say(f"   {summary}; load {max(loads):.1f} at most; {time.monotonic() - began:.0f} s; {log}")


def with_patience(process: subprocess.Popen[bytes], wait_s: float) -> None:
    try:
        process.wait(wait_s)
    except subprocess.TimeoutExpired:
        return


def test_processes(load: int, busy: int) -> int:
    return max(2, load - busy)


@contextmanager
def keeping_busy(count: int) -> Iterator[None]:
    """So many processes that do nothing but keep a core busy. They end with this one, however it ends."""
    processes = [subprocess.Popen([sys.executable, "-c", BUSY, str(os.getpid())]) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def read(record: Path) -> dict[str, Test]:
    """What was recorded, by test without its parameters. `runs` counts a whole set of them as one."""
    tests: dict[str, Test] = defaultdict(Test)
    calls: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for line in map(json.loads, record.read_text().splitlines()):
        name, _, parameters = line["test"].partition("[")
        test = tests[name]
        test.took_s += line["s"]
        test.starts |= line.get("starts", False)
        test.sensitive |= line.get("sensitive", False)
        if line["when"] == "call" or (line["when"] == "setup" and line["outcome"] == "failed"):
            calls[name][parameters.partition("run ")[0]] += 1
        if line["outcome"] == "failed":
            test.failed += 1
            test.first_story = test.first_story or f"{line['test']}\n{line['story']}"
    for name, test in tests.items():
        test.runs = max(calls[name].values(), default=0) if name in calls else 0
    return dict(tests)


def choose(whole: Mapping[str, Test], rounds: int, capacity_s: float, slower: float) -> dict[str, int]:
    """How often each test is run: each gets the same time, but one run at least and `rounds` at most."""
    costs = {name: max(test.took_s, 0.01) * slower for name, test in whole.items() if test.starts}
    always = {name: test for name, test in whole.items() if test.sensitive or test.failed}

    def runs(share_s: float) -> dict[str, int]:
        shared = {name: min(rounds, max(1, int(share_s / cost))) for name, cost in costs.items()}
        return shared | dict.fromkeys(always, rounds)

    def total_s(times: Mapping[str, int]) -> float:
        return sum(whole[name].took_s * slower * count for name, count in times.items())

    low, high = 0.0, rounds * max(costs.values(), default=0.0)
    if total_s(runs(high)) <= capacity_s:
        return runs(high)
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if total_s(runs(middle)) <= capacity_s else (low, middle)
    return runs(low)


def tell_choice(whole: Mapping[str, Test], times: Mapping[str, int]) -> None:
    starting = sum(test.starts for test in whole.values())
    sensitive = sum(test.sensitive for test in whole.values())
    failed = sum(test.failed > 0 for test in whole.values())
    say(f"   {len(whole)} tests: {starting} start processes, {sensitive} are sensitive, {failed} failed")
    by_count: dict[int, int] = defaultdict(int)
    for count in times.values():
        by_count[count] += 1
    chosen = ", ".join(f"{by_count[count]} × {count}" for count in sorted(by_count, reverse=True))
    say(f"   chosen (tests × runs): {chosen or 'none'}")


def tell_failures(parts: Mapping[str, Mapping[str, Test]], logs: Path) -> int:
    """A table of what failed, and the first story of each in a file of its own. Returns how many tests failed."""
    failed = {
        (part, name): test for part, tests in parts.items() for name, test in tests.items() if test.failed
    }
    say(f"-- {len(failed)} failed" + ("" if failed else ": no test of these passes by luck"))
    for number, ((part, name), test) in enumerate(sorted(failed.items()), 1):
        story = logs / f"failure-{number}.txt"
        story.write_text(test.first_story)
        say(f"   {test.failed:>3} of {test.runs:>3} runs  {part}  {name}  (first story: {story.name})")
    return len(failed)


def tell_runs(times: Mapping[str, int], repeated: Mapping[str, Test]) -> None:
    missed = sum(
        max(0, count - (repeated[name].runs if name in repeated else 0)) for name, count in times.items()
    )
    done = sum(test.runs for test in repeated.values())
    say(f"   {done} runs of {len(repeated)} tests" + (f"; {missed} were out of time" if missed else ""))


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
