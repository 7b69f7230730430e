"""The value that policies complete, as a share of the clairvoyant bound, and what expires unused meanwhile."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import fmean

from benchmarks.dispatch.runs import OURS, PEERS, Outcome, Outcomes
from benchmarks.dispatch.scenarios import DEMANDED, DRAWN
from benchmarks.figure import Figure

MEAN_MIN = {"known": 0.97, "arriving": 0.95}
WORST_MIN = 0.90
AHEAD_MIN = 1.0
EXPIRED_MAX_PERCENT = 2.0


def figures(outcomes: Outcomes) -> list[Figure]:
    demanded = [one for family in DEMANDED for one in outcomes.of(family=family)]
    return [
        *(_mean(family, outcomes.of(family=family)) for family in DRAWN),
        _worst(demanded),
        *(_ahead(family, outcomes) for family in DRAWN),
        *_expired(outcomes.of()),
        Figure("policies compared", len(outcomes.found), None, "runs", dict(_table(outcomes))),
    ]


def _mean(family: str, ours: Sequence[Outcome]) -> Figure:
    detail: dict[str, object] = {
        one.name: f"{one.share:.4f} ({one.wanted.setting.about}; expired {one.score.expired_share:.2%})"
        for one in ours
    }
    for few in (False, True):
        alike = [one.share for one in ours if one.wanted.setting.few is few]
        if alike:
            detail[f"mean of {len(alike)} {'with few tasks' if few else 'drawn'}"] = round(fmean(alike), 4)
    mean = round(fmean(one.share for one in ours), 4)
    return Figure(
        f"value, {family}: mean", mean, MEAN_MIN.get(family), "of bound", detail, more_is_better=True
    )


def _worst(ours: Sequence[Outcome]) -> Figure:
    ordered = sorted(ours, key=lambda one: one.share)
    detail = {one.name: f"{one.share:.4f} ({one.wanted.setting.about})" for one in ordered[:5]}
    return Figure(
        "value, worst", round(ordered[0].share, 4), WORST_MIN, "of bound", detail, more_is_better=True
    )


def _ahead(family: str, outcomes: Outcomes) -> Figure:
    """Our mean over that of the peer with the largest. A peer is also ahead on one scenario when it is so because it
    turned persons away: that is told."""
    ours = outcomes.of(family=family)
    means = {peer: fmean(one.share for one in outcomes.of(peer, family=family)) for peer in PEERS}
    best = max(PEERS, key=lambda peer: means[peer])
    detail: dict[str, object] = {"best peer": f"{best}, mean {means[best]:.4f}"}
    for n, mine in enumerate(ours):
        peers = [outcomes.of(peer, family=family)[n] for peer in PEERS]
        first = max(peers, key=lambda one: one.share)
        if first.share > mine.share:
            detail[f"{mine.name}: {first.wanted.policy} is ahead"] = (
                f"{first.share:.4f} against {mine.share:.4f}{_turned_away(first, mine)}"
            )
    ratio = fmean(one.share for one in ours) / means[best]
    return Figure(
        f"value, {family}: mean / best peer's", round(ratio, 3), AHEAD_MIN, "×", detail, more_is_better=True
    )


def _turned_away(peer: Outcome, mine: Outcome) -> str:
    theirs, own = peer.score.availability, mine.score.availability
    return "" if theirs is None or own is None else f"; availability {theirs:.1%} against {own:.1%}"


def _expired(ours: Sequence[Outcome]) -> list[Figure]:
    ordered = sorted(ours, key=lambda one: -one.score.expired_share)
    over = {one.name: f"{one.score.expired_share:.2%} ({one.wanted.setting.about})" for one in ordered[:8]}
    by_family = {
        f"mean of {family}": f"{fmean(shares):.2%}"
        for family in DRAWN
        if (shares := [one.score.expired_share for one in ours if one.wanted.setting.family == family])
    }
    mean = 100.0 * fmean(one.score.expired_share for one in ours)
    worst = 100.0 * ordered[0].score.expired_share
    return [
        Figure("expired while work waited, mean", round(mean, 2), EXPIRED_MAX_PERCENT, "%", by_family),
        Figure("expired while work waited, worst", round(worst, 2), EXPIRED_MAX_PERCENT, "%", over),
    ]


def _table(outcomes: Outcomes) -> Iterator[tuple[str, str]]:
    for family in DRAWN:
        for policy in (OURS, *PEERS):
            yield f"{family:<9} {policy:<14}", _row(outcomes.of(policy, family=family))


def _row(found: Sequence[Outcome]) -> str:
    """Requests and deadlines are counted over all scenarios of the row."""
    worst = min(found, key=lambda one: one.share)
    requests = sum(one.score.requests for one in found)
    served = sum(one.score.requests_served for one in found)
    due = sum(one.score.deadlines for one in found)
    met = sum(one.score.deadlines_met for one in found)
    wasted = [one.score.expired_share for one in found]
    return " · ".join(
        (
            f"mean {fmean(one.share for one in found):.4f}",
            f"worst {worst.share:.4f} ({worst.name})",
            f"expired {fmean(wasted):.2%}, at most {max(wasted):.2%}",
            f"available {served / requests:.2%}" if requests else "no persons",
            f"deadlines met {met / due:.1%}" if due else "no deadlines",
        )
    )
