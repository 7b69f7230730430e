"""Where there is no memory for the libraries of planning, that is told, and not that they were not installed."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys
from pathlib import Path
from fleet.planning.sheet import _library
from fleet.ports import NoPlan
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 1_000_000,) * 2)
try:
    _library(sys.argv[1])
except NoPlan as told:
    print(told)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the address space has no limit")
@pytest.mark.parametrize("library", ["numpy", "highspy"])
def test_a_library_that_finds_no_memory_is_not_told_to_be_missing(library: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, library], capture_output=True, text=True, check=True
    )
    assert "there is no memory for it" in ended.stdout and "placed by its density" in ended.stdout
    assert "not whole" not in ended.stdout and len(ended.stdout.splitlines()) == 1
