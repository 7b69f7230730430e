"""The runs of a host reached over ssh: every call is carried out there, by the same code as on this machine."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

from workers.host import LAUNCH_PATIENCE_S
from workers.orders import Order, RunSpec
from workers.processes import KILL_PATIENCE_S
from workers.remote.link import Link

ANSWER_S = 30.0
LAUNCH_S = LAUNCH_PATIENCE_S + ANSWER_S
SWEEP_S = 2 * KILL_PATIENCE_S + ANSWER_S


class RemoteRuns:
    """`Runs` over a link. Each call but `marker` may raise HostAway."""

    def __init__(self, link: Link, home_id: str) -> None:
        self._link = link
        self._home_id = home_id

    def marker(self, attempt: str) -> str:
        return f"{attempt}@{self._home_id}"

    def launch(self, attempt: str, spec: RunSpec, secret: bytes | None) -> None:
        if (secret is None) != (spec.secret_fd is None):
            raise ValueError(
                f"{attempt}: a secret and the descriptor to hand it over on (secret_fd) go together"
            )
        args = {
            "attempt": attempt,
            "spec": spec.to_json(attempt, self.marker(attempt)),
            "has_secret": secret is not None,
        }
        self._link.call("launch", args, secret or b"", timeout_s=LAUNCH_S)

    def abandon(self, attempt: str) -> bool:
        return bool(self._ask("abandon", {"attempt": attempt})["abandoned"])

    def order(self, attempt: str, order: Order) -> None:
        args = {"attempt": attempt, "order_id": order.id, "text": order.to_json()}
        if not self._ask("order", args)["found"]:
            raise FileNotFoundError(f"host {self._link.name} has no run {attempt}")

    def alive(self, attempt: str) -> bool:
        return bool(self._ask("alive", {"attempts": [attempt]})["alive"])

    def there(self) -> set[str]:
        return set(self._ask("runs", {})["attempts"])

    def living(self) -> set[str]:
        return set(self._ask("living", {})["attempts"])

    def gone(self, attempts: Collection[str]) -> set[str]:
        """Those that have no supervisor and whose spool is wholly here, as far as there is one."""
        sizes: dict[str, int] = self._ask("alive", {"attempts": sorted(attempts)})["sizes"]
        return {attempt for attempt, size in sizes.items() if self._link.copied(attempt) >= size}

    def has_started(self, attempt: str) -> bool:
        return bool(self._ask("started", {"attempt": attempt})["started"])

    def spec(self, attempt: str) -> dict[str, Any]:
        text = self._ask("spec", {"attempt": attempt})["spec"]
        if text is None:
            raise FileNotFoundError(f"host {self._link.name} has no run {attempt}")
        spec: dict[str, Any] = json.loads(text)
        return spec

    def sweep(self, attempt: str) -> tuple[int, ...]:
        return tuple(self._link.call("sweep", {"attempt": attempt}, timeout_s=SWEEP_S).values["pids"])

    def _ask(self, op: str, args: dict[str, Any]) -> dict[str, Any]:
        return self._link.call(op, args, timeout_s=ANSWER_S).values
