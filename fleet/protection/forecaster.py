"""The coordinator's forecast: what is new in the transcripts is read, then each bucket's person is protected."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Mapping
from datetime import tzinfo

import anyio
from anyio import to_thread

from fleet.core.model import Fleet
from fleet.core.model.protection import Protections
from fleet.history.ledger import DATABASE, Ledger, LedgerUnreadable
from fleet.home import Home
from fleet.installed import not_whole
from fleet.ports import NoForecast
from fleet.spoken.zone import SystemZone

SCAN_S_MAX = 900.0
"""The first scan of years of transcripts takes some seconds; one that takes this long is stuck on its disk."""

# -P: the directory that `fleet up` was started in may hold modules of these names.
NICE = "import os, sys; os.nice(10); from fleet.cli import main; sys.exit(main())"


class HomeForecaster:
    """Of one home. See `fleet.ports.Forecaster`."""

    def __init__(self, home: Home, environ: Mapping[str, str], zone: tzinfo | None = None) -> None:
        self._home, self._environ, self._zone = home, dict(environ), zone or SystemZone()

    async def __call__(self, fleet: Fleet) -> Protections:
        await self._scan()
        return await to_thread.run_sync(self._protections, fleet, abandon_on_cancel=True)

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

    async def _scan(self) -> None:
        """In a process of its own, which ends when the coordinator does: reading gigabytes here would keep workers'
        words waiting."""
        environ = {**self._environ, "FLEET_HOME": str(self._home.root)}
        command = [sys.executable, "-P", "-c", NICE, "history", "scan", "--json"]
        try:
            with anyio.fail_after(SCAN_S_MAX):
                scan = await anyio.run_process(command, env=environ, check=False)
        except TimeoutError as stuck:
            raise NoForecast(
                f"the scan of the transcripts took longer than {SCAN_S_MAX:g} s: see where with `fleet history scan`"
            ) from stuck
        if scan.returncode != 0:
            raise NoForecast(
                f"the transcripts could not be read: {_last_line(scan.stderr.decode(errors='replace'))}"
            )


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else "the scan said nothing; run `fleet history scan`"
