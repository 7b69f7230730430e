"""What persons lay down: projects, reservations, limits, floors, the strategy, the tiers, the breaker."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from math import isfinite

from fleet.core.capacity import reserved
from fleet.core.capacity.budgets import in_words
from fleet.core.draft import Draft
from fleet.core.events import (
    BreakerSet,
    FloorAdded,
    LimitAdded,
    LimitRemoved,
    ProjectSet,
    ReservationAdded,
    ReservationRemoved,
    StrategySet,
    TiersSet,
)
from fleet.core.model import Account
from fleet.core.model.policy import AUTO, Limit, Policy, Project, Reservation, Tier
from fleet.core.rules.finishing import let_by_its_project
from fleet.core.rules.tasks import Refused


def project_set(draft: Draft, event: ProjectSet) -> None:
    """Lays down what holds for a project, in place of what held before. One that is paused stays so."""
    project = event.project
    if not project.name.strip():
        raise Refused("a project needs a name, or the path of its repository")
    if not (isfinite(project.weight) and project.weight > 0):
        raise Refused(f"the weight of {project.name} is {project.weight:g}: it must be above 0")
    if project.workers is not None and project.workers < 1:
        raise Refused(f"{project.workers} workers do nothing for {project.name}: name at least 1")
    for name in project.accounts:
        _account(draft, name)
    if AUTO in project.tiers:
        raise Refused(
            f"the tiers of {project.name} include {AUTO}: leave them out, then all tiers are allowed"
        )
    before = draft.projects.get(project.name)
    draft.put("projects", project.name, replace(project, paused=None if before is None else before.paused))
    draft.note(
        "info",
        "project.set",
        f"project {project.name}: weight {project.weight:g}{_only(project)}",
        project=project.name,
        weight=project.weight,
    )
    if _lets(before) != _lets(project):
        let_by_its_project(draft, project.name)
    draft.settle = True


def _lets(project: Project | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What its work may read, and write, beside its worktrees."""
    return ((), ()) if project is None else (project.sandbox_read, project.sandbox_write)


def _only(project: Project) -> str:
    on = f", only on {', '.join(project.accounts)}" if project.accounts else ""
    tiers = f", only with {', '.join(project.tiers)}" if project.tiers else ""
    workers = "" if project.workers is None else f", at most {project.workers} workers at once"
    reads = f", may read {', '.join(project.sandbox_read)}" if project.sandbox_read else ""
    writes = f", may write {', '.join(project.sandbox_write)}" if project.sandbox_write else ""
    return f"{on}{tiers}{workers}{reads}{writes}"


def reservation_added(draft: Draft, event: ReservationAdded) -> None:
    """Protects capacity for a person. Raises Refused for what cannot be protected."""
    wanted = event.reservation
    account = _account(draft, wanted.account)
    if wanted.tier is not None and account.model_of(wanted.tier) is None:
        raise Refused(_no_tier(account, wanted.tier))
    if not 0 < wanted.amount <= 1:
        raise Refused(f"{wanted.amount:.0%} cannot be reserved: name a share above 0 % and up to 100 %")
    _refuse_scope(draft, account, wanted)
    _refuse_spans(draft, wanted)
    made = replace(wanted, id=_next_id("r", draft.reservations))
    draft.put("reservations", made.id, made)
    draft.note(
        "info",
        "reservation.added",
        f"reserved ({made.id}): {made.amount:.0%} of {made.bucket}, {made.said}",
        account=account.name,
        reservation=made.id,
        bucket=made.bucket,
        amount=made.amount,
    )
    draft.settle = True


def _refuse_scope(draft: Draft, account: Account, wanted: Reservation) -> None:
    bucket = next(
        (b for b in draft.buckets.values() if (b.pool, b.name) == (account.pool, wanted.bucket)), None
    )
    if bucket is not None and bucket.scope is not None and wanted.tier not in (None, bucket.scope):
        raise Refused(
            f"{wanted.bucket} of {account.name} is for {bucket.scope} only: {wanted.tier} draws on others"
        )


def _refuse_spans(draft: Draft, wanted: Reservation) -> None:
    if not wanted.spans or wanted.spans[-1][1] <= draft.now_ms:
        raise Refused(f"“{wanted.said}” is past: name a time to come")
    before_ms = -1
    for start_ms, end_ms in wanted.spans:
        if not before_ms <= start_ms < end_ms:
            raise Refused(f"“{wanted.said}” overlaps itself: end each time before the next begins")
        before_ms = end_ms


def reservation_removed(draft: Draft, event: ReservationRemoved) -> None:
    found = draft.reservations.get(event.name)
    if found is None:
        raise Refused(f"there is no reservation {event.name}: see `fleet reserve list`")
    draft.drop("reservations", event.name)
    draft.note(
        "info",
        "reservation.removed",
        f"no longer reserved ({event.name}): {found.said}",
        account=found.account,
        reservation=event.name,
    )
    reserved.reopen(draft)
    draft.settle = True


def limit_added(draft: Draft, event: LimitAdded) -> None:
    """What was spent before it was laid down does not count."""
    limit = event.limit
    if not (isfinite(limit.amount) and limit.amount > 0):
        raise Refused(
            f"a limit of {limit.amount:g} {limit.unit} is no limit: it must be above 0 "
            "(to stop all work: fleet breaker open)"
        )
    if (limit.unit == "share") != (limit.bucket is not None):
        raise Refused("a share is one of a bucket, and only a share: name --share together with --bucket")
    _refuse_scope_of_limit(draft, limit)
    made = replace(limit, id=_next_id("l", draft.limits))
    draft.put("limits", made.id, made)
    draft.note(
        "info",
        "limit.added",
        f"laid down ({made.id}): {in_words(made)}",
        limit=made.id,
        scope=made.scope,
        name=made.name,
        per=made.per,
        unit=made.unit,
        amount=made.amount,
    )
    draft.settle = True


def _refuse_scope_of_limit(draft: Draft, limit: Limit) -> None:
    if limit.scope == "task" and limit.name not in draft.tasks:
        raise Refused(f"there is no task {limit.name}: see `fleet task list`")
    if limit.scope == "account" and _account(draft, limit.name).kind != "api-key" and limit.unit == "usd":
        raise Refused(
            f"{limit.name} bills no dollars by the token: limit its --tokens, or a --share of a bucket"
        )


def floor_added(draft: Draft, event: FloorAdded) -> None:
    floor = event.floor
    if not 0 < floor.share < 1:
        raise Refused(f"{floor.share:.0%} is no floor: name a share above 0 % and below 100 %")
    if floor.account is not None:
        _account(draft, floor.account)
    made = replace(floor, id=_next_id("f", draft.floors))
    draft.put("floors", made.id, made)
    where = f"{made.bucket or 'every bucket'} of {made.account or 'every account'}"
    draft.note(
        "info",
        "floor.added",
        f"laid down ({made.id}): automation leaves the last {made.share:.0%} of {where}",
        floor=made.id,
        bucket=made.bucket,
        share=made.share,
    )
    draft.settle = True


def limit_removed(draft: Draft, event: LimitRemoved) -> None:
    """Takes back a limit, with what was counted against it, or a floor."""
    kind = "limits" if event.name in draft.limits else "floors"
    if kind == "floors" and event.name not in draft.floors:
        raise Refused(f"there is no limit or floor {event.name}: see `fleet limit list`")
    draft.drop(kind, event.name)
    draft.drop("spent", event.name)
    draft.note("info", "limit.removed", f"taken back: {event.name}", limit=event.name)
    if kind == "floors":
        reserved.reopen(draft)
    draft.settle = True


def strategy_set(draft: Draft, event: StrategySet) -> None:
    policy: Policy = draft.value("policy")
    weights = (event.strategy.protect, event.strategy.quantile, event.strategy.haste)
    if not all(isfinite(weight) and weight >= 0 for weight in weights) or weights[1] >= 1:
        raise Refused(
            f"the weights of {event.strategy.name} are no strategy: choose one by name (`fleet strategy`)"
        )
    draft.put_policy(replace(policy, strategy=event.strategy))
    draft.note("info", "strategy.set", f"strategy: {event.strategy.name}", strategy=event.strategy.name)
    draft.settle = True


def tiers_set(draft: Draft, event: TiersSet) -> None:
    """Lays down the ordering, the least capable first. What is not in it, `auto` does not choose."""
    if not event.tiers:
        raise Refused("an ordering of no tiers leaves nothing to choose from: keep at least one")
    for n, tier in enumerate(event.tiers):
        _refuse_tier(tier)
        if tier.name in [before.name for before in event.tiers[:n]]:
            raise Refused(f"the tier {tier.name} is in the ordering twice: name each once")
    policy: Policy = draft.value("policy")
    draft.put_policy(replace(policy, tiers=event.tiers))
    draft.note(
        "info",
        "tiers.set",
        f"tiers: {' < '.join(f'{tier.name} ({tier.weight:g})' for tier in event.tiers)}",
        tiers=tuple(tier.name for tier in event.tiers),
    )
    draft.settle = True


def _refuse_tier(tier: Tier) -> None:
    if not tier.name.strip() or tier.name != tier.name.strip() or "," in tier.name:
        raise Refused(f"{tier.name!r} is no name of a tier: write a word such as opus")
    if tier.name == AUTO:
        raise Refused(f"{AUTO} is no tier: it stands for all of the ordering")
    if not (isfinite(tier.weight) and tier.weight > 0):
        raise Refused(f"the weight of {tier.name} is {tier.weight:g}: it must be above 0")


def breaker_set(draft: Draft, event: BreakerSet) -> None:
    """Whoever opened it, it stays open until a person closes it; then counting begins anew."""
    policy: Policy = draft.value("policy")
    if event.faults_max is not None:
        if event.faults_max < 1:
            raise Refused(f"{event.faults_max} faults in a row cannot open the breaker: name at least 1")
        policy = replace(policy, breaker_faults=event.faults_max)
    if event.why:
        policy = replace(policy, breaker=event.why, breaker_until_ms=None)
        draft.note(
            "error",
            "breaker.opened",
            f"the circuit breaker was opened by a person: {event.why}",
            by="person",
            faults=policy.faults,
        )
    elif event.why is not None:
        policy = replace(policy, breaker="", breaker_until_ms=None, faults=0)
        draft.note("info", "breaker.closed", "the circuit breaker is closed: work starts again")
    draft.put_policy(policy)
    draft.settle = True


def _account(draft: Draft, name: str) -> Account:
    account = draft.accounts.get(name)
    if account is None or account.state == "removed":
        raise Refused(f"there is no account {name}: see `fleet account list`")
    return account


def _no_tier(account: Account, tier: str) -> str:
    has = ", ".join(tier for tier, _ in account.tiers)
    return f"{account.name} has no tier {tier} (it has {has})"


def _next_id(letter: str, taken: Iterable[str]) -> str:
    """The letter and the number after the highest there is."""
    numbers = [int(name[1:]) for name in taken if name[1:].isdigit()]
    return f"{letter}{max(numbers, default=0) + 1}"
