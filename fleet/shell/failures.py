"""What a failure of something the coordinator did is told as, and whether it passes by itself."""

from __future__ import annotations

from profiles.errors import NoUsableKeyring
from workers.git import GitError
from workers.trouble import Meaning


def why(failed: Exception, meaning: Meaning | None) -> str:
    told = failed.brief if isinstance(failed, NoUsableKeyring) else str(failed) or type(failed).__name__
    return told if meaning is None else f"{meaning} ({told})"


def is_lasting(failed: Exception, meaning: Meaning | None) -> bool:
    """Whether the repository or the worktree is at fault, or the machine in a way that doesn't pass by itself."""
    if meaning is not None:
        return not meaning.by_itself
    return isinstance(failed, GitError) and not failed.of_the_host
