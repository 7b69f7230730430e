"""The heatmap for a terminal, as an SVG, and as an HTML page."""

from __future__ import annotations

from html import escape

from fleet.history.reports.heatmap import DAYS, Heatmap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

SHADES = " ░▒▓█"
CELL, GAP, LEFT, TOP = 26, 3, 52, 58
STEPS = 5
"""Colours; the first is for hours without any use."""

STYLE = """
  svg { background: #ffffff; color: #1f2328; font: 12px system-ui, sans-serif; }
  text { fill: currentColor; } .quiet { fill: #59636e; }
  .s0 { fill: #eff2f5; } .s1 { fill: #aceebb; } .s2 { fill: #4ac26b; } .s3 { fill: #2da44e; } .s4 { fill: #116329; }
  @media (prefers-color-scheme: dark) {
    svg { background: #0d1117; color: #e6edf3; } .quiet { fill: #9198a1; }
    .s0 { fill: #151b23; } .s1 { fill: #033a16; } .s2 { fill: #196c2e; } .s3 { fill: #2ea043; } .s4 { fill: #56d364; }
  }
"""


def step(value: float, most: float) -> int:
    """0 for nothing, else 1 to 4 by quarters of the root of its share of the most: use is spread over orders of
    magnitude, and few hours would be seen otherwise."""
    if value <= 0.0 or most <= 0.0:
        return 0
    return min(1 + int((value / most) ** 0.5 * (STEPS - 1)), STEPS - 1)


def terminal(found: Heatmap) -> Iterator[str]:
    """Lines of text, two characters an hour."""
    yield "     " + "".join(f"{hour:<6}" for hour in range(0, 24, 3)).rstrip()
    for day, row in zip(DAYS, found.cells, strict=True):
        yield (f"{day}  " + "".join(SHADES[step(value, found.most)] * 2 for value in row)).rstrip()


def svg(found: Heatmap, zone: str) -> str:
    """The picture as a document."""
    width = LEFT + 24 * (CELL + GAP) + 16
    height = TOP + 7 * (CELL + GAP) + 16
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">',
            f"<style>{STYLE}</style>",
            f"<title>{escape(_heading(found, zone))}</title>",
            f'<text x="{LEFT}" y="22" font-size="14">{escape(_heading(found, zone))}</text>',
            *(
                f'<text class="quiet" x="{LEFT + hour * (CELL + GAP)}" y="{TOP - 8}">{hour:02d}</text>'
                for hour in range(0, 24, 3)
            ),
            *_cells(found),
            "</svg>",
            "",
        ]
    )


def _heading(found: Heatmap, zone: str) -> str:
    if not found.first:
        return "nothing was used"
    return f"{_WORDS[found.measure]} by hour of the week, {found.first} to {found.last}, {zone}"


_WORDS = {"answers": "Answers", "tokens": "Tokens", "work": "Work", "cost": "Dollars by list price"}


def _cells(found: Heatmap) -> Iterator[str]:
    for number, (day, row) in enumerate(zip(DAYS, found.cells, strict=True)):
        y = TOP + number * (CELL + GAP)
        yield f'<text x="{LEFT - 8}" y="{y + CELL - 8}" text-anchor="end">{day}</text>'
        for hour, value in enumerate(row):
            x = LEFT + hour * (CELL + GAP)
            yield (
                f'<rect class="s{step(value, found.most)}" x="{x}" y="{y}" width="{CELL}" height="{CELL}" rx="3">'
                f"<title>{day} {hour:02d}:00: {figure(value, found.measure)}</title></rect>"
            )


def figure(value: float, measure: str) -> str:
    return f"${value:,.2f}" if measure == "cost" else f"{value:,.0f} {_UNITS[measure]}"


_UNITS = {"answers": "answers", "tokens": "tokens", "work": "work units"}


def html(found: Heatmap, zone: str) -> str:
    """A page with the picture, and the same as a table for who cannot see it."""
    head = "".join(f"<th>{hour:02d}</th>" for hour in range(24))
    rows = "\n".join(
        f"<tr><th>{day}</th>" + "".join(f"<td>{value:,.0f}</td>" for value in row) + "</tr>"
        for day, row in zip(DAYS, found.cells, strict=True)
    )
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>{escape(_heading(found, zone))}</title>
<style>body {{ font: 14px system-ui, sans-serif; margin: 2rem; }} svg {{ max-width: 62rem; }}
table {{ border-collapse: collapse; font-size: 12px; }} td, th {{ padding: 2px 6px; text-align: right; }}</style>
{svg(found, zone)}
<details><summary>As a table</summary><table><tr><th></th>{head}</tr>
{rows}
</table></details>
</html>
"""
