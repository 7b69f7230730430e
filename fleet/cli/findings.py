"""How findings are printed: what was looked at, how it is, and what to do."""

from __future__ import annotations

from collections.abc import Iterable

from fleet.cli.show import put
from workers.remote.fitness import Finding

_MARKS = {"ok": "✓", "warning": "!", "error": "✗"}


def print_findings(findings: Iterable[Finding]) -> None:
    for finding in findings:
        put(f"{_MARKS[finding.grade]} {finding.what}: {finding.story}")
        if finding.advice:
            put(f"    → {finding.advice}")
