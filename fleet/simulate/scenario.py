"""The scenario format, version 1: accounts and their buckets, tasks, persons, reservations. See docs/simulate.md.

Times count from the scenario's start, a Monday at midnight, in milliseconds once read.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from fleet.spoken.spans import HOUR_MS, WEEK_MS, span_ms

Span = Annotated[int, BeforeValidator(span_ms), Field(ge=0)]
Length = Annotated[int, BeforeValidator(span_ms), Field(gt=0)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[float, Field(gt=0.0)]
Name = Annotated[str, Field(min_length=1)]


class InvalidScenario(Exception):
    """The file is not a scenario; the message names each table and key that is off, and what it must be."""


class Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Tier(Table):
    """`weight`: what a unit of work costs with it relative to the others."""

    name: Name
    weight: Positive


class Bucket(Table):
    """One window. `weights`: how many units of `capacity` a unit of work takes, by tier; a tier that is missing does
    not draw on it. `start`: "first-use", or when its clock first resets. `used`: share spent at the beginning."""

    name: Name
    length: Length
    capacity: Positive
    weights: dict[str, Positive] = Field(min_length=1)
    start: Literal["first-use"] | Span = "first-use"
    used: Share = 0.0


class Stretch(Table):
    begins: Span
    ends: Span


class Account(Table):
    """`tiers`: those it has, all when empty. `failures`: when its credential is refused. `readings_late`: by how much
    what it says about its buckets comes late."""

    name: Name
    concurrency: int = Field(default=4, ge=1)
    tiers: tuple[str, ...] = ()
    buckets: tuple[Bucket, ...] = Field(min_length=1)
    failures: tuple[Stretch, ...] = ()
    readings_late: Span = 0


class Doing(Table):
    """What a task of size 1 takes with one tier: `work` in work units (tokens, weighted by kind), time, and the chance
    that the result passes its verification."""

    work: Positive
    duration: Length
    chance: Share = 1.0


class Kind(Table):
    """A class of tasks: the same ratios between tiers."""

    name: Name
    doing: dict[str, Doing] = Field(min_length=1)


class Task(Table):
    """`tiers`: allowed ones, all of its kind when empty. `factor`: true work over the expected, `luck`: it succeeds
    with a tier whose chance is above it; both are drawn when missing."""

    key: Name
    kind: Name
    at: Span = 0
    value: Positive = 1.0
    size: Positive = 1.0
    deadline: Span | None = None
    after: tuple[str, ...] = ()
    project: str = "simulated"
    tiers: tuple[str, ...] = ()
    factor: Positive | None = None
    luck: Share | None = None


class Stream(Table):
    """Tasks that arrive at random (Poisson): `per_week` of them, spread over the day by `hours` (24 weights, even when
    empty). Sizes and values are log-normal with these medians and standard deviations of the logarithm."""

    name: Name
    kind: Name
    per_week: Positive
    hours: tuple[float, ...] = ()
    project: str = "simulated"
    tiers: tuple[str, ...] = ()
    size: Positive = 1.0
    size_sigma: float = Field(default=0.0, ge=0.0)
    value: Positive = 1.0
    value_sigma: float = Field(default=0.0, ge=0.0)
    due_share: Share = 0.0
    due_within: Length = 24 * HOUR_MS


class Past(Table):
    """A task that arrived before the start, so long ago: what the engine may forecast from."""

    kind: Name
    ago: Length
    project: str = "simulated"
    tiers: tuple[str, ...] = ()
    size: Positive = 1.0
    value: Positive = 1.0


class Person(Table):
    """Somebody who works with the account by hand: requests at random (Poisson) during the sessions."""

    account: Name
    tier: Name
    sessions: tuple[Stretch, ...] = Field(min_length=1)
    per_hour: Positive
    work: Positive


class Reservation(Table):
    """Capacity of a bucket protected for a person, as a share of it. `weekly`: again every seven days."""

    account: Name
    amount: Share
    spans: tuple[Stretch, ...] = Field(min_length=1)
    tier: str | None = None
    bucket: str = "five_hour"
    weekly: bool = False


class Scenario(Table):
    version: Literal[1]
    name: str = ""
    horizon: Length = WEEK_MS
    known: Literal["all", "arrivals"] = "arrivals"
    noise: float = Field(default=0.0, ge=0.0)
    move_cost: Share = 0.02
    workers: int | None = Field(default=None, ge=1)
    strategy: Literal["after-hours", "full-time"] = "full-time"
    tiers: tuple[Tier, ...] = Field(min_length=1)
    accounts: tuple[Account, ...] = Field(min_length=1)
    kinds: tuple[Kind, ...] = ()
    tasks: tuple[Task, ...] = ()
    streams: tuple[Stream, ...] = ()
    history: tuple[Past, ...] = ()
    persons: tuple[Person, ...] = ()
    reservations: tuple[Reservation, ...] = ()

    def tiers_of(self, account: Account) -> tuple[str, ...]:
        """In the order of capability."""
        return tuple(t.name for t in self.tiers if not account.tiers or t.name in account.tiers)

    def allowed(self, kind: str, tiers: tuple[str, ...]) -> tuple[str, ...]:
        """Tiers a task of the kind may use, in the order of capability."""
        doing = next(k.doing for k in self.kinds if k.name == kind)
        return tuple(t.name for t in self.tiers if t.name in doing and (not tiers or t.name in tiers))


def read(path: Path) -> Scenario:
    """The scenario in a TOML or JSON file. Raises InvalidScenario, or OSError when it cannot be read."""
    text = path.read_text(encoding="utf-8")
    try:
        said = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except (ValueError, RecursionError) as wrong:
        kind = "JSON" if path.suffix == ".json" else "TOML"
        raise InvalidScenario(f"{path} is not {kind}: {wrong}") from wrong
    if not isinstance(said, dict):
        raise InvalidScenario(f"{path} must hold tables, see docs/simulate.md")
    return parse(said, str(path))


def parse(said: Mapping[str, Any], where: str = "the scenario") -> Scenario:
    """Raises InvalidScenario with everything that is off."""
    try:
        scenario = Scenario.model_validate(said)
    except ValidationError as wrong:
        told = [f"{_place(error['loc'])}: {_story(error)}" for error in wrong.errors()]
        raise InvalidScenario(_all(where, told)) from wrong
    if told := list(_contradictions(scenario)):
        raise InvalidScenario(_all(where, told))
    return scenario


def _all(where: str, told: list[str]) -> str:
    return "\n  ".join([f"{where} is not a scenario that can be run; change:", *told])


def _place(path: tuple[int | str, ...]) -> str:
    """`accounts[0].buckets[1].capacity`; the alternatives of a union are no keys of the file."""
    place = ""
    for part in path:
        if isinstance(part, int):
            place += f"[{part}]"
        elif not part.startswith(("literal[", "function-", "constrained-")):
            place += f".{part}" if place else part
    return place or "the file"


def _story(error: Any) -> str:
    kind, told = error["type"], str(error["msg"]).removeprefix("Value error, ")
    if kind == "extra_forbidden":
        return "there is no such key; see docs/simulate.md"
    if kind == "missing":
        return "is missing"
    if kind == "too_short":
        return "must not be empty"
    return f"{told[0].lower()}{told[1:]}, not {error['input']!r}"


def _contradictions(scenario: Scenario) -> Iterator[str]:
    yield from _doubles(scenario)
    yield from _of_accounts(scenario)
    yield from _of_work(scenario)
    yield from _of_persons(scenario)


def _doubles(scenario: Scenario) -> Iterator[str]:
    for table, names in (
        ("tiers", [t.name for t in scenario.tiers]),
        ("accounts", [a.name for a in scenario.accounts]),
        ("kinds", [k.name for k in scenario.kinds]),
        ("tasks", [t.key for t in scenario.tasks]),
        ("streams", [s.name for s in scenario.streams]),
    ):
        for n, name in enumerate(names):
            if name in names[:n]:
                yield f"{table}[{n}]: there is another “{name}”; give each a name of its own"


def _of_accounts(scenario: Scenario) -> Iterator[str]:
    known = [t.name for t in scenario.tiers]
    for n, account in enumerate(scenario.accounts):
        for tier in account.tiers:
            if tier not in known:
                yield f"accounts[{n}].tiers: no tier “{tier}” in tiers"
        has = scenario.tiers_of(account)
        for m, bucket in enumerate(account.buckets):
            place = f"accounts[{n}].buckets[{m}]"
            for tier in bucket.weights:
                if tier not in known:
                    yield f"{place}.weights: no tier “{tier}” in tiers"
            if len([t for t in has if t in bucket.weights]) not in (1, len(has)):
                yield f"{place}.weights: must name all tiers of the account, or one whose own window it is"
            if bucket.used and bucket.start == "first-use":
                yield f"{place}.used: a window that begins with its first use has not been used; give start a time"
            if bucket.start != "first-use" and not 0 < bucket.start <= bucket.length:
                yield f"{place}.start: its first reset must lie within one length of the window"
        yield from _stretches(f"accounts[{n}].failures", account.failures)


def _of_work(scenario: Scenario) -> Iterator[str]:
    known = [t.name for t in scenario.tiers]
    kinds = {kind.name: kind for kind in scenario.kinds}
    for n, kind in enumerate(scenario.kinds):
        for tier in kind.doing:
            if tier not in known:
                yield f"kinds[{n}].doing: no tier “{tier}” in tiers"
    yield from _of_kinds("tasks", scenario.tasks, kinds)
    yield from _of_kinds("streams", scenario.streams, kinds)
    yield from _of_kinds("history", scenario.history, kinds)
    for n, stream in enumerate(scenario.streams):
        if stream.hours and (len(stream.hours) != 24 or min(stream.hours) < 0 or sum(stream.hours) <= 0):
            yield f"streams[{n}].hours: must be 24 weights, one for each hour of the day"
    yield from _of_order(scenario)


def _of_kinds(
    table: str, entries: Sequence[Task | Stream | Past], kinds: Mapping[str, Kind]
) -> Iterator[str]:
    for n, entry in enumerate(entries):
        if entry.kind not in kinds:
            yield f"{table}[{n}].kind: no kind “{entry.kind}” in kinds"
            continue
        for tier in entry.tiers:
            if tier not in kinds[entry.kind].doing:
                yield f"{table}[{n}].tiers: the kind “{entry.kind}” is not done with “{tier}”"


def _of_order(scenario: Scenario) -> Iterator[str]:
    earlier: dict[str, int] = {}
    for n, task in enumerate(scenario.tasks):
        for name in task.after:
            if name not in earlier:
                yield f"tasks[{n}].after: no task “{name}” before it in tasks"
            elif earlier[name] > task.at:
                yield f"tasks[{n}].after: “{name}” arrives later than the task that waits for it"
        earlier[task.key] = task.at


def _of_persons(scenario: Scenario) -> Iterator[str]:
    accounts = {account.name: account for account in scenario.accounts}
    for n, person in enumerate(scenario.persons):
        if person.account not in accounts:
            yield f"persons[{n}].account: no account “{person.account}” in accounts"
        elif person.tier not in scenario.tiers_of(accounts[person.account]):
            yield f"persons[{n}].tier: “{person.account}” has no tier “{person.tier}”"
        yield from _stretches(f"persons[{n}].sessions", person.sessions)
    for n, reservation in enumerate(scenario.reservations):
        place = f"reservations[{n}]"
        if reservation.account not in accounts:
            yield f"{place}.account: no account “{reservation.account}” in accounts"
        elif reservation.bucket not in [b.name for b in accounts[reservation.account].buckets]:
            yield f"{place}.bucket: “{reservation.account}” has no bucket “{reservation.bucket}”"
        if reservation.tier is not None and reservation.tier not in [t.name for t in scenario.tiers]:
            yield f"{place}.tier: no tier “{reservation.tier}” in tiers"
        yield from _stretches(f"{place}.spans", reservation.spans)


def _stretches(place: str, stretches: tuple[Stretch, ...]) -> Iterator[str]:
    for n, stretch in enumerate(stretches):
        if stretch.ends <= stretch.begins:
            yield f"{place}[{n}].ends: must be later than begins"
