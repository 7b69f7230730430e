"""The table of words in docs/house.md is a contract: one thing, one word."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SAYS_WHAT_WAS = (Path(__file__), ROOT / "tests" / "store" / "test_migrations.py")


def retired() -> dict[str, str]:
    """Each word that is gone, and what to say for it."""
    rows = (ROOT / "docs" / "house.md").read_text("utf-8").split("| gone | say |\n|---|---|\n")[1]
    found: dict[str, str] = {}
    for row in rows.split("\n\n")[0].splitlines():
        words, say = (cell.strip() for cell in row.strip("|").split("|"))
        found |= {word.strip(): say for word in words.split(",")}
    return found


@pytest.mark.parametrize("word", retired())
def test_a_word_that_is_gone_does_not_come_back(word: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for floor in ("fleet", "workers", "profiles", "tests", "scripts")
        for path in sorted((ROOT / floor).rglob("*.py"))
        if path not in SAYS_WHAT_WAS
        for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1)
        if re.search(rf"(?<![a-zA-Z]){word}(?![a-zA-Z])", line)
    ]
    assert not found, f"say {retired()[word]} instead of {word}"


def test_no_line_of_the_docs_is_longer_than_a_screen_is_wide() -> None:
    """Tables and commands aside, which cannot be broken."""
    long = []
    for path in sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]):
        code = False
        for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1):
            code ^= line.startswith("```")
            if len(line) > 120 and not code and not line.startswith(("|", "```", "http")):
                long.append(f"{path.relative_to(ROOT)}:{number}")
    assert not long
