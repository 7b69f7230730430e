"""Proves of a client that it obeys the pins: it is let loose in a repository that tries everything. Travels.

Asked once for each client and each text of this package; what was proved is remembered in a directory of the home's (a
host has its own). That a client failed is remembered by this process alone, and not for long.
"""

from __future__ import annotations

import hashlib
import json
import os
import pkgutil
import signal
import subprocess
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from workers import processes
from workers.pinned import bait
from workers.pinned.pins import MANAGED, pin
from workers.pinned.servers import Server, serving
from workers.supervisor import MARKER

PATIENCE_S = 120.0
"""It takes three seconds on an idle machine."""

REFUSED_S = 300.0
"""A client that failed is tried again after so long, or when its file has changed: the machine may have been busy."""

_one_at_a_time = threading.Lock()
_found_amiss: dict[str, tuple[float, str]] = {}
_FD = 7
_SOURCES = ("bait.py", "pins.py", "proof.py", "servers.py")
_MESSAGE = json.dumps({"type": "user", "message": {"role": "user", "content": "Go on."}}).encode() + b"\n"
Pinned = Callable[[Mapping[str, str]], Sequence[str]]


class ClientRefused(Exception):
    """The client does what a repository tells it, or could not be tried: nothing may start with it. The message says
    what it did, and what to do."""


def prove(client: Path, version: str, memory: Path) -> None:
    """Tries `client` unless it is remembered in the directory `memory` that it was tried and obeyed. Blocks for a few
    seconds the first time; may be called by several at once. Raises ClientRefused, OSError."""
    key = _key(client, version)
    note = memory / f"{key}.json"
    if note.exists():
        return
    with _one_at_a_time:
        if not note.exists():
            _refuse(client, version, _amiss(key, client))
            _remember(note, client, version)


def _amiss(key: str, client: Path) -> str:
    """As `examine`, but what was found amiss a short while ago is so still: each start of a worker asks."""
    until, story = _found_amiss.get(key, (0.0, ""))
    if time.monotonic() >= until:
        story = examine(client)
        _found_amiss[key] = (time.monotonic() + REFUSED_S, story)
    return story


def _refuse(client: Path, version: str, amiss: str) -> None:
    if amiss:
        raise ClientRefused(
            f"the client {client} (version {version}) cannot be trusted with a repository: {amiss}. Nothing is started "
            "with it. Name one of another version (FLEET_CLIENT; for a host: fleet host add … --client), then "
            "fleet doctor"
        )


def _remember(note: Path, client: Path, version: str) -> None:
    note.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = note.with_name(f".{note.name}.{uuid.uuid4().hex}")
    draft.write_text(json.dumps({"client": str(client), "version": version}), encoding="utf-8")
    draft.replace(note)


def examine(client: Path, pinned: Pinned = pin) -> str:
    """What it did that it must not do, or did not do that it must; empty when it obeys the pins. `pinned` makes the
    arguments of an environment. Both as a worker with a token runs, and with nothing but the pins."""
    with ThreadPoolExecutor(2) as at_once:
        return next(filter(None, at_once.map(lambda more: _loose(client, pinned, more), (MANAGED, {}))), "")


def _loose(client: Path, pinned: Pinned, more: Mapping[str, str]) -> str:
    with tempfile.TemporaryDirectory(prefix="fleet-canary-") as scratch:
        root = Path(scratch).resolve()
        with serving(Server(answers=True)) as asked, serving(Server(answers=False)) as stranger:
            bait.lay_out(root / "repo", root / "config", root / "marks", stranger.address)
            env = _environment(root, asked.address)
            said = _run([str(client), *_WORDS, *pinned(env)], root / "repo", {**env, **more})
            return _judge(asked, stranger, root / "marks", said)


_WORDS = (
    *(
        "-p",
        "--input-format",
        "stream-json",
        "--output-format",
        "stream-json",
        "--verbose",
        "--model",
        "sonnet",
    ),
    *("--permission-mode", "acceptEdits", "--allowedTools=Bash", "--allowedTools=Skill"),
)


def _environment(root: Path, address: str) -> dict[str, str]:
    """What else wants out, to the client's maker say, is held back at the proxy."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(root),
        "TMPDIR": str(root),
        "CLAUDE_CONFIG_DIR": str(root / "config"),
        "ANTHROPIC_BASE_URL": address,
        **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY"), address),
        "NO_PROXY": "127.0.0.1",
        "CLAUDE_CODE_OAUTH_TOKEN_FILE_DESCRIPTOR": str(_FD),
        "CLAUDE_CODE_MAX_RETRIES": "1",
        "DISABLE_AUTOUPDATER": "1",
        "DISABLE_TELEMETRY": "1",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        MARKER: f"canary-{uuid.uuid4().hex}",
    }


def _run(argv: Sequence[str], cwd: Path, env: Mapping[str, str]) -> str:
    """What it said last. The shell moves the credential, which nobody has, to its descriptor."""
    shell = ["/bin/sh", "-c", f'exec {_FD}<"$1"; shift; exec "$@"', "sh", str(cwd.parent / "token"), *argv]
    (cwd.parent / "token").write_text("canary-token", encoding="utf-8")
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            shell,
            cwd=cwd,
            env=dict(env),
            stdin=subprocess.PIPE,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
        try:
            process.communicate(_MESSAGE, timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            return f"it did not end within {PATIENCE_S:g} s"
        finally:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            processes.sweep(env[MARKER], spool_path=None)
        said.seek(0)
        lines = said.read().decode("utf-8", "replace").strip().splitlines()
    return _shown(lines[-1]) if lines else "it said nothing"


def _shown(line: str) -> str:
    """Of a result its words."""
    try:
        said = json.loads(line)
    except ValueError:
        said = None
    result = said.get("result") if isinstance(said, dict) else None
    return (result if isinstance(result, str) else line)[:300]


def _judge(asked: Server, stranger: Server, marks: Path, said: str) -> str:
    if stranger.asked:
        return f"it asked the server that a repository names ({stranger.asked[0][0].partition('?')[0]})"
    ran = sorted(mark.name for mark in marks.iterdir())
    if ran:
        return f"it ran commands of a repository ({', '.join(ran)})"
    turns = asked.turns()
    if not turns:
        return f"it did not ask the server that it was given ({said})"
    missing = [what for what, word in bait.WORDS.items() if word.encode() not in turns[0]]
    if missing:
        return f"it does not read a repository's {', '.join(missing)} any more"
    if not any(b"toolu_1" in turn for turn in turns):
        return f"it did not do what it was asked ({said})"
    return ""


def _key(client: Path, version: str) -> str:
    """Changes with the client's file, as an update in place changes it, and with what is proved."""
    real = client.resolve()
    stat = real.stat()
    of_the_client = [str(client), str(real), version, stat.st_size, stat.st_mtime_ns, stat.st_ino]
    return hashlib.sha256(json.dumps([of_the_client, _text_of_the_proof()]).encode()).hexdigest()[:32]


@lru_cache(maxsize=1)
def _text_of_the_proof() -> str:
    """By the package's loader: on a host it is a zip archive."""
    whole = hashlib.sha256()
    for name in _SOURCES:
        source = pkgutil.get_data("workers.pinned", name)
        assert source is not None
        whole.update(source)
    return whole.hexdigest()
