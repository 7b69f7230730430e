"""A stand-in for a running coordinator, with the real lock and a real socket."""

from __future__ import annotations

import socket
import threading

from fleet.home import Home
from fleet.shell import homelock


class Answering:
    """A coordinator that takes one request, answers with these bytes, and is gone."""

    def __init__(self, home: Home, answer: bytes) -> None:
        self._path = home.root / "s"
        self._answer = answer
        self.taken = 0
        home.make()
        self._hold = homelock.hold(home, str(self._path))

    def __enter__(self) -> Answering:
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(self._path))
        self._listener.listen()
        self._hold.__enter__()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        return self

    def _serve(self) -> None:
        connection, _ = self._listener.accept()
        with connection:
            connection.makefile("rb").readline()
            self.taken += 1
            connection.sendall(self._answer)
        self._hold.__exit__(None, None, None)

    def __exit__(self, *_: object) -> None:
        self._thread.join()
        self._listener.close()
