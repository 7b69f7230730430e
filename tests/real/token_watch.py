"""Looks for planted tokens where none may be: in command lines, environments and files."""

from __future__ import annotations

import base64
import os
import threading
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path


def traces(tokens: Iterable[str]) -> set[bytes]:
    """What would give one of them away."""
    return {
        found
        for token in tokens
        for found in (token.encode(), base64.b64encode(token.encode()), token[:24].encode())
    }


def _files(root: Path, but: Collection[str]) -> Iterator[os.DirEntry[str]]:
    """Those below it and not below `but`, apart from what lies too deep to be named: the temporary directories of other
    tests."""
    left = [str(root)]
    while left:
        with suppress(OSError), os.scandir(left.pop()) as entries:  # gone meanwhile
            for entry in entries:
                if not entry.is_dir(follow_symlinks=False):
                    yield entry
                elif entry.path not in but:
                    left.append(entry.path)


@dataclass
class Watch:
    """Looks for `planted` at the command line and environment of every process there is, again and again."""

    planted: Collection[bytes]
    looks: int = 0
    found: set[str] = field(default_factory=set)

    def shows(self, data: bytes) -> bool:
        return any(token in data for token in self.planted)

    def files_below(self, root: Path, *but: Path, since_s: float = 0.0) -> list[Path]:
        """The files below `root`, without those below `but`, that show one and were changed since then."""
        found = set()
        for entry in _files(root, {str(path) for path in but}):
            with suppress(OSError):  # gone meanwhile
                changed = entry.is_file() and entry.stat().st_mtime >= since_s
                if changed and self.shows(Path(entry).read_bytes()):
                    found.add(Path(entry))
        return sorted(found)

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
