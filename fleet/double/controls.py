"""What may be changed while the double runs, the same from Python and over HTTP."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from fleet.double.script import Fault, FaultKind
from fleet.double.stage import Stage


class AccountControl:
    """The strings of one account. Thread safe. Every change holds for the next request."""

    def __init__(self, stage: Stage, name: str) -> None:
        self._stage = stage
        self._state = stage.state(name)
        self.name = name

    def fill(self, window: str, utilization: float, resets_in_s: float | None = None) -> None:
        """Set the utilization (0 to 1; 1 refuses). A window nobody heard of comes into being."""
        with self._stage.changed:
            now = self._stage.clock()
            meter = self._state.meter(window, now)
            meter.used = utilization * meter.window.capacity
            if resets_in_s is not None or meter.resets_at is None:
                meter.resets_at = now + (meter.window.length_s if resets_in_s is None else resets_in_s)

    def refuse(self, window: str, resets_in_s: float | None = None) -> None:
        """Refuse every request that draws on the window, until its reset."""
        with self._stage.changed:
            self._state.refuse(window, resets_in_s, self._stage.clock())

    def reset(self, window: str) -> None:
        """Empty the window now."""
        with self._stage.changed:
            meter = self._state.meter(window, self._stage.clock())
            meter.used = 0.0
            if meter.window.starts == "first_use":
                meter.resets_at = None

    def expire_login(self) -> None:
        """Answer 401 from now on."""
        with self._stage.changed:
            self._state.logged_in = False

    def restore_login(self) -> None:
        with self._stage.changed:
            self._state.logged_in = True

    def throttle(self, times: int = 1) -> None:
        """Answer the next requests with a 429 that names no window."""
        self._add("throttle", times)

    def overload(self, times: int = 1) -> None:
        """Answer the next requests with 529."""
        self._add("overload", times)

    def cut(self, times: int = 1, *, late: bool = False) -> None:
        """Close the socket in the middle of the next answers: in the first block, or `late`, after a whole
        one."""
        self._add("cut_late" if late else "cut", times)

    def delay(self, seconds: float, times: int = 1) -> None:
        """Hold the next answers back."""
        self._add("delay", times, seconds)

    def hang(self, times: int = 1) -> None:
        """Never finish the next answers; the connection stays open until the double stops."""
        self._add("hang", times)

    def windows(self) -> dict[str, dict[str, Any]]:
        """Each window's `utilization` (0 to 1), `resets_at` (epoch seconds or None) and `status`."""
        with self._stage.changed:
            return {
                meter.name: {
                    "utilization": meter.utilization,
                    "resets_at": meter.resets_at_header,
                    "status": meter.status,
                }
                for meter in self._state.roll(self._stage.clock())
            }

    def _add(self, kind: FaultKind, times: int, seconds: float | None = None) -> None:
        self._stage.add(Fault(kind, account=self.name, times=times, seconds=seconds))


ORDERS = (
    *("fill", "refuse", "reset", "expire_login", "restore_login"),
    *("throttle", "overload", "cut", "delay", "hang"),
)


def obey(stage: Stage, account: str, order: str, arguments: Mapping[str, Any]) -> None:
    """Carry out `POST /_double/account/ACCOUNT/ORDER`. Raises KeyError (no such account or
    order) and TypeError (arguments that the order does not take)."""
    control = AccountControl(stage, account)
    if order not in ORDERS:
        raise KeyError(f"no order {order!r}; there are {', '.join(ORDERS)}")
    method = getattr(control, order)
    inspect.signature(method).bind(**arguments)
    method(**arguments)
