"""What must hold whatever happens, judged from outside the core: from the events and the world alone."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from fleet.core import events
from fleet.core.capacity.headroom import LENGTHS_MS, LONGEST_MS
from fleet.core.check import broken
from fleet.core.decisions import Effect, LandWork, StartWorker, StopWorker
from fleet.core.model import Account, Attempt, Fleet, Settings
from fleet.spoken.reviews import by_model, by_person

CLOCK_SLACK_MS = 10 * 60_000
SETTINGS = Settings()


class Violation(Exception):
    """Something that must never happen has happened; the message says what."""


class Watch:
    """Sees every commit. Keeps its own books of refusals, ramps, moves and words."""

    def __init__(self) -> None:
        self.closings: Counter[str] = Counter()
        """Times that an account's pool refused or was full, or the account was shut, by pool or account."""
        self.closings_to: Counter[tuple[str, str]] = Counter()
        """Times that a person changed what an account may give to a task or a project, by that and by account."""
        self.kept_until: dict[str, int] = {}
        """Until when automation stays away from a bucket because it is down to what is kept."""
        self.moves: Counter[tuple[str, str]] = Counter()
        self.ramp: dict[str, int] = defaultdict(lambda: 1)
        self.refused_until: dict[tuple[str, str, str | None], int] = {}
        self.refused_at: dict[tuple[str, str], int] = {}
        self.mute: set[str] = set()
        """Accounts on which two workers in a row have ended without an answer, until they have answered something."""
        self.unreached: set[str] = set()
        """Accounts that wait for the keyring, as all do that have a token in it."""
        self.paused: dict[str, int | None] = {}
        """Accounts that a person has paused, and until when."""
        self.verified: dict[str, str | None] = {}
        """The commit of each task's last verification that went well."""
        self.approved: dict[str, str] = {}
        """The commit of each task that a person has approved."""
        self.judged: dict[str, str] = {}
        """The commit of each task that a model's review has passed last."""
        self.judgements = 0
        self.approvals = 0
        self.merged_later = 0
        self.outages = 0
        self.pauses = 0
        self.silences = 0
        self.row: Counter[str] = Counter()
        """Ends of workers in a row without an answer, by account, and by task and account."""
        self.owed: dict[str, set[str]] = defaultdict(set)
        self.unfit: dict[tuple[str, str], int] = {}
        """When a host's git refused a repository last, until a worker of that has started there."""
        self.refusals = 0
        self._refused_on: dict[str, set[str]] = defaultdict(set)
        """The hosts whose git refused a task's repository since it was last started or retried."""
        self._full: set[tuple[str, str]] = set()
        self._answers: set[tuple[str, str]] = set()
        self._answered: set[str] = set()
        self._turned: set[str] = set()
        """Attempts whose last turn has told what it says of its account."""
        self._at_ms = 0

    def saw(
        self, happened: Sequence[events.Event], before: Fleet, after: Fleet, effects: Sequence[Effect]
    ) -> None:
        """Raises Violation when what was committed breaks a rule."""
        wrong = broken(after)
        if wrong:
            raise Violation("; ".join(wrong))
        attempts = {**before.attempts, **{a.id: a for a in after.ended}, **after.attempts}
        ramp_before = dict(self.ramp)
        for event in happened:
            self._forget_when_the_clock_went_back(event.at_ms)
            self._event(event, attempts, before)
            self._of_review(event, before)
            if isinstance(event, events.TaskRevised):
                self._revised(event, before, after)
            self._of_hosts(event, before, after)
        self._kept(after)
        self._quarantined(happened, before, after)
        for attempt in [a for a in attempts.values() if a.id not in after.attempts]:
            self._ended(attempt)
        self._reviewed(before, after, effects)
        for effect in effects:
            if isinstance(effect, StartWorker) and effect.attempt in after.attempts:
                attempt = after.attempts[effect.attempt]
                self._placed(attempt, after, ramp_before)
                self._may_start(attempt, before, after)
            elif isinstance(effect, StopWorker) and effect.why == "escalated":
                # An account that lacks the stronger tiers is closed to the task from now on.
                self.closings[attempts[effect.attempt].account] += 1

    @staticmethod
    def _may_start(attempt: Attempt, before: Fleet, after: Fleet) -> None:
        """Nothing starts of what was paused before this commit and still is: a task, a project, all work."""
        task, was = after.tasks[attempt.task], before.tasks.get(attempt.task)
        project = task.spec.project_name
        if task.spec.paused and (was is None or was.spec.paused):
            raise Violation(f"{attempt.id} was started though {attempt.task} is paused")
        if all(project in fleet.projects and fleet.projects[project].paused for fleet in (before, after)):
            raise Violation(f"{attempt.id} was started though project {project} is paused")
        if before.policy.breaker and after.policy.breaker:
            raise Violation(f"{attempt.id} was started though all work is paused")

    def _reviewed(self, before: Fleet, after: Fleet, effects: Sequence[Effect]) -> None:
        """What is to be looked at lands only as a person has approved it, however it lands."""
        landing = {effect.task for effect in effects if isinstance(effect, LandWork)}
        for task in after.tasks.values():
            known = before.tasks.get(task.id)
            left = task.state == "landed" and task.spec.land == "branch" and known and known.state != "landed"
            lands = task.spec.review and (left or task.id in landing)
            looked_at = {self.approved.get(task.id)}
            if by_model(task.spec.review) and not by_person(task.spec.review):
                looked_at.add(self.judged.get(task.id))
            if lands and self.verified.get(task.id) not in looked_at:
                raise Violation(f"{task.id} lands, and nobody has approved it as it is")

    @staticmethod
    def _quarantined(happened: Sequence[events.Event], before: Fleet, after: Fleet) -> None:
        """Only a verdict on its own credential quarantines an account: a keyring that cannot be reached is none."""
        if not all(_is_no_verdict(event) for event in happened):
            return
        for account in after.accounts.values():
            known = before.accounts.get(account.name)
            if account.state == "quarantined" and known is not None and known.state != "quarantined":
                raise Violation(f"{account.name} is quarantined though nothing was said of its credential")

    def _of_hosts(self, event: events.Event, before: Fleet, after: Fleet) -> None:
        """A host's own fault is the host's: no task fails by what one host alone says."""
        if isinstance(event, events.HostAdded | events.HostRemoved | events.HostVerified):
            name = event.host.name if isinstance(event, events.HostAdded) else event.name
            self.unfit = {pair: at for pair, at in self.unfit.items() if pair[0] != name}
        elif isinstance(event, events.RetryAsked):
            self._refused_on.pop(event.task, None)
        elif isinstance(event, events.WorkerStarted | events.StartFailed):
            attempt = before.attempts.get(event.attempt)
            if attempt is None:
                return
            repo = before.tasks[attempt.task].spec.repo
            if isinstance(event, events.WorkerStarted):
                self.unfit.pop((attempt.host, repo), None)
                self._refused_on.pop(attempt.task, None)
            elif event.fault == "unfit":
                host = event.refused_by or attempt.host
                self.refusals += 1
                if attempt.started_ms > self.unfit.get(
                    (host, repo), 0
                ):  # else it was under way together with that
                    self.unfit[host, repo] = event.at_ms
                if event.gist:
                    self._refused_on[attempt.task].add(host)
                if after.tasks[attempt.task].state == "failed" and len(self._refused_on[attempt.task]) < 2:
                    raise Violation(f"{attempt.task} failed by what {host} alone says")

    def _forget_when_the_clock_went_back(self, at_ms: int) -> None:
        if at_ms < self._at_ms - CLOCK_SLACK_MS:
            self.refused_until.clear()
            self.kept_until.clear()
            self.unfit.clear()
        self._at_ms = at_ms

    def _ended(self, attempt: Attempt) -> None:
        """Two ends in a row without an answer close the account to all, or to the session, once each time."""
        if attempt.id not in self._turned:
            self._says_nothing(attempt)
        if attempt.id in self._answered:
            return
        pair = f"{attempt.task}/{attempt.account}"
        self.row[pair] += 1
        self.closings_to[attempt.task, attempt.account] += self.row[pair] >= 2

    def _turn_ended(self, attempt: Attempt, fact: events.TurnEnded) -> None:
        """Where its worker is stopped for it, it closes the account from that moment, not when the worker is gone."""
        if attempt.state != "running" and attempt.reason == fact.outcome and attempt.id not in self._turned:
            self._turned.add(attempt.id)
            self._says_nothing(attempt)

    def _says_nothing(self, attempt: Attempt) -> None:
        if attempt.reason not in ("error", "busy", "stalled", "unpaid") or attempt.account in self.mute:
            return
        if attempt.reason == "unpaid" or attempt.id not in self._answered:
            self.row[attempt.account] += 1
            if self.row[attempt.account] >= 2 or attempt.reason == "unpaid":
                self._falls_silent(attempt.account)

    def _falls_silent(self, account: str) -> None:
        self.silences += account not in self.mute
        self.closings[account] += 1
        self.mute.add(account)

    def _speaks(self, account: str) -> None:
        self.mute.discard(account)
        self.row[account] = 0

    def _kept(self, after: Fleet) -> None:
        """A bucket that is down to what is kept closes its pool once, until that time has passed or a person has taken
        back what was kept of it."""
        for key, bucket in after.buckets.items():
            until_ms = bucket.protected_until_ms
            if until_ms is not None and until_ms > self._at_ms:
                self.closings[bucket.pool] += self.kept_until.get(key, 0) <= self._at_ms
                self.kept_until[key] = max(until_ms, self.kept_until.get(key, 0))

    def _event(self, event: events.Event, attempts: dict[str, Attempt], before: Fleet) -> None:
        if isinstance(event, events.Spooled):
            attempt = attempts.get(event.attempt)
            known = before.attempts.get(event.attempt)
            if attempt is not None and (known is None or known.offset <= event.start):
                self._facts(event, attempt, before.accounts[attempt.account])
        elif isinstance(event, events.WorkerStarted | events.StartFailed):
            self._start(event, before.attempts.get(event.attempt), before)
        elif isinstance(event, events.PersonSaid):
            self.owed[event.task].add(event.word)
            if event.tier is not None and event.task in before.tasks:
                self.closings_to[event.task, before.tasks[event.task].session_account or ""] += 1
        elif isinstance(event, events.CancelAsked | events.RejectAsked):
            self.owed[event.task].clear()
        elif isinstance(event, events.ProjectSet):
            self._project_set(event, before)
        elif isinstance(event, events.ReservationRemoved | events.LimitRemoved):
            self.kept_until.clear()
        else:
            self._account(event, before)

    def _of_review(self, event: events.Event, before: Fleet) -> None:
        if isinstance(event, events.Spooled):
            self._judged(event, before)
        elif isinstance(event, events.WorkChecked):
            if event.ok and before.tasks[event.task].state == "checking":
                self.verified[event.task] = event.commit
        elif isinstance(event, events.ApproveAsked):
            self.approved[event.task] = event.commit
            self.approvals += 1
        elif isinstance(event, events.LandAsked):
            self.merged_later += 1
        elif isinstance(event, events.SendBackAsked):
            self.owed[event.task].add(event.word)

    def _judged(self, event: events.Spooled, before: Fleet) -> None:
        """A pass is of the commit that was judged, and of no other."""
        attempt = before.attempts.get(event.attempt)
        judging = None if attempt is None else before.tasks[attempt.task].judging
        if attempt is None or judging is None or not attempt.judges or attempt.offset != event.start:
            return
        for fact in event.facts:
            if isinstance(fact, events.TurnEnded) and fact.judgement is not None:
                self.judgements += 1
                if fact.judgement.passed:
                    self.judged[attempt.task] = judging.commit

    def _revised(self, event: events.TaskRevised, before: Fleet, after: Fleet) -> None:
        """A prompt that a session goes on with is owed to it; other tiers may close the account that it is on."""
        was, now = before.tasks[event.task], after.tasks[event.task]
        self.owed[event.task].update({word.id for word in now.words} - {word.id for word in was.words})
        if was.spec.tiers != now.spec.tiers:
            self.closings_to[event.task, was.session_account or ""] += 1

    def _project_set(self, event: events.ProjectSet, before: Fleet) -> None:
        """An account that is left out is closed to the project; with other tiers, each one may be."""
        project = event.project
        known = before.projects.get(project.name)
        other_tiers = project.tiers != (() if known is None else known.tiers)
        for name in before.accounts:
            left_out = bool(project.accounts) and name not in project.accounts
            self.closings_to[project.name, name] += left_out or other_tiers

    def _start(
        self, event: events.WorkerStarted | events.StartFailed, attempt: Attempt | None, before: Fleet
    ) -> None:
        if attempt is None or attempt.state != "starting":
            return
        if isinstance(event, events.WorkerStarted):
            self._moved(attempt, before)
        elif event.fault == "credential":
            self.closings[attempt.account] += 1
        elif event.fault == "keyring":
            self.outages += 1
            waiting = {a.name for a in before.accounts.values() if a.secret and a.state == "ready"}
            for name in waiting - self.unreached:
                self.closings[name] += 1
            self.unreached |= waiting

    def _account(self, event: events.Event, before: Fleet) -> None:
        if isinstance(event, events.PauseAsked):
            self._paused(event)
        elif isinstance(event, events.CredentialsRead):
            for name in (*event.found, *event.missing):
                self.unreached.discard(name)
                self.closings[name] += name in event.missing
        else:
            self._verdict(event, before)

    def _paused(self, event: events.PauseAsked) -> None:
        self.pauses += event.pause is not None
        for name in event.names if event.what == "account" else ():
            if event.pause is None:
                self.paused.pop(name, None)
            elif event.pause.why or event.pause.until_ms is not None or name not in self.paused:
                self.closings[name] += 1
                self.paused[name] = event.pause.until_ms

    def _verdict(self, event: events.Event, before: Fleet) -> None:
        if isinstance(event, events.AccountRemoved):
            self.closings[event.name] += 1
        elif isinstance(event, events.AccountVerified):
            self.closings[event.name] += not event.ok
            if event.ok:
                self._speaks(event.name)
        elif isinstance(event, events.AccountProved) and event.name in before.accounts:
            self.closings[event.name] += event.refused
            if event.ok:
                self._speaks(event.name)
            for reading in event.readings:
                self._reading(reading, event.at_ms, before.accounts[event.name], asked=True)
        elif isinstance(event, events.AccountAdded):
            self.unreached.discard(event.account.name)
            self.paused.pop(event.account.name, None)
            self.ramp[event.account.name] = 1
            self._speaks(event.account.name)
        elif isinstance(event, events.AccountRead) and event.name in before.accounts:
            for reading in event.readings:
                self._reading(reading, event.at_ms, before.accounts[event.name])

    def _facts(self, event: events.Spooled, attempt: Attempt, account: Account) -> None:
        for fact in event.facts:
            if isinstance(fact, events.WindowsRead):
                for reading in fact.readings:
                    self._reading(reading, event.at_ms, account, heard_ms=fact.at_ms)
            elif isinstance(fact, events.Answered) and (attempt.id, fact.message_id) not in self._answers:
                self._answers.add((attempt.id, fact.message_id))
                self._answered.add(attempt.id)
                self._speaks(account.name)
                self.row[f"{attempt.task}/{account.name}"] = 0
                self.ramp[account.name] = min(account.concurrency, self.ramp[account.name] * 2)
            elif isinstance(fact, events.TurnEnded):
                self._turn_ended(attempt, fact)
                if fact.outcome in ("login", "no_model", "limited"):
                    self.closings[account.name if fact.outcome == "login" else account.pool] += 1
                elif fact.outcome in ("unfit", "credits"):
                    self.closings_to[attempt.task, account.name] += 1

    def _reading(
        self,
        reading: events.WindowReading,
        at_ms: int,
        account: Account,
        *,
        heard_ms: int | None = None,
        asked: bool = False,
    ) -> None:
        """`heard_ms`: when a worker heard it. `asked`: it is of an answer to a question that was asked for it."""
        bucket = (account.pool, reading.name)
        full = reading.utilization is not None and reading.utilization >= 1.0
        if reading.refused or (full and bucket not in self._full):
            self.closings[account.pool] += 1
        (self._full.add if full else self._full.discard)(bucket)
        heard_ms = at_ms if heard_ms is None else min(heard_ms, at_ms)
        if not reading.refused and reading.status == "allowed":
            later_ms = 0 if asked else SETTINGS.grant_after_ms
            if heard_ms >= self.refused_at.get(bucket, 0) + later_ms:
                for key in [key for key in self.refused_until if key[:2] == bucket]:
                    del self.refused_until[key]
        if reading.refused:
            self.refused_at[bucket] = heard_ms
            self.ramp[account.name] = 1
            if reading.resets_ms is not None and reading.resets_ms > at_ms:
                key = (account.pool, reading.name, reading.scope)
                # No refusal is believed for longer than its window lasts.
                length_ms = next((ms for word, ms in LENGTHS_MS if word in reading.name), LONGEST_MS)
                until_ms = min(reading.resets_ms, at_ms + length_ms)
                self.refused_until[key] = max(self.refused_until.get(key, 0), until_ms)

    def _fits(self, attempt: Attempt, after: Fleet) -> None:
        """After a refusal there is a pause, and then one try at a time."""
        repo = after.tasks[attempt.task].spec.repo
        at_ms = self.unfit.get((attempt.host, repo))
        if at_ms is None:
            return
        if at_ms <= attempt.started_ms < at_ms + SETTINGS.backoff_first_ms:
            raise Violation(f"{attempt.id} was placed on {attempt.host}, whose git had just refused {repo}")
        for other in after.attempts.values():
            tries = other.host == attempt.host and not other.began and other.started_ms > at_ms
            if tries and other.id != attempt.id and after.tasks[other.task].spec.repo == repo:
                raise Violation(f"{attempt.id} was placed on {attempt.host}, where {other.id} tries its git")

    def _placed(self, attempt: Attempt, after: Fleet, ramp_before: dict[str, int]) -> None:
        self._fits(attempt, after)
        account = after.accounts[attempt.account]
        if account.name in self.mute:
            raise Violation(f"{attempt.id} was placed on {account.name}, which has answered nobody since")
        if account.name in self.unreached:
            raise Violation(f"{attempt.id} was placed on {account.name}, whose credential cannot be reached")
        until_ms = self.paused.get(account.name, 0)
        if until_ms is None or attempt.started_ms < until_ms:
            raise Violation(f"{attempt.id} was placed on {account.name}, which a person has paused")
        for (pool, name, scope), until_ms in self.refused_until.items():
            if pool == account.pool and scope in (None, attempt.tier) and attempt.started_ms < until_ms:
                raise Violation(
                    f"{attempt.id} was placed on {account.name} though {name} refuses until {until_ms}"
                )
        workers = sum(1 for a in after.attempts.values() if a.account == account.name)
        ramp = max(ramp_before.get(account.name, 1), self.ramp[account.name])
        if workers > account.concurrency:
            raise Violation(f"{account.name} was given {workers} workers, more than it takes at once")
        if workers > max(1, ramp):
            raise Violation(f"{account.name} was given {workers} workers while it may be tried with {ramp}")

    def _moved(self, attempt: Attempt, fleet: Fleet) -> None:
        """A session has moved when it runs elsewhere; a start that failed on the way moved nothing."""
        if attempt.carry_from is not None:
            left = fleet.accounts[attempt.carry_from]
            session = f"{attempt.task}/judge" if attempt.judges else attempt.task
            self.moves[session, left.name] += 1
            closings = self.closings[left.name] + (self.closings[left.pool] if left.pool != left.name else 0)
            project = fleet.tasks[attempt.task].spec.project_name
            closings += self.closings_to[project, left.name] + self.closings_to[attempt.task, left.name]
            if self.moves[session, left.name] > closings:
                raise Violation(
                    f"{attempt.task} left {left.name} more often than that was closed: {closings}"
                )


def _is_no_verdict(event: events.Event) -> bool:
    """What may never shut an account until a person comes, when nothing else has happened in that commit."""
    return isinstance(event, events.StartFailed) and event.fault == "keyring"
