"""Runs and their supervisors, as `LocalHost` has them. Travels."""

from __future__ import annotations

from pathlib import Path

from workers import processes
from workers.far.ops import Answer, Args, Here, Op
from workers.host import NAME, RunElsewhere
from workers.pinned.proof import ClientRefused, prove
from workers.worktree.deleting import delete


def launch(here: Here, args: Args, blob: bytes) -> Answer:
    """{attempt, spec: text, has_secret} and the secret → {}. Raises LaunchFailed, NotItsTurn, RunElsewhere."""
    with here.turn.held():
        for other, machine in here.host.elsewhere().items():
            raise RunElsewhere(
                f"{other} was launched on {machine}, which shares this directory: nothing was started"
            )
        here.host.launch_text(args["attempt"], args["spec"], blob if args["has_secret"] else None)
    return Answer({})


def take_turn(here: Here, _: Args, __: bytes) -> Answer:
    """{} → {turn}: from now on no other far end of this directory starts anything."""
    return Answer({"turn": here.turn.take()})


def abandon(here: Here, args: Args, _: bytes) -> Answer:
    """{attempt} → {abandoned}: whether no supervisor has it, nor ever will."""
    return Answer({"abandoned": here.host.abandon(args["attempt"])})


def drop_runs(here: Here, args: Args, _: bytes) -> Answer:
    """{task} → {dropped: [attempt]}: the run directories of its attempts that no supervisor holds are removed."""
    found = [path.name for path in here.directory.runs.glob(f"{args['task']}.*") if NAME.fullmatch(path.name)]
    gone = [a for a in sorted(found) if here.host.abandon(a) or not here.host.alive(a)]
    for attempt in gone:
        delete(here.host.run_dir(attempt))
    return Answer({"dropped": gone})


def order(here: Here, args: Args, _: bytes) -> Answer:
    """{attempt, order_id, text} → {found}: whether there is such a run."""
    try:
        here.host.order_text(args["attempt"], args["order_id"], args["text"])
    except FileNotFoundError:
        if here.host.run_dir(args["attempt"]).exists():
            raise
        return Answer({"found": False})
    return Answer({"found": True})


def alive(here: Here, args: Args, _: bytes) -> Answer:
    """{attempts} → {alive: [attempt], sizes: {attempt: bytes}}: the spools of the others, which grow no more."""
    living = [attempt for attempt in args["attempts"] if here.host.alive(attempt)]
    dead = [attempt for attempt in args["attempts"] if attempt not in living]
    return Answer({"alive": living, "sizes": {attempt: _spool_size(here, attempt) for attempt in dead}})


def _spool_size(here: Here, attempt: str) -> int:
    try:
        return (here.host.run_dir(attempt) / "spool").stat().st_size
    except FileNotFoundError:
        return 0


def started(here: Here, args: Args, _: bytes) -> Answer:
    """{attempt} → {started}: whether a supervisor has recorded anything."""
    return Answer({"started": here.host.has_started(args["attempt"])})


def spec(here: Here, args: Args, _: bytes) -> Answer:
    """{attempt} → {spec: the text of its spec.json, or null}."""
    try:
        text = (here.host.run_dir(args["attempt"]) / "spec.json").read_text(encoding="utf-8")
    except FileNotFoundError:
        return Answer({"spec": None})
    return Answer({"spec": text})


def sweep(here: Here, args: Args, _: bytes) -> Answer:
    """{attempt} → {pids} that were ended. Raises RunHeld, ProcessesRemain."""
    return Answer({"pids": list(here.host.sweep(args["attempt"]))})


def sweep_marker(_: Here, args: Args, __: bytes) -> Answer:
    """{marker} → {pids} that were ended, of whatever carries this FLEET_RUN. Raises ProcessesRemain."""
    return Answer({"pids": list(processes.sweep(args["marker"], spool_path=None))})


def runs(here: Here, _: Args, __: bytes) -> Answer:
    """{} → {attempts}: all that have ever run here and have not been cleared away."""
    return Answer({"attempts": sorted(here.host.there())})


def living(here: Here, _: Args, __: bytes) -> Answer:
    """{} → {attempts} that have a supervisor."""
    return Answer({"attempts": sorted(here.host.living())})


def prove_client(here: Here, args: Args, _: bytes) -> Answer:
    """{path, version} → {refused: what it did that it must not, with what to do, or null}"""
    try:
        prove(Path(args["path"]), args["version"], here.directory.client_proofs)
    except ClientRefused as failed:
        return Answer({"refused": str(failed)})
    return Answer({"refused": None})


OPS: dict[str, Op] = {
    "prove_client": prove_client,
    "take_turn": take_turn,
    "launch": launch,
    "abandon": abandon,
    "drop_runs": drop_runs,
    "order": order,
    "alive": alive,
    "started": started,
    "spec": spec,
    "sweep": sweep,
    "sweep_marker": sweep_marker,
    "runs": runs,
    "living": living,
}
