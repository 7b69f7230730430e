"""Asking an account's client about its windows while no worker runs: no prompt, so no tokens."""

from __future__ import annotations

import os
import select
import subprocess
import time
from collections.abc import Iterator, Mapping, Set
from contextlib import suppress
from pathlib import Path
from typing import IO

from workers import processes
from workers.client.listen.messages import ControlReply, Json, Malformed
from workers.client.listen.stream import read
from workers.client.listen.windows import WindowReading
from workers.client.probe.usage import NoUsage, read_usage
from workers.client.words import get_usage
from workers.pinned.files import named
from workers.pinned.pins import PinsContradicted, pinned
from workers.supervisor import MARKER

ANSWER_S_MAX = 20.0
"""It takes half a second; the client gives the endpoint five, and a login that has to be renewed takes a while."""

END_S = 2.0
"""A client whose input is closed has ended after 0.03 s (measured)."""

_REQUEST = "usage"
_SILENCED = "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC"
"""With it the client does not fetch usage either, and says so nowhere."""

_CALM = ("--safe-mode", "--no-session-persistence")
"""No hooks, plugins, servers of the account's own settings, and no transcript: only a question is asked."""


def ask_usage(
    client: Path, known_flags: Set[str], env: Mapping[str, str], cwd: Path, timeout_s: float = ANSWER_S_MAX
) -> tuple[WindowReading, ...]:
    """The windows of the account whose login is kept in the CLAUDE_CONFIG_DIR of `env`, a worker's environment with its
    FLEET_RUN. The client asks api.anthropic.com, wherever the Messages API is spoken. Blocks for half a second,
    `timeout_s` at most, and ends what it has started.

    Raises NoUsage; ProcessesRemain when something could not be ended.
    """
    argv = [str(client), "-p", "--input-format", "stream-json", "--output-format", "stream-json", "--verbose"]
    argv += [flag for flag in _CALM if flag in known_flags]
    try:
        talkative = {name: value for name, value in env.items() if name != _SILENCED}
        kept = pinned(talkative, named(cwd, Path(env["CLAUDE_CONFIG_DIR"])), own_login=True)
    except (PinsContradicted, OSError) as failed:
        raise NoUsage(str(failed)) from failed
    try:
        process = subprocess.Popen(
            [*argv, *kept.arguments],
            cwd=cwd,
            env=kept.env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        raise NoUsage(f"the client {client} could not be started: {error.strerror}") from error
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        try:
            return read_usage(_ask(process.stdin, process.stdout, timeout_s))
        finally:
            _end(process, process.stdin, env[MARKER])


def _ask(said_to: IO[bytes], said: IO[bytes], timeout_s: float) -> Json:
    with suppress(BrokenPipeError):  # it has ended already: then that is the story
        said_to.write(get_usage(_REQUEST) + b"\n")
        said_to.flush()
    last = b""
    for payload in _lines(said.fileno(), time.monotonic() + timeout_s):
        line = read(payload)
        if isinstance(line, ControlReply) and line.request_id == _REQUEST:
            if not line.ok:
                raise NoUsage(f"the client cannot tell usage ({line.error}): is it too old? Update it")
            return line.response
        last = payload if isinstance(line, Malformed) else last
    why = f": {last.decode(errors='replace').strip()[:200]}" if last.strip() else ""
    raise NoUsage(f"the client gave no answer within {timeout_s:g} s, or ended before{why}")


def _lines(fd: int, until_s: float) -> Iterator[bytes]:
    """Whole lines, until the output ends or the time is over."""
    ready = select.poll()
    ready.register(fd, select.POLLIN)
    rest = b""
    while (left_s := until_s - time.monotonic()) > 0 and ready.poll(left_s * 1000):
        chunk = os.read(fd, 65536)
        if not chunk:
            break
        *whole, rest = (rest + chunk).split(b"\n")
        yield from whole
    if rest:
        yield rest


def _end(process: subprocess.Popen[bytes], said_to: IO[bytes], run_marker: str) -> None:
    """Closes its input, which ends it; what has not ended after a while is terminated, and killed a second later."""
    with suppress(BrokenPipeError):
        said_to.close()
    with suppress(subprocess.TimeoutExpired):
        process.wait(END_S)
    try:
        processes.sweep(run_marker, spool_path=None)
    finally:
        process.kill()  # where there is no /proc to find it in
