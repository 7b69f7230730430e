"""Why a task is where it is, as data and in words."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from fleet.core.dispatch import Explanation, explain
from fleet.home import Home
from fleet.service.requests import NotDone
from fleet.service.running import coordinator
from fleet.service.snapshot import snapshot


def why(home: Home, task_id: str) -> Explanation:
    """Raises NotDone for an unknown task."""
    fleet = snapshot(home)
    task = fleet.tasks.get(task_id)
    if task is None:
        raise NotDone(f"there is no task {task_id}: see `fleet task list`")
    if coordinator(home.root) is not None:
        return explain(fleet, task)
    explained = explain(replace(fleet, draining=False, hosts={}), task)
    if task.state in ("running", "checking", "landing"):
        unseen = "no coordinator runs, so nobody follows this: fleet up goes on with it"
        return replace(explained, summary=f"{explained.summary}; {unseen}")
    return explained


def as_data(explained: Explanation) -> dict[str, Any]:
    return {
        "id": explained.task,
        "state": explained.state,
        "summary": explained.summary,
        "expects_at": _iso(explained.expects_ms),
        "stuck": explained.stuck,
        "advice": explained.advice or None,
        "considered": [
            {
                "account": r.account,
                "tier": r.tier,
                "why": r.why,
                "until": _iso(r.until_ms),
                "lasting": r.lasting,
            }
            for r in explained.refusals
        ],
        "possible": [{"account": account, "tier": tier} for account, tier in explained.feasible],
    }


def as_words(explained: Explanation) -> str:
    lines = [f"{explained.task} is {explained.state}: {explained.summary}"]
    for refused in explained.refusals:
        until = f" until {local_time(refused.until_ms)}" if refused.until_ms else ""
        lines.append(f"  not {refused.account} with {refused.tier}: {refused.why}{until}")
    if explained.feasible:
        also = ", ".join(f"{account} with {tier}" for account, tier in explained.feasible)
        lines.append(f"  also possible now: {also}")
    if explained.expects_ms is not None:
        lines.append(f"  expects to run at {local_time(explained.expects_ms)}")
    if explained.advice:
        lines.append(f"  to do: {explained.advice}")
    return "\n".join(lines)


def local_time(ms: int) -> str:
    """In the person's own zone: the time of day, with the date when that is not today."""
    at = datetime.fromtimestamp(ms / 1000).astimezone()
    today = datetime.now().astimezone().date()
    return at.strftime("%H:%M:%S" if at.date() == today else "%a %Y-%m-%d %H:%M")


def _iso(ms: int | None) -> str | None:
    if ms is None:
        return None
    return datetime.fromtimestamp(ms / 1000).astimezone().isoformat(timespec="seconds")
