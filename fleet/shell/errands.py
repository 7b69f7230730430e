"""What a coordinator does beside its work, each in its own time: prices, forecasts, accounts and the keyring that are
asked again, cleaning."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass, replace

import anyio

from fleet.core import events
from fleet.core.capacity.questions import to_ask
from fleet.core.model import Account, Fleet
from fleet.core.rules.tasks import Refused
from fleet.errors import NotDone
from fleet.ports import (
    Clock,
    CredentialReader,
    Forecaster,
    LoginReader,
    NoForecast,
    NoPlan,
    NoReading,
    NotAsked,
    Planner,
    Proof,
    Prover,
)
from fleet.shell.beats import BEAT_S, forecasting, pricing
from fleet.shell.failures import why
from fleet.shell.reading_logins import ReadingLogins
from fleet.shell.stamp import stamp
from fleet.shell.waiting_for_keyring import Waiting
from fleet.threads import in_thread
from workers.git import meaning_of

CLEAN_EVERY_S = 3_600.0


@dataclass(frozen=True)
class Errands:
    """Each method goes on until it is cancelled. `apply` is the door; `complain` tells a trouble once, `recovered` that
    it is over."""

    current: Callable[[], Fleet]
    clock: Clock
    apply: Callable[..., Awaitable[None]]
    complain: Callable[..., None]
    recovered: Callable[..., None]

    async def price(self, planner: Planner) -> None:
        """Keeps the prices fresh. Where they cannot be made, those there are stay in force, and without any work is
        placed by its density."""
        beat = pricing()
        while True:
            fleet = self.current()
            if beat.is_due(fleet, time.monotonic()):
                beat.done(fleet, time.monotonic())
                try:
                    prices = await in_thread(planner, fleet)
                    self.recovered("prices", "pricing")
                    await self.apply(events.Priced(**stamp(self.clock), prices=prices))
                except (NoPlan, MemoryError) as failed:
                    self.complain("prices", why(failed, meaning_of(failed)))
            await anyio.sleep(BEAT_S / 2)

    async def forecast(self, forecaster: Forecaster) -> None:
        """Keeps what is kept for persons in step with what they use."""
        beat = forecasting()
        while True:
            fleet = self.current()
            if beat.is_due(fleet, time.monotonic()):
                beat.done(fleet, time.monotonic())
                try:
                    now = replace(fleet, now_ms=max(self.clock.now_ms(), fleet.now_ms))
                    protections = await forecaster(now)
                    self.recovered("protections", "the forecast")
                    await self.apply(events.ProtectionsMade(**stamp(self.clock), protections=protections))
                except (NoForecast, MemoryError) as failed:
                    self.complain("protections", why(failed, meaning_of(failed)))
            await anyio.sleep(BEAT_S)

    async def read_logins(self, reader: LoginReader) -> None:
        """Asks idle accounts about their windows, one after the other."""
        reading = ReadingLogins()
        while True:
            account = reading.due(self.current(), self.clock.now_ms(), time.monotonic())
            if account is not None and await self._read_login(reader, account):
                reading.answered(account.name, time.monotonic())
            elif account is not None:
                reading.failed(account.name, time.monotonic())
            await anyio.sleep(BEAT_S)

    async def _read_login(self, reader: LoginReader, account: Account) -> bool:
        what, seen_ms = f"windows of {account.name}", self.clock.now_ms()
        try:
            # Abandoned when the coordinator stops: its client then ends with the pipe from this process.
            readings = await in_thread(reader, account)
        except NoReading as failed:
            story = f"its windows cannot be read while it is idle ({failed}): that is tried ever more seldom"
            self.complain(what, story, account=account.name)
            return False
        self.recovered(what, f"reading the {what}")
        await self.apply(
            events.AccountRead(**stamp(self.clock), name=account.name, readings=readings, seen_ms=seen_ms)
        )
        return True

    async def clean(self, cleaner: Callable[[Fleet], Sequence[events.Event]]) -> None:
        while True:
            try:
                for event in await in_thread(cleaner, self.current()):
                    await self.apply(event)
                self.recovered("cleaning")
            except (NotDone, Refused, OSError) as failed:
                self.complain("cleaning", f"nothing is cleaned: {failed}")
            await anyio.sleep(CLEAN_EVERY_S)

    async def await_keyring(self, reader: CredentialReader) -> None:
        """Asks for the credentials that could not be had, until they can."""
        waiting = Waiting()
        while True:
            names = waiting.due(self.current(), time.monotonic())
            if names:
                looked = await in_thread(reader, names)
                waiting.asked(time.monotonic())
                known = {name: account.unreached for name, account in self.current().accounts.items()}
                if looked.found or looked.missing or any(known[n] != why for n, why in looked.unreached):
                    await self.apply(events.CredentialsRead(**stamp(self.clock), **asdict(looked)))
            await anyio.sleep(BEAT_S / 2)

    async def prove(self, prover: Prover) -> None:
        """Asks each account that is to be asked, without waiting for the others."""
        asking: set[str] = set()
        async with anyio.create_task_group() as group:
            while True:
                now = replace(self.current(), now_ms=self.clock.now_ms())
                for account in to_ask(now):
                    if account.name not in asking:
                        asking.add(account.name)
                        group.start_soon(self._prove_one, prover, account, asking)
                await anyio.sleep(BEAT_S)

    async def _prove_one(self, prover: Prover, account: Account, asking: set[str]) -> None:
        try:
            # Abandoned when the coordinator stops: what still runs then is a stray of this home, and ended as one.
            proof = await in_thread(prover, account)
        except NotAsked as failed:
            proof = Proof(ok=False, story=f"it could not be asked: {failed}", passing=True)
        await self.apply(
            events.AccountProved(
                **stamp(self.clock),
                name=account.name,
                ok=proof.ok,
                detail=proof.story,
                refused=proof.refused,
                passing=proof.passing,
                readings=proof.readings,
            )
        )
        asking.discard(account.name)
