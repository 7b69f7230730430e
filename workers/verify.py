"""The gate: commands that must all succeed in a worktree before its work may land. In doubt it stays shut."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from workers.command import Ended, raise_if_machines, run_shell

LINE_BYTES_MAX = 1_000_000


@dataclass(frozen=True)
class Verdict:
    """What the gate says. When it is shut, `command` is the one that shut it and `code` how that ended:
    negative for a signal, None when it never started. `duration_s` is the time of all that ran, in seconds. `tree` is
    the one it is about, and `noticed` tells what lay beside it; both are empty for commands that merely ran. `denied`
    is what the sandbox kept that command from, a sentence each. `asked_for` are ignored files that the command names,
    with which alone it opens: see `worktree/asked_for`.
    """

    ok: bool
    command: str | None
    code: int | None
    output_tail: str
    duration_s: float
    tree: str = ""
    noticed: str = ""
    asked_for: Sequence[str] = ()
    denied: Sequence[str] = ()


def verify(
    commands: Sequence[str],
    cwd: Path,
    env: Mapping[str, str],
    timeout_s: float,
    log_path: Path | None = None,
    hide: Callable[[str], str] | None = None,
) -> Verdict:
    """Run the commands one after another, each in `sh -c` with `timeout_s` seconds of its own, until one does
    not succeed.

    `env` (the marker FLEET_RUN, the ports) is added to this process's environment. No commands: the gate is
    open. All of the output is appended to `log_path`, each line as `hide` gives it. Raises OSError when the log
    cannot be written, or the machine is in trouble: then nothing was decided.
    """
    duration_s = 0.0
    tail = ""
    with _Log(log_path, hide) if log_path else nullcontext() as log:
        for command in commands:
            ended = _run_logged(command, cwd, env, timeout_s, log)
            duration_s += ended.duration_s
            tail = _explained(ended, command, timeout_s)
            if ended.timed_out or ended.code != 0:
                raise_if_machines(ended.tail, cwd)
                return Verdict(False, command, ended.code, tail, duration_s, denied=ended.denied)
    return Verdict(True, None, 0, tail, duration_s)


class _Log:
    """A file of lines, each as `hide` gives it: a line is written once it is whole, or grows beyond all bounds."""

    def __init__(self, path: Path, hide: Callable[[str], str] | None) -> None:
        self._file = path.open("ab")
        self._hide = hide
        self._torn = b""

    def __enter__(self) -> _Log:
        return self

    def __exit__(self, *_: object) -> None:
        with self._file:
            self.flush()

    def write(self, data: bytes) -> None:
        whole, newline, self._torn = (self._torn + data).rpartition(b"\n")
        self._write(whole + newline)
        if len(self._torn) > LINE_BYTES_MAX:
            self.flush()

    def flush(self) -> None:
        self._write(self._torn)
        self._torn = b""
        self._file.flush()

    def _write(self, data: bytes) -> None:
        if data and self._hide is not None:
            data = self._hide(data.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
        self._file.write(data)


def _run_logged(command: str, cwd: Path, env: Mapping[str, str], timeout_s: float, log: _Log | None) -> Ended:
    if log is not None:
        log.write(f"$ {command}\n".encode())
        log.flush()
    ended = run_shell(command, cwd=cwd, env=env, timeout_s=timeout_s, log=log)
    if log is not None:
        log.flush()
    return ended


def _explained(ended: Ended, command: str, timeout_s: float) -> str:
    """The output, and after it why it counts as a failure when the output alone does not show that."""
    reason = None
    if ended.timed_out:
        reason = f"it was stopped after {timeout_s:g} s"
    elif ended.code == 127:
        reason = "a command was not found (127)"
    elif ended.code is not None and ended.code < 0:
        reason = f"it was ended by signal {-ended.code}"
    if reason is None:
        return ended.tail
    return f"{ended.tail.rstrip()}\n[{command}: {reason}]".lstrip()
