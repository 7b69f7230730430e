"""Worktrees on the host, as the coordinator asks for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from workers.git import identity
from workers.remote.mirror import Mirror


def prepare(mirror: Mirror, root: Path, tip: str, **changes: Any) -> Path:
    """The task's worktree on the host."""
    path = root / "worktrees" / mirror.name / "t1"
    usual: dict[str, Any] = {
        "path": str(path), "branch": "fleet/t1", "tip": tip, "base_commit": tip,
        "preserved": None, "ports": None, "marker_env": {}, "setup": [], "setup_timeout_s": 60,
    }  # fmt: skip
    files = changes.pop("files", b"")
    mirror.ask("prepare", {**usual, **changes}, files)
    return path


def finish(mirror: Mirror, path: Path) -> str:
    told = {"message": "t1", "branch": "fleet/t1", "base_commit": "main", "identity": identity(mirror.git)}
    head = mirror.far.call("commit", {"mirror": mirror.name, "path": str(path), **told}).values["head"]
    assert isinstance(head, str)
    return head
