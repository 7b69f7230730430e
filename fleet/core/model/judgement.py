"""A model's review of verified work: what is judged, what came of it, and how often that was right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

JUDGEMENT = "judgement"
"""The kind of work that a review is, whatever the task's own is."""

RETURNS_MAX = 2
"""So often blocking findings go back to the session that made the work; then a person decides."""

Severity = Literal["blocking", "minor"]


@dataclass(frozen=True, slots=True)
class Finding:
    """`line` counts from 1, None for the whole file. `evidence` says what is wrong there, and how that shows."""

    path: str
    line: int | None
    severity: Severity
    evidence: str

    @property
    def in_words(self) -> str:
        where = self.path if self.line is None else f"{self.path}:{self.line}"
        return f"{where}: {self.severity}: {self.evidence}"


@dataclass(frozen=True, slots=True)
class Judgement:
    """An answer that fits the schema. Minor findings alone stand in nobody's way."""

    findings: tuple[Finding, ...] = ()

    @property
    def passed(self) -> bool:
        return all(one.severity != "blocking" for one in self.findings)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a model found of one commit, of no other. `settled`: it has been counted whether that was right."""

    commit: str
    tier: str
    account: str
    findings: tuple[Finding, ...] = ()
    settled: bool = False

    @property
    def passed(self) -> bool:
        return Judgement(self.findings).passed


@dataclass(frozen=True, slots=True)
class Author:
    """The session that made the work, and how it stands, put aside while another one judges: fields of the task."""

    session_id: str | None
    session_account: str | None
    answered_by: str | None
    shuns: tuple[str, ...]
    unanswered: int
    bound: bool
    renewed: bool
    renewals: int
    renewed_for: str
    faults: int
    host_faults: int
    killed: int
    tier_work: float
    tier_ms: int


@dataclass(frozen=True, slots=True)
class Judging:
    """A review under way, of `commit`, by one of `tiers`. `output` is the end of what the gate said. `asked_again`: an
    answer did not fit the schema."""

    commit: str
    tiers: tuple[str, ...]
    output: str
    author: Author
    asked_again: bool = False


@dataclass(frozen=True, slots=True)
class Reviewer:
    """How often reviews of a tier were right. Of those with blocking findings (`objected`) the session mended them, or
    a person sent the work back, `confirmed` times; a person approved it as it was `overruled` times. Of those that
    `passed` a person sent the work back, or rejected it, `missed` times."""

    tier: str
    passed: int = 0
    missed: int = 0
    objected: int = 0
    confirmed: int = 0
    overruled: int = 0
