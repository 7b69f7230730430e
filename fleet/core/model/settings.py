"""The constants of the policy: what a worker needs, how often something is tried again, how long is waited."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """Times are milliseconds."""

    worker_memory_bytes: int = 400_000_000
    """Of one worker. Measured: 182 MB resident when idle; its tools (compilers, tests) need as much again."""
    repairs_max: int = 3
    repairs_per_tier: int = 1
    faults_max: int = 6
    progress_answers: int = 3
    backoff_first_ms: int = 2_000
    backoff_max_ms: int = 600_000
    refusal_guess_ms: int = 300_000
    reading_life_ms: int = 5 * 3_600_000
    answer_life_ms: int = 900_000
    unanswered_max: int = 2
    """After so many ends in a row without an answer a session tries elsewhere, and an account is silent."""
    ask_first_ms: int = 15_000
    ask_max_ms: int = 3_600_000
    """A silent account is asked after the first of these, then each time after twice as long, up to the other."""
    ask_full_ms: int = 120_000
    """An account that is read as full, but not refused, is asked after so long."""
    asked_in_vain_max: int = 3
    """After so many questions in vain, unless its server was overloaded, a person has to look at an account."""
    session_patience_ms: int = 1_800_000
    """So long a session waits for an account that takes it; then the work goes on with a new one."""
    renewals_max: int = 4
    """So often the work of a task goes on with a new session by itself."""
    grant_after_ms: int = 60_000
    """A granted answer opens what refused if it came so much later: those of the same moment cross each other."""
    held_recheck_ms: int = 5_000
    held_retry_ms: int = 60_000
    """After so long it is tried again to land what the repository kept from landing."""
    protected_pause_ms: int = 1_800_000
    keyring_patience_ms: int = 120_000
    """A keyring that could not be reached for so long needs a person, as far as those are concerned who wait."""
    host_lost_ms: int = 600_000
    """A host that has been tried for so long in vain counts as lost."""
    move_patience_ms: int = 120_000
    """So long a task waits for a place where its work is, before it moves."""
    disk_low_bytes: int = 2_000_000_000
    """With less free on its disk a host needs somebody who makes room: worktrees and builds take that in minutes."""
    denied_max: int = 3
    """After so many denials a task's tools are a person's matter."""
    load_per_core_max: float = 8.0
    """A host with more load is left alone."""


SETTINGS = Settings()
