"""The coordinator's forecast: what is new in the transcripts is read, then each bucket's person is protected."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Mapping
from datetime import tzinfo

from fleet.core.model import Fleet
from fleet.core.model.protection import Protections
from fleet.history.ledger import DATABASE, Ledger, LedgerUnreadable
from fleet.home import Home
from fleet.installed import not_whole
from fleet.ports import NoForecast
from fleet.spoken.zone import SystemZone
from fleet.threads import in_thread
from workers import children

SCAN_S_MAX = 900.0
"""The first scan of years of transcripts takes some seconds; one that takes this long is stuck on its disk."""

# -P: the directory that `fleet up` was started in may hold modules of these names.
NICE = "import os, sys; os.nice(10); from fleet.cli import main; sys.exit(main())"


class HomeForecaster:
    """Of one home. See `fleet.ports.Forecaster`."""

    def __init__(self, home: Home, environ: Mapping[str, str], zone: tzinfo | None = None) -> None:
        self._home, self._environ, self._zone = home, dict(environ), zone or SystemZone()

    async def __call__(self, fleet: Fleet) -> Protections:
        await in_thread(self._scan)
        return await in_thread(self._protections, fleet)

    def _protections(self, fleet: Fleet) -> Protections:
        try:
            from fleet.protection.levels import protections
        except (ImportError, MemoryError) as missing:
            told = not_whole(getattr(missing, "name", None) or "numpy", missing)
            raise NoForecast(f"{told}. Until then nothing but reservations is kept for you") from missing
        try:
            with Ledger(self._home.root / DATABASE, read_only=True) as ledger:
                return protections(fleet, ledger, self._zone)
        except (LedgerUnreadable, sqlite3.Error) as failed:
            raise NoForecast(str(failed)) from failed

    def _scan(self) -> None:
        """In a process of its own, which ends when the coordinator does: reading gigabytes here would keep workers'
        words waiting."""
        environ = {**self._environ, "FLEET_HOME": str(self._home.root)}
        command = [sys.executable, "-P", "-c", NICE, "history", "scan", "--json"]
        said = bytearray()
        try:
            scan = children.run(command, env=environ, limit_s=SCAN_S_MAX, out=lambda _: None, err=said.extend)
        except OSError as failed:
            raise NoForecast(f"the transcripts could not be read: {failed}") from failed
        if scan.late is not None:
            raise NoForecast(
                f"the scan of the transcripts took longer than {SCAN_S_MAX:g} s: see where with `fleet history scan`"
            )
        if scan.code != 0:
            raise NoForecast(
                f"the transcripts could not be read: {_last_line(said.decode(errors='replace'))}"
            )


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else "the scan said nothing; run `fleet history scan`"
