"""`fleet config`: what holds, where it comes from, and changing it in `config.toml`."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

from fleet.errors import NotDone
from fleet.home import Home
from fleet.spoken import settings
from fleet.spoken.settings import SETTINGS, Found, Value, WrongSetting
from workers.private import write_whole


def found(home: Home, key: str, environ: Mapping[str, str]) -> Found:
    """Raises NotDone."""
    try:
        return settings.found(key, home.config, environ)
    except WrongSetting as failed:
        raise NotDone(str(failed)) from failed


def section(home: Home, name: str, environ: Mapping[str, str]) -> dict[str, Value | None]:
    """Raises NotDone."""
    try:
        return settings.section(name, home.config, environ)
    except WrongSetting as failed:
        raise NotDone(str(failed)) from failed


def listed(home: Home, environ: Mapping[str, str]) -> list[dict[str, Any]]:
    """All settings, in the order of the list. Raises NotDone."""
    return [
        {"key": key, **found(home, key, environ)._asdict(), "about": SETTINGS[key].about} for key in SETTINGS
    ]


def put(home: Home, key: str, said: list[str]) -> None:
    """Says it in the file. Raises NotDone."""
    try:
        settings.setting(key)
        value = settings.checked(key, said[0] if len(said) == 1 else said, "fleet config set")
    except WrongSetting as failed:
        raise NotDone(str(failed)) from failed
    _change(home, key, value)


def drop(home: Home, key: str) -> None:
    """Says nothing of it any more. Raises NotDone."""
    try:
        settings.setting(key)
    except WrongSetting as failed:
        raise NotDone(str(failed)) from failed
    _change(home, key, None)


def _change(home: Home, key: str, value: Value | None) -> None:
    """Changes one line, or adds it; all else stays as it is, comments too. Raises NotDone where the file could not be
    read, or is written in a way that cannot be changed so."""
    file = home.config
    try:
        settings.read_file(file)
        text = file.read_text("utf-8") if file.exists() else ""
    except WrongSetting as failed:
        raise NotDone(f"{failed}. Mend that first, in an editor") from failed
    section, _, name = key.partition(".")
    wanted = tomllib.loads(text)
    wanted.setdefault(section, {})
    if value is None:
        wanted[section].pop(name, None)
    else:
        wanted[section][name] = value
    line = "" if value is None else f"{name} = {_as_toml(value)}\n"
    for candidate in _candidates(text, section, name, line):
        if _parsed(candidate, section) == wanted:
            home.make()
            write_whole(file, candidate.encode(), durable=True)
            return
    raise NotDone(f"{file} says {key} in a way that only an editor can change: do it there")


def _parsed(text: str, section: str) -> dict[str, Any] | None:
    try:
        return {section: {}, **tomllib.loads(text)}
    except tomllib.TOMLDecodeError:
        return None


def _candidates(text: str, section: str, name: str, line: str) -> Iterator[str]:
    """The file with the line in its place, however many lines the value before took; else at the end of its section;
    else in a section of its own."""
    lines = text.splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    head = re.compile(rf"\s*\[\s*{re.escape(section)}\s*\]\s*(#.*)?")
    begin = next((n for n, one in enumerate(lines) if head.fullmatch(one.rstrip("\n"))), None)
    if begin is None:
        yield "".join(lines) + (f"{chr(10) if lines else ''}[{section}]\n{line}" if line else "")
        return
    end = next((n for n in range(begin + 1, len(lines)) if lines[n].lstrip().startswith("[")), len(lines))
    at = next((n for n in range(begin + 1, end) if re.match(rf"\s*{re.escape(name)}\s*=", lines[n])), None)
    if at is None:
        yield "".join([*lines[: begin + 1], line, *lines[begin + 1 :]])
        return
    for after in range(at + 1, len(lines) + 1):
        yield "".join([*lines[:at], line, *lines[after:]])


def _as_toml(value: Value) -> str:
    """JSON's strings, whole numbers, truth and lists are TOML's."""
    return json.dumps(value, ensure_ascii=False)
