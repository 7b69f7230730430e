"""Machines of a network that is not this one's: each an sshd with its own network, processes and mounts (Linux, root).

The process that makes them has a network of its own already (`unshare --net`), and is the hub: each machine has a wire
to it and to nothing else. A machine that is killed takes everything that ran on it along.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import time
from pathlib import Path

from tests.workers.sshd import Sshd, program

HUB = "10.77.0.1"
PATIENCE_S = 20.0
_BOOT = """echo up; read wired; ip link set lo up; ip address add $1/30 dev eth0; ip link set eth0 up
ip route add default via $2; shift 2; exec "$@"
"""
_SEPARATE = ("--net", "--pid", "--fork", "--kill-child", "--mount", "--mount-proc")


def make_hub() -> None:
    """Gives the network that this process is in the hub's address."""
    _ip("link", "set", "lo", "up")
    _ip("address", "add", f"{HUB}/32", "dev", "lo")


class Machine:
    """It runs once it is made. `name` is also that of the wire's end at the hub."""

    def __init__(self, name: str, number: int, directory: Path, authorized: str) -> None:
        ours, theirs = f"10.77.{number}.1", f"10.77.{number}.2"
        self.name = name
        self.server = Sshd(directory, authorized, port=22, address=theirs)
        with (directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    program("unshare"),
                    *_SEPARATE,
                    "sh",
                    "-c",
                    _BOOT,
                    "sh",
                    theirs,
                    ours,
                    *self.server.command(),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
            )
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdout.readline()  # it has its namespaces
        _ip("link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", str(self._process.pid))
        _ip("address", "add", f"{ours}/30", "dev", name)
        self.connect()
        self._process.stdin.write(b"go\n")
        self._process.stdin.close()
        self._wait_for_port()

    def connect(self) -> None:
        _ip("link", "set", self.name, "up")

    def partition(self) -> None:
        """What is sent from either end is lost; nobody is told."""
        _ip("link", "set", self.name, "down")

    def kill(self) -> None:
        """At once, with everything that runs on it."""
        self._process.kill()
        self._process.wait(PATIENCE_S)

    def worker_processes(self) -> int:
        """How many live on it: clients, and the commands that they run."""
        return sum(_namespace(pid) == self._processes for pid in _with_run_marker())

    @property
    def _processes(self) -> str:
        return str(Path(f"/proc/{self._process.pid}/ns/pid_for_children").readlink())

    def _wait_for_port(self) -> None:
        ends_at = time.monotonic() + PATIENCE_S
        while True:
            with (
                contextlib.suppress(OSError),
                socket.create_connection((self.server.address, self.server.port), 1.0),
            ):
                return
            assert time.monotonic() < ends_at, (self.server.directory / "log").read_text()
            time.sleep(0.02)


def _ip(*words: str) -> None:
    subprocess.run([program("ip"), *words], check=True)


def _with_run_marker() -> list[str]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if b"FLEET_RUN=" in (entry / "environ").read_bytes():
                    found.append(entry.name)
    return found


def _namespace(pid: str) -> str | None:
    try:
        return str(Path(f"/proc/{pid}/ns/pid").readlink())
    except OSError:
        return None
