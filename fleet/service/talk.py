"""What a task's workers say, as a person would read it, from their spools."""

from __future__ import annotations

import time
from collections.abc import Container, Iterator
from uuid import UUID

from fleet.core.events import CancelAsked, PersonSaid, RetryAsked
from fleet.core.model import HERE
from fleet.engine import Done
from fleet.home import Home
from fleet.service.requests import submit
from fleet.shell.stamp import stamp
from fleet.shell.veil import Veil
from fleet.views.light import state
from workers.client.listen import render
from workers.spool import Follower, Record

POLL_S = 0.1


def say(home: Home, task_id: str, text: str, *, interrupt: bool = False, tier: str | None = None) -> Done:
    """Raises NotDone. `interrupt` ends the running turn first; `tier` is what the session goes on with."""
    event = stamp()
    # With its dashes: the client gives it back when it takes the words up.
    word = str(UUID(event["id"]))
    return submit(
        home, PersonSaid(**event, task=task_id, word=word, text=text, interrupt=interrupt, tier=tier)
    )


def cancel(home: Home, task_id: str) -> Done:
    return submit(home, CancelAsked(**stamp(), task=task_id))


def retry(home: Home, task_id: str, *, fresh: bool = False) -> Done:
    """With `fresh` its work goes on with a new session."""
    return submit(home, RetryAsked(**stamp(), task=task_id, fresh=fresh))


def logs(home: Home, task_id: str, *, follow: bool, colour: bool) -> Iterator[str]:
    """The lines of all attempts so far, in order; with `follow`, further ones until the task ends."""
    shown: set[str] = set()
    veil = Veil(home.veil)
    local = {one["name"] for one in state.accounts(home.root) if one["kind"] == "local"}
    free: set[str] = set()
    with Follower(home.runs) as spools:
        while True:
            task = state.task(home.root, task_id)
            for attempt in task["attempts"]:
                if attempt["id"] not in shown:
                    shown.add(attempt["id"])
                    if attempt["account"] in local:
                        free.add(attempt["id"])
                    spools.watch(attempt["id"], 0)
                    on = "" if attempt["host"] == HERE else f", host {attempt['host']}"
                    yield f"── attempt {attempt['id']}: {attempt['account']}, {attempt['tier']}{on} ──"
                path = (task["worktree"] or {}).get("path")
                for line in _read_up(spools, colour, free):
                    hidden = veil.hide(line)
                    yield hidden.replace(f"{path}/", "") if path else hidden
            if not follow or task["state"] in ("landed", "failed", "cancelled"):
                yield f"── {task_id} is {task['state']}{': ' + task['reason'] if task['reason'] else ''} ──"
                return
            time.sleep(POLL_S)


def _read_up(spools: Follower, colour: bool, free: Container[str]) -> Iterator[str]:
    while True:
        batches = [b for b in spools.poll() if b.records]
        if not batches:
            return
        for batch in batches:
            for record in batch.records:
                text = _line(record, colour, batch.attempt in free)
                if text:
                    yield text


def _line(record: Record, colour: bool, free: bool) -> str | None:
    if record.kind == "o":
        return render(record.payload, colour, free=free)
    if record.kind == "e":
        return f"stderr: {record.payload.decode(errors='replace')}"
    return None
