"""`fleet status`: must feel instant, so nothing heavy is imported."""

from __future__ import annotations

import os

from fleet.cli import host_words
from fleet.cli.show import as_json, clock, paused, put, table, told_of, waits, window
from fleet.homepath import home_path
from fleet.spoken.choice import shown_word
from fleet.views.light import state

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from fleet.cli.run import Words


def status(args: Words) -> int:
    home = home_path(os.environ)
    found = state.status(home)
    if args.json:
        return as_json(found)
    running = found["coordinator"]
    process = f"process {running['pid']}" if running else "not running (fleet up)"
    put(f"coordinator: {process}    {home}")
    if running and running["sandbox"]:
        put(f"sandbox: {_sandbox(running['sandbox'])}")
    if found["breaker"]:
        until = f" until {clock(found['breaker_until'])}" if found["breaker_until"] else ""
        put(f"circuit breaker open, nothing starts{until}: {found['breaker']} (fleet breaker close)")
    _put_tasks(found)
    if found["accounts"]:
        put()
        table(("ACCOUNT", "KIND", "STATE", "BUCKETS"), [_account(a) for a in found["accounts"]])
        for account in found["accounts"]:
            if told := told_of(account):
                put(f"  {account['name']} ({account['state']}): {told}")
    if found["hosts"]:
        put()
        host_words.put_all(host_words.HEAD, [(host_words.row(host), host) for host in found["hosts"]])
    if found["workers"]:
        put()
        table(("WORKER", "ACCOUNT", "TIER", "HOST", "STATE", "SINCE"), [_worker(w) for w in found["workers"]])
    return 0


def _put_tasks(found: dict[str, Any]) -> None:
    counts = ", ".join(f"{count} {shown_word(state)}" for state, count in sorted(found["tasks"].items()))
    put(f"tasks: {counts or 'none (fleet task add)'}")
    for trouble in found["troubles"]:
        put(f"  {trouble['task']} {trouble['state']}, in trouble: {trouble['story']}")
    for need in found["needs"]:
        put(f"  {waits(need)}")
    for project in found["paused_projects"]:
        put(f"  {paused(project)}")


def _sandbox(said: str) -> str:
    return said if said == "bubblewrap" else f"none, workers run as you: {said}"


def _account(account: dict[str, Any]) -> tuple[str, ...]:
    buckets = ", ".join(window(bucket) for bucket in account["buckets"]) or "unknown"
    return account["name"], account["kind"], account["state"], buckets


def _worker(worker: dict[str, Any]) -> tuple[str, ...]:
    keys = ("attempt", "account", "tier", "host", "state")
    return *(str(worker[key]) for key in keys), clock(worker["started_at"])
