"""The spools on a host beside their copies at home."""

from __future__ import annotations

import filecmp
from collections.abc import Iterable
from pathlib import Path


def sizes(runs: Path, attempts: Iterable[str]) -> dict[str, int]:
    """Bytes of each one's spool, 0 where there is none yet."""
    spools = {attempt: runs / attempt / "spool" for attempt in attempts}
    return {attempt: spool.stat().st_size if spool.exists() else 0 for attempt, spool in spools.items()}


def differing(there: Path, here: Path, attempts: Iterable[str]) -> list[str]:
    """Those of which a byte is missing, twice here, or another one."""
    return [
        attempt
        for attempt in attempts
        if not filecmp.cmp(there / attempt / "spool", here / attempt / "spool", shallow=False)
    ]
