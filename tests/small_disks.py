"""A small file system of a test's own. Only root may mount one; in CI it is an error when that cannot be done."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def mounted(path: Path, size_kb: int = 2048) -> Iterator[Path]:
    """Its owner's alone, as a home of the fleet has to be."""
    path.mkdir(parents=True, exist_ok=True)
    words = ["mount", "-t", "tmpfs", "-o", f"size={size_kb}k,mode=0700", "tmpfs", str(path)]
    if subprocess.run(words, capture_output=True, check=False).returncode:
        message = "a small file system can only be mounted by root"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    try:
        yield path
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)


def fill(disk: Path) -> Path:
    """Takes all the room that is left."""
    path = disk / "filler"
    with path.open("wb", buffering=0) as filler:
        for size in (1 << 16, 1 << 12, 1):
            try:
                while True:
                    filler.write(b"\0" * size)
            except OSError:
                continue
    return path
