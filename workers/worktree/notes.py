"""What Fleet notes in git's own directory of a worktree, so that it goes when that goes. Travels.

A worker writes there, too, so each is written by `private.write_whole`.
"""

from __future__ import annotations

PICTURE = "fleet-picture.json"
READY = "fleet-ready.json"
SEEDS = "fleet-seeds.tar"
REMOVING = "fleet-removing"
KEPT_BESIDE = "fleet-kept-beside"
AGAIN = "fleet-known-again"
"""Is there where git had lost the worktree, and what Fleet had noted of it with that."""
BEFORE_WORK = (PICTURE, READY, SEEDS)
"""Written before a worker begins, and not by it."""
