"""How much of each bucket a unit of work takes, learned from pairs of readings and token counts."""

from __future__ import annotations

from fleet.core.draft import Draft
from fleet.core.model import Account, Attempt, Bucket, Fleet


def rate(fleet: Fleet, pool: str, bucket: str, tier: str) -> float:
    """Share of the bucket that one work unit with `tier` takes."""
    return 1e-7


def worked(draft: Draft, attempt: Attempt, account: Account, work: float) -> None:
    """Work units done since the last call: pending until the next reading of each bucket drawn on."""


def observed(draft: Draft, before: Bucket | None, after: Bucket) -> None:
    """A new reading of a bucket: what its utilization rose by is attributed to the tiers' pending work."""
