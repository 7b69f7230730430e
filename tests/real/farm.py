"""Hosts for tests of the whole program: real ssh servers on loopback, each with a home directory of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from fleet.views.light import state
from tests.proofs import lend
from tests.real.household import Household
from tests.real_client import CLIENT
from tests.workers.sshd import Person, Sshd, keygen, running


@dataclass
class Farm:
    """`house` with hosts that are added under the names of `servers`."""

    house: Household
    person: Person
    servers: dict[str, Sshd] = field(default_factory=dict)

    def add(self, name: str, *more: str, port: int | None = None) -> str:
        """As a person does who has compared the host's key. `port` is another way to it than the server's own."""
        return self.house.fleet(*self.adding(name, *more, port=port))

    def adding(self, name: str, *more: str, port: int | None = None) -> list[str]:
        """The words of that command; of what is said twice the last counts."""
        server = self.servers[name]
        fingerprint = keygen("-l", "-f", str(server.host_key.with_suffix(".pub"))).split()[1]
        address = f"ssh://{server.address}:{port or server.port}"
        return [
            *("host", "add", name, address, "--accept-key", fingerprint),
            *("--client", str(CLIENT), "--dir", str(self.directory(name)), *more),
        ]

    def directory(self, name: str) -> Path:
        """Where everything lies on the host."""
        return self.servers[name].home / "fleet"

    def worktree(self, name: str, task: str) -> Path | None:
        """The task's worktree there, if there is one."""
        found = [git.parent for git in self.directory(name).glob(f"worktrees/*/{task}/.git")]
        return found[0] if found else None

    def transcripts_tell(self, name: str, word: str) -> bool:
        """Whether a session's transcript there has it."""
        found = self.directory(name).glob("accounts/*/projects/*/*.jsonl")
        return any(word in transcript.read_text() for transcript in found)

    def came_home(self, word: str) -> bool:
        """Whether a session's transcript at home has it."""
        found = self.house.home.glob("accounts/*/projects/*/*.jsonl")
        return any(word in transcript.read_text() for transcript in found)

    def shows(self, name: str) -> dict[str, object]:
        """The host as home knows it, without a process of its own, to be asked often."""
        return state.host(self.house.home, name)

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
            lend(made.directory(name))
        yield made
