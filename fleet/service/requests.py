"""Hands a person's request to whoever may change the state: the running coordinator, or the engine here and now."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import fields

from fleet.core import events
from fleet.core.dispatch import Placement
from fleet.core.model import Fleet
from fleet.core.rules.hosts import UNFOLLOWED
from fleet.core.step import Refused
from fleet.engine import Done, Engine
from fleet.errors import NoCoordinator, NotDone, NotKnown
from fleet.home import Home
from fleet.ports import StoreFailed
from fleet.shell import control, homelock, strays, wire
from fleet.shell.asker import Asker, Doorkeeper
from fleet.shell.long_request import CannotBeSent
from fleet.shell.stamp import stamp
from fleet.shell.traces import given_out
from fleet.store.sqlite import SqliteStore
from fleet.views.snapshot import snapshot
from workers.host import LocalHost
from workers.supervisor import read_process

STOP_S_MAX = 120.0

_CREDENTIAL = re.compile(r"(?<![A-Za-z0-9])sk-ant-[a-z]{3,}\d{2}-[A-Za-z0-9_-]{8,}")
"""Anthropic's own: `sk-ant-oat01-…`, `sk-ant-api03-…`. What merely looks like some secret is the person's matter."""

HOLDS_CREDENTIAL = (
    "it holds a credential, which would be kept in the database and sent to the model: nothing was done. "
    "Say it without; accounts take theirs by `fleet account add … --token-stdin`"
)


def submit(home: Home, event: events.Person) -> Done:
    """Carries out the request, at once if a coordinator runs. Raises NotDone, NotKnown."""
    (came,) = submit_each(home, (event,))
    if isinstance(came, NotDone):
        raise came
    return came


Came = Done | NotDone
"""What a request came to, or why it was not done."""


def submit_each(home: Home, asked: Sequence[events.Person]) -> list[Came]:
    """Carries out each request that can be done, in their order and with one commit: at once if a coordinator runs.
    Raises nothing of `NotDone`: what could not be done is among what they came to."""
    if not asked:
        return []
    request = wire.encode_all(asked)
    if _CREDENTIAL.search(wire.words(request)) is not None:
        return [NotDone(HOLDS_CREDENTIAL) for _ in asked]
    until = time.monotonic() + homelock.SHORT_COMMAND_S
    while True:
        holder = homelock.holder(home)
        try:
            if holder is None or not holder.socket:
                return _alone(home, asked)
            return _came(control.ask(holder.socket, request), len(asked))
        except control.AnswerLost as failed:
            lost = f"{failed}: it may have been done or not. Look first (fleet task list, fleet account list), and "
            return [NotKnown(f"{lost}ask again if it was not") for _ in asked]
        except CannotBeSent as failed:
            return [NotDone(str(failed)) for _ in asked]
        except (control.NobodyAnswers, homelock.HomeHeld) as failed:
            # A coordinator that is just starting or stopping: it will be the one or the other in a moment.
            if time.monotonic() > until:
                return [NotDone(str(failed)) for _ in asked]
            time.sleep(0.05)


def _came(reply: control.Reply, count: int) -> list[Came]:
    """What each of so many came to, as the one answer to all of them tells."""
    replies = reply["came"] if "came" in reply else [reply] * count
    return [_done_or_not(one) for one in replies]


def _done_or_not(reply: control.Reply) -> Came:
    try:
        return _done(reply)
    except NotDone as refused:
        return refused


def _done(reply: control.Reply) -> Done:
    if not reply.get("ok"):
        raise NotDone(str(reply.get("error") or "the coordinator refused without a reason"))
    return Done(**{part.name: tuple(reply.get(part.name) or ()) for part in fields(Done)})


def _alone(home: Home, asked: Sequence[events.Person]) -> list[Came]:
    """Without a coordinator: the state changes, and what follows from it is done by the next `fleet up`."""
    with homelock.hold(home, patience_s=homelock.SHORT_COMMAND_S):
        store = SqliteStore(home.database)
        try:
            engine = Engine(store, _nowhere)
            store.expect_whole(engine.fleet)
            refused = Doorkeeper(engine.fleet.home_id, home.runs).refusal(Asker(os.getpid()))
            if refused:
                return [NotDone(refused) for _ in asked]
            if any(isinstance(event, events.TasksAdded) for event in asked):
                engine.apply(list(given_out(home, engine.fleet, ())))
            _, came = engine.apply_each(_nobody_runs(), asked)
            return [NotDone(str(one)) if isinstance(one, Refused) else one for one in came]
        except StoreFailed as failed:
            return [NotDone(str(failed)) for _ in asked]
        finally:
            store.close()


def _nowhere(_: Fleet) -> Iterator[Placement]:
    """A rule of dispatch for when nobody runs: nothing is placed."""
    return iter(())


def _nobody_runs() -> tuple[events.Event, ...]:
    """Keeps dispatch from placing anything, here or on another host: this process ends before a worker could be
    started."""
    here = events.HostSeen(
        **stamp(),
        host="local",
        workers_max=0,
        memory_free_bytes=None,
        problem=UNFOLLOWED,
    )
    return here, events.DrainAsked(**stamp(), on=True)


def stop(home: Home, *, stop_workers: bool) -> int:
    """Asks the coordinator to stop; returns how many workers live on. Raises NoCoordinator when none runs,
    NotDone while its process, or anything that it ran but workers, still lives."""
    holder = homelock.holder(home)
    if holder is None or not holder.socket:
        raise NoCoordinator(f"no coordinator runs on {home.root}")
    try:
        reply = control.ask(holder.socket, {"kind": "stop", "stop_workers": stop_workers})
    except control.NobodyAnswers as failed:
        raise NotDone(str(failed)) from failed
    except control.AnswerLost:
        # It was asked to go away, and did so before it had answered.
        reply = {"ok": True}
    _done(reply)
    until = time.monotonic() + STOP_S_MAX
    while homelock.holder(home) is not None or _lives(holder.pid):
        if time.monotonic() > until:
            raise NotDone(
                f"the coordinator (process {holder.pid}) was asked to stop but still runs{_running(home)}"
            )
        time.sleep(0.02)
    left = _running(home)
    if left:
        raise NotDone(f"the coordinator has stopped, but something that it ran could not be ended{left}")
    return int(reply.get("workers") or 0)


def _lives(pid: int) -> bool:
    """Whether the process has not ended; one that only waits to be reaped has."""
    row = read_process(pid)
    return row is not None and not row.ended


def _running(home: Home) -> str:
    """What still runs of a coordinator's commands, in words."""
    fleet = snapshot(home)
    left = strays.left_here(LocalHost(home.runs, fleet.home_id), fleet)
    return "".join(f"\n  process {pid}: {line}" for pid, line in left.items())
