"""Deadlines that pass: what has missed its deadline goes to another lane of the queue, where it is in the order of
value again and stands in nobody's way."""

from __future__ import annotations

from dataclasses import replace

from fleet.core.draft import Draft
from fleet.core.model import is_timed


def pass_by(draft: Draft) -> None:
    """Looks at the heads of the lanes with deadlines, which stand in the order of those."""
    fleet = draft.peek()
    for lane in [lane for lane in fleet.queue if is_timed(lane)]:
        for deadline_ms, _, _, task_id in fleet.queue[lane]:
            if deadline_ms > draft.now_ms:
                break
            draft.put_task(replace(draft.tasks[task_id], late=True))
