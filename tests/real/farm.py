"""Hosts for tests of the whole program: real ssh servers on loopback, each with a home directory of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from tests.real.household import Household
from tests.real_client import CLIENT
from tests.workers.sshd import Person, Sshd, keygen, running


@dataclass
class Farm:
    """`house` with hosts that are added under the names of `servers`."""

    house: Household
    person: Person
    servers: dict[str, Sshd] = field(default_factory=dict)

    def add(self, name: str, *more: str) -> str:
        """As a person does who has compared the host's key."""
        server = self.servers[name]
        fingerprint = keygen("-l", "-f", str(server.host_key.with_suffix(".pub"))).split()[1]
        return self.house.fleet(
            *("host", "add", name, f"ssh://{server.address}:{server.port}", "--accept-key", fingerprint),
            *("--client", str(CLIENT), "--dir", str(server.home / "fleet"), *more),
        )

    def host(self, name: str) -> dict[str, object]:
        shown: dict[str, object] = self.house.json("host", "show", name)
        return shown


@contextmanager
def farm(house: Household, *names: str, settings: Sequence[str] = ()) -> Iterator[Farm]:
    """Servers that run until the block ends. None is a host of the fleet yet."""
    made = Farm(house, Person(house.root))
    with ExitStack() as servers:
        for name in names:
            directory = house.root / "servers" / name
            directory.mkdir(parents=True)
            made.servers[name] = servers.enter_context(running(directory, made.person.public_key, settings))
        yield made
