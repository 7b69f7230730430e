"""`fleet status`: must feel instant, so nothing heavy is imported."""

from __future__ import annotations

import os

from fleet.cli.show import as_json, clock, table
from fleet.homepath import home_path
from fleet.service import reading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from fleet.cli.run import Words


def status(args: Words) -> int:
    home = home_path(os.environ)
    found = reading.status(home)
    if args.json:
        return as_json(found)
    running = found["coordinator"]
    process = f"process {running['pid']}" if running else "not running (fleet up)"
    print(f"coordinator: {process}    {home}")
    counts = ", ".join(f"{count} {state}" for state, count in sorted(found["tasks"].items()))
    print(f"tasks: {counts or 'none (fleet task add)'}")
    if found["accounts"]:
        print()
        table(("ACCOUNT", "KIND", "STATE", "BUCKETS"), [_account(a) for a in found["accounts"]])
    if found["workers"]:
        print()
        table(("WORKER", "ACCOUNT", "TIER", "HOST", "STATE", "SINCE"), [_worker(w) for w in found["workers"]])
    return 0


def _account(account: dict[str, Any]) -> tuple[str, ...]:
    buckets = ", ".join(_bucket(bucket) for bucket in account["buckets"]) or "unknown"
    return account["name"], account["kind"], account["state"], buckets


def _bucket(bucket: dict[str, Any]) -> str:
    used = "?" if bucket["utilization"] is None else f"{bucket['utilization']:.0%}"
    refused = " refused" if bucket["status"] == "rejected" else ""
    until = f" until {clock(bucket['resets_at'])}" if bucket["resets_at"] else ""
    return f"{bucket['name']} {used}{refused}{until}"


def _worker(worker: dict[str, Any]) -> tuple[str, ...]:
    keys = ("attempt", "account", "tier", "host", "state")
    return *(str(worker[key]) for key in keys), clock(worker["started_at"])
