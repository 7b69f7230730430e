"""A host's own fault is the host's: what its git refuses says nothing against a repository that home can read.

The task goes back to the queue at once, and (host, repository) is *unfit*: nothing of that repository is placed there
but one try after each of growing pauses, until one succeeds. The task itself fails only when a second host says the
same; what home says is a fault of the repository at once (`attempts`). So one bad host eats no queue. Where it is work
that lies there which the host does not give home, nothing at all is placed there until it does (`perform_failures`).

A host that answers, but that nothing reaches which a start needs, is suspected, and the task goes on elsewhere.
"""

from __future__ import annotations

from dataclasses import replace

from fleet.core.draft import Draft, Level
from fleet.core.events import HostVerified, StartFailed
from fleet.core.model import Attempt, Host, Task, Unfit
from fleet.core.rules import attempts, consents
from fleet.core.rules.attempts import HOST_UNFIT, NO_WAY, backoff_ms, end, takes_again
from fleet.core.rules.tasks import Refused
from fleet.core.rules.worktrees import leave_unmade
from fleet.spoken import spans


def start_failed(draft: Draft, event: StartFailed) -> None:
    """Of any start."""
    live = draft.live_attempt(event.attempt)
    if live is None:
        return
    attempt, task = live
    host = draft.hosts.get(event.refused_by or attempt.host)
    if event.fault == "unfit" and host is not None and not host.is_here:
        _refused(draft, event, attempt, task, host)
    elif event.fault == "no_way" and host is not None and not host.is_here:
        _unreached(draft, event, attempt, host)
    elif event.fault == "consent":
        consents.start_waits(draft, event, attempt)
    else:
        attempts.start_failed(draft, event)


def _refused(draft: Draft, event: StartFailed, attempt: Attempt, task: Task, host: Host) -> None:
    before = host.unfit_for(task.spec.repo)
    if (
        before is None or attempt.started_ms >= before.again_ms
    ):  # one step for each try, however many are under way
        shut(draft, host, task.spec.repo, event.detail, lasting=event.lasting)
    refused = dict(task.refused_on)
    alike = next((name for name, gist in refused.items() if name != host.name and gist == event.gist), None)
    if event.gist:
        refused[host.name] = event.gist
        draft.put_task(replace(task, refused_on=tuple(sorted(refused.items()))))
    if host.name == attempt.host:
        leave_unmade(draft, attempt.task)
    if attempt.state == "stopping":
        end(draft, attempt, attempt.reason, attempt.detail)
    elif event.gist and alike is not None:
        story = f"hosts {alike} and {host.name} say the same, so it is hardly theirs: {event.detail}"
        end(draft, attempt, "repository", story)
    else:
        end(draft, attempt, HOST_UNFIT, event.detail)


def shut(draft: Draft, host: Host, repo: str, why: str, *, lasting: bool, tries: int = 1) -> None:
    """Its git refuses the repository, in at least so many tries: the pause until the next one is longer each time."""
    before = host.unfit_for(repo)
    times = max(1 if before is None else before.times + 1, tries)
    pause_ms = backoff_ms(draft, times, f"{host.name}{repo}")
    unfit = Unfit(
        repo=repo,
        why=why,
        since_ms=draft.now_ms if before is None else before.since_ms,
        again_ms=draft.now_ms + pause_ms,
        times=times,
        lasting=lasting,
    )
    draft.put_host(replace(host, unfit=(*host.fit_but(repo), unfit)))
    pause = spans.in_words(pause_ms)
    story = f"is given no work of {repo} for {pause}, as its git refuses it, which home can read: {why}"
    level: Level = "warning" if before is None or before.why != why else "debug"
    draft.note(
        level,
        "host.unfit",
        story,
        host=host.name,
        repo=repo,
        times=times,
        again_at_ms=unfit.again_ms,
        lasting=lasting,
    )


def _unreached(draft: Draft, event: StartFailed, attempt: Attempt, host: Host) -> None:
    if host.state == "ready":
        draft.put_host(replace(host, state="suspected", silent_since_ms=draft.now_ms, problem=event.detail))
        story = f"is given no work, and its workers are left to go on: {event.detail}"
        draft.note("warning", "host.silent", story, host=host.name, silent_ms=0)
    leave_unmade(draft, attempt.task)
    stopping = attempt.state == "stopping"
    end(draft, attempt, attempt.reason if stopping else NO_WAY, attempt.detail if stopping else event.detail)


def host_verified(draft: Draft, event: HostVerified) -> None:
    host = draft.hosts.get(event.name)
    if host is None:
        raise Refused(f"there is no host {event.name}: see `fleet host list`")
    for repo in event.fit:
        takes_again(draft, host.name, repo, proved=True)
    host, refused = draft.hosts[host.name], dict(event.refused)
    if not host.unfit:
        return
    draft.put_host(
        replace(host, unfit=tuple(_tried(draft, one, refused.get(one.repo)) for one in host.unfit))
    )
    if any(one.repo not in refused for one in host.unfit):
        draft.note(
            "info", "host.verified", "was verified: what its git refused is tried again", host=host.name
        )
        draft.settle = True


def _tried(draft: Draft, unfit: Unfit, why: str | None) -> Unfit:
    """`why` its git refused it just now; None where that was not tried."""
    return replace(unfit, again_ms=draft.now_ms) if why is None else replace(unfit, why=why)
