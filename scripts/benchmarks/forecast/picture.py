"""The replay as a picture: what each policy blocks and harvests, ours as a curve, one panel for each size of week."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape

from benchmarks.forecast.replay import SCALES, Points

WIDTH, HEIGHT = 300, 260
LEFT, TOP, GAP = 56, 56, 34
BLOCKED_MAX = 0.4
KINDS = (("thresholds", "#b45309"), ("daily", "#6d28d9"), ("no", "#dc2626"))
OURS = "#0f766e"


def draw(mine: Points, theirs: Points) -> str:
    """An SVG of both; rivals that block more than BLOCKED_MAX lie on the right edge."""
    width = LEFT + len(SCALES) * (WIDTH + GAP)
    height = TOP + HEIGHT + 62
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"'
        f' viewBox="0 0 {width} {height}" font-family="system-ui, sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        _text(
            LEFT,
            20,
            "Unused capacity harvested, against what a person's requests pay for it",
            size=15,
            bold=True,
        ),
        *_legend(),
    ]
    for row, scale in enumerate(SCALES):
        parts += _panel(LEFT + row * (WIDTH + GAP), row, scale, mine, theirs)
    parts.append(_text(LEFT, height - 8, "Share of the person's demand blocked because of automation →"))
    return "\n".join([*parts, "</svg>\n"])


def _panel(left: float, row: int, scale: float, mine: Points, theirs: Points) -> list[str]:
    parts = [
        f'<rect x="{left}" y="{TOP}" width="{WIDTH}" height="{HEIGHT}" fill="#f8fafc" stroke="#cbd5e1"/>',
        _text(left + 8, TOP + HEIGHT - 10, f"week = {scale:g} × the person's mean week"),
    ]
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        height = _up(share)
        parts.append(f'<line x1="{left}" x2="{left + WIDTH}" y1="{height}" y2="{height}" stroke="#e2e8f0"/>')
        if row == 0:
            parts.append(_text(left - 6, height + 4, f"{share:.0%}", anchor="end"))
    for share in (0.0, 0.1, 0.2, 0.3, 0.4):
        parts.append(_text(_right(left, share), TOP + HEIGHT + 16, f"{share:.0%}", anchor="middle"))
    for name, blocked, harvested in _rows(theirs, row):
        colour = next(colour for kind, colour in KINDS if name.startswith(kind))
        at = _right(left, min(blocked, BLOCKED_MAX))
        parts.append(
            f'<circle cx="{at:.1f}" cy="{_up(harvested):.1f}" r="2.6" fill="{colour}" fill-opacity="0.55">'
            f"<title>{escape(name)}: blocks {blocked:.1%}, harvests {harvested:.1%}</title></circle>"
        )
    curve = [(0.0, 0.0), *sorted((blocked, harvested) for _, blocked, harvested in _rows(mine, row))]
    points = " ".join(
        f"{_right(left, blocked):.1f},{_up(harvested):.1f}"
        for blocked, harvested in curve
        if blocked <= BLOCKED_MAX
    )
    parts.append(f'<polyline points="{points}" fill="none" stroke="{OURS}" stroke-width="2.5"/>')
    return parts


def _rows(points: Points, row: int) -> Sequence[tuple[str, float, float]]:
    return [
        (name, float(points.blocked[row, at]), float(points.harvested[row, at]))
        for at, name in enumerate(points.names)
    ]


def _legend() -> list[str]:
    entries = (
        ("reserved by the forecast", OURS),
        ("fixed thresholds", KINDS[0][1]),
        ("daily share", KINDS[1][1]),
        ("no reservation", KINDS[2][1]),
    )
    parts = []
    for place, (name, colour) in enumerate(entries):
        left = LEFT + place * 190
        parts.append(f'<circle cx="{left + 5}" cy="38" r="5" fill="{colour}"/>')
        parts.append(_text(left + 16, 42, name))
    return parts


def _right(left: float, blocked: float) -> float:
    return left + blocked / BLOCKED_MAX * WIDTH


def _up(harvested: float) -> float:
    return TOP + HEIGHT - harvested * HEIGHT


def _text(
    left: float, top: float, words: str, anchor: str = "start", size: int = 12, bold: bool = False
) -> str:
    weight = ' font-weight="600"' if bold else ""
    return (
        f'<text x="{left}" y="{top}" text-anchor="{anchor}" font-size="{size}"{weight} fill="#0f172a">'
        f"{escape(words)}</text>"
    )
