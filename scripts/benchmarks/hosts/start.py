"""Starting a worker on a host, beside starting it here.

What is timed is `Starter.start`: worktree, credential and supervisor, which is all of a start but the commit of its
event. It is done here, over a connection on loopback, and over one with 50 ms for a round trip, in turns and in one
process; the servers, the proxies and the yardsticks are in others. A round trip is one of TCP through the same kind of
proxy. On a cold host the mirror lacks the newest commit. The yardstick for bringing it there is git's own fetch of the
same commit over the same wire, on a connection of OpenSSH's that is open already.
"""

from __future__ import annotations

import json
import socket
import statistics
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path

from benchmarks.figure import Figure, Options, spread
from benchmarks.hosts.place import DELAY_S, Place, command, place
from benchmarks.hosts.plain_git import FILES, make_repository
from tests.workers.proxy import proxy_to

ROUNDS = 40
TARGET = 1.3

Samples = dict[str, list[float]]


def measure(options: Options) -> list[Figure]:
    rounds = 5 if options.quick else ROUNDS
    with tempfile.TemporaryDirectory(prefix="fleet-bench-") as scratch, place(Path(scratch)) as made:
        make_repository(made.root / "repo")
        took = _measured(made, rounds)
    return [_warm(took, name, what) for name, what in _WIRES.items()] + [
        _cold(took, name, what) for name, what in _WIRES.items()
    ]


_WIRES = {"near": "loopback", "far": "50 ms"}


def _measured(made: Place, rounds: int) -> Samples:
    with ExitStack() as until_done:
        echo = until_done.enter_context(_echoing())
        wire, echo_far = (
            until_done.enter_context(proxy_to(port, DELAY_S)) for port in (made.server.port, echo)
        )
        hosts = [made.host("near", made.server.port), made.host("far", wire.port)]
        asked = {
            "root": str(made.root),
            "rounds": rounds,
            "hosts": [asdict(host) for host in hosts],
            "echoes": {"near": echo, "far": echo_far.port},
        }
        words = command("hosts.starting", json.dumps(asked))
        ended = subprocess.run(words, env=made.environ, stdout=subprocess.PIPE, check=True)
    samples: Samples = json.loads(ended.stdout)
    return samples


@contextmanager
def _echoing() -> Iterator[int]:
    """A port that says again what it hears."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection = server.accept()[0]
                except OSError:
                    return
                with connection:
                    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    while said := connection.recv(64):
                        connection.sendall(said)

        # A thread for each, as a connection lasts as long as the measurement.
        threads = [threading.Thread(target=serve, daemon=True) for _ in range(2)]
        for thread in threads:
            thread.start()
        yield int(server.getsockname()[1])
        server.shutdown(socket.SHUT_RDWR)


def _warm(took: Samples, name: str, what: str) -> Figure:
    local, remote, trip = (statistics.median(took[key]) for key in ("warm", f"warm {name}", f"trip {name}"))
    detail = {
        "rounds": len(took["warm"]),
        **spread("local", took["warm"]),
        **spread("remote", took[f"warm {name}"]),
        "round_trip_ms": round(trip * 1000, 1),
    }
    share = (remote - 2 * trip) / local
    return Figure(f"start, {what}, without 2 trips / local", round(share, 3), TARGET, detail=detail)


def _cold(took: Samples, name: str, what: str) -> Figure:
    local, remote, trip, fetch, push = (
        statistics.median(took[key])
        for key in ("cold", f"cold {name}", f"trip {name}", f"fetch {name}", f"push {name}")
    )
    detail = {
        "rounds": len(took["cold"]),
        "files": FILES,
        **spread("local", took["cold"]),
        **spread("remote", took[f"cold {name}"]),
        "round_trip_ms": round(trip * 1000, 1),
        "git_fetch_ms": round(fetch * 1000, 1),
        "git_push_ms": round(push * 1000, 1),
    }
    share = (remote - 2 * trip - fetch) / local
    return Figure(f"cold start, {what}, less 2 trips, fetch / local", round(share, 3), TARGET, detail=detail)
