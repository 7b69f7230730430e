"""Why a task is where it is, as data and in words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from fleet.core.dispatch import Explanation, Quote, Refusal, explain
from fleet.core.model import Fleet, Task
from fleet.core.rules.placing import in_words
from fleet.errors import NotDone
from fleet.home import Home
from fleet.spoken.choice import state_word
from fleet.spoken.clock import local_time
from fleet.store.sqlite_reader import SqliteReader
from fleet.views.light.running import coordinator
from fleet.views.snapshot import snapshot
from fleet.views.would_change import would_change
from workers.printable import one_line


@dataclass(frozen=True, slots=True)
class Reasons:
    """Why a task is where it is, and what would change that, in sentences."""

    explanation: Explanation
    state: str
    """In one word (`choice.state_word`)."""
    would_change: tuple[str, ...] = ()
    noticed: tuple[Noticed, ...] = ()


@dataclass(frozen=True, slots=True)
class Noticed:
    """What its history warns of: what was put back, what hung, what its session did to others."""

    at_ms: int
    text: str


def why(home: Home, task_id: str, fleet: Fleet | None = None) -> Reasons:
    """`fleet` is a snapshot, for who asks about many tasks. Raises NotDone for an unknown task."""
    fleet = snapshot(home) if fleet is None else fleet
    task = fleet.tasks.get(task_id)
    if task is None:
        raise NotDone(f"there is no task {task_id}: see `fleet task list`")
    noticed = _noticed(home, task_id)
    if coordinator(home.root) is not None:
        return replace(reasons(fleet, task), noticed=noticed)
    found = replace(reasons(replace(fleet, draining=False, hosts={}), task), noticed=noticed)
    if task.state in ("running", "checking", "landing"):
        unseen = "no coordinator runs, so nobody follows this: fleet up goes on with it"
        explained = replace(found.explanation, summary=f"{found.explanation.summary}; {unseen}")
        return replace(found, explanation=explained)
    return found


NOTICED_SHOWN = 3


def _noticed(home: Home, task_id: str) -> tuple[Noticed, ...]:
    """The latest warnings, each text once; `fleet task show` has all of its history."""
    with SqliteReader(home.root) as reader:
        latest = {
            text: Noticed(at_ms, text)
            for _, at_ms, level, *_, text, _ in reader.history(task_id)
            if level in ("warning", "error")
        }
    return tuple(sorted(latest.values(), key=lambda one: one.at_ms)[-NOTICED_SHOWN:])


def reasons(fleet: Fleet, task: Task) -> Reasons:
    explained = explain(fleet, task)
    state = state_word(task.state, task.spec.land, paused=task.spec.paused is not None)
    return Reasons(explained, state, would_change(fleet, task, explained))


# --- as data --------------------------------------------------------------------------------------------


def as_data(found: Reasons) -> dict[str, Any]:
    explained = found.explanation
    return {
        "id": explained.task,
        "state": explained.state,
        "summary": explained.summary,
        "expects_at": _iso(explained.expects_ms),
        "stuck": explained.stuck,
        "advice": explained.advice,
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
        "quotes": [_quote(explained, quote) for quote in explained.quotes],
        "would_change": list(found.would_change),
        "noticed": [{"at": _iso(one.at_ms), "text": one.text} for one in found.noticed],
    }


def _quote(explained: Explanation, quote: Quote) -> dict[str, Any]:
    return {
        "account": quote.account,
        "tier": quote.tier,
        "worth": quote.worth,
        "chance": quote.chance,
        "charges": [
            {"bucket": bucket, "share": share, "price": price} for bucket, share, price in quote.charges
        ],
        "place": quote.place,
        "money": quote.money,
        "after": quote.after,
        "net": quote.net,
        "preference": quote.other,
        "taken": _is_taken(explained, quote),
        "why": _not_taken(explained, quote),
    }


def _is_taken(explained: Explanation, quote: Quote) -> bool:
    return explained.taken == (quote.account, quote.tier)


def _not_taken(explained: Explanation, quote: Quote) -> str:
    """What speaks against it; empty for the one that was taken, and for one that is possible now."""
    against = next(
        (r for r in explained.refusals if (r.account, r.tier) == (quote.account, quote.tier)), None
    )
    if against is not None:
        return against.why
    if explained.taken is None or _is_taken(explained, quote):
        return ""
    ahead = explained.quotes[0].merit - quote.merit
    return (
        f"{ahead:.3g} less than what was taken"
        if ahead > 0.0
        else "possible, but a session stays where it is"
    )


# --- in words -------------------------------------------------------------------------------------------

READ_THIS = """\
  Worth × chance is what running it would bring; what its capacity would bring to other work (the price) goes off that,
  all in fresh tasks of priority 0. Where nothing would be left, it waits. Among tiers a preference decides, too: for
  cheaper ones, or for those you named first. The best first:"""


def as_words(found: Reasons) -> str:
    explained = found.explanation
    lines = [f"{explained.task} is {found.state}: {explained.summary}"]
    lines += _closed(explained)
    if explained.feasible:
        also = ", ".join(f"{account} with {tier}" for account, tier in explained.feasible)
        lines.append(f"  also possible now: {also}")
    if explained.expects_ms is not None:
        lines.append(f"  expects to run at {local_time(explained.expects_ms)}")
    if explained.advice:
        lines.append(f"  to do: {explained.advice}")
    if explained.quotes:
        lines += [*READ_THIS.splitlines(), *_arithmetic(explained)]
    lines += [f"  {told}" for told in found.would_change]
    said = (explained.summary, explained.advice)
    lines += [f"  {local_time(one.at_ms)}: {one.text}" for one in found.noticed if one.text not in said]
    return "\n".join(one_line(line) for line in lines)


def _closed(explained: Explanation) -> list[str]:
    """What did not come to any arithmetic; tiers that are closed for the same reason together."""
    quoted = {(quote.account, quote.tier) for quote in explained.quotes}
    alike: dict[tuple[str, str], list[str]] = {}
    for refused in explained.refusals:
        if (refused.account, refused.tier) not in quoted:
            why = "has no such tier" if refused.why == f"has no tier {refused.tier}" else refused.why
            alike.setdefault((refused.account, f"{why}{_until(refused)}"), []).append(refused.tier)
    return [f"  not {account} with {', '.join(tiers)}: {why}" for (account, why), tiers in alike.items()]


def _arithmetic(explained: Explanation) -> Iterator[str]:
    for quote in explained.quotes:
        preferred = f", less {quote.other:.3g} of preference: {quote.merit:.3g}" if quote.other else ""
        yield f"  {'→' if _is_taken(explained, quote) else '·'} {in_words(quote)}{preferred}"
        against = _not_taken(explained, quote)
        if against:
            yield f"      not taken: {against}"


def _until(refused: Refusal) -> str:
    return f" until {local_time(refused.until_ms)}" if refused.until_ms else ""


def _iso(ms: int | None) -> str | None:
    if ms is None:
        return None
    return datetime.fromtimestamp(ms / 1000).astimezone().isoformat(timespec="seconds")
