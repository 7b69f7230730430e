"""How often what goes wrong in one seed's world. Each seed has a temper of its own: some are calm, some wild."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from random import Random


@dataclass(frozen=True, slots=True)
class Rates:
    """Probabilities: of one answer, start, check, landing, commit or person's visit, as the name says."""

    answer_cut: float = 0.02
    answer_crash: float = 0.02
    answer_lost: float = 0.02
    answer_error: float = 0.01
    answer_busy: float = 0.03
    answer_stalled: float = 0.01
    answer_garbled: float = 0.02
    answer_no_model: float = 0.005
    answer_context: float = 0.02
    account_silent: float = 0.4
    session_unfit: float = 0.5
    keyring_away: float = 0.5
    token_forgotten: float = 0.01
    credential_expires: float = 0.01
    word_lost: float = 0.1
    reading_missing: float = 0.2
    reading_late: float = 0.15
    reading_jitter: float = 0.5
    start_fails: float = 0.06
    transcript_vanishes: float = 0.06
    check_slow: float = 0.1
    landing_conflict: float = 0.12
    landing_moved: float = 0.1
    landing_unverified: float = 0.06
    landing_broken: float = 0.01
    landing_unapproved: float = 0.05
    target_checked_out: float = 0.1
    killed_before_commit: float = 0.01
    killed_after_commit: float = 0.03
    killed_any_time: float = 0.03
    store_fails: float = 0.02
    clock_jumps: float = 0.02
    stale_report: float = 0.05
    person_acts: float = 0.6
    host_silent: float = 0.15
    host_lies: float = 0.03
    host_dies: float = 0.015
    host_restarts: float = 0.2
    wire_breaks: float = 0.05

    def healed(self) -> Rates:
        """Nothing goes wrong any more."""
        return replace(self, **{field.name: 0.0 for field in fields(self)})


def draw(rng: Random) -> Rates:
    """A temper: every rate scaled by its own factor from 0 to 3, a third of them off altogether."""
    plain = Rates()
    scaled = {
        f.name: min(0.9, getattr(plain, f.name) * rng.choice([0.0, 1.0, 1.0, rng.uniform(0.0, 3.0)]))
        for f in fields(plain)
    }
    return replace(plain, **scaled)
