"""The runs of one host, this machine or another, as whoever starts workers uses them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Protocol

from workers.orders import Order, RunSpec


class Runs(Protocol):
    """Every method blocks, may be called from any thread, and may be repeated. Those of another host may raise
    HostAway: then it is not known whether it was done."""

    def marker(self, attempt: str) -> str:
        """The value of FLEET_RUN in every process of this attempt."""

    def launch(self, attempt: str, spec: RunSpec, secret: bytes | None) -> None:
        """Give the run to a supervisor of its own. An attempt runs at most once. Raises LaunchFailed: then
        nothing of it runs, or ever will; and OSError: then that is not known, and it is to be launched again."""

    def abandon(self, attempt: str) -> bool:
        """See to it that no supervisor ever begins this run, however late it comes to life. False when one holds it or
        has begun it. Raises OSError: then nothing is known."""

    def order(self, attempt: str, order: Order) -> None:
        """Leave an order for the supervisor. Raises FileNotFoundError when there is no such run."""

    def alive(self, attempt: str) -> bool:
        """Whether a supervisor holds the run."""

    def gone(self, attempts: Collection[str]) -> set[str]:
        """Those that no supervisor holds, and of whose spools everything is here."""

    def there(self) -> set[str]:
        """All runs that have a directory on the host, whatever became of them."""

    def living(self) -> set[str]:
        """All runs of the host that a supervisor holds."""

    def has_started(self, attempt: str) -> bool:
        """Whether a supervisor has recorded anything."""

    def spec(self, attempt: str) -> dict[str, Any]:
        """What `spec.json` of a launched run says. Raises OSError when there is none."""

    def sweep(self, attempt: str) -> tuple[int, ...]:
        """End what a dead supervisor left running; returns the pids. Raises RunHeld, ProcessesRemain."""
