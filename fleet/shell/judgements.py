"""What a model answers that was asked to review: the border where a stranger's words become a judgement, or none.

Whatever does not fit the schema in every part is no judgement, so it is no pass. Texts are bounded and printable.
"""

from __future__ import annotations

import json
import re
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from fleet.core.model import Finding, Judgement
from fleet.core.model.judgement import Severity
from workers.printable import one_line, printable

ANSWER_CHARS_MAX = 200_000
FINDINGS_MAX = 50
PATH_CHARS_MAX = 400
EVIDENCE_CHARS_MAX = 4_000

_FENCED = re.compile(r"\A```(?:json)?[ \t]*\n(.*)\n```\Z", re.DOTALL)


class _Finding(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    path: Annotated[str, Field(min_length=1, max_length=PATH_CHARS_MAX)]
    line: Annotated[int, Field(ge=1, le=2**31)] | None
    severity: Severity
    evidence: Annotated[str, Field(min_length=1, max_length=EVIDENCE_CHARS_MAX)]


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    verdict: Literal["pass", "findings"]
    findings: Annotated[list[_Finding], Field(max_length=FINDINGS_MAX)]

    @model_validator(mode="after")
    def _agrees(self) -> _Answer:
        """A pass with something blocking, or findings without any, is a contradiction."""
        blocking = any(one.severity == "blocking" for one in self.findings)
        if (self.verdict == "pass" and blocking) or (self.verdict == "findings" and not self.findings):
            raise ValueError("the verdict contradicts the findings")
        return self


def read_judgement(said: str) -> Judgement | None:
    """None for what does not fit the schema."""
    text = said.strip()
    if len(text) > ANSWER_CHARS_MAX:
        return None
    fenced = _FENCED.match(text)
    try:
        answer = _Answer.model_validate(json.loads(fenced[1] if fenced else text))
    except (ValidationError, ValueError, RecursionError):
        return None
    return Judgement(
        tuple(
            Finding(one_line(one.path), one.line, one.severity, printable(one.evidence))
            for one in answer.findings
        )
    )
