"""Looks for planted tokens where none may be: in command lines, environments and files."""

from __future__ import annotations

import base64
import threading
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path


def traces(tokens: Iterable[str]) -> set[bytes]:
    """What would give one of them away."""
    return {
        found
        for token in tokens
        for found in (token.encode(), base64.b64encode(token.encode()), token[:24].encode())
    }


def _below(root: Path) -> Iterator[Path]:
    """All of its files, but for those that lie too deep to be named: the temporary directories of other tests."""
    left = [root]
    while left:
        try:
            for path in left.pop().iterdir():
                yield path
                if path.is_dir() and not path.is_symlink():
                    left.append(path)
        except OSError:  # gone meanwhile
            continue


@dataclass
class Watch:
    """Looks for `planted` at the command line and environment of every process there is, again and again."""

    planted: Collection[bytes]
    looks: int = 0
    found: set[str] = field(default_factory=set)

    def shows(self, data: bytes) -> bool:
        return any(token in data for token in self.planted)

    def files_below(self, *roots: Path, but: Path, since_s: float = 0.0) -> list[Path]:
        """The files below `roots`, without those below `but`, that show one and were changed since then."""
        found = []
        for path in {path for root in roots for path in _below(root)}:
            try:
                looked_at = path.is_file() and but not in path.parents and path.stat().st_mtime >= since_s
                if looked_at and self.shows(path.read_bytes()):
                    found.append(path)
            except OSError:  # gone meanwhile
                continue
        return found

    def look(self) -> None:
        self.looks += 1
        for process in Path("/proc").glob("[0-9]*"):
            for what in ("cmdline", "environ"):
                try:
                    if self.shows((process / what).read_bytes()):
                        self.found.add(f"{what} of {(process / 'comm').read_text().strip()}")
                except OSError:
                    continue

    @contextmanager
    def on(self) -> Iterator[None]:
        over = threading.Event()

        def watch() -> None:
            while not over.wait(0.05):
                self.look()

        thread = threading.Thread(target=watch)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
