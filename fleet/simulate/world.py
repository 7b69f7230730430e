"""What the accounts' servers truly do: meters that fill, refuse and reset, and persons who draw on them too."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from fleet.core.events import WindowReading
from fleet.simulate import scenario as given
from fleet.simulate.record import Past, Period


class Meter:
    """One bucket of one account. A window begins with the first use after its reset, or by its clock. Keeps its past.

    Times are the world's (ms since the epoch); `start_ms` is the scenario's start.
    """

    def __init__(self, account: str, bucket: given.Bucket, tiers: tuple[str, ...], start_ms: int) -> None:
        drawing = tuple(tier for tier in tiers if tier in bucket.weights)
        self.name = bucket.name
        self.capacity = bucket.capacity
        self.length_ms = bucket.length
        self.weights = bucket.weights
        self.scope = drawing[0] if len(drawing) < len(tiers) else None
        self.past = Past(account, bucket.name, bucket.capacity, bucket.length, dict(bucket.weights))
        self.used = bucket.used * bucket.capacity
        self.begins_ms: int | None = None
        self.resets_ms: int | None = None
        self._first = self.used
        self._clock = bucket.start != "first-use"
        if isinstance(bucket.start, int):
            self.resets_ms = start_ms + bucket.start
            self.begins_ms = self.resets_ms - bucket.length
            self.past.sample(start_ms, self.used)

    def roll(self, now_ms: int) -> None:
        """Resets whatever ended by now."""
        while self.resets_ms is not None and now_ms >= self.resets_ms:
            ended_ms = self.resets_ms
            self._close(ended_ms)
            self.past.sample(ended_ms, 0.0)
            self.used = self._first = 0.0
            self.begins_ms = ended_ms if self._clock else None
            self.resets_ms = ended_ms + self.length_ms if self._clock else None

    def _close(self, ended_ms: int) -> None:
        if self.begins_ms is not None:
            self.past.periods.append(Period(self.begins_ms, ended_ms, self._first, self.used))
            self.past.sample(ended_ms - 1, self.used)

    def close(self, horizon_ms: int) -> None:
        """The end of the scenario: what is open then is cut off."""
        self.roll(horizon_ms)
        if self.begins_ms is not None and self.begins_ms < horizon_ms:
            self._close(horizon_ms)

    def gives(self, tier: str, work: int) -> bool:
        return self.used + work * self.weights[tier] <= self.capacity * (1 + 1e-12)

    def draw(self, now_ms: int, tier: str, work: int) -> None:
        self.used += work * self.weights[tier]
        if self.resets_ms is None:
            self.begins_ms, self.resets_ms = now_ms, now_ms + self.length_ms
            self.past.sample(now_ms, 0.0)
        self.past.sample(now_ms, self.used)

    def reading(self, *, refused: bool = False) -> WindowReading:
        status = "rejected" if refused else "allowed"
        share = min(1.0, self.used / self.capacity)
        return WindowReading(self.name, self.scope, share, self.resets_ms, status, refused)


@dataclass
class Server:
    """One account as its server has it. `late`: readings that have not been told yet, with the time of each."""

    account: given.Account
    meters: tuple[Meter, ...]
    start_ms: int
    late: list[tuple[int, tuple[WindowReading, ...]]] = field(default_factory=list)

    def draw(self, now_ms: int, tier: str, work: int) -> Meter | None:
        """Draws from every bucket of the tier, or from none of them: then the one that refuses is returned."""
        drawn = [meter for meter in self.meters if tier in meter.weights]
        for meter in drawn:
            meter.roll(now_ms)
        for meter in drawn:
            if not meter.gives(tier, work):
                meter.past.refusals += 1
                return meter
        for meter in drawn:
            meter.draw(now_ms, tier, work)
        return None

    def readings(self, now_ms: int, tier: str) -> Iterator[tuple[int, tuple[WindowReading, ...]]]:
        """What an answer says about the buckets now: each with the time of its observation."""
        self.late.append((now_ms, tuple(m.reading() for m in self.meters if tier in m.weights)))
        told = [seen for seen in self.late if seen[0] + self.account.readings_late <= now_ms]
        if told:
            self.late = self.late[len(told) :]
            yield told[-1]

    def fails(self, now_ms: int) -> bool:
        return any(f.begins <= now_ms - self.start_ms < f.ends for f in self.account.failures)
