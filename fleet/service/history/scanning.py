"""A scan of a home: its transcripts read into the ledger, with what the fleet itself ran told apart."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fleet.service.history import places
from fleet.service.history.prices import table_of
from history.ledger import DATABASE, Ledger
from history.scan import ConfigDir, ScanResult, scan

Record = dict[str, Any]


def scan_home(home: str | os.PathLike[str], config_dirs: Sequence[str], environ: Mapping[str, str]) -> Record:
    """Reads what is new below these directories, or where the client keeps its things when none is named. Works beside
    a coordinator, and without any. Raises InvalidPrices, LedgerUnreadable, StoreUnreadable."""
    named = [os.path.expanduser(one) for one in config_dirs]  # noqa: PTH111
    dirs = [
        ConfigDir(one, places.label(home, one, environ))
        for one in named or places.default_dirs(home, environ)
    ]
    prices = table_of(home)
    Path(home).mkdir(mode=0o700, parents=True, exist_ok=True)
    with Ledger(Path(home) / DATABASE) as ledger:
        result = scan(ledger, dirs, prices)
    return _shown(result, dirs)


def _shown(result: ScanResult, dirs: Sequence[ConfigDir]) -> Record:
    return {
        "config_dirs": [{"path": one.path, "account": one.account} for one in dirs],
        **asdict(result),
    }
