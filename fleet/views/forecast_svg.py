"""The forecast as a band chart: what will have been used by each hour, in an SVG."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from html import escape
from typing import Any

from fleet.forecast.words import amount_in_words

Record = dict[str, Any]

WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 780, 300, 70, 64, 40, 40
BANDS = (("0.1", "0.95", "b3"), ("0.1", "0.9", "b2"), ("0.1", "0.8", "b1"))
LINES_Y = 4

STYLE = """
  svg { background: #ffffff; color: #1f2328; font: 12px system-ui, sans-serif; }
  text { fill: currentColor; } .quiet { fill: #59636e; } .grid { stroke: #d1d9e0; }
  .b3 { fill: #ddf4ff; } .b2 { fill: #b6e3ff; } .b1 { fill: #80ccff; }
  .middle { stroke: #0969da; fill: none; stroke-width: 2; }
  @media (prefers-color-scheme: dark) {
    svg { background: #0d1117; color: #e6edf3; } .quiet { fill: #9198a1; } .grid { stroke: #3d444d; }
    .b3 { fill: #051d4d; } .b2 { fill: #0c2d6b; } .b1 { fill: #0d419d; } .middle { stroke: #79c0ff; }
  }
"""


def svg(account: Record) -> str:
    """Of one account of `forecast_of`. The line is the median; the bands reach from the first decile to the 80, 90 and
    95 % quantile."""
    hours = account["until"]
    most = max(hours[-1]["quantiles"]["0.95"], 1.0)
    heading = f"Your own use of the account {account['account']} from now on, in tokens"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
            f"<style>{STYLE}</style>",
            f"<title>{escape(heading)}</title>",
            f'<text x="{LEFT}" y="22" font-size="14">{escape(heading)}</text>',
            f'<text class="quiet" x="{LEFT}" y="42">{escape(account["in_words"])}</text>',
            *_grid(hours, most),
            *(_band(hours, low, high, most, name) for low, high, name in BANDS),
            _middle(hours, most),
            "</svg>",
            "",
        ]
    )


def _x(n: float, count: int) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * n / count


def _y(amount: float, most: float) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * min(amount / most, 1.0)


def _grid(hours: Sequence[Record], most: float) -> Iterator[str]:
    for n in range(LINES_Y + 1):
        y = _y(most * n / LINES_Y, most)
        yield f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        label = amount_in_words(most * n / LINES_Y)
        yield f'<text class="quiet" x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{label}</text>'
    every = max(1, len(hours) // 8)
    for n in range(every - 1, len(hours), every):
        at = datetime.fromisoformat(hours[n]["at"]).astimezone()
        x = _x(n + 1, len(hours))
        yield f'<text class="quiet" x="{x:.1f}" y="{HEIGHT - 16}" text-anchor="middle">{at:%a %H:%M}</text>'


def _band(hours: Sequence[Record], low: str, high: str, most: float, name: str) -> str:
    up = [*_points(hours, high, most)]
    down = [*_points(hours, low, most)][::-1]
    return f'<polygon class="{name}" points="{" ".join([*up, *down])}"/>'


def _middle(hours: Sequence[Record], most: float) -> str:
    return f'<polyline class="middle" points="{" ".join(_points(hours, "0.5", most))}"/>'


def _points(hours: Sequence[Record], level: str, most: float) -> Iterator[str]:
    yield f"{_x(0, len(hours)):.1f},{_y(0.0, most):.1f}"
    for n, hour in enumerate(hours, start=1):
        yield f"{_x(n, len(hours)):.1f},{_y(hour['quantiles'][level], most):.1f}"
