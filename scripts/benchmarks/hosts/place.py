"""One host for a benchmark: a real sshd on loopback, and a home that knows its key, also behind proxies.

The client on it says a version and then only listens, so that what is measured is Fleet's; only where it is tried
before its first use the real one answers for it.
"""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.figure import ROOT
from fleet.core.model import Host
from fleet.home import Home
from tests.proofs import AS_PROVED
from tests.workers.sshd import Person, Sshd, running

DELAY_S = 0.025
"""Each way: 50 ms for a round trip."""
_CLIENT = f"""#!/bin/sh
{AS_PROVED}case "$1" in
--version) echo "2.1.330 (Claude Code)" ;;
--help) echo "  --replay-user-messages" ;;
*) exec cat >/dev/null ;;
esac
"""


@dataclass(frozen=True)
class Place:
    """Everything lies below `root`."""

    root: Path
    person: Person
    server: Sshd

    @property
    def home(self) -> Home:
        return Home(self.root / "home")

    @property
    def client(self) -> Path:
        return self.root / "claude"

    @property
    def environ(self) -> Mapping[str, str]:
        """For what is run here: nothing of this machine's user but the PATH."""
        variables = {"HOME": str(self.person.home), "PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
        return {**variables, "PYTHONPATH": f"{ROOT / 'scripts'}:{ROOT}"}

    def directory(self, host: str) -> Path:
        """Fleet's on the host of this name."""
        return self.server.home / host

    def host(self, name: str, port: int) -> Host:
        """The server under a name of its own, as it is reached at `port`. Its key is accepted."""
        with self.home.known_hosts.open("a") as known:
            known.write(f"[127.0.0.1]:{port} {self.server.host_key_public}\n")
        return Host(
            name,
            workers_max=400,
            address=f"ssh://{getpass.getuser()}@127.0.0.1:{port}",
            identity=str(self.person.identity),
            directory=str(self.directory(name)),
            client=str(self.client),
        )


def command(module: str, *words: object) -> list[str]:
    """A module of these benchmarks as a process of its own."""
    return [sys.executable, "-m", f"benchmarks.{module}", *map(str, words)]


@contextmanager
def place(root: Path) -> Iterator[Place]:
    """A place whose server runs until the block ends. Raises SshdMissing."""
    person = Person(root / "person")
    with running(root / "server", person.public_key) as server:
        made = Place(root, person, server)
        made.home.make()
        made.client.write_text(_CLIENT)
        made.client.chmod(0o755)
        yield made
