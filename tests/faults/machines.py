"""The machines of one seed's world beside this one: they fall silent, come back, restart, lie, and die for good."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random

from fleet.core.model import Host
from fleet.virtual.agenda import Agenda
from tests.faults.rates import Rates
from tests.faults.repos import REPOS
from workers.machine import Machine as Identity

HERE = "here"
SILENCES_MS = (5_000, 120_000, 1_800_000, 7_200_000)
LABEL = "gpu"
ANOTHER = 0.5
"""How often another machine answers instead of one that falls silent."""
BUSY = 5.0
"""By so much more often a machine falls silent that has a worker: there is something to be lost."""


class Away(Exception):
    """The machine cannot be reached now; whether what was asked of it has been done is not known."""


@dataclass
class Machine:
    """`host` is how it is added to the fleet, `itself` who it says that it is. It is dead when it never comes back. It
    `lies` until a person has looked at it; `shut` says that home does not listen to it. While it is silent `another`
    machine may answer under its name, which has its files, or none of them, and knows nothing of its workers. Its git
    `refuses` some repositories, each for a reason."""

    host: Host
    itself: Identity
    another: Identity | None = None
    silent_since_ms: int | None = None
    dead: bool = False
    lies: bool = False
    shut: bool = False
    refuses: dict[str, str] = field(default_factory=dict)


class Machines:
    """`is_busy` says whether a machine has a worker. `restarted` is told of a machine whose processes have ended,
    `emptied` of one whose disk is gone besides, and `returned` of one that can be reached again."""

    def __init__(self, rng: Random, agenda: Agenda, restarted: Callable[[str], None]) -> None:
        self._rng, self._agenda, self._restarted = rng, agenda, restarted
        self._own = Random(repr(rng.getstate()))
        """For what was added later, so that the rest of each seed's world stays as it was."""
        self.refuses = self.mute = 0.0
        """How often its git refuses a repository, and how often a start finds no way to it."""
        self.returned: Callable[[str], None] = lambda name: None
        self.emptied: Callable[[str], None] = lambda name: None
        self.is_busy: Callable[[str], bool] = lambda name: False
        # Drawn apart, so that the other faults of a seed stay what they were.
        self._which = Random(rng.getstate()[1][1])
        self.kept_apart = 0
        """How often another machine than the one with the workers was not let in."""
        self.lost_after_ms = rng.choice([None, 30_000, 300_000])
        self.checkpoints = rng.choice([0.02, 0.1, 0.4])
        """How often what a worker has done so far is brought home, of all beats."""
        self.by_name = {f"far{n}": self._machine(n) for n in range(rng.choice([0, 1, 1, 2, 3]))}

    def _machine(self, n: int) -> Machine:
        # The first has every label, so that every task has somewhere to run.
        labels = (LABEL,) if n == 0 or self._rng.random() < 0.5 else ()
        address = f"ssh://ci@far{n}.example"
        host = Host(f"far{n}", self._rng.randint(1, 6), address=address, labels=labels)
        return Machine(host, Identity(f"id{n}", f"boot{n}", f"far{n}a"))

    @property
    def labels(self) -> tuple[str, ...]:
        """What tasks may ask for."""
        return (LABEL,) if self.by_name else ()

    def is_silent(self, name: str) -> bool:
        machine = self.by_name.get(name)
        return machine is not None and (machine.silent_since_ms is not None or machine.shut)

    def reach(self, name: str) -> None:
        """Raises Away when that fails."""
        if self.is_silent(name):
            raise Away

    def misfortune(self, rates: Rates) -> None:
        for name, machine in self.by_name.items():
            if machine.silent_since_ms is not None:
                continue
            self._refuse(machine)
            if self._rng.random() < rates.host_lies:
                machine.lies = True
            if self._rng.random() < rates.host_dies:
                self.switch_off(name)
            elif self._rng.random() < rates.host_silent * (BUSY if self.is_busy(name) else 1.0):
                machine.silent_since_ms = since_ms = self._agenda.now_ms
                if self._which.random() < ANOTHER:
                    machine.another = Identity(f"{name}b", "bootb", f"{name}b")
                restarts = self._rng.random() < rates.host_restarts
                back_ms = self._rng.randint(1, self._rng.choice(SILENCES_MS))
                self._agenda.after(back_ms, lambda m=machine, s=since_ms, r=restarts: self._return(m, s, r))  # type: ignore[misc]

    def begin_refusing(self) -> None:
        """From now on their git refuses repositories, and starts find no way to them now and then."""
        self.refuses, self.mute = 0.6, 0.05
        for machine in self.by_name.values():
            self._refuse(machine)

    def _refuse(self, machine: Machine) -> None:
        """Its git begins to refuse a repository, for its own reason or for one that others have, too; or stops to."""
        own = self._own
        for repo in REPOS:
            if repo in machine.refuses and own.random() < 0.3:
                del machine.refuses[repo]
            elif own.random() < self.refuses:
                why = own.choice([machine.host.name, machine.host.name, "of the repository", ""])
                machine.refuses.setdefault(repo, why)

    def refusing(self, name: str | None, repo: str) -> str | None:
        """Why the machine's git refuses the repository; empty for a trouble that passes, None where it does not."""
        machine = self.by_name.get(name or "")
        return None if machine is None else machine.refuses.get(repo)

    def is_mute(self) -> bool:
        """Whether a start finds no way to its machine this time."""
        return self._own.random() < self.mute

    def _return(self, machine: Machine, since_ms: int, restarts: bool) -> None:
        if machine.dead or machine.silent_since_ms != since_ms:
            return
        machine.silent_since_ms = machine.another = None
        if restarts:
            self._restarted(machine.host.name)
            machine.itself = replace(machine.itself, boot=f"boot at {self._agenda.now_ms}")
        self.returned(machine.host.name)

    def switch_off(self, name: str) -> None:
        """It dies, or a person has removed it: nothing that was on it is left."""
        machine = self.by_name[name]
        machine.dead, machine.another = True, None
        machine.silent_since_ms = self._agenda.now_ms
        self._restarted(name)
        self.emptied(name)

    def replace(self, name: str) -> Host:
        """A new machine of that name, as it is added to the fleet."""
        machine = self.by_name[name]
        machine.dead, machine.silent_since_ms, machine.another = False, None, None
        machine.lies = machine.shut = False
        machine.refuses.clear()
        return machine.host

    def heal(self) -> None:
        self.refuses = self.mute = 0.0
        for machine in self.by_name.values():
            machine.lies = False
            machine.refuses.clear()
            if machine.silent_since_ms is not None:
                self._return(machine, machine.silent_since_ms, restarts=False)
