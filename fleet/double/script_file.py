"""Reading a script from TOML. Every error names the table, the key and what belongs there."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from fleet.double.script import (
    ACCOUNT_KINDS,
    FAULT_KINDS,
    Account,
    Fault,
    Reaction,
    Script,
    ScriptError,
    Step,
    Task,
    ToolCall,
    Window,
)

T = TypeVar("T")
_REQUIRED = object()


def read_script(path: Path) -> Script:
    """The script in the TOML file `path`. Raises ScriptError (what is wrong, where) and OSError."""
    try:
        return parse_script(path.read_text(encoding="utf-8"))
    except ScriptError as wrong:
        raise ScriptError(f"{path}: {wrong}") from wrong


def parse_script(text: str) -> Script:
    """The script in TOML `text`. Raises ScriptError."""
    try:
        table = _Table(tomllib.loads(text), "script")
    except (tomllib.TOMLDecodeError, RecursionError) as wrong:
        raise ScriptError(f"not TOML: {wrong}") from wrong
    accounts = table.each("account", _account)
    tasks = table.each("task", _task)
    reactions = table.each("reaction", _reaction)
    faults = table.each("fault", _fault)
    table.finish()
    if not accounts:
        raise ScriptError("no [[account]]: the double needs at least one, with a name and a token")
    return Script(accounts, tasks, reactions, faults)


class _Table:
    """A TOML table that remembers where it stands and which keys were asked for."""

    def __init__(self, values: Mapping[str, Any], where: str) -> None:
        self._values = dict(values)
        self._where = where
        self._known: list[str] = []

    def take(self, key: str, kind: tuple[type, ...], what: str, default: Any = _REQUIRED) -> Any:
        self._known.append(key)
        value = self._values.pop(key, default)
        if value is _REQUIRED:
            raise ScriptError(f"{self._where} lacks {key!r} ({what})")
        if value is not default and (not isinstance(value, kind) or isinstance(value, bool)):
            raise ScriptError(f"{self._where}.{key} is {value!r}; it takes {what}")
        return value

    def text(self, key: str, default: Any = _REQUIRED) -> Any:
        return self.take(key, (str,), "a text", default)

    def number(self, key: str, default: Any = _REQUIRED, *, least: float = 0) -> Any:
        value = self.take(key, (int, float), f"a number of at least {least:g}", default)
        if value is not None and value < least:
            raise ScriptError(f"{self._where}.{key} is {value}; it takes a number of at least {least:g}")
        return value

    def integer(self, key: str, default: Any = _REQUIRED, *, least: int = 0) -> Any:
        value = self.take(key, (int,), f"a whole number of at least {least}", default)
        if value is not None and value < least:
            raise ScriptError(f"{self._where}.{key} is {value}; it takes a whole number of at least {least}")
        return value

    def choice(self, key: str, choices: tuple[str, ...], default: Any = _REQUIRED) -> Any:
        what = "one of " + ", ".join(choices)
        value = self.take(key, (str,), what, default)
        if value not in choices:
            raise ScriptError(f"{self._where}.{key} is {value!r}; it takes {what}")
        return value

    def texts(self, key: str) -> tuple[str, ...] | None:
        value = self.take(key, (list,), "a list of texts", None)
        if value is None:
            return None
        if not all(isinstance(entry, str) for entry in value):
            raise ScriptError(f"{self._where}.{key} is {value!r}; it takes a list of texts")
        return tuple(value)

    def each(self, key: str, build: Callable[[_Table], T]) -> tuple[T, ...]:
        tables = self.take(key, (list,), f"tables, written [[{key}]]", [])
        built = []
        for index, values in enumerate(tables):
            where = f"{self._where}.{key}[{index}]"
            if not isinstance(values, dict):
                raise ScriptError(f"{where} is {values!r}; it takes a table, written [[{key}]]")
            table = _Table(values, where)
            built.append(build(table))
            table.finish()
        return tuple(built)

    def finish(self) -> None:
        if self._values:
            unknown = ", ".join(sorted(self._values))
            raise ScriptError(
                f"{self._where} has the unknown key {unknown}; it takes {', '.join(self._known)}"
            )


def _account(table: _Table) -> Account:
    return Account(
        name=table.text("name"),
        token=table.text("token"),
        kind=table.choice("kind", ACCOUNT_KINDS, "subscription"),
        windows=table.each("window", _window),
    )


def _window(table: _Table) -> Window:
    return Window(
        name=table.text("name"),
        capacity=table.number("capacity", Window.capacity, least=1e-9),
        length_s=table.number("length_s", Window.length_s, least=1e-3),
        models=table.texts("models"),
        starts=table.choice("starts", ("first_use", "fixed"), "first_use"),
        utilization=table.number("utilization", 0.0),
        resets_in_s=table.number("resets_in_s", None),
        cost_per_answer=table.number("cost_per_answer", None),
    )


def _task(table: _Table) -> Task:
    return Task(
        name=table.text("name"),
        match=table.text("match", None),
        reviews=table.text("reviews", None),
        steps=table.each("step", _step),
        reactions=table.each("reaction", _reaction),
    )


def _reaction(table: _Table) -> Reaction:
    return Reaction(on=table.text("on"), steps=table.each("step", _step))


def _step(table: _Table) -> Step:
    return Step(
        text=table.text("text", ""),
        tools=table.each("tool", _tool),
        tokens_in=table.integer("tokens_in", Step.tokens_in),
        tokens_out=table.integer("tokens_out", Step.tokens_out),
        delay_s=table.number("delay_s", 0.0),
    )


def _tool(table: _Table) -> ToolCall:
    return ToolCall(
        name=table.text("name"), input=table.take("input", (dict,), "a table of the tool's arguments")
    )


def _fault(table: _Table) -> Fault:
    return Fault(
        kind=table.choice("kind", FAULT_KINDS),
        account=table.text("account", None),
        task=table.text("task", None),
        step=table.integer("step", None),
        model=table.text("model", None),
        times=table.integer("times", 1, least=1),
        after=table.integer("after", 0),
        window=table.text("window", "five_hour"),
        seconds=table.number("seconds", None),
    )
