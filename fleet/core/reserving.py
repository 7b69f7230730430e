"""Capacity kept from automation: reservations, which fall as their hours pass unused, and floors."""

from __future__ import annotations

from fleet.core.model import Bucket, Fleet


def protected(fleet: Fleet, bucket: Bucket) -> float:
    """Share of the bucket's present window that is kept for persons now."""
    return 0.0


def protected_at(fleet: Fleet, bucket: Bucket, at_ms: int, begins_ms: int, ends_ms: int) -> float:
    """Share that will be kept at `at_ms` in the window from `begins_ms` to `ends_ms` of that bucket."""
    return 0.0


def floor(fleet: Fleet, bucket: Bucket) -> float:
    """Share of the bucket that automation never takes."""
    return 0.0
