"""What a task's workers say, as a person would read it, from their spools."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from uuid import UUID

from fleet.core.events import CancelAsked, Person, PersonSaid, RetryAsked
from fleet.core.model import HERE
from fleet.core.model.lifecycles import TASK_ENDS
from fleet.core.model.task import ON_BRANCH
from fleet.home import Home
from fleet.service.requests import Came, submit_each
from fleet.shell.stamp import stamp
from fleet.shell.veil import Veil
from fleet.store.sqlite_reader import SqliteReader
from fleet.views.light import state
from fleet.views.light.records import state_of
from workers.client.listen import render
from workers.spool import Follower, Record

POLL_S = 0.1


Ask = Callable[[str], Person]
"""Makes the request for one task."""


def saying(text: str, *, interrupt: bool = False, tier: str | None = None) -> Ask:
    """`interrupt` ends the running turn first; `tier` is what the session goes on with."""

    def ask(task_id: str) -> Person:
        event = stamp()
        # With its dashes: the client gives it back when it takes the words up.
        word = str(UUID(event["id"]))
        return PersonSaid(**event, task=task_id, word=word, text=text, interrupt=interrupt, tier=tier)

    return ask


def cancelling(task_id: str) -> Person:
    return CancelAsked(**stamp(), task=task_id)


def retrying(*, fresh: bool = False) -> Ask:
    """With `fresh` its work goes on with a new session."""
    return lambda task_id: RetryAsked(**stamp(), task=task_id, fresh=fresh)


def each(home: Home, task_ids: Sequence[str], ask: Ask) -> dict[str, Came]:
    """What came of each, by its id."""
    return dict(zip(task_ids, submit_each(home, [ask(task_id) for task_id in task_ids]), strict=True))


def logs(home: Home, task_id: str, *, follow: bool, colour: bool) -> Iterator[str]:
    """The lines of all attempts so far, in order; with `follow`, further ones until the task ends."""
    shown: set[str] = set()
    veil = Veil(home.veil)
    local = _unbilled(home)
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
                for _, line in _read_up(spools, colour, free.__contains__):
                    hidden = veil.hide(line)
                    yield hidden.replace(f"{path}/", "") if path else hidden
            if not follow or task["state"] in ("landed", "failed", "cancelled"):
                yield f"── {task_id} is {state_of(task)}{': ' + task['reason'] if task['reason'] else ''} ──"
                return
            time.sleep(POLL_S)


def logs_of_all(home: Home, *, follow: bool, colour: bool) -> Iterator[str]:
    """What all workers have said that live now, each line behind its attempt; with `follow`, what they and later ones
    say, until no task is open."""
    veil, free = Veil(home.veil), _unbilled(home)
    accounts: dict[str, str] = {}
    """Of the attempts that are followed, or were."""
    with Follower(home.runs) as spools:
        while True:
            with SqliteReader(home.root) as reader:
                living = {body["id"]: body for body in reader.workers()}
                is_open = bool(set(reader.task_states()) - TASK_ENDS - {ON_BRANCH})
            for name in [name for name in living if name not in accounts]:
                accounts[name] = living[name]["account"]
                spools.watch(name, 0)
                yield f"── attempt {name}: {accounts[name]}, {living[name]['tier']} ──"
            for name, line in _read_up(spools, colour, lambda name: accounts[name] in free):
                yield f"{name}  {veil.hide(line)}"
            for name in accounts.keys() - living.keys():
                spools.forget(name)
            if not follow or not is_open:
                return
            time.sleep(POLL_S)


def _unbilled(home: Home) -> set[str]:
    return {one["name"] for one in state.accounts(home.root) if one["kind"] == "local"}


def _read_up(spools: Follower, colour: bool, is_free: Callable[[str], bool]) -> Iterator[tuple[str, str]]:
    """The lines that have come, each with its attempt; `is_free` says of one whether it costs nothing."""
    while True:
        batches = [b for b in spools.poll() if b.records]
        if not batches:
            return
        for batch in batches:
            for record in batch.records:
                text = _line(record, colour, is_free(batch.attempt))
                if text:
                    yield batch.attempt, text


def _line(record: Record, colour: bool, free: bool) -> str | None:
    if record.kind == "o":
        return render(record.payload, colour, free=free)
    if record.kind == "e":
        return f"stderr: {record.payload.decode(errors='replace')}"
    return None
