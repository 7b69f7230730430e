"""Channels to a shell of this machine, as a link gives them to one of another: with a count, and a knife."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread


class Wires:
    """Opens channels. `sent` and `received` count their bytes, `opened` counts them; a channel of which more than
    `cut_after` bytes went in one direction breaks."""

    name = "there"

    def __init__(self) -> None:
        self.opened = self.sent = self.received = 0
        self.cut_after: int | None = None

    @contextmanager
    def channel(self, command: str) -> Iterator[socket.socket]:
        self.opened += 1
        ours, inner = socket.socketpair()
        outer, theirs = socket.socketpair()
        process = subprocess.Popen(
            ["sh", "-c", command], stdin=theirs, stdout=theirs, stderr=subprocess.DEVNULL
        )
        theirs.close()
        to = Thread(target=self._pump, args=(inner, outer, "sent"))
        fro = Thread(target=self._pump, args=(outer, inner, "received"))
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

    def _pump(self, source: socket.socket, sink: socket.socket, counter: str) -> None:
        left = self.cut_after
        try:
            while data := source.recv(65536 if left is None else min(65536, max(left, 1))):
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
