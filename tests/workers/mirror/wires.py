"""A host within reach as a link gives it, but on this machine: its far end over pipes, channels to a shell here, both
counted, the channels with a knife."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import Lock, Thread
from typing import Any

from tests.workers.remote.far_process import Far
from workers.far.ops import Answer
from workers.remote import answers
from workers.remote.away import NotToBeTrusted
from workers.remote.disk_space import Intake


class Wires:
    """Asks `far`, and opens channels.

    `asked` are the operations, and `answered` the bytes that their answers brought. `opened` is how many channels,
    `sent` and `received` how many bytes went over them. A channel on which more than `cut_after` bytes went in one
    direction breaks.
    """

    name = "there"
    git_settings = "/dev/null"
    bubblewrap = ""

    def __init__(self, far: Far | None = None) -> None:
        self._far, self._lock = far, Lock()
        self.asked: list[str] = []
        self.answered = 0
        self.opened = self.sent = self.received = 0
        self.cut_after: int | None = None

    def call(self, op: str, args: Mapping[str, Any], blob: bytes = b"", *, timeout_s: float = 60.0) -> Answer:
        assert self._far is not None
        with self._lock:
            self.asked.append(op)
            frame = self._far.answer(self._far.ask(op, blob, **args))
        self.answered += len(frame.blob)
        return answers.read(op, args, frame.header["ok"], frame.blob)

    def distrust(self, what: str) -> NotToBeTrusted:
        return NotToBeTrusted(self.name, what)

    @contextmanager
    def channel(self, command: str, intake: Intake) -> Iterator[socket.socket]:
        self.opened += 1
        ours, inner = socket.socketpair()
        outer, theirs = socket.socketpair()
        process = subprocess.Popen(
            ["sh", "-c", command], stdin=theirs.fileno(), stdout=theirs.fileno(), stderr=subprocess.DEVNULL
        )
        theirs.close()
        to = Thread(target=self._pump, args=(inner, outer, "sent", intake))
        fro = Thread(target=self._pump, args=(outer, inner, "received", intake))
        to.start()
        fro.start()
        try:
            yield ours
        finally:
            ours.close()
            to.join()
            process.wait()
            fro.join()
            inner.close()
            outer.close()

    def _pump(self, source: socket.socket, sink: socket.socket, counter: str, intake: Intake) -> None:
        left = self.cut_after
        try:
            while data := source.recv(65536 if left is None else min(65536, max(left, 1))):
                if counter == "sent":
                    intake.answered()
                elif not intake.allows(len(data)):
                    _break(source, sink)
                    return
                if left is not None:
                    left -= len(data)
                    if left < 0:
                        _break(source, sink)
                        return
                sink.sendall(data)
                setattr(self, counter, getattr(self, counter) + len(data))
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            _break(source, sink)


def _break(*ends: socket.socket) -> None:
    for end in ends:
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            continue
