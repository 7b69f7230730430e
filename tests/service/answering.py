"""A stand-in for a running coordinator: a process with the real lock and a real socket."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

from fleet.home import Home
from fleet.shell import homelock

ROOT = Path(__file__).resolve().parents[2]


class Answering:
    """A coordinator that takes one request, answers with these bytes, and is gone."""

    def __init__(self, home: Home, answer: bytes) -> None:
        home.make()
        self._command = [sys.executable, "-m", "tests.service.answering", str(home.root), answer.hex()]
        self.taken = 0

    def __enter__(self) -> Answering:
        self._process = subprocess.Popen(self._command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "listens\n"
        return self

    def __exit__(self, *_: object) -> None:
        said = self._process.communicate()[0]
        self.taken = said.count("taken\n")


def answer_once(home: Home, answer: bytes) -> None:
    path = str(home.root / "s")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener, homelock.hold(home, path):
        listener.bind(path)
        listener.listen()
        sys.stdout.write("listens\n")
        sys.stdout.flush()
        connection, _ = listener.accept()
        with connection:
            connection.makefile("rb").readline()
            sys.stdout.write("taken\n")
            connection.sendall(answer)


if __name__ == "__main__":
    answer_once(Home(Path(sys.argv[1])), bytes.fromhex(sys.argv[2]))
