"""A run as an SVG: for each account a strip with the course of its buckets, its workers, its persons, its resets.

Hand-written: one style sheet, whose colours follow the reader's light or dark scheme.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from fleet.simulate.record import Past, Record
from fleet.simulate.score import Score
from fleet.spoken.spans import DAY_MS, HOUR_MS

WIDTH, LEFT, RIGHT, TOP = 1200, 130, 20, 64
STRIP, WORKERS, GAP = 70, 22, 26
PERSON_JOINS_MS = HOUR_MS
"""Requests closer than this are drawn as one session."""

STYLE = """
  svg { background: #ffffff; color: #1f2328; font: 12px system-ui, sans-serif; }
  .faint { stroke: #d0d7de; } .quiet { fill: #59636e; } text { fill: currentColor; }
  .b0 { stroke: #0969da; } .b1 { stroke: #bc4c00; } .b2 { stroke: #8250df; } .b3 { stroke: #1a7f37; }
  .course { fill: none; stroke-width: 1.4; } .reset { stroke-dasharray: 2 3; stroke-width: .7; opacity: .6; }
  .workers { fill: #8c959f; opacity: .55; } .person { fill: #bf3989; opacity: .25; } .blocked { fill: #cf222e; }
  @media (prefers-color-scheme: dark) {
    svg { background: #0d1117; color: #e6edf3; } .faint { stroke: #30363d; } .quiet { fill: #9198a1; }
    .b0 { stroke: #4493f8; } .b1 { stroke: #f0883e; } .b2 { stroke: #ab7df8; } .b3 { stroke: #3fb950; }
    .workers { fill: #6e7681; }
  }
"""


def picture(record: Record, score: Score) -> str:
    """The SVG document."""
    accounts = [account.name for account in record.case.scenario.accounts]
    height = TOP + len(accounts) * (STRIP + WORKERS + GAP) + 20
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
            f"<style>{STYLE}</style>",
            *_heading(record, score),
            *_days(record, height),
            *(
                line
                for n, name in enumerate(accounts)
                for line in _account(record, name, TOP + n * (STRIP + WORKERS + GAP))
            ),
            "</svg>",
            "",
        ]
    )


def _heading(record: Record, score: Score) -> Iterator[str]:
    name = record.case.scenario.name or "scenario"
    told = f"{name}, policy {record.policy}, seed {record.case.seed}: {score.tasks_finished} of {score.tasks} tasks"
    told += f", {score.value_share:.1%} of the value, {score.expired_share:.1%} of capacity expired unused"
    yield f"<title>{escape(told)}</title>"
    yield f'<text x="{LEFT}" y="20" font-size="14">{escape(told)}</text>'
    names = list(dict.fromkeys(past.bucket for past in record.buckets))
    x = LEFT
    for n, bucket in enumerate(names):
        yield f'<line class="course b{n % 4}" x1="{x}" x2="{x + 18}" y1="36" y2="36"/>'
        yield f'<text class="quiet" x="{x + 22}" y="40">{escape(bucket)}</text>'
        x += 40 + 7 * len(bucket)
    yield f'<text class="quiet" x="{x}" y="40">grey: workers · pink: a person · dashes: resets</text>'


def _x(record: Record, at_ms: int) -> float:
    share = (at_ms - record.start_ms) / (record.end_ms - record.start_ms)
    return round(LEFT + min(1.0, max(0.0, share)) * (WIDTH - LEFT - RIGHT), 1)


def _days(record: Record, height: int) -> Iterator[str]:
    for n, at_ms in enumerate(range(record.start_ms, record.end_ms, DAY_MS)):
        x = _x(record, at_ms)
        day = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")[n % 7]
        yield f'<line class="faint" x1="{x}" x2="{x}" y1="{TOP - 8}" y2="{height - 12}"/>'
        yield f'<text class="quiet" x="{x + 3}" y="{TOP - 2}">{day}</text>'


def _account(record: Record, name: str, top: int) -> Iterator[str]:
    base = top + STRIP
    yield f'<text x="8" y="{top + 16}">{escape(name)}</text>'
    yield f'<text class="quiet" x="{LEFT - 6}" y="{top + 12}" text-anchor="end">100 %</text>'
    yield f'<line class="faint" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{base}" y2="{base}"/>'
    yield f'<line class="faint" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{top + 6}" y2="{top + 6}"/>'
    yield from _persons(record, name, top)
    names = list(dict.fromkeys(past.bucket for past in record.buckets))
    for past in record.buckets:
        if past.account == name:
            yield from _course(record, past, top, f"b{names.index(past.bucket) % 4}")
    yield from _workers(record, name, base + 3)


def _course(record: Record, past: Past, top: int, colour: str) -> Iterator[str]:
    """Utilization as a line from the bottom (0) to the top (1) of the strip."""
    points = [f"{_x(record, at)},{_y(past, used, top)}" for at, used in _thinned(past)]
    if points:
        yield f'<polyline class="course {colour}" points="{" ".join(points)}"/>'
    for period in past.periods:
        x = _x(record, period.ends_ms)
        if period.ends_ms < record.end_ms:
            yield f'<line class="reset {colour}" x1="{x}" x2="{x}" y1="{top + 6}" y2="{top + STRIP}"/>'


def _y(past: Past, used: float, top: int) -> float:
    return round(top + STRIP - min(1.0, used / past.capacity) * (STRIP - 6), 1)


def _thinned(past: Past) -> Iterator[tuple[int, float]]:
    """Without points that would be drawn within two hundredths of the last one, unless the line turns there."""
    last = None
    for n, (at, used) in enumerate(past.samples):
        turns = n + 1 >= len(past.samples) or past.samples[n + 1][1] < used or used == 0.0
        if last is None or turns or abs(used - last) >= 0.02 * past.capacity:
            last = used
            yield at, used


def _workers(record: Record, name: str, top: int) -> Iterator[str]:
    """One bar for each stay, in as many rows as there are places."""
    places = next(a.concurrency for a in record.case.scenario.accounts if a.name == name)
    thick = max(1.0, round(WORKERS / places, 1))
    free_ms = [0] * places
    stays = sorted(
        (s.begins_ms, s.ends_ms, s.task, s.tier)
        for course in record.courses.values()
        for s in course.stays
        if s.account == name
    )
    for begins_ms, ends_ms, task, tier in stays:
        row = next((n for n, free in enumerate(free_ms) if free <= begins_ms), 0)
        free_ms[row] = ends_ms
        x, y = _x(record, begins_ms), round(top + row * thick, 1)
        wide = max(0.4, round(_x(record, ends_ms) - x, 1))
        yield (
            f'<rect class="workers" x="{x}" y="{y}" width="{wide}" height="{round(thick * 0.8, 1)}">'
            f"<title>{escape(task)} ({escape(tier)})</title></rect>"
        )


def _persons(record: Record, name: str, top: int) -> Iterator[str]:
    sessions: list[list[int]] = []
    for request in record.requests:
        if request.account != name:
            continue
        if sessions and request.at_ms - sessions[-1][1] < PERSON_JOINS_MS:
            sessions[-1][1] = request.at_ms
        else:
            sessions.append([request.at_ms, request.at_ms])
        if not request.served:
            yield f'<circle class="blocked" cx="{_x(record, request.at_ms)}" cy="{top + 3}" r="2"/>'
    for begins_ms, ends_ms in sessions:
        x = _x(record, begins_ms)
        wide = max(1.0, round(_x(record, ends_ms) - x, 1))
        yield f'<rect class="person" x="{x}" y="{top + 6}" width="{wide}" height="{STRIP - 6}"/>'
