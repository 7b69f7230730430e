"""A comment that says where a rule's why stands is only worth its line while that place is there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
POINTER = re.compile(r'(docs/[a-z-]+\.md),\s+"([^"]+)"')


def test_every_section_that_a_comment_in_the_core_points_to_is_there() -> None:
    pointed = {
        (path.relative_to(ROOT).as_posix(), page, " ".join(section.split()))
        for path in sorted((ROOT / "fleet" / "core").rglob("*.py"))
        for page, section in POINTER.findall(path.read_text("utf-8"))
    }
    missing = [
        (path, page, section)
        for path, page, section in sorted(pointed)
        if section not in re.findall(r"^#+ (.+)$", (ROOT / page).read_text("utf-8"), re.MULTILINE)
    ]
    assert pointed
    assert missing == []
