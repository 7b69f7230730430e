"""Puts a coordinator together and runs it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import anyio

from fleet import streams
from fleet.core.model import Fleet
from fleet.engine import Engine
from fleet.errors import NotDone
from fleet.home import Home
from fleet.planning import plan
from fleet.protection.forecaster import HomeForecaster
from fleet.service.clients import proved_client
from fleet.shell import cleaning, control, homelock, places, strays, traces
from fleet.shell.agreed import Agreed
from fleet.shell.asker import Asker, Doorkeeper
from fleet.shell.cells import Cells, SandboxAsked, find_rooms
from fleet.shell.coordinator import Coordinator
from fleet.shell.feed import Feed
from fleet.shell.finishing import Finisher
from fleet.shell.hosts.all import Hosts
from fleet.shell.hosts.connecting import Connecting
from fleet.shell.hosts.local import LocalDriver
from fleet.shell.hosts.monitor import HostLimits
from fleet.shell.login_reader import ClientReader
from fleet.shell.logs import Format, Level, open_log
from fleet.shell.performing import Performer
from fleet.shell.proving import ClientProver
from fleet.shell.stamp import WALL
from fleet.shell.starting import Limits, Starter
from fleet.shell.veil import Veil, VeiledSecrets
from fleet.shell.waiting_for_keyring import KeyringReader
from fleet.store.errors import StoreUnreadable
from fleet.store.sqlite import SqliteStore
from fleet.views.changes import Changes, event
from fleet.views.outcome import Outcome
from profiles.secrets import Secrets, open_secrets
from workers import children
from workers.host import LocalHost, RunHeld
from workers.processes import ProcessesRemain
from workers.sandbox.confined import all_confined
from workers.sandbox.rooms import Rooms

STRANGERS_SHOWN = 5
"""Of the worktrees of tasks that are not known, in the line that tells of them."""


@dataclass(frozen=True, slots=True)
class UpOptions:
    workers_max: int = 8
    until_idle: bool = False
    log_format: Format | None = None
    log_level: Level = "info"
    limits: Limits = field(default_factory=Limits)
    host_limits: HostLimits = field(default_factory=HostLimits)
    protect_by_forecast: bool = True
    """Read the transcripts and forecast. The demo does not: it has no business with the history of who watches it."""
    heeds_load: bool = True
    """Start nothing on a machine that is overloaded. The demo does: its model is a script, so its workers rest."""
    sandbox: SandboxAsked = "auto"


def up(home: Home, options: UpOptions, environ: Mapping[str, str], secrets: Secrets | None = None) -> Outcome:
    """Runs the coordinator until it is stopped (or idle, when asked); returns what came of the tasks.

    Raises NotDone when it cannot be started: the home is held, there is no client, the database cannot be used.
    """
    client = proved_client(home, environ)
    if shutil.which("git", path=environ.get("PATH")) is None:
        raise NotDone("there is no git on the PATH: install git 2.34 or newer, e.g. apt install git")
    rooms = _rooms(home, options.sandbox, environ)
    without = rooms if isinstance(rooms, str) else ""
    try:
        held = homelock.hold(
            home,
            str(control.socket_path(home)),
            patience_s=homelock.SHORT_COMMAND_S,
            sandbox=without or "bubblewrap",
        )
        with held, _store(home) as store:
            engine = taken_up(store)
            found = engine.fleet
            refused = Doorkeeper(found.home_id, home.runs).refusal(Asker(os.getpid()))
            if refused:
                raise NotDone(refused)
            veil = Veil(home.veil)
            opened = secrets or open_secrets(engine.fleet.home_id, home.root, environ)
            veiled = VeiledSecrets(opened, veil)
            home_id = engine.fleet.home_id
            cells = None
            if isinstance(rooms, Rooms):
                cells = Cells(rooms, lambda name: engine.fleet.projects.get(name))
            here = LocalDriver(home, home_id, LocalHost(home.runs, home_id), client, environ, cells=cells)
            hosts = Hosts(here, Connecting(home, home_id, lambda: engine.fleet, options.sandbox).driver)
            starter = Starter(hosts, home_id, veiled, home.runs, options.limits)
            finisher = Finisher(
                home, home_id, hosts, lambda: veiled.seen(_kept_secrets(engine.fleet)), veil.hide, cells=cells
            )
            coordinator = _coordinator(home, options, environ, engine, starter, finisher, hosts, veil)
            coordinator.log.info(
                f"coordinator {os.getpid()} on {home.root}, client {client.version}",
                type="coordinator.started",
                data={"pid": os.getpid(), "client": client.version},
            )
            if without:
                tell = coordinator.log.info if options.sandbox == "none" else coordinator.log.warning
                tell(f"workers run without a sandbox: {without}")
            home.runs.mkdir(mode=0o700, exist_ok=True)
            _end_strays(coordinator, here.runs)
            _tell_of_strangers(coordinator, home)
            with (
                children.together() as ours,
                children.marked(places.home_git_marker(home_id)),
                all_confined(None if cells is None else cells.rooms),
            ):
                try:
                    _run(coordinator)
                finally:
                    opened.end()
                    ours.end()
            _end_strays(coordinator, here.runs)
            living = hosts.living(engine.fleet)
            stopped = {"type": "coordinator.stopped", "data": {"workers": living}}
            coordinator.log.info(f"coordinator stopped{_living(living)}", **stopped)
            return Outcome(found, engine.fleet)
    except homelock.HomeHeld as failed:
        raise NotDone(str(failed)) from failed


def taken_up(store: SqliteStore) -> Engine:
    """The engine on a store that was found sound first: a coordinator builds on all of it. Raises StoreUnreadable."""
    store.check()
    engine = Engine(store)
    store.expect_whole(engine.fleet)
    return engine


def _rooms(home: Home, asked: SandboxAsked, environ: Mapping[str, str]) -> Rooms | str:
    """The sandbox, or why there is none. Raises NotDone where it was asked for and there is none."""
    if asked == "none":
        return "as asked for by --sandbox none"
    found = find_rooms(home, environ)
    if isinstance(found, Rooms):
        return found
    if asked == "bwrap":
        raise NotDone(f"there is no sandbox: {found.why}. {found.cure}; or leave out --sandbox bwrap")
    return f"{found.why}. {found.cure}"


def _kept_secrets(fleet: Fleet) -> list[str]:
    """The accounts whose credential Fleet keeps, not their client."""
    kept = (a for a in fleet.accounts.values() if a.secret and not a.login and a.state != "removed")
    return [account.name for account in kept]


def _coordinator(
    home: Home,
    options: UpOptions,
    environ: Mapping[str, str],
    engine: Engine,
    starter: Starter,
    finisher: Finisher,
    hosts: Hosts,
    veil: Veil,
) -> Coordinator:
    return Coordinator(
        engine=engine,
        performer=Performer(starter, finisher, WALL),
        hosts=hosts,
        agreed=Agreed(home.agreed),
        runs=home.runs,
        socket=control.socket_path(home),
        clock=WALL,
        feed=Feed(engine.fleet, engine.revision, Changes(), event, WALL),
        log=open_log(options.log_format, veil, streams.err(), options.log_level),
        workers_max=options.workers_max,
        host_limits=options.host_limits,
        until_idle=options.until_idle,
        heeds_load=options.heeds_load,
        planner=plan,
        forecaster=HomeForecaster(home, environ) if options.protect_by_forecast else None,
        login_reader=ClientReader(home, starter.home_id, hosts.here.client, environ),
        credentials=KeyringReader(starter.secrets),
        prover=ClientProver(home, starter.home_id, hosts.here.client, environ, starter.secrets),
        traces=lambda fleet: traces.newer(home, fleet),
        cleaner=lambda fleet: cleaning.by_itself(home, fleet, WALL.now_ms()),
        veil=veil,
    )


def _run(coordinator: Coordinator) -> None:
    """Raises NotDone when the database turned out to be unreadable on the way, or there was no memory left to go on:
    the workers live on meanwhile."""
    try:
        anyio.run(coordinator.run)
    except BaseExceptionGroup as group:
        expected, rest = group.split((StoreUnreadable, MemoryError))
        if expected is None or rest is not None:
            raise
        raise NotDone(_ended_by(expected)) from group


def _ended_by(group: BaseExceptionGroup[BaseException]) -> str:
    unreadable: BaseException | None = group.subgroup(StoreUnreadable)
    while isinstance(unreadable, BaseExceptionGroup):
        unreadable = unreadable.exceptions[0]
    if unreadable is not None:
        return str(unreadable)
    return (
        "there was no memory left for the coordinator: end something that uses much, or raise its limit (`ulimit -v`). "
        "Workers live on; the next `fleet up` adopts them"
    )


@contextmanager
def _store(home: Home) -> Iterator[SqliteStore]:
    store = SqliteStore(home.database)
    try:
        yield store
    finally:
        store.close()


def _end_strays(coordinator: Coordinator, runs: LocalHost) -> None:
    """Before a coordinator begins anything, and once it has stopped, nothing of its home runs here but its workers:
    git, verifications, and the setup commands of a worktree that is being made, are run again by the next one."""
    try:
        for ended in strays.end_here(runs, coordinator.engine.fleet):
            coordinator.log.warning(ended)
    except (RunHeld, ProcessesRemain, OSError) as failed:
        coordinator.log.error(f"something of this home that is no worker's may still be running: {failed}")


def _tell_of_strangers(coordinator: Coordinator, home: Home) -> None:
    found = traces.strangers(home, coordinator.engine.fleet)
    more = f", and {len(found) - STRANGERS_SHOWN} more," if len(found) > STRANGERS_SHOWN else ""
    if found:
        coordinator.log.warning(
            f"{', '.join(map(str, found[:STRANGERS_SHOWN]))}{more} are worktrees of tasks that this database does not "
            "know, as after a backup was restored: they are left as they are. When you have taken what you need of "
            "one: git worktree remove PATH"
        )


def _living(workers: int) -> str:
    if not workers:
        return ""
    go_on = "1 worker goes on" if workers == 1 else f"{workers} workers go on"
    return f"; {go_on}, the next `fleet up` adopts them"
