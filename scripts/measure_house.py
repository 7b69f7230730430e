#!/usr/bin/env python3
"""The figures of docs/house.md: how finely the code is cut, how it is named, and which arrows run between its rooms.

    scripts/measure_house.py [DIRECTORY] [PACKAGE …]

DIRECTORY is a checkout (this one by default), PACKAGE its packages, so that another project can be measured beside.
The figures are a mirror, not limits: a file that is better long stays long.
"""

from __future__ import annotations

import ast
import io
import statistics
import sys
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PACKAGES = ("fleet", "workers", "profiles")
LONG_FUNCTION = 50


@dataclass(frozen=True)
class File:
    """One module. `comments` are lines that hold nothing but a comment."""

    name: str
    text: str
    tree: ast.Module

    @property
    def lines(self) -> int:
        return self.text.count("\n")

    @property
    def comments(self) -> int:
        tokens = tokenize.generate_tokens(io.StringIO(self.text).readline)
        return sum(t.type == tokenize.COMMENT and t.line.lstrip().startswith("#") for t in tokens)


def main(words: list[str]) -> int:
    root = Path(words[0] if words else Path(__file__).parents[1])
    packages = tuple(words[1:]) or PACKAGES
    files = list(read(root, packages))
    for name, value in figures(files).items():
        print(f"{name:<44} {value}")
    modules = {file.name for file in files}
    for floor in sorted({".".join(name.split(".")[:2]) for name in modules}):
        inside = [file for file in files if file.name.startswith(f"{floor}.")]
        if len(rooms := {room(file.name, floor) for file in inside}) > 1:
            count = len(arrows(inside, floor, modules))
            print(f"{floor:<44} {len(rooms)} rooms, {count} arrows between them")
    return 0


def read(root: Path, packages: tuple[str, ...]) -> Iterator[File]:
    for package in packages:
        for path in sorted((root / package).rglob("*.py")):
            name = ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
            text = path.read_text("utf-8")
            yield File(name, text, ast.parse(text))


def figures(files: list[File]) -> dict[str, str]:
    whole = [file for file in files if file.lines > 1]
    thousands = sum(file.lines for file in files) / 1000
    lengths = sorted(end - begin + 1 for file in files for begin, end in functions(file.tree))
    words = {word for file in files for word in file.name.rpartition(".")[2].split("_") if word}
    public = sum(1 for file in files for node in file.tree.body if is_public(node))
    broad = sum(1 for file in files for node in ast.walk(file.tree) if is_broad(node))
    comments = sum(file.comments for file in files)
    return {
        "files, and thousands of lines": f"{len(files)}, {thousands:.1f}",
        "median file, lines": f"{statistics.median(file.lines for file in whole):.0f}",
        "different words in file names": str(len(words)),
        "public definitions per 1,000 lines": f"{public / thousands:.1f}",
        "lines that are comments, of 100": f"{comments / thousands / 10:.1f}",
        "function, 90th percentile of its lines": str(lengths[int(len(lengths) * 0.9)]),
        f"functions of more than {LONG_FUNCTION} lines": f"{sum(n > LONG_FUNCTION for n in lengths)} of {len(lengths)}",
        "broad excepts per 1,000 lines": f"{broad / thousands:.2f}",
    }


def functions(tree: ast.Module) -> Iterator[tuple[int, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.lineno, node.end_lineno or node.lineno


def is_public(node: ast.stmt) -> bool:
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    return isinstance(node, kinds) and not node.name.startswith("_")


def is_broad(node: ast.AST) -> bool:
    """`except:`, `except Exception` or `except BaseException`."""
    if not isinstance(node, ast.ExceptHandler):
        return False
    return node.type is None or (isinstance(node.type, ast.Name) and node.type.id.endswith("Exception"))


def room(module: str, floor: str) -> str:
    """The child of the floor that a module is, or lies in."""
    return module.removeprefix(f"{floor}.").split(".")[0]


def arrows(files: list[File], floor: str, modules: set[str]) -> set[tuple[str, str]]:
    """From which room of a floor to which other something is imported."""
    found = set()
    for file in files:
        for node in ast.walk(file.tree):
            for target in imported(node, modules):
                if target.startswith(f"{floor}."):
                    found.add((room(file.name, floor), room(target, floor)))
    return {(one, other) for one, other in found if one != other}


def imported(node: ast.AST, modules: set[str]) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
        for alias in node.names:
            whole = f"{node.module}.{alias.name}"
            yield whole if whole in modules else node.module


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
