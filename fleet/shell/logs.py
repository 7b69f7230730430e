"""Structured logs: lines for people on a terminal, JSON otherwise; secrets cannot appear in either."""

from __future__ import annotations

import logging
from collections.abc import MutableMapping
from contextlib import suppress
from typing import Any, Literal, TextIO, cast

import structlog

from fleet.moments import with_moments
from fleet.shell.veil import Veil
from fleet.streams import colours
from workers.printable import sgr

Format = Literal["console", "json"]
Level = Literal["debug", "info", "warning", "error"]

MARKS = {"warning": "!", "error": "✗"}
TEXT_COLUMN = 30


class Unfailing:
    """A stream whose lines are lost while it cannot be written (its disk is full, its reader has gone): a log must not
    end what it tells of."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def write(self, text: str) -> None:
        with suppress(OSError):
            self._out.write(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._out.flush()


def open_log(
    form: Format | None, veil: Veil, out: TextIO, level: Level = "info"
) -> structlog.stdlib.BoundLogger:
    """A logger that writes to `out` what is of `level` or above; the form follows whether that is a terminal, unless
    named."""
    form = form or ("console" if out.isatty() else "json")
    logger: structlog.stdlib.BoundLogger = structlog.wrap_logger(
        structlog.WriteLogger(cast(TextIO, Unfailing(out))),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            veil,
            *(_for_people(colours(out)) if form == "console" else _for_programs()),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
    )
    return logger


def _for_programs() -> list[Any]:
    """Each line has a `type`: of `fleet.core.notes`, `talk` of a worker, `coordinator.started`, `.stopped`, `.trouble`
    or `.well`, else `log`. And `data`, its values."""
    return [
        _typed,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.JSONRenderer(ensure_ascii=False),
    ]


def _for_people(coloured: bool) -> list[Any]:
    """Columns: when, who (attempt or task, and account), what; further keys behind."""

    def styled(style: str) -> str:
        return sgr(style) if coloured else ""

    def column(key: str, style: str, width: int = 0) -> structlog.dev.Column:
        shown = structlog.dev.KeyValueColumnFormatter(
            key_style=None,
            value_style=styled(style),
            reset_style=styled("0"),
            value_repr=str,
            width=width,
        )
        return structlog.dev.Column(key, shown)

    rest = structlog.dev.KeyValueColumnFormatter(
        key_style=styled("36"), value_style=styled("35"), reset_style=styled("0"), value_repr=str
    )
    columns = [
        column("timestamp", "2"),
        column("mark", "33"),
        column("who", "35", width=7),
        column("account", "36", width=10),
        column("event", "1"),
        structlog.dev.Column("", rest),
    ]
    return [
        structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False),
        _who,
        _indented,
        structlog.dev.ConsoleRenderer(columns=columns),
    ]


def _typed(logger: object, name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {**event, "type": event.get("type", "log"), "data": with_moments(event.get("data", {}))}


def _who(logger: object, name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """One column for the attempt, or the task where there is none; a mark for what is not well; this machine goes
    without saying."""
    for of_programs in ("type", "data"):
        event.pop(of_programs, None)
    task, attempt = event.pop("task", ""), event.pop("attempt", "")
    event["who"] = attempt or task
    event["mark"] = MARKS.get(event.pop("level", ""), " ")
    event.setdefault("account", "")
    if event.get("host") == "local":
        del event["host"]
    return event


def _indented(logger: object, name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The further lines of a text stand below its first: what others say begins no line of the log."""
    further = "\n" + " " * TEXT_COLUMN
    return {key: str(value).replace("\n", further) for key, value in event.items()}
