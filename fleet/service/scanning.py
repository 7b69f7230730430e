"""A scan of a home: its transcripts read into the ledger, with what the fleet itself ran told apart."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fleet.history.ledger import DATABASE, Ledger
from fleet.history.ledger.corrections import put_runs
from fleet.history.ledger.owners import owners, put_owner
from fleet.history.reports.tasks import ended_attempts
from fleet.history.scan import ConfigDir, ScanResult, scan
from fleet.history.watching import Level, latest, take
from fleet.views.history import places
from fleet.views.history.prices import table_of
from fleet.views.history.readings import latest_of_store
from fleet.views.history.runs import runs_of

Record = dict[str, Any]

SOURCE = "fleet"
"""Of readings that came to the fleet with its own work."""


def scan_home(
    home: str | os.PathLike[str],
    config_dirs: Sequence[str],
    environ: Mapping[str, str],
    account: str | None = None,
) -> Record:
    """Reads what is new below these directories, or where the client keeps its things when none is named. What is used
    in them counts for `account`, once that has been said. Works beside a coordinator, and without any. Raises
    InvalidPrices, LedgerUnreadable, StoreUnreadable."""
    named = [os.path.expanduser(one) for one in config_dirs]  # noqa: PTH111
    prices = table_of(home)
    Path(home).mkdir(mode=0o700, parents=True, exist_ok=True)
    with Ledger(Path(home) / DATABASE) as ledger:
        if account is not None:
            for one in named:
                put_owner(ledger, one, account)
        dirs = _dirs(ledger, home, named, environ)
        runs = runs_of(home, ended_attempts(ledger.connection))
        if runs:
            put_runs(ledger, runs)
        result = scan(ledger, dirs, prices)
        _keep_readings(ledger, home)
    return _shown(result, dirs)


def _dirs(
    ledger: Ledger, home: str | os.PathLike[str], named: Sequence[str], environ: Mapping[str, str]
) -> list[ConfigDir]:
    said = owners(ledger.connection)
    found = named or [*places.default_dirs(home, environ), *(one for one in said if Path(one).is_dir())]
    return [ConfigDir(one, places.label(home, one, environ, said)) for one in dict.fromkeys(found)]


def _keep_readings(ledger: Ledger, home: str | os.PathLike[str]) -> None:
    """What the fleet's own store knows of buckets now: it keeps only the last reading of each."""
    known = {(one.account, one.bucket): one.at_ms for one in latest(ledger.connection)}
    for one in latest_of_store(home):
        if one.at_ms > known.get((one.account, one.bucket), -1):
            told = Level(one.bucket, one.utilization, one.resets_ms)
            take(ledger, one.account, [told], one.at_ms, SOURCE)


def _shown(result: ScanResult, dirs: Sequence[ConfigDir]) -> Record:
    return {
        "config_dirs": [{"path": one.path, "account": one.account} for one in dirs],
        **asdict(result),
    }
