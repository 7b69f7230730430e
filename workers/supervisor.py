"""Runs one attempt's client on one host, outlives whoever asked for it, and writes down everything it says.

    python -I -S supervisor.py RUN_DIR < handover

Standard library only and one file, so that it can be sent over ssh and run by any Python from 3.9 on. Small
imports only: what is imported here is waited for by every start of a worker.

Exit status of the invoked process: 0 the run is held (by this supervisor, which goes on in the background, or
by another one); 2 the run cannot be understood (reason on standard error); 3 this attempt has run before. A run that
was abandoned before any supervisor had it (`LocalHost.abandon`) has no spec any more: then it is 2, however late.

With a secret, the handover is its length in decimal, a newline, and the secret: an asker that dies while it hands over
leaves a cut one, and then nothing is started, so that the next asker can try again.

The spool holds lines `<kind> <epoch ms> <payload>`: `o` and `e` are the client's standard output and error,
verbatim; `s` are this supervisor's own records, JSON objects with an `event`:

    started   pid, pgid, start_ticks (field 22 of /proc/PID/stat, or null), supervisor_pid
    order     id, order, done, why      the answer to an order; `say` is done when the pipe took its line
    stalled   quiet_s                   no line of standard output for `stall_s`
    deadline  ran_s                     `deadline_s` have passed since the start
    stopping  rung, cause, detail       interrupt, terminate or kill
    leftovers pids, ended               processes of the run that were still there when the client ended
    exit      code, signal, cause, detail   always the last; the run's processes are gone when it is written
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import json
import os
import resource
import select
import signal
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

VERSION = 1
MARKER = "FLEET_RUN"
INTERRUPT = b'{"type":"control_request","request_id":"fleet-stop","request":{"subtype":"interrupt"}}\n'
CHUNK_BYTES = 256 * 1024
HANDOVER_BYTES_MAX = 1024 * 1024
INPUT_QUEUE_BYTES_MAX = 16 * 1024 * 1024
DISK_RETRY_S = 0.5
ORDERS_EVERY_S = 1.0
QUICK_GRACE_S = 1.0
LEFTOVERS_GRACE_S = 1.0
LEFTOVERS_STORY_AFTER_S = 10.0
LOCK_PATIENCE_S = 15.0
PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_CHILD_SUBREAPER = 36
HELD, BAD_RUN, RAN_BEFORE = 0, 2, 3


class BadRun(Exception):
    """The run directory does not say what to run in a way that can be obeyed."""


class Spec:
    """What `spec.json` asks for. Durations are seconds; null means no limit."""

    def __init__(self, stored: dict[str, Any]) -> None:
        if stored.get("version") != VERSION:
            raise BadRun(
                "spec.json is of version %r, this supervisor reads version 1" % stored.get("version")
            )
        try:
            self.argv = [_bytes(word) for word in stored["argv"]]
            self.sandbox = [_bytes(word) for word in stored.get("sandbox", ())]
            self.cwd = _bytes(stored["cwd"])
            self.env = {_bytes(name): _bytes(value) for name, value in stored["env"].items()}
            self.secret_fd: int | None = stored["secret_fd"]
            self.first_lines = [_bytes(line) for line in stored["first_lines"]]
            self.start_s = _limit(stored["start_s"])
            self.stall_s = _limit(stored["stall_s"])
            self.deadline_s = _limit(stored["deadline_s"])
            self.interrupt_grace_s = float(stored["grace_s"]["interrupt"])
            self.terminate_grace_s = float(stored["grace_s"]["terminate"])
        except (KeyError, TypeError, ValueError, AttributeError) as broken:
            raise BadRun("spec.json: %s %s" % (type(broken).__name__, broken)) from broken
        if not self.argv or (self.secret_fd is not None and self.secret_fd < 3):
            raise BadRun("spec.json: argv must not be empty and secret_fd must be 3 or more")

    def marker(self) -> bytes | None:
        """The environment entry that every process of this run carries."""
        value = self.env.get(MARKER.encode())
        return None if value is None else MARKER.encode() + b"=" + value


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _limit(seconds: float | None) -> float:
    return float("inf") if seconds is None else float(seconds)


def read_spec(run_dir: str) -> Spec:
    path = os.path.join(run_dir, "spec.json")
    try:
        with open(path, encoding="utf-8") as file:
            stored = json.load(file)
    except (OSError, ValueError) as broken:
        raise BadRun("cannot read %s: %s" % (path, broken)) from broken
    if not isinstance(stored, dict):
        raise BadRun("%s does not hold a JSON object" % path)
    return Spec(stored)


class Spool:
    """An append-only file of whole lines. What a full disk refuses is kept and written later, never torn."""

    def __init__(self, path: str) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        self._backlog = bytearray()
        self._length = os.fstat(self._fd).st_size
        self.retry_at: float | None = None

    def has_begun(self) -> bool:
        """Whether a supervisor has recorded anything here: its first whole line is `started`, or `exit`."""
        head = os.pread(self._fd, 1 << 20, 0)
        if b"\n" in head:
            return True
        os.ftruncate(self._fd, 0)  # torn by a supervisor that died before it let its client run
        self._length = 0
        return False

    def append(self, kind: bytes, lines: list[bytes]) -> None:
        stamp = b"%b %d " % (kind, time.time_ns() // 1_000_000)
        for line in lines:
            self._backlog += stamp
            self._backlog += line
            self._backlog += b"\n"

    def note(self, event: str, **facts: object) -> None:
        self.append(b"s", [json.dumps({"event": event, **facts}).encode()])

    @property
    def blocked(self) -> bool:
        return self.retry_at is not None

    @property
    def empty(self) -> bool:
        return not self._backlog

    def flush(self, now: float) -> None:
        """Write what is waiting. An error of the disk leaves it waiting for another `DISK_RETRY_S`."""
        if self.retry_at is not None and now < self.retry_at:
            return
        try:
            if self.retry_at is not None:
                self._forget_what_arrived()
            while self._backlog:
                written = os.write(self._fd, self._backlog)
                self._length += written
                del self._backlog[:written]
        except OSError as refused:
            if self.retry_at is None:
                _log("the spool cannot be written (%s); the client waits until it can" % refused)
            self.retry_at = now + DISK_RETRY_S
        else:
            self.retry_at = None

    def _forget_what_arrived(self) -> None:
        """A write that failed may have written some: the file's length knows."""
        arrived = os.fstat(self._fd).st_size - self._length
        if arrived > 0:
            del self._backlog[:arrived]
            self._length += arrived

    def sync(self) -> bool:
        try:
            os.fsync(self._fd)
        except OSError as refused:
            _log("the spool cannot be synced: %s" % refused)
            return False
        return True


class Inlet:
    """The writing end of a pipe to the client. Never waits: what the pipe does not take is queued."""

    def __init__(self, fd: int) -> None:
        os.set_blocking(fd, False)
        self.fd = fd
        self.open = True
        self.queued_bytes = 0
        self._queue: list[tuple[memoryview, str | None]] = []
        self._closing = False

    @property
    def takes_lines(self) -> bool:
        return self.open and not self._closing

    @property
    def wants_to_write(self) -> bool:
        return self.open and bool(self._queue)

    def put(self, data: bytes | bytearray, order: str | None = None) -> None:
        self._queue.append((memoryview(data), order))
        self.queued_bytes += len(data)

    def close_when_written(self) -> None:
        self._closing = True

    def pump(self) -> list[str]:
        """Write what the pipe takes; returns the orders whose line it has now taken whole. Of a `bytearray` (a secret)
        what was written is wiped."""
        done: list[str] = []
        try:
            while self.open and self._queue:
                data, order = self._queue[0]
                written = os.write(self.fd, data)
                self.queued_bytes -= written
                if not data.readonly:
                    data[:written] = bytes(written)
                if written < len(data):
                    self._queue[0] = (data[written:], order)
                    continue
                del self._queue[0]
                if order is not None:
                    done.append(order)
        except BlockingIOError:
            return done
        except BrokenPipeError:
            self.close()
        if self._closing:
            self.close()
        return done

    def close(self) -> None:
        if self.open:
            self.open = False
            os.close(self.fd)

    def unwritten_orders(self) -> list[str]:
        return [order for _, order in self._queue if order is not None]


class Outlet:
    """One output stream of the client, cut at newlines and at nothing else."""

    def __init__(self, fd: int, kind: bytes) -> None:
        os.set_blocking(fd, False)
        self.fd = fd
        self.kind = kind
        self.open = True
        self._torn = bytearray()

    def read(self) -> list[bytes] | None:
        """The lines that one read completed, or None when there is nothing to read now."""
        try:
            chunk = os.read(self.fd, CHUNK_BYTES)
        except BlockingIOError:
            return None
        if not chunk:
            return self.close()
        head, newline, tail = chunk.rpartition(b"\n")
        if not newline:
            self._torn += chunk
            return []
        lines = (bytes(self._torn) + head).split(b"\n") if self._torn else head.split(b"\n")
        self._torn = bytearray(tail)
        return lines

    def close(self) -> list[bytes]:
        """Close the stream; what came without a last newline is a line too."""
        self.open = False
        os.close(self.fd)
        rest, self._torn = bytes(self._torn), bytearray()
        return [rest] if rest else []


class Process:
    """One row of the process table."""

    def __init__(self, pid: int, stat: bytes) -> None:
        fields = stat[stat.rindex(b")") + 2 :].split()
        self.pid = pid
        self.state = fields[0]
        self.parent = int(fields[1])
        self.group = int(fields[2])
        self.session = int(fields[3])
        self.start_ticks = int(fields[19])

    @property
    def ended(self) -> bool:
        return self.state in (b"Z", b"X")


def read_process(pid: int) -> Process | None:
    try:
        with open("/proc/%d/stat" % pid, "rb", buffering=0) as file:
            return Process(pid, file.read())
    except (FileNotFoundError, ProcessLookupError, NotADirectoryError):
        return None


def process_table() -> dict[int, Process]:
    """Every process of this host by pid; empty where there is no /proc."""
    try:
        names = os.listdir("/proc")
    except FileNotFoundError:
        return {}
    rows = (read_process(int(name)) for name in names if name.isdigit())
    return {row.pid: row for row in rows if row is not None}


def carries(pid: int, marker: bytes | None) -> bool:
    """Whether the environment this process began with holds the entry `marker`."""
    return marker is not None and marker in environment_of(pid)


def environment_of(pid: int) -> list[bytes]:
    """The entries of the environment that the process began with; none where it has ended or is another user's."""
    try:
        with open("/proc/%d/environ" % pid, "rb", buffering=0) as file:
            return file.read().split(b"\0")
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return []


def descendants(table: dict[int, Process], root: int) -> set[int]:
    children: dict[int, list[int]] = {}
    for row in table.values():
        children.setdefault(row.parent, []).append(row.pid)
    found: set[int] = set()
    waiting = [root]
    while waiting:
        young = [pid for pid in children.get(waiting.pop(), []) if pid not in found]
        found.update(young)
        waiting.extend(young)
    return found


def _signal_process(pid: int, number: int) -> bool:
    """Send the signal; False when this process may not be signalled by us."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return True


def _signal_group(group: int, number: int) -> bool:
    """Send the signal to every process of the group; False when there is none."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):  # macOS: a group of zombies gives EPERM
        return False
    return True


def signal_within(outer: int, number: int) -> None:
    """Send the signal to all that a sandbox has in its group, but for `outer`, which leads the group, and its child,
    the first process within: when one of these ends, all the others are killed, and can put nothing in order."""
    for row in process_table().values():
        if row.group == outer and outer not in (row.pid, row.parent):
            _signal_process(row.pid, number)


def _prctl(option: int, value: int) -> None:
    """Linux only; elsewhere, and where the kernel refuses, the sweep after the run is what remains."""
    try:
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)
    except (OSError, AttributeError) as missing:
        if sys.platform == "linux":
            _log("prctl(%d) is not available: %s" % (option, missing))


def forbid_looking() -> None:
    """No other process of this user may read this one's memory, and no core of it is written. A program that is
    executed later begins anew, but for the core's limit, which it may raise again."""
    _prctl(PR_SET_DUMPABLE, 0)
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    resource.setrlimit(resource.RLIMIT_CORE, (0, hard))


def _log(sentence: str) -> None:
    """To `supervisor.log`, which is on the disk that may be full: then the sentence is lost, not the run."""
    try:
        os.write(2, ("supervisor: %s\n" % sentence).encode("utf-8", "replace"))
    except OSError:
        return


def scratch_of(run_dir: str) -> str:
    """The temporary directory of a run in a sandbox."""
    return os.path.join(run_dir, "scratch")


def remove_scratch(run_dir: str) -> None:
    """For when nothing of the run is left. What cannot be removed stays: no run waits for that."""
    waiting, found = [scratch_of(run_dir)], []
    while waiting:
        folder = waiting.pop()
        found.append(folder)
        _try(os.chmod, folder, 0o700)  # before it is read
        for name in _try(os.listdir, folder) or ():
            path = os.path.join(folder, name)
            if os.path.isdir(path) and not os.path.islink(path):
                waiting.append(path)
            else:
                _try(os.unlink, path)
    for folder in reversed(found):
        _try(os.rmdir, folder)


def _try(does: Any, *words: Any) -> Any:
    try:
        return does(*words)
    except OSError:
        return None


class CannotStart(Exception):
    """The client could not be started; the text says which path was at fault."""


def find_program(spec: Spec) -> bytes:
    """The file to execute, found as a shell in `cwd` with the spec's PATH would. Raises CannotStart."""
    if not os.path.isdir(spec.cwd):
        raise CannotStart("the working directory %s does not exist" % os.fsdecode(spec.cwd))
    name = spec.argv[0]
    folders = [b""] if b"/" in name else spec.env.get(b"PATH", os.defpath.encode()).split(b":")
    candidates = [os.path.join(spec.cwd, folder, name) for folder in folders]
    for path in candidates:
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    there = [path for path in candidates if os.path.exists(path)]
    if there:
        raise CannotStart("%s is not an executable file" % os.fsdecode(there[0]))
    where = "" if b"/" in name else " on PATH %s" % os.fsdecode(b":".join(folders))
    raise CannotStart("there is no program %s%s" % (os.fsdecode(name), where))


def _pipe(above: int) -> tuple[int, int]:
    """A pipe whose ends do not collide with the descriptors that the client is given by number."""
    ends = os.pipe()
    high = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, above) for end in ends]
    for end in ends:
        os.close(end)
    return high[0], high[1]


class Client:
    """The client's process and the pipes to it. It executes its program only when it is `release`d."""

    def __init__(self, spec: Spec, secret: bytearray) -> None:
        self.program = find_program(spec)
        above = max(10, (spec.secret_fd or 0) + 1)
        stdin, stdout, stderr, self._gate, self._report = (_pipe(above) for _ in range(5))
        given = {0: stdin[0], 1: stdout[1], 2: stderr[1]}
        self.inlets = [Inlet(stdin[1])]
        if spec.secret_fd is not None:
            secret_pipe = _pipe(above)
            given[spec.secret_fd] = secret_pipe[0]
            self.inlets.append(Inlet(secret_pipe[1]))
            self.inlets[1].put(secret)
            self.inlets[1].close_when_written()
        self._status: int | None = None
        supervisor, umask_of_work = os.getpid(), os.umask(0o077)
        self.pid = os.fork()
        if self.pid == 0:
            os.umask(umask_of_work)
            self._become(spec, given, supervisor)
        for fd in (*given.values(), self._gate[0], self._report[1]):
            os.close(fd)
        self.outlets = [Outlet(stdout[0], b"o"), Outlet(stderr[0], b"e")]

    @property
    def stdin(self) -> Inlet:
        return self.inlets[0]

    def _become(self, spec: Spec, given: dict[int, int], supervisor: int) -> NoReturn:
        """In the forked process: wait for the gate, then execute the program, or report the errno and why."""
        try:
            os.setsid()
            _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            signal.set_wakeup_fd(-1)
            for number in (
                signal.SIGHUP,
                signal.SIGPIPE,
                signal.SIGTERM,
                signal.SIGINT,
                signal.SIGCHLD,
                signal.SIGXFSZ,
            ):
                signal.signal(number, signal.SIG_DFL)
            for number_given, fd in given.items():
                os.dup2(fd, number_given)
            os.close(self._gate[1])
            if os.read(self._gate[0], 1) != b"g" or os.getppid() != supervisor:
                os._exit(126)
            os.chdir(spec.cwd)
            if spec.sandbox:
                os.execve(spec.sandbox[0], [*spec.sandbox, self.program, *spec.argv[1:]], spec.env)
            os.execve(self.program, spec.argv, spec.env)
        except OSError as refused:
            os.write(self._report[1], str(refused.errno).encode())
        finally:
            os._exit(127)

    def release(self) -> None:
        """Let it execute. Raises CannotStart when the system refuses."""
        os.write(self._gate[1], b"g")
        os.close(self._gate[1])
        reported = os.read(self._report[0], 16)
        os.close(self._report[0])
        if not reported:
            return
        why = os.strerror(int(reported))
        if int(reported) == errno.ENOENT:
            why += " (the interpreter its #! line names may be missing)"
        raise CannotStart("cannot execute %s: %s" % (os.fsdecode(self.program), why))

    def has_ended(self) -> bool:
        """Whether it ended. It stays unreaped, so that its pid and group cannot become someone else's."""
        if hasattr(os, "waitid"):
            return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        if self._status is None:  # macOS before Python 3.13: nothing but reaping tells
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self._status = status if pid else None
        return self._status is not None

    def reap(self) -> tuple[int | None, int | None]:
        """(exit code, signal), one of which is None."""
        status = os.waitpid(self.pid, 0)[1] if self._status is None else self._status
        if os.WIFSIGNALED(status):
            return None, os.WTERMSIG(status)
        return os.WEXITSTATUS(status), None


class Orders:
    """The files of `orders/`, in the order of their names, each id once."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._names: set[str] = set()
        self._ids: set[str] = set()

    def next(self) -> dict[str, Any] | None:
        """The next order not seen before. A file that is none comes as an order `?` with a `why`."""
        for name in self._new_names():
            self._names.add(name)
            order = self._read(name)
            if order["id"] not in self._ids:
                self._ids.add(order["id"])
                return order
        return None

    def _new_names(self) -> list[str]:
        try:
            names = os.listdir(self._folder)
        except FileNotFoundError:
            return []
        return sorted(name for name in names if name.endswith(".json") and name not in self._names)

    def _read(self, name: str) -> dict[str, Any]:
        try:
            with open(os.path.join(self._folder, name), encoding="utf-8") as file:
                order = json.load(file)
            if isinstance(order, dict) and isinstance(order.get("id"), str):
                return order
            why = "it is not a JSON object with an id"
        except (OSError, ValueError, RecursionError) as broken:
            why = str(broken)
        return {"id": name, "order": "?", "why": "%s cannot be read as an order: %s" % (name, why)}


class Supervision:
    """One client from its start to the end of its last process."""

    def __init__(self, run_dir: str, spec: Spec, spool: Spool, client: Client) -> None:
        self._run_dir = run_dir
        self._spec = spec
        self._spool = spool
        self._client = client
        self._orders = Orders(os.path.join(run_dir, "orders"))
        self._wake = _open_wake(os.path.join(run_dir, "wake"))
        self._signals = _listen_for_signals(self._on_terminate)
        self._terminate_asked = False
        self._look_at_orders_at = 0.0
        self._began = self._quiet_since = time.monotonic()
        self._has_spoken = False
        self._rung: str | None = None
        self._rung_ends = float("inf")
        self._cause = "exited"
        self._detail: str | None = None
        self._untouchable: set[int] = set()

    def _on_terminate(self, *_: object) -> None:
        self._terminate_asked = True

    def run(self) -> None:
        self._began = self._quiet_since = time.monotonic()
        for line in self._spec.first_lines:
            self._client.stdin.put(line + b"\n")
        while not self._client.has_ended():
            self._obey()
            self._watch_the_clock()
            self._exchange(self._seconds_to_wait())
            self._reap_orphans()
        self._end_leftovers()
        self._drain()
        if self._spec.sandbox:
            remove_scratch(self._run_dir)
        self._finish()

    # What goes in and out

    def _exchange(self, seconds: float) -> None:
        """Wait at most so long for anything to happen, and move whatever can be moved without waiting."""
        poll = select.poll()
        for fd in (self._wake, self._signals):
            poll.register(fd, select.POLLIN)
        readable = [] if self._spool.blocked else [outlet for outlet in self._client.outlets if outlet.open]
        for outlet in readable:
            poll.register(outlet.fd, select.POLLIN)
        for inlet in self._client.inlets:
            if inlet.wants_to_write:
                poll.register(inlet.fd, select.POLLOUT)
        ready = {fd for fd, _ in poll.poll(max(0.0, seconds) * 1000)}
        for outlet in readable:
            if outlet.fd in ready:
                self._hear(outlet)
        for inlet in self._client.inlets:
            self._answer(inlet.pump(), done=True)
        if self._wake in ready and _empty(self._wake):
            self._look_at_orders_at = 0.0
        if self._signals in ready:
            _empty(self._signals)
        self._spool.flush(time.monotonic())

    def _hear(self, outlet: Outlet) -> bool:
        """Take one read's worth of lines; False when there was nothing."""
        lines = outlet.read()
        if lines:
            self._spool.append(outlet.kind, lines)
            self._has_spoken = True
            if outlet.kind == b"o":
                self._quiet_since = time.monotonic()
        return lines is not None

    def _answer(self, ids: list[str], done: bool, why: str | None = None, order: str = "say") -> None:
        for order_id in ids:
            self._spool.note("order", id=order_id, order=order, done=done, why=why)
            if self._has_spoken and done:
                self._quiet_since = time.monotonic()  # it was just given something to do

    def _seconds_to_wait(self) -> float:
        now = time.monotonic()
        moments = [self._look_at_orders_at, self._rung_ends, self._began + self._spec.deadline_s]
        moments.append(self._quiet_since + (self._spec.stall_s if self._has_spoken else self._spec.start_s))
        if self._spool.retry_at is not None:
            return max(0.0, min(self._spool.retry_at, self._rung_ends, self._look_at_orders_at) - now)
        if self._rung is not None:
            moments = moments[:2]
        return max(0.0, min(moments) - now)

    # Orders

    def _obey(self) -> None:
        if self._terminate_asked:
            self._terminate_asked = False
            self._stop("stopped", "the supervisor was told to terminate", quick=False)
        now = time.monotonic()
        if now < self._look_at_orders_at:
            return
        self._look_at_orders_at = now + ORDERS_EVERY_S
        while self._client.stdin.queued_bytes < INPUT_QUEUE_BYTES_MAX:
            order = self._orders.next()
            if order is None:
                return
            self._carry_out(order)

    def _carry_out(self, order: dict[str, Any]) -> None:
        kind, order_id, why = str(order.get("order")), order["id"], None
        if kind == "say":
            why = self._say(order)
            if why is None:
                return
        elif kind == "close":
            self._close()
        elif kind == "stop":
            self._stop("stopped", order.get("cause"), quick=bool(order.get("quick")))
        else:
            why = order.get("why") or "there is no order %r; there are say, close and stop" % kind
        self._answer([order_id], done=why is None, why=why, order=kind)

    def _say(self, order: dict[str, Any]) -> str | None:
        """Queue the line; returns why not. The answer follows when the pipe has taken it."""
        line = order.get("line")
        if not isinstance(line, str) or "\n" in line:
            return "`line` must be one line of text"
        if not self._client.stdin.takes_lines:
            return "the client's input is closed"
        self._client.stdin.put(_bytes(line) + b"\n", order["id"])
        return None

    def _close(self) -> None:
        self._client.stdin.close_when_written()
        if self._rung is None:
            self._rung = "close"
            self._rung_ends = time.monotonic() + self._spec.interrupt_grace_s
            self._cause = "exited"

    # The ladder

    def _watch_the_clock(self) -> None:
        now = time.monotonic()
        if self._spool.blocked:
            self._quiet_since = now  # silent because nobody listens: not the client's fault
        if now >= self._rung_ends:
            self._climb(now)
        if self._rung not in (None, "close"):
            return
        quiet_s, ran_s = now - self._quiet_since, now - self._began
        if ran_s >= self._spec.deadline_s:
            self._spool.note("deadline", ran_s=round(ran_s, 3))
            self._stop("deadline", "it ran for %.0f s" % ran_s, quick=False)
        elif not self._has_spoken and quiet_s >= self._spec.start_s:
            self._stop("start_timeout", "no output in the first %.0f s" % quiet_s, quick=False)
        elif self._has_spoken and quiet_s >= self._spec.stall_s and self._rung is None:
            self._spool.note("stalled", quiet_s=round(quiet_s, 3))
            self._stop("stalled", "no output for %.0f s" % quiet_s, quick=False)

    def _stop(self, cause: str, detail: str | None, quick: bool) -> None:
        """Step on the ladder. On it already: the first cause stays, and `quick` only hurries."""
        now = time.monotonic()
        if self._rung in (None, "close"):
            self._cause, self._detail = cause, detail
            self._step("terminate" if quick else "interrupt", QUICK_GRACE_S if quick else None, now)
        elif quick and self._rung == "interrupt":
            self._step("terminate", QUICK_GRACE_S, now)
        elif quick:
            self._rung_ends = min(self._rung_ends, now + QUICK_GRACE_S)

    def _climb(self, now: float) -> None:
        if self._rung == "close":
            self._cause, self._detail = "stopped", "still running after its input was closed"
        self._step("kill" if self._rung == "terminate" else "terminate", None, now)

    def _step(self, rung: str, grace_s: float | None, now: float) -> None:
        self._rung = rung
        self._spool.note("stopping", rung=rung, cause=self._cause, detail=self._detail)
        if rung == "interrupt":
            self._interrupt()
            self._rung_ends = now + (self._spec.interrupt_grace_s if grace_s is None else grace_s)
        elif rung == "terminate":
            self._signal(signal.SIGTERM)
            self._rung_ends = now + (self._spec.terminate_grace_s if grace_s is None else grace_s)
        else:
            _signal_group(self._client.pid, signal.SIGKILL)
            self._rung_ends = float("inf")

    def _interrupt(self) -> None:
        stdin = self._client.stdin
        if stdin.takes_lines:
            stdin.put(INTERRUPT)
            stdin.close_when_written()
        elif self._spec.sandbox:
            signal_within(self._client.pid, signal.SIGINT)
        else:
            _signal_process(self._client.pid, signal.SIGINT)

    def _signal(self, number: int) -> None:
        """To all of the client's group."""
        if self._spec.sandbox:
            signal_within(self._client.pid, number)
        else:
            _signal_group(self._client.pid, number)

    # The end

    def _reap_orphans(self) -> None:
        """Orphans of the run come to us (we are their subreaper) and would stay as zombies for hours."""
        if not hasattr(os, "waitid"):
            return
        while True:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if ended is None or ended.si_pid == self._client.pid:
                return
            os.waitpid(ended.si_pid, 0)

    def _leftovers(self) -> set[int]:
        """The run's living processes: the client's group and session, our descendants, marker carriers."""
        me, client = os.getpid(), self._client.pid
        table = process_table()
        if not table:
            return {-client} if _signal_group(client, 0) else set()  # no /proc: minus means the whole group
        ours = descendants(table, me)
        for pid in [pid for pid in ours if table[pid].ended and table[pid].parent == me and pid != client]:
            os.waitpid(pid, os.WNOHANG)
        marker = self._spec.marker()
        return {
            row.pid
            for row in table.values()
            if not row.ended
            and row.pid not in (me, client)
            and row.pid not in self._untouchable
            and (row.pid in ours or client in (row.group, row.session) or carries(row.pid, marker))
        }

    def _end_leftovers(self) -> None:
        now = time.monotonic()
        kill_at, story_at, pause_s = now + LEFTOVERS_GRACE_S, now + LEFTOVERS_STORY_AFTER_S, 0.002
        told: set[int] = set()
        while True:
            left = self._leftovers()
            if not left:
                break
            now = time.monotonic()
            for pid in left if now >= kill_at else left - told:
                if not _signal_process(pid, signal.SIGKILL if now >= kill_at else signal.SIGTERM):
                    self._untouchable.add(pid)
            told |= left
            if now >= story_at:
                self._spool.note("leftovers", pids=sorted(left), ended=False)
                story_at = float("inf")
            self._exchange(pause_s)
            pause_s = min(0.1, pause_s * 2)
        if told:
            self._spool.note("leftovers", pids=sorted(told), ended=not self._untouchable)

    def _drain(self) -> None:
        """What the client said before it ended may still be in its pipes."""
        for outlet in self._client.outlets:
            while outlet.open:
                if self._spool.blocked:
                    self._exchange(DISK_RETRY_S)
                elif not self._hear(outlet):
                    self._spool.append(outlet.kind, outlet.close())
                self._spool.flush(time.monotonic())
        for inlet in self._client.inlets:
            inlet.close()

    def _finish(self) -> None:
        ended = "the client has ended"
        self._answer(self._client.stdin.unwritten_orders(), done=False, why=ended)
        order = self._orders.next()
        while order is not None:
            self._answer([order["id"]], done=False, why=ended, order=str(order.get("order")))
            order = self._orders.next()
        code, number = self._client.reap()
        record_exit(self._spool, code, number, self._cause, self._detail)


def record_exit(spool: Spool, code: int | None, number: int | None, cause: str, detail: str | None) -> None:
    """Write the last record and return when it is on the disk."""
    spool.note("exit", code=code, signal=number, cause=cause, detail=detail)
    spool.flush(time.monotonic())
    while not spool.empty:
        time.sleep(DISK_RETRY_S)
        spool.flush(time.monotonic())
    for _ in range(3):
        if spool.sync():
            return
        time.sleep(DISK_RETRY_S)


def _open_wake(path: str) -> int:
    if not os.path.exists(path):
        os.mkfifo(path, 0o600)
    # For writing too, so that it never reports that its last writer left.
    return os.open(path, os.O_RDWR | os.O_NONBLOCK)


def _listen_for_signals(on_terminate: Any) -> int:
    """A descriptor that becomes readable with each signal."""
    reading, writing = os.pipe()
    for end in (reading, writing):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGTERM, on_terminate)
    signal.signal(signal.SIGINT, on_terminate)
    return reading


def _empty(fd: int) -> bool:
    try:
        return bool(os.read(fd, 4096))
    except BlockingIOError:
        return False


def supervise(run_dir: str, spec: Spec, spool: Spool, secret: bytearray) -> None:
    """Run the client to its end. Its start is recorded before it happens, so that it never happens twice."""
    _prctl(PR_SET_CHILD_SUBREAPER, 1)
    try:
        if spec.sandbox:
            os.makedirs(scratch_of(run_dir), mode=0o700, exist_ok=True)
        client = Client(spec, secret)
    except (CannotStart, OSError) as why:
        record_exit(spool, None, None, "cannot_start", str(why))
        return
    row = read_process(client.pid)
    ticks = None if row is None else row.start_ticks
    spool.note("started", pid=client.pid, pgid=client.pid, start_ticks=ticks, supervisor_pid=os.getpid())
    supervision = Supervision(run_dir, spec, spool, client)
    spool.flush(time.monotonic())
    while not spool.empty:
        time.sleep(DISK_RETRY_S)
        spool.flush(time.monotonic())
    try:
        client.release()
    except CannotStart as why:
        client.reap()
        record_exit(spool, None, None, "cannot_start", str(why))
        return
    spool.sync()
    supervision.run()


def take_lock(run_dir: str) -> bool:
    """Hold the run for the life of this process and its fork; False when another supervisor does. Raises BadRun."""
    return take_patiently(os.open(os.path.join(run_dir, "lock"), os.O_RDWR | os.O_CREAT, 0o600))


def take_patiently(fd: int) -> bool:
    """Lock the file of a run; False when a supervisor holds it.

    Who only looks whether one lives shares the lock for a moment, which on a busy machine may be long. That is waited
    for: nobody would supervise the run if we left. Raises BadRun when it takes too long.
    """
    patience_ends = time.monotonic() + LOCK_PATIENCE_S
    while not _flock(fd, fcntl.LOCK_EX):
        if not _flock(fd, fcntl.LOCK_SH):
            return False
        fcntl.flock(fd, fcntl.LOCK_UN)
        if time.monotonic() > patience_ends:
            raise BadRun("its lock is not free: somebody has been looking at it for %.0f s" % LOCK_PATIENCE_S)
        time.sleep(0.005)
    return True


def _flock(fd: int, how: int) -> bool:
    try:
        fcntl.flock(fd, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def read_handover(fd: int) -> bytearray:
    """The secret, whole, in memory that can be wiped. Raises BadRun for one that was cut off."""
    taken, end = bytearray(HANDOVER_BYTES_MAX), 0
    while True:
        count = os.readv(fd, [memoryview(taken)[end:]])
        if not count:
            break
        end += count
    newline = taken.find(b"\n", 0, end)
    length = bytes(taken[: max(newline, 0)])
    secret = taken[newline + 1 : end]
    taken[:end] = bytes(end)
    if not length.isdigit() or int(length) != len(secret):
        raise BadRun("the secret was not handed over whole: whoever asked for this run died meanwhile")
    return secret


def detach(log: int) -> bool:
    """Go on in the background, out of reach of terminal and asker. False in the process to be left."""
    if os.fork():
        return False
    os.setsid()
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    nothing = os.open(os.devnull, os.O_RDWR)
    for number, fd in enumerate((nothing, nothing, log)):
        os.dup2(fd, number, inheritable=False)
        os.set_inheritable(number, False)
    os.chdir("/")
    return True


def main(run_dir: str) -> int:
    run_dir = os.path.abspath(run_dir)
    try:
        if not take_lock(run_dir):
            return HELD
        spool = Spool(os.path.join(run_dir, "spool"))
        if spool.has_begun():
            return RAN_BEFORE
        spec = read_spec(run_dir)
        log = os.open(os.path.join(run_dir, "supervisor.log"), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        forbid_looking()
        secret = bytearray() if spec.secret_fd is None else read_handover(0)
    except (OSError, BadRun) as why:
        _log("%s cannot be supervised: %s" % (run_dir, why))
        return BAD_RUN
    if detach(log):
        supervise(run_dir, spec, spool, secret)
    return HELD


if __name__ == "__main__":
    if len(sys.argv) != 2:
        _log("usage: supervisor.py RUN_DIR")
        sys.exit(BAD_RUN)
    sys.exit(main(sys.argv[1]))
