"""How commands print: one JSON document, or aligned columns for people."""

from __future__ import annotations

from fleet.spoken.clock import local_time
from fleet.streams import err, out
from workers.printable import one_line, printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from workers.remote.fitness import Finding

_MARKS = {"ok": "✓", "warning": "!", "error": "✗"}


def put(text: str = "", *, flush: bool = False) -> None:
    """A line of the command's result, in one line whatever stands in it: a title with a line end makes none of its
    own."""
    put_lines(one_line(text), flush=flush)


def put_lines(text: str, *, end: str = "\n", flush: bool = False) -> None:
    """The same for what has several lines of its own."""
    print(text, end=end, file=out(), flush=flush)


def as_json(document: Any) -> int:
    import json

    put_lines(json.dumps(document, indent=2, ensure_ascii=False))
    return 0


def put_documents(documents: Iterable[object]) -> int:
    """One JSON list, an element on each line: printed while they are still read, so that many need no room."""
    import json

    begin = "["
    for document in documents:
        put_lines(f"{begin}{json.dumps(document, ensure_ascii=False)}", end="")
        begin = ",\n "
    put_lines("]" if begin != "[" else "[]")
    return 0


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """Columns as wide as their widest cell."""
    rows = [tuple(one_line(cell) for cell in row) for row in rows]
    widths = [max(len(cell) for cell in column) for column in zip(head, *rows, strict=True)]
    for row in (head, *rows):
        put("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def print_findings(findings: Iterable[Finding]) -> None:
    """What was looked at, how it is, and what to do."""
    for finding in findings:
        put(f"{_MARKS[finding.grade]} {finding.what}: {finding.story}")
        if finding.advice:
            first, *further = finding.advice.splitlines()
            put(f"    → {first}")
            for line in further:
                put(f"      {line}")


def draw(path: str, picture: str) -> None:
    """A picture in a file, SVG or HTML, to be opened in a browser. Who made it has escaped what others wrote; what a
    reader would not see of that is shown here."""
    from pathlib import Path

    Path(path).write_text(printable(picture), encoding="utf-8")


def say(text: str, end: str = "\n") -> None:
    """A remark for the person, out of the way of scripts."""
    print(text, end=end, file=err(), flush=True)


def agrees(question: str) -> bool | None:
    """What the person at the terminal answers, whatever is piped in; None without one."""
    if not err().isatty():
        return None
    try:
        with open("/dev/tty", encoding="utf-8") as terminal:  # noqa: PTH123
            say(f"{question} [y/N] ", end="")
            return terminal.readline().strip().lower() in ("y", "yes")
    except OSError:
        return None


NAMED = 3
"""Of the tasks that wait for the same; the others are counted."""


def waits(need: dict[str, Any]) -> str:
    """What waits for a person's consent, and what to type."""
    names, more = need["tasks"][:NAMED], len(need["tasks"]) - NAMED
    others = f" and {more} more" if more > 0 else ""
    return f"{', '.join(names)}{others} {'waits' if len(need['tasks']) == 1 else 'wait'} for you: {need['story']}"


def paused(project: dict[str, Any]) -> str:
    """That a project is paused, and how it goes on."""
    until = f", until {clock(project['until'])}" if project["until"] else ""
    why = f": {project['why']}" if project["why"] else ""
    name = project["name"]
    return f"project {name} is paused by {project['by']}{until}{why} (fleet resume --project {name})"


def told_of(account: dict[str, Any]) -> str:
    """Why an account is in its state, and that its token ends soon."""
    ends = account["token_ends_at"] if account["token_ends_soon"] else None
    told = f"its token ends by {clock(ends)}: fleet account token {account['name']}" if ends else ""
    return "; ".join(part for part in (account["reason"], told) if part)


def window(bucket: dict[str, Any]) -> str:
    """One bucket in few words: how full it is, and until when."""
    used = "?" if bucket["utilization"] is None else f"{bucket['utilization']:.0%}"
    refused = bucket["status"] == "rejected"
    words = f"{bucket['name']} {used}{' refused' if refused else ''}"
    if not bucket["resets_at"]:
        return words
    return f"{words} {'until' if refused else 'resets'} {clock(bucket['resets_at'])}"


def clock(iso: str | None) -> str:
    """An ISO time as the person's own clock shows it; a dash where it is unknown."""
    return "-" if iso is None else local_time(_ms(iso))


def span(begins: str, ends: str) -> str:
    """From one to the other; the day of the end only where it is another one."""
    return f"{clock(begins)} to {local_time(_ms(ends), _ms(begins))}"


def _ms(iso: str) -> int:
    from datetime import datetime

    return round(datetime.fromisoformat(iso).timestamp() * 1000)
