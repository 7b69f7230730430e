"""Breaks single places of the core and looks whether its nearest tests notice. Called by scripts/test --mutants.

A *mutant* is `fleet/core` with one change: a comparison, an operation, a number, a condition turned round, `and` for
`or`, a `return` without its value, a call left out, a field that `replace` no longer sets. Which ones are tried is
drawn by the seed: the same seed on the same commit gives the same mutants. They are made in copies, below the
directory for temporary files; the checkout is only read.

Nearest are all of `tests/core`, those files first that import from the changed module, then ten seeds of the simulator,
until the first failure. A mutant that none of them notices *survives*: either a test is missing, or the change changes
nothing that anybody relies on. One that takes five times as long as the unbroken core has *timed out*, and counts as
noticed: usually it goes in a circle.

No library does this: mutmut 3.8 leaves out functions with decorators and constants of modules, which many of our rules
and promises are; cosmic-ray 8.7 writes into the checkout, and draws no sample by a seed; mutatest 3.1 does, and needs
a coverage older than 6.
"""

from __future__ import annotations

import argparse
import ast
import compileall
import contextlib
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from py_compile import PycInvalidationMode

ROOT = Path(__file__).resolve().parent.parent
JOBS = 2
PATIENCE = 5.0
"""How many times as long as the unbroken core a mutant may take; never less than `PATIENCE_S_MIN`."""
PATIENCE_S_MIN = 60.0
SHOWN = 90
"""So many characters of a piece of code are printed."""
SEEDS = "test_no_fault_breaks_an_invariant_and_every_task_that_can_end_ends[0]"

COMPARED: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
RECKONED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.LShift: ast.RShift,
    ast.Pow: ast.Mult,
}
CALLED = {"min": "max", "max": "min", "any": "all", "all": "any"}


@dataclass(frozen=True, order=True)
class Mutant:
    """`file` (from the root) with the bytes from `start` to `end` replaced by `after`."""

    file: str
    start: int
    end: int
    after: str
    line: int
    before: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}  {_short(self.before)}  →  {_short(self.after)}"

    def applied(self, whole: bytes) -> bytes:
        return whole[: self.start] + self.after.encode() + whole[self.end :]


def _short(code: str) -> str:
    words = " ".join(code.split())
    return words if len(words) <= SHOWN else f"{words[: SHOWN - 2]} …"


def mutants_of(root: Path, file: Path) -> Iterator[Mutant]:
    """All mutants of one file, in the order of its text."""
    source = file.read_bytes()
    begins = [0]
    for line in source.splitlines(keepends=True):
        begins.append(begins[-1] + len(line))
    for node, is_condition in _places(ast.parse(source)):
        start = begins[node.lineno - 1] + node.col_offset
        end = begins[(node.end_lineno or node.lineno) - 1] + (node.end_col_offset or 0)
        for after in (*_changed(node), *(_turned(node) if is_condition else ())):
            name = file.relative_to(root).as_posix()
            yield Mutant(name, start, end, after, node.lineno, source[start:end].decode())


def _places(node: ast.AST) -> Iterator[tuple[ast.expr | ast.stmt, bool]]:
    """What may be changed, and whether it is a condition. Not annotations, which nothing reads; not decorators; not
    f-strings, which are words for a person (and before Python 3.12 do not know where their parts stand)."""
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.JoinedStr) or not isinstance(child, ast.AST):
                continue
            if isinstance(child, ast.expr | ast.stmt):
                yield child, name in ("test", "ifs")
            yield from _places(child)


def _turned(node: ast.expr | ast.stmt) -> Iterator[str]:
    """A condition turned round, where `_changed` does not do that."""
    if isinstance(node, ast.Name | ast.Attribute | ast.Call | ast.Subscript):
        yield f"(not {ast.unparse(node)})"


def _changed(node: ast.expr | ast.stmt) -> Iterator[str]:
    """What may stand there instead. Expressions are in parentheses, as they may stand in any other."""
    match node:
        case ast.Compare(left, [operator], [right]):
            for other in COMPARED[type(operator)]:
                yield f"({ast.unparse(ast.Compare(left, [other()], [right]))})"
        case ast.BoolOp(operator, values):
            turned = ast.Or() if isinstance(operator, ast.And) else ast.And()
            yield f"({ast.unparse(ast.BoolOp(turned, values))})"
        case ast.UnaryOp(ast.Not() | ast.USub(), operand):
            yield f"({ast.unparse(operand)})"
        case ast.Return(ast.expr() as value) if not (isinstance(value, ast.Constant) and value.value is None):
            yield "return None"
        case ast.Expr(ast.Call()):
            yield "pass"
        case _:
            yield from _reckoned(node)


def _reckoned(node: ast.expr | ast.stmt) -> Iterator[str]:
    match node:
        case ast.BinOp(left, operator, right) if type(operator) in RECKONED:
            yield f"({ast.unparse(ast.BinOp(left, RECKONED[type(operator)](), right))})"
        case ast.AugAssign(target, operator, value) if type(operator) in RECKONED:
            yield ast.unparse(ast.AugAssign(target, RECKONED[type(operator)](), value))
        case ast.Constant(bool(value)):
            yield repr(not value)
        case ast.Constant(int(value)):
            yield from (repr(value + 1), f"({value - 1})")
        case ast.Constant(float(value)):
            yield from (repr(value * 2), repr(value / 2)) if value else ("1.0",)
        case ast.Call(ast.Name(name), args, keywords) if name in CALLED:
            yield ast.unparse(ast.Call(ast.Name(CALLED[name]), args, keywords))
        case ast.Call(ast.Name("replace") as called, args, keywords):
            for n in range(len(keywords)):
                yield ast.unparse(ast.Call(called, args, [*keywords[:n], *keywords[n + 1 :]]))


class Copy:
    """A copy of the checkout, in which one mutant after another is tried."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._whole = b""
        shutil.copytree(ROOT, path, ignore=shutil.ignore_patterns(".*", "__pycache__", "dist", "release"))
        # Python compares hashes instead of times: no mutant can be taken for the one before it.
        compileall.compile_dir(
            path / "fleet", quiet=2, invalidation_mode=PycInvalidationMode.CHECKED_HASH, workers=1
        )

    def begin(self, mutant: Mutant | None) -> subprocess.Popen[bytes]:
        """Starts the nearest tests on the mutant; on the unbroken core for None. `end` has to follow."""
        if mutant is not None:
            self._whole = (self.path / mutant.file).read_bytes()
            (self.path / mutant.file).write_bytes(mutant.applied(self._whole))
        command = [sys.executable, "-m", "pytest", "-x", "-p", "no:cacheprovider", *self._nearest(mutant)]
        (self.path / "tmp").mkdir()
        return subprocess.Popen(
            command,
            cwd=self.path,
            env={**os.environ, "TMPDIR": str(self.path / "tmp"), "PYTHONPATH": str(self.path)},
            stdin=subprocess.DEVNULL,
            stdout=(self.path / "said").open("wb"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def end(self, process: subprocess.Popen[bytes], mutant: Mutant | None) -> None:
        """Ends what still runs of the tests, and mends the core."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        shutil.rmtree(self.path / "tmp", ignore_errors=True)
        if mutant is not None:
            (self.path / mutant.file).write_bytes(self._whole)

    def _nearest(self, mutant: Mutant | None) -> list[str]:
        files = sorted(self.path.glob("tests/core/test_*.py"))
        if mutant is not None:
            name = Path(mutant.file).stem
            files.sort(
                key=lambda file: not re.search(rf"import .*\b{name}\b|\.{name} import", file.read_text())
            )
        (seeds,) = self.path.glob("tests/*/test_seeds.py")
        return [*map(str, files), f"{seeds}::{SEEDS}"]


@dataclass
class Outcome:
    """What became of one mutant, and how long that took."""

    mutant: Mutant | None
    fate: str
    took_s: float


def tried(copies: Sequence[Copy], mutants: Sequence[Mutant | None], patience_s: float) -> Iterator[Outcome]:
    """Tries as many at a time as there are copies. What still runs when nobody asks any more is ended."""
    free, waiting = list(copies), list(reversed(mutants))
    running: list[tuple[Copy, subprocess.Popen[bytes], Mutant | None, float]] = []
    try:
        while waiting or running:
            while free and waiting:
                mutant, copy = waiting.pop(), free.pop()
                running.append((copy, copy.begin(mutant), mutant, time.monotonic()))
            for one in list(running):
                copy, process, mutant, began = one
                code, took_s = process.poll(), time.monotonic() - began
                if code is None and took_s < patience_s:
                    continue
                running.remove(one)
                copy.end(process, mutant)
                free.append(copy)
                fate = "timed out" if code is None else "survived" if code == 0 else "noticed"
                yield Outcome(mutant, fate, took_s)
            time.sleep(0.05)
    finally:
        for copy, process, mutant, _ in running:
            copy.end(process, mutant)


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/test --mutants", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "count", nargs="?", type=int, default=20, help="how many (default: 20; 300 for a night)"
    )
    parser.add_argument("--seed", type=int, default=1, help="which ones (default: 1)")
    parser.add_argument("--file", action="append", help="only of this file below fleet/core; may be repeated")
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="fleet-mutants-") as folder:
        copies = [Copy(Path(folder, str(n))) for n in range(JOBS)]
        root = copies[0].path
        files = [root / name for name in asked.file or ()] or sorted(root.glob("fleet/core/**/*.py"))
        everyone = [mutant for file in files for mutant in mutants_of(root, file)]
        chosen = random.Random(asked.seed).sample(everyone, min(asked.count, len(everyone)))
        say(f"{len(chosen)} of {len(everyone)} mutants of {len(files)} files; seed {asked.seed}")
        (unbroken,) = tried(copies, [None], float("inf"))
        if unbroken.fate != "survived":
            say((copies[-1].path / "said").read_text())
            say("the unbroken core does not pass its own tests: mend that first")
            return 1
        say(f"the unbroken core passes its nearest tests in {unbroken.took_s:.0f} s")
        return tell(tried(copies, chosen, max(PATIENCE_S_MIN, PATIENCE * unbroken.took_s)))


def tell(outcomes: Iterator[Outcome]) -> int:
    counts = {"noticed": 0, "survived": 0, "timed out": 0}
    began = time.monotonic()
    for outcome in outcomes:
        counts[outcome.fate] += 1
        if outcome.fate != "noticed":
            say(f"{outcome.fate}: {outcome.mutant}")
    say(
        ", ".join(f"{count} {fate}" for fate, count in counts.items()) + f"; {time.monotonic() - began:.0f} s"
    )
    return 0


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
