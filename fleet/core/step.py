"""The one door: `step(fleet, event) -> (fleet, decisions)`. State changes nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from fleet.core import dispatch, events
from fleet.core.decisions import AnyDecision
from fleet.core.draft import Draft
from fleet.core.model import Fleet
from fleet.core.rules import (
    accounts,
    attempts,
    consents,
    deadlines,
    finishing,
    forecasts,
    forgetting,
    hosts,
    keyring,
    older,
    pausing,
    perform_failures,
    reservations,
    reviewing,
    revising,
    sessions,
    settings,
    silence,
    tasks,
    unfit,
    worker_reports,
    worktrees,
)
from fleet.core.rules.placing import Choose, place
from fleet.core.rules.tasks import Refused

__all__ = ["Refused", "step"]

UNLOCKS_GRAIN = 0.05
"""By so much of a task's worth has what it unlocks to change before that is taken over."""


def step(
    fleet: Fleet, event: events.Event, choose: Choose = dispatch.choose
) -> tuple[Fleet, tuple[AnyDecision, ...]]:
    """Applies one event; `choose` is the rule that makes placements (the simulator compares others with ours).

    Raises Refused when a person asked for what cannot be done; the fleet is then as before.

    A report that comes too late (of an attempt that has ended, or of spool already applied) changes nothing.
    """
    draft = Draft(fleet, event.at_ms, event.id)
    _RULES[type(event)](draft, event)
    reservations.tell(draft)
    if draft.settle:
        hosts.empty(draft)
        sessions.renew_where_nobody_takes(draft)
        place(draft, choose)
    return draft.close()


def _beat(draft: Draft, event: events.Beat) -> None:
    """Time alone may let tasks move: a reset, the end of a back-off or a pause, a target that a person has freed."""
    pausing.resume_due(draft)
    finishing.look_at_held(draft)
    deadlines.pass_by(draft)
    deadlines.look_at_risks(draft)
    accounts.tell_of_tokens(draft)
    draft.settle = True


def _round_goes_on(draft: Draft, event: events.RoundGoesOn) -> None:
    draft.settle = True


def _priced(draft: Draft, event: events.Priced) -> None:
    draft.set("prices", replace(event.prices, unlocks={}))
    for task in [t for t in draft.tasks.values() if t.state in ("queued", "waiting")]:
        unlocks = event.prices.unlocks.get(task.id, 0.0)
        if abs(unlocks - task.unlocks) > UNLOCKS_GRAIN * (task.spec.worth + task.unlocks):
            draft.put_task(replace(task, unlocks=unlocks))
    draft.settle = True


_RULES: dict[type, Callable[[Draft, Any], None]] = {
    events.TasksAdded: tasks.tasks_added,
    events.TaskRevised: revising.task_revised_asked,
    events.CancelAsked: tasks.cancel_asked,
    events.RetryAsked: tasks.retry_asked,
    events.PersonSaid: tasks.person_said,
    events.ApproveAsked: reviewing.approve_asked,
    events.SendBackAsked: reviewing.send_back_asked,
    events.RejectAsked: reviewing.reject_asked,
    events.LandAsked: reviewing.land_asked,
    events.AccountAdded: accounts.account_added,
    events.AccountRemoved: accounts.account_removed,
    events.AccountVerified: accounts.account_verified,
    events.AccountSet: accounts.account_set,
    events.PauseAsked: pausing.pause_asked,
    events.PruneAsked: tasks.prune_asked,
    events.ForgetAsked: forgetting.forget_asked,
    events.DrainAsked: tasks.drain_asked,
    events.ProjectSet: settings.project_set,
    events.ReservationAdded: settings.reservation_added,
    events.ReservationRemoved: settings.reservation_removed,
    events.LimitAdded: settings.limit_added,
    events.FloorAdded: settings.floor_added,
    events.LimitRemoved: settings.limit_removed,
    events.StrategySet: settings.strategy_set,
    events.TiersSet: settings.tiers_set,
    events.BreakerSet: settings.breaker_set,
    events.Priced: _priced,
    events.ProtectionsMade: forecasts.protections_made,
    events.ProtectionSet: forecasts.protection_set,
    events.Beat: _beat,
    events.RoundGoesOn: _round_goes_on,
    events.HostAdded: hosts.host_added,
    events.HostRemoved: hosts.host_removed,
    events.HostDrainSet: hosts.host_drain_set,
    events.HostTrusted: hosts.host_trusted,
    events.HostVerified: unfit.host_verified,
    events.HostDistrusted: hosts.host_distrusted,
    events.HostSeen: hosts.host_seen,
    events.HostSilent: hosts.host_silent,
    events.Checkpointed: hosts.checkpointed,
    events.WorkReclaimed: hosts.work_reclaimed,
    events.WorkerStarted: attempts.worker_started,
    events.StartFailed: unfit.start_failed,
    events.WorkerLost: attempts.worker_lost,
    events.Spooled: worker_reports.spooled,
    events.AccountRead: worker_reports.account_read,
    events.CredentialsRead: keyring.credentials_read,
    events.AccountProved: silence.account_proved,
    events.WorkChecked: finishing.work_checked,
    events.LandingEnded: finishing.landing_ended,
    events.HeldSeen: finishing.held_seen,
    events.TracesFound: older.traces_found,
    events.FoundLanded: older.found_landed,
    events.WorktreeRemoved: worktrees.worktree_removed,
    events.PerformFailed: perform_failures.perform_failed,
    events.PerformWentWell: perform_failures.perform_went_well,
    events.ConsentGiven: consents.given,
}
