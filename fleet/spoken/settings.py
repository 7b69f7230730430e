"""What a person sets once for all: each setting by its key `section.name`, as `config.toml` and the environment have
it. The one list behind `fleet config`, and behind what commands take for said where no option says it."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from fleet.spoken.spans import UnknownSpan, span_ms

Value = str | int | bool | list[str]


class WrongSetting(ValueError):
    """The message says what is wrong with it, and where."""


class Setting(NamedTuple):
    key: str
    built_in: Value | None
    """None: nothing is said, and the command decides."""
    about: str
    read: Callable[[object], Value]
    """From TOML, or from text. Raises WrongSetting with what it must be."""

    @property
    def variable(self) -> str:
        return f"FLEET_{self.key.upper().replace('.', '_')}"


def _one_of(*words: str) -> Callable[[object], Value]:
    def read(said: object) -> Value:
        if said not in words:
            raise WrongSetting(f"must be one of {', '.join(words)}")
        return str(said)

    return read


def _number(said: object) -> Value:
    if isinstance(said, str) and said.isascii() and said.isdigit():
        said = int(said)
    if isinstance(said, bool) or not isinstance(said, int) or said < 1:
        raise WrongSetting("must be a whole number, at least 1")
    return said


def _switch(said: object) -> Value:
    found = {"true": True, "false": False}.get(said) if isinstance(said, str) else said
    if not isinstance(found, bool):
        raise WrongSetting("must be true or false")
    return found


def _span(said: object) -> Value:
    try:
        span_ms(said)
    except UnknownSpan as failed:
        raise WrongSetting(str(failed)) from failed
    return said if isinstance(said, int) else str(said)


def _text(said: object) -> Value:
    if not isinstance(said, str) or not said.strip() or not said.isprintable():
        raise WrongSetting("must be one line of text")
    return said


def _texts(said: object) -> Value:
    lines = [said] if isinstance(said, str) else said
    if not isinstance(lines, list):
        raise WrongSetting("must be a text, or a list of texts")
    return [str(_text(line)) for line in lines]


SETTINGS = {
    one.key: one
    for one in (
        Setting("up.workers", 8, "workers at once", _number),
        Setting(
            "up.log_format",
            "console",
            "of the coordinator's log: console or json",
            _one_of("console", "json"),
        ),
        Setting(
            "up.log_level",
            "info",
            "debug, info, warning or error",
            _one_of("debug", "info", "warning", "error"),
        ),
        Setting("up.sandbox", "auto", "auto, bwrap or none", _one_of("auto", "bwrap", "none")),
        Setting("up.start_timeout", "1m", "a worker that has said nothing by then is stopped", _span),
        Setting("up.stall_timeout", "15m", "a worker silent for so long is stopped", _span),
        Setting("up.attempt_timeout", "6h", "a worker is stopped after so long", _span),
        Setting(
            "up.host_lost_after", "10m", "the work of a host silent for so long goes on elsewhere", _span
        ),
        Setting("up.checkpoint_every", "1m", "how often work on hosts is brought home", _span),
        Setting("task.tier", None, "tiers of tasks that name none, such as sonnet,opus or auto", _text),
        Setting("task.land", None, "branch or merge", _one_of("branch", "merge")),
        Setting("task.target", None, "the branch to start from and land in", _text),
        Setting("task.verify", None, "what must succeed before a task lands", _texts),
        Setting("task.max_turns", None, "for each thing that a session is told", _number),
        Setting("ui.color", "auto", "auto, always or never", _one_of("auto", "always", "never")),
        Setting("clean.automatic", False, "whether the coordinator cleans by itself", _switch),
        Setting("clean.older_than", "30d", "of tasks that ended so long ago", _span),
        Setting("clean.worktrees", True, "remove worktrees of ended tasks", _switch),
        Setting("clean.branches", True, "remove branches that their target has all of", _switch),
        Setting("clean.runs", True, "remove what workers said, and logs of verifications", _switch),
        Setting("clean.journal", True, "forget ended tasks themselves", _switch),
    )
}


class Found(NamedTuple):
    value: Value | None
    origin: str
    """`built in`, the path of the file, or the variable of the environment."""


def read_file(file: Path) -> dict[str, Value]:
    """The settings of a `config.toml`, by key; none where there is no such file. Raises WrongSetting for what nobody
    understands, and OSError."""
    try:
        table = tomllib.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as failed:
        raise WrongSetting(f"{file}: no TOML: {failed}") from failed
    return {key: checked(key, value, str(file)) for key, value in _flat(file, table).items()}


def _flat(file: Path, table: Mapping[str, Any]) -> dict[str, Any]:
    for section, values in table.items():
        if not isinstance(values, dict):
            raise WrongSetting(f"{file}: {section} stands in no section: write it below one, such as [up]")
    return {f"{section}.{name}": value for section, values in table.items() for name, value in values.items()}


def checked(key: str, said: object, origin: str) -> Value:
    """Raises WrongSetting."""
    try:
        return setting(key).read(said)
    except WrongSetting as failed:
        if key not in SETTINGS:
            raise WrongSetting(f"{origin}: {failed}") from failed
        raise WrongSetting(f"{origin}: {key} {failed}, not {said!r}") from failed


def setting(key: str) -> Setting:
    """Raises WrongSetting."""
    if key not in SETTINGS:
        from difflib import get_close_matches

        near = get_close_matches(key, SETTINGS, n=1)
        meant = f"did you mean {near[0]}?" if near else "see `fleet config list`"
        raise WrongSetting(f"no setting is called {key}: {meant}")
    return SETTINGS[key]


def section(name: str, file: Path, environ: Mapping[str, str]) -> dict[str, Value | None]:
    """All of one section, by their names in it. Raises WrongSetting."""
    begins = f"{name}."
    keys = (key for key in SETTINGS if key.startswith(begins))
    return {key.removeprefix(begins): found(key, file, environ).value for key in keys}


def found(key: str, file: Path, environ: Mapping[str, str]) -> Found:
    """What holds where no option says it. Raises WrongSetting."""
    of = setting(key)
    if of.variable in environ:
        return Found(checked(key, environ[of.variable], of.variable), of.variable)
    said = read_file(file)
    return Found(said[key], str(file)) if key in said else Found(of.built_in, "built in")
