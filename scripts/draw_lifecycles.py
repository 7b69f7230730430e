"""Draws docs/lifecycles.md from the transition tables of the core."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from fleet.core.model.lifecycles import TABLES, Table

DOC = Path(__file__).parents[1] / "docs" / "lifecycles.md"

HEAD = """# Lifecycles

What may follow what. Drawn by `scripts/draw_lifecycles.py` from `fleet/core/model/lifecycles.py`; a test holds this
page to it. Any other pair is a bug in the core and raises `IllegalTransition` with the story.
"""


def drawn() -> str:
    return "\n".join([HEAD, *(line for name, table in TABLES.items() for line in _diagram(name, table))])


def _diagram(name: str, table: Table) -> Iterator[str]:
    yield from (f"## {name}", "", "```mermaid", "stateDiagram-v2")
    yield f"    [*] --> {next(iter(table))}"
    for state, targets in table.items():
        if not targets:
            yield f"    {state} --> [*]"
        for target in sorted(targets):
            yield f"    {state} --> {target}"
    yield from ("```", "")


if __name__ == "__main__":
    DOC.write_text(drawn())
