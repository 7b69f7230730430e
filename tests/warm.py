"""The `fleet` command for tests whose subject is not how it starts: a process of its own, begun warm.

Nearly all that a short command costs is importing Fleet, a second on a processor, and the tests run thousands. So for
each process of tests there is one that has imported it; for a command it forks. The child has the command's own words,
environment, directory and descriptors, and ends as `python -m fleet.cli` does, but that it leaves its memory to the
system. Variables that Python, the C library or the loader read at their start are those of the process that forks:
there is one for each set of them.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import pkgutil
import select
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, NoReturn

ROOT = Path(__file__).resolve().parent.parent

READ_LATE = (
    "ANTHROPIC_",
    "CLAUDE_",
    "FLEET_",
    "GIT_",
    "HOME",
    "PATH",
    "PYTHON_KEYRING_BACKEND",
    "TMPDIR",
    "TZ",
    "XDG_",
)
"""Names, or their beginnings, of what is only read once a command runs: it may differ from command to command."""


# --- the tests' side ---


class Warm:
    """A process that has imported Fleet and forks for each command, with these variables from its start."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._control, theirs = socket.socketpair()
        # numpy starts threads unless it is told; a process that forks has only one.
        environment = {"PATH": os.environ["PATH"], "OPENBLAS_NUM_THREADS": "1", **variables}
        command = [sys.executable, "-m", "tests.warm", str(theirs.fileno())]
        self._process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()]
        )
        theirs.close()
        atexit.register(self.close)

    def close(self) -> None:
        """Ends it; commands that still run go on."""
        self._control.close()
        self._process.wait()

    def begin(self, asked: Mapping[str, Any], descriptors: Sequence[int]) -> tuple[int, socket.socket]:
        """The process id of the new command, and what its exit code will come by."""
        ours, theirs = socket.socketpair()
        with theirs:
            socket.send_fds(self._control, [b"+"], [theirs.fileno(), *descriptors])
        ours.sendall(json.dumps(asked).encode() + b"\n")
        pid = int(ours.makefile("rb", buffering=0).readline() or -1)
        assert pid > 0, f"the warm process ended with {self._process.poll()}"
        return pid, ours


class Begun:
    """A command that runs, to be asked and ended like a subprocess.Popen."""

    def __init__(self, args: Sequence[str], pid: int, told: socket.socket) -> None:
        self.args, self.pid, self._told = list(args), pid, told
        self.returncode: int | None = None

    def poll(self) -> int | None:
        return self._ended(0)

    def wait(self, timeout: float | None = None) -> int:
        """Raises subprocess.TimeoutExpired."""
        code = self._ended(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0.0)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _ended(self, patience_s: float | None) -> int | None:
        if self.returncode is None and select.select([self._told], [], [], patience_s)[0]:
            with self._told:
                self.returncode = int(self._told.makefile("rb").readline())
        return self.returncode


_warm: dict[tuple[tuple[str, str], ...], Warm] = {}


def run_fleet(
    words: Sequence[str], env: Mapping[str, str], cwd: Path, stdin: str | IO[bytes], timeout_s: float
) -> subprocess.CompletedProcess[str]:
    """As subprocess.run of `python -m fleet.cli`. `stdin` is what it reads there, or the file that it reads. Raises
    subprocess.TimeoutExpired, and the process is killed."""
    (in_read, in_write), (out_read, out_write), (err_read, err_write) = os.pipe(), os.pipe(), os.pipe()
    reads = in_read if isinstance(stdin, str) else stdin.fileno()
    begun = begin_fleet(words, env, cwd, (reads, out_write, err_write))
    for theirs in (in_read, out_write, err_write):
        os.close(theirs)
    too_late = threading.Event()

    def end() -> None:
        too_late.set()
        os.kill(begun.pid, signal.SIGKILL)

    watch = threading.Timer(timeout_s, end)
    watch.start()
    with ThreadPoolExecutor(2) as beside:
        beside.submit(_feed, in_write, stdin if isinstance(stdin, str) else "")
        err = beside.submit(_drain, err_read)
        out = _drain(out_read)
        code = begun.wait()
        watch.cancel()
    if too_late.is_set():
        raise subprocess.TimeoutExpired(begun.args, timeout_s, out, err.result())
    return subprocess.CompletedProcess(begun.args, code, out, err.result())


def begin_fleet(words: Sequence[str], env: Mapping[str, str], cwd: Path, descriptors: Sequence[int]) -> Begun:
    """As subprocess.Popen of `python -m fleet.cli`, with these descriptors as its standard ones."""
    early = tuple(sorted((name, value) for name, value in env.items() if not name.startswith(READ_LATE)))
    if early not in _warm:
        _warm[early] = Warm(dict(early))
    command = [sys.executable, "-m", "fleet.cli", *words]
    # A process begins, all the same.
    sys.audit("subprocess.Popen", sys.executable, command, str(cwd), dict(env))
    ignored = [number for number in signal.valid_signals() if signal.getsignal(number) is signal.SIG_IGN]
    asked = {"words": list(words), "env": dict(env), "cwd": str(cwd), "ignored": ignored}
    return Begun(command, *_warm[early].begin(asked, descriptors))


def _feed(descriptor: int, text: str) -> None:
    with suppress(BrokenPipeError), os.fdopen(descriptor, "w", encoding="utf-8") as pipe:
        pipe.write(text)


def _drain(descriptor: int) -> str:
    with os.fdopen(descriptor, "r", encoding="utf-8") as pipe:
        return pipe.read()


# --- the warm process's side ---


def serve(control: socket.socket) -> None:
    """Forks for each command that is asked for, until the tests end. Returns in each fork: that is the command."""
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    running: dict[int, socket.socket] = {}
    looks = selectors.DefaultSelector()
    looks.register(control, selectors.EVENT_READ)
    looks.register(woken, selectors.EVENT_READ)
    gc.freeze()  # what all share is not written to
    while True:
        for key, _ in looks.select():
            if key.fileobj is not control:
                os.read(woken, 1024)
                _tell_ended(running)
                continue
            asked, received, _, _ = socket.recv_fds(control, 1, 4)
            if not asked:
                sys.exit()
            teller = socket.socket(fileno=received[0])
            request = json.loads(teller.makefile("rb").readline())
            pid = os.fork()
            if pid == 0:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                looks.close()
                for ours in (control, teller, *running.values()):
                    ours.close()
                os.close(woken)
                os.close(wake)
                become(request, received[1:])
                return
            for descriptor in received[1:]:
                os.close(descriptor)
            running[pid] = teller
            with suppress(BrokenPipeError):
                teller.sendall(f"{pid}\n".encode())


def _tell_ended(running: dict[int, socket.socket]) -> None:
    while running:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        with suppress(BrokenPipeError), running.pop(pid) as teller:
            teller.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())


def become(request: Mapping[str, Any], descriptors: Sequence[int]) -> None:
    """Makes this process what Python is when it begins `-m fleet.cli` with these words."""
    for standard, descriptor in enumerate(descriptors):
        os.dup2(descriptor, standard)
        os.close(descriptor)
    os.environ.clear()
    os.environ.update(request["env"])
    time.tzset()
    os.chdir(request["cwd"])
    for number in request["ignored"]:  # as under nohup
        signal.signal(number, signal.SIG_IGN)
    sys.argv = [str(ROOT / "fleet" / "cli" / "__main__.py"), *request["words"]]
    sys.stdin = _stream(0, "r", sys.stdin, -1)
    sys.stdout = _stream(1, "w", sys.stdout, 1 if os.isatty(1) else -1)
    sys.stderr = _stream(2, "w", sys.stderr, 1)


def _stream(descriptor: int, mode: str, like: Any, buffering: int) -> Any:
    return open(descriptor, mode, buffering, encoding=like.encoding, errors=like.errors, closefd=False)


def leave(code: int) -> NoReturn:
    """Ends this process with what Python does at its end, but for one thing: it does not take apart, object by object,
    all that was imported. In a fork that copies each page of it, and takes twice as long as a short command."""
    threading._shutdown()  # type: ignore[attr-defined]  # waits for threads that are not daemons
    atexit._run_exitfuncs()
    gc.collect()  # what was left open in a circle is remarked
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code)


def import_all() -> None:
    """All that a command may import of ours, and the libraries that this brings along."""
    for room in ("fleet", "workers", "profiles"):
        package = importlib.import_module(room)
        for module in pkgutil.walk_packages(package.__path__, f"{room}."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)


if __name__ == "__main__":
    import_all()
    serve(socket.socket(fileno=int(sys.argv[1])))
    from fleet.cli import main

    leave(main())
