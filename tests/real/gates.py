"""Tasks that wait for a word of the test at certain steps, on whatever host of this machine they run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fleet.double import Step, Task
from tests.real.household import Household
from tests.real.scripting import job, runs, says, writes


def waits(gate: str) -> Step:
    """A step that goes on when the gate is opened; one that is interrupted is taken again. Each task has gates of its
    own, by the name of the step."""
    at = f"$GATES/$FLEET_TASK.{gate}"
    return runs(f"pwd >> {at}.reached; until test -e {at}; do sleep 0.05; done")


def halfway(gate: str) -> Task:
    """Task `alpha`, which has written one of its two files when it comes to the gate."""
    begins, ends = writes("one.txt", "one\n"), writes("two.txt", "two\n")
    return job("alpha", begins, waits(gate), ends, says("Done."))


@dataclass(frozen=True)
class Gates:
    house: Household

    def __post_init__(self) -> None:
        self.folder.mkdir()

    @property
    def folder(self) -> Path:
        return self.house.root / "gates"

    @property
    def for_account(self) -> tuple[str, str]:
        """What an account needs whose workers wait at gates."""
        return ("--env", f"GATES={self.folder}")

    def await_at(self, task: str, gate: str, times: int = 1) -> Path:
        """Until workers of the task have come there so often; the worktree of the last one."""
        reached = self.folder / f"{task}.{gate}.reached"

        def places() -> list[str]:
            return reached.read_text().splitlines() if reached.exists() else []

        self.house.wait_for(lambda: len(places()) >= times, f"{task} did not come to {gate} {times} times")
        return Path(places()[-1])

    def open(self, task: str, gate: str) -> None:
        (self.folder / f"{task}.{gate}").touch()
