"""The border to a host: the one place where what it sends becomes values that home uses.

A host may be in other hands, so its answers are input from a stranger. Each operation has a shape: which fields, of
which types and sizes, and how they go with what was asked. What does not fit is no answer but a broken rule
(`Foreign`), since both ends are of one version. That a value fits does not make it true: a host may lie about the work
it was given.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, ValidationError

from workers.far.errors import from_header
from workers.far.ops import Answer
from workers.far.ops.sessions import READ_BYTES_MAX
from workers.far.watching import PUSH_BYTES_MAX
from workers.histories import FILES_MAX, HISTORY_BYTES_MAX, ForeignPath, parts_of
from workers.port_blocks import PORTS_END, PORTS_FIRST, PORTS_PER_WORKTREE

HEADER_BYTES_MAX = 16_000_000
BLOB_BYTES_MAX = READ_BYTES_MAX
SPOOL_BYTES_MAX = 4 * 1024**3
WORDS_MAX = 4_096
STORY_MAX = 1_000_000
NAMES_MAX = 10_000
SHOWN_MAX = 200
_BAD_SURROGATE = re.compile("[\ud800-\udc7f\udd00-\udfff]")

Args = Mapping[str, Any]


class Foreign(Exception):
    """What came is no answer; the message says what it was, in printable ASCII."""


def shown(value: object) -> str:
    """What a stranger sent, for a person: short, and nothing in it that a terminal obeys."""
    text = ascii(value)
    return text if len(text) <= SHOWN_MAX else f"{text[:SHOWN_MAX]}..."


def _text(most: int, value: object) -> str:
    """Bytes of the host's that are no UTF-8 come as lone surrogates (PEP 383), which pydantic takes for no text; no
    others may."""
    if not isinstance(value, str) or len(value) > most or "\0" in value or _BAD_SURROGATE.search(value):
        raise ValueError(f"no text of at most {most} characters")
    return value


def _path(value: object) -> str:
    text = _text(WORDS_MAX, value)
    if not text.startswith("/") or ".." in text.split("/"):
        raise ValueError("no absolute path")
    return text


Word = Annotated[str, PlainValidator(partial(_text, WORDS_MAX))]
Story = Annotated[str, PlainValidator(partial(_text, STORY_MAX))]
Place = Annotated[str, PlainValidator(_path)]
Oid = Annotated[str, Field(pattern=r"^([0-9a-f]{40}|[0-9a-f]{64})$")]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Attempt = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")]
Version = Annotated[str, Field(pattern=r"^[0-9]{1,6}\.[0-9]{1,6}\.[0-9]{1,6}$")]
Bytes = Annotated[int, Field(ge=0, lt=1 << 60)]
Nanoseconds = Annotated[int, Field(ge=0, lt=1 << 63)]
Code = Annotated[int, Field(ge=-(1 << 31), lt=1 << 31)]
Pid = Annotated[int, Field(gt=0, lt=1 << 31)]
Length = Annotated[int, Field(ge=0, le=READ_BYTES_MAX)]
Quantity = Annotated[float, Field(ge=0, lt=1e12, allow_inf_nan=False)]
Seconds = Annotated[float, Field(gt=-1e12, lt=1e12, allow_inf_nan=False)]
Attempts = Annotated[list[Attempt], Field(max_length=NAMES_MAX)]


class _Said(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Nothing(_Said):
    pass


class Now(_Said):
    now_ns: Nanoseconds


class Client(_Said):
    path: Place
    version: Version
    flags: Annotated[list[Annotated[str, Field(pattern=r"^--[a-z][a-z-]{0,100}$")]], Field(max_length=1_000)]


class Sandbox(_Said):
    program: Place | None = None
    why: Word | None = None
    cure: Word | None = None


class Facts(_Said):
    dir: Place
    python: Word
    git: Version | None
    git_lfs: Version | None
    git_trouble: Story | None
    client: Client | None
    client_trouble: Story | None
    path: Story
    home: Word | None
    user: Word
    shell: Word | None
    cores: Annotated[int, Field(ge=1, le=100_000)]
    file_system: Word | None
    network_file_system: bool
    boot_id: Word | None
    kernel: Word
    kills_at_logout: bool
    memory_total_bytes: Bytes | None
    memory_free_bytes: Bytes | None
    load1: Quantity
    disk_free_bytes: Bytes
    write_ms: Quantity | None
    unwritable: Word | None
    now_ns: Nanoseconds
    environ: Annotated[dict[Word, Story], Field(max_length=NAMES_MAX)]
    sandbox: Sandbox
    machine: Word | None = None
    seen_from: Annotated[list[Word], Field(max_length=NAMES_MAX)] = []
    elsewhere: Annotated[dict[Attempt, Word], Field(max_length=NAMES_MAX)] = {}


class Refused(_Said):
    refused: Story


class Turn(_Said):
    turn: Annotated[int, Field(ge=1, lt=1 << 60)]


class Found(_Said):
    found: bool


class Alive(_Said):
    alive: Attempts
    sizes: Annotated[dict[Attempt, Bytes], Field(max_length=NAMES_MAX)]


class Started(_Said):
    started: bool


class Abandoned(_Said):
    abandoned: bool


class Spec(_Said):
    spec: Story | None


class Pids(_Said):
    pids: Annotated[list[Pid], Field(max_length=100_000)]


class Dropped(_Said):
    dropped: Attempts


class Listed(_Said):
    attempts: Attempts


class Standing(_Said):
    path: Place
    task: Attempt
    mirror: Attempt | None
    branch: Word | None


class Worktrees(_Said):
    worktrees: Annotated[list[Standing], Field(max_length=NAMES_MAX)]


class Made(_Said):
    branch: Word
    base_commit: Oid
    setup_output: Story


class Ready(_Said):
    made: Made | None


class Prepared(Made):
    launched: Story | None
    named: Annotated[list[Word], Field(max_length=NAMES_MAX)]
    sandbox: Annotated[list[Word], Field(max_length=NAMES_MAX)]


class Proved(_Said):
    refused: Story | None


class Committed(_Said):
    commit: Oid | None
    head: Oid
    remade: bool
    ignored: Word
    noticed: Word


class Hung(_Said):
    told: Word


class Snapshot(_Said):
    head: Oid
    branch: Word | None
    branch_tip: Oid | None
    kept: Oid | None


class Preserved(_Said):
    commit: Oid | None


class Removed(_Said):
    preserved: Oid | None
    kept_at: Place | None
    branch: Word | None
    branch_tip: Oid | None


class Verdict(_Said):
    ok: bool
    command: Story | None
    code: Code | None
    output_tail: Story
    duration_s: Quantity
    tree: Oid
    noticed: Story
    asked_for: Annotated[list[Word], Field(max_length=NAMES_MAX)]
    denied: Annotated[list[Story], Field(max_length=NAMES_MAX)]


class Ports(_Said):
    first: Annotated[int, Field(ge=PORTS_FIRST, lt=PORTS_END, multiple_of=PORTS_PER_WORKTREE)] | None


class Mirror(_Said):
    path: Place
    made: bool


class Head(_Said):
    head: Oid


class Refs(_Said):
    refs: Annotated[dict[Word, Oid], Field(max_length=200_000)]


class Missing(_Said):
    missing: Annotated[list[Digest], Field(max_length=1_000_000)]


class Size(_Said):
    size: Bytes


FileSize = Annotated[int, Field(ge=0, le=HISTORY_BYTES_MAX)]
About = tuple[FileSize, Digest, Seconds]


class Files(_Said):
    # A list in JSON: strict pydantic takes no list for a tuple.
    files: Annotated[dict[Word, Annotated[About, Field(strict=False)]], Field(max_length=FILES_MAX)]


class Part(_Said):
    path: Word
    offset: FileSize
    length: Length


class Parts(_Said):
    parts: Annotated[list[Part], Field(max_length=FILES_MAX)]


# --- how an answer goes with what was asked ---


def _only(asked: object, said: object, what: str) -> None:
    if isinstance(asked, (list, tuple, dict)) and isinstance(said, (list, dict)):
        strange = sorted(set(said) - set(asked))
        if strange:
            raise Foreign(f"{what} {shown(strange[0])}, which it was not asked about")


def _of_those_asked(args: Args, said: Alive) -> None:
    _only(args["attempts"], [*said.alive, *said.sizes], "attempt")
    if set(said.alive) & set(said.sizes):
        raise Foreign("an attempt that lives and does not")


def _of_that_task(args: Args, said: Dropped) -> None:
    strange = [name for name in said.dropped if not name.startswith(f"{args['task']}.")]
    if strange:
        raise Foreign(f"attempt {shown(strange[0])}, which is not of task {args['task']}")


def _of_those_commands(args: Args, said: Verdict) -> None:
    if said.command is not None and said.command not in (*args["commands"], *args["setup"]):
        raise Foreign(f"verification command {shown(said.command)}, which it was not asked to run")
    if said.ok and (said.command is not None or said.code != 0):
        raise Foreign("a verification that went well and did not")


def _that_mirror(args: Args, said: Mirror) -> None:
    if not said.path.endswith(f"/mirrors/{args['name']}.git"):
        raise Foreign(f"mirror {shown(said.path)}, not that of {args['name']}")


def _of_those_files(args: Args, said: Missing) -> None:
    _only(args["oids"], said.missing, "large file")


def _of_that_session(args: Args, said: Files) -> None:
    """Side files lie beside a transcript that there is."""
    places = {_parts(args, path)[0] for path in said.files if path.count("/") == 1}
    lone = next((path for path in said.files if _parts(args, path)[0] not in places), None)
    if lone is not None:
        raise Foreign(f"file {shown(lone)} without a transcript")
    if sum(size for size, _, _ in said.files.values()) > HISTORY_BYTES_MAX:
        raise Foreign(f"a session of more than {HISTORY_BYTES_MAX >> 20} MB")


def _parts(args: Args, path: str) -> tuple[str, ...]:
    try:
        return parts_of(args["session_id"], path)
    except ForeignPath as foreign:
        raise Foreign(f"a path that is not its own: {foreign}") from foreign


def _of_those_parts(args: Args, said: Parts) -> None:
    paths = [part.path for part in said.parts]
    _only(args["files"], paths, "file")
    if len(set(paths)) < len(paths) or any(part.offset != args["files"][part.path] for part in said.parts):
        raise Foreign("parts of a session that were not asked for")


def _any(args: Args, said: Any) -> None:
    return


@dataclass(frozen=True)
class Shape:
    """What an operation answers. `fits` raises Foreign for what does not go with the arguments; `blob` says how many
    bytes may come with it, of what was asked and said."""

    model: type[_Said]
    fits: Callable[[Args, Any], None] = _any
    blob: Callable[[Args, Any], range] = lambda args, said: range(1)


SHAPES: dict[str, Shape] = {
    "ping": Shape(Now),
    "probe": Shape(Facts),
    "watch": Shape(Nothing),
    "forget": Shape(Nothing),
    "took": Shape(Nothing),
    "take_turn": Shape(Turn),
    "launch": Shape(Nothing),
    "abandon": Shape(Abandoned),
    "drop_runs": Shape(Dropped, _of_that_task),
    "order": Shape(Found),
    "alive": Shape(Alive, _of_those_asked),
    "started": Shape(Started),
    "prove_client": Shape(Proved),
    "spec": Shape(Spec),
    "sweep": Shape(Pids),
    "sweep_marker": Shape(Pids),
    "runs": Shape(Listed),
    "living": Shape(Listed),
    "worktrees": Shape(Worktrees),
    "ready": Shape(Ready),
    "prepare": Shape(Prepared),
    "commit": Shape(Committed),
    "hang_again": Shape(Hung),
    "ports": Shape(Ports),
    "snapshot": Shape(Snapshot),
    "preserve": Shape(Preserved),
    "remove": Shape(Removed),
    "verify": Shape(Verdict, _of_those_commands),
    "mirror": Shape(Mirror, _that_mirror),
    "mirror_config": Shape(Nothing),
    "refs": Shape(Refs),
    "dry_run_work": Shape(Head),
    "dry_run_end": Shape(Nothing),
    "lfs_have": Shape(Missing, _of_those_files),
    "lfs_put": Shape(Size),
    "lfs_get": Shape(Size, blob=lambda args, said: _full(args, said)),
    "session_have": Shape(Files, _of_that_session),
    "session_read": Shape(Parts, _of_those_parts, lambda args, said: _exactly(said)),
    "session_write": Shape(Nothing),
}
"""Of every operation that home may ask for (`workers.far.serving`)."""


def _exactly(said: Parts) -> range:
    length = sum(part.length for part in said.parts)
    return range(length, length + 1)


def _full(args: Args, said: Size) -> range:
    """A piece is as long as it can be: by bytes a large file would come for ever."""
    length = max(0, min(args["length"], said.size - args["offset"]))
    return range(length, length + 1)


def read(op: str, args: Args, values: object, blob: bytes) -> Answer:
    """The answer to an operation. Raises Foreign."""
    shape = SHAPES[op]
    said = _validated(shape.model, values, f"an answer to {op!r}")
    shape.fits(args, said)
    if len(blob) not in shape.blob(args, said) or len(blob) > BLOB_BYTES_MAX:
        raise Foreign(f"{len(blob)} bytes with an answer to {op!r}")
    assert isinstance(values, dict)  # its model says so; nothing in it was converted
    return Answer(values, blob)


def read_greeting(values: object) -> dict[str, Any]:
    """The facts that a far end begins with, or `{"refused": story}`. Raises Foreign."""
    refuses = isinstance(values, dict) and "refused" in values
    _validated(Refused if refuses else Facts, values, "a greeting")
    assert isinstance(values, dict)
    return values


# --- what else comes ---


class SpoolPush(_Said):
    push: Literal["spool"]
    attempt: Attempt
    start: Annotated[int, Field(ge=0, le=SPOOL_BYTES_MAX)]


class ReplacedPush(_Said):
    push: Literal["replaced"]
    attempt: Attempt
    story: Story


def read_push(header: Mapping[str, Any], blob: bytes) -> SpoolPush | ReplacedPush:
    """What was sent unasked. Raises Foreign."""
    model = ReplacedPush if header.get("push") == "replaced" else SpoolPush
    pushed: SpoolPush | ReplacedPush = _validated(model, header, "a push")
    if isinstance(pushed, SpoolPush) != bool(blob) or len(blob) > PUSH_BYTES_MAX:
        raise Foreign(f"{len(blob)} bytes of a spool at once")
    return pushed


class Failed(_Said):
    kind: Word
    story: Story
    of_the_host: bool


class GitFailed(Failed):
    command: Annotated[list[Story], Field(max_length=NAMES_MAX)]
    directory: Word
    code: Code
    stderr: Story


class SetupFailed(Failed):
    command: Story
    code: Code | None
    tail: Story
    timed_out: bool


class HookRefused(Failed):
    output: Story


class OsFailed(Failed):
    errno: Annotated[int, Field(ge=0, lt=1 << 16)] | None
    strerror: Story | None
    filename: Word | None


_FAILED: dict[str, type[Failed]] = {
    "GitFailed": GitFailed,
    "SetupFailed": SetupFailed,
    "HookRefused": HookRefused,
    "OSError": OsFailed,
}


def read_error(op: str, crossed: object, blob: bytes) -> Exception:
    """What failed there, to be raised here. Raises Foreign."""
    kind = crossed.get("kind") if isinstance(crossed, dict) else None
    model = _FAILED.get(kind, Failed) if isinstance(kind, str) else Failed
    _validated(model, crossed, f"a failure of {op!r}")
    if blob:
        raise Foreign(f"{len(blob)} bytes with a failure of {op!r}")
    assert isinstance(crossed, dict)
    return from_header(crossed)


def _validated(model: type[_Said], values: object, what: str) -> Any:
    try:
        return model.model_validate(values)
    except ValidationError as failed:
        first = failed.errors(include_url=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        at = f" at {shown(where)}" if where else ""
        raise Foreign(f"{what} that is none{at}: {shown(first['input'])}") from None
