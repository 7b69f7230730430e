"""What a new session is told that goes on with the work of an earlier one: from what is known of it, and nothing else.

No model has a part in it. Whoever knows more of the work (its plan, what it looked at) adds a field to `WorkSoFar` and
a section to `handoff`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

SAID_CHARS_MAX = 8_000
DIFF_CHARS_MAX = 12_000
VERIFIER_CHARS_MAX = 4_000
LOST = "its conversation was lost"
BEGIN = "You are taking over this task from an earlier session"


@dataclass(frozen=True, slots=True)
class WorkSoFar:
    """`why` the earlier session does not go on. `told`: what persons and the fleet said to it after the task's own
    words; `said`: its own sentences; both oldest first. `diff`: what is changed since the task's base. `verifier`: the
    end of what the verification said when it failed last; empty when it did not."""

    why: str = LOST
    told: tuple[str, ...] = ()
    said: tuple[str, ...] = ()
    diff: str = ""
    verifier: str = ""


def handoff(prompt: str, work: WorkSoFar) -> str:
    """The first words to the new session. Of what is long the newest is kept, of a diff its beginning."""
    return "\n\n".join(_sections(prompt, work))


def _sections(prompt: str, work: WorkSoFar) -> Iterator[str]:
    yield (
        f"{BEGIN}, which cannot go on: {work.why}. Its work so far is in this directory: look at it first (git status, "
        "git log), then finish the task."
    )
    yield f"The task:\n\n{prompt}"
    if work.told:
        yield quoted("What it was told later, the newest last:", _newest(work.told, SAID_CHARS_MAX))
    if work.said:
        yield quoted("What it said itself, the newest last:", _newest(work.said, SAID_CHARS_MAX))
    if work.diff:
        yield quoted("What it has changed so far:", _beginning(work.diff, DIFF_CHARS_MAX))
    if work.verifier:
        yield quoted("How the verification failed last:", work.verifier[-VERIFIER_CHARS_MAX:])


def quoted(heading: str, text: str) -> str:
    """Between fences that are longer than any in the text: what is quoted is no part of what is asked for."""
    fence = "~" * 3
    while fence in text:
        fence += "~"
    return f"{heading}\n\n{fence}\n{text.strip()}\n{fence}"


def _newest(texts: tuple[str, ...], chars_max: int) -> str:
    """As many of the last ones as there is room for, one at least."""
    kept: list[str] = []
    room = chars_max
    for text in reversed(texts):
        if kept and len(text) > room:
            kept.append("…")
            break
        kept.append(text[-chars_max:])
        room -= len(text)
    return "\n\n".join(reversed(kept))


def _beginning(text: str, chars_max: int) -> str:
    return (
        text if len(text) <= chars_max else f"{text[:chars_max]}\n… {len(text) - chars_max} characters more"
    )
