"""The gate judges a commit: its commands run where nothing lies but what the commit has and what the set-up made.

So the verdict depends on the tree of HEAD and on the settings alone, and not on what a worker left beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from workers.git import Git
from workers.verify import Verdict, verify
from workers.worktree.asked_for import asked_for, lay_copies
from workers.worktree.make import SetupFailed
from workers.worktree.set_aside import SetAside, put_back, set_aside

_SHOWN = 5


@dataclass(frozen=True)
class GateSettings:
    """`commands` must all succeed, each in `timeout_s` seconds. `make_ready_again` brings back what the set-up had made
    of the worktree (`equip`); it runs where that is no longer as it was, and raises SetupFailed. Where one of `asking`
    does not succeed, it is tried whether it would with the ignored files that it names."""

    commands: Sequence[str]
    make_ready_again: Callable[[], object]
    timeout_s: float
    asking: Sequence[str] = ()


def judge(
    worktree: Path,
    settings: GateSettings,
    env: Mapping[str, str],
    log_path: Path | None = None,
    hide: Callable[[str], str] | None = None,
) -> Verdict:
    """The verdict on the tree of HEAD. What is in no commit is back where it was afterwards; `noticed` tells of it.

    The caller holds the worktree's lock. Raises NotTheCommit, OSError and GitError: then nothing was decided.
    """
    tree = Git(worktree).said("rev-parse", "HEAD^{tree}")
    try:
        aside = set_aside(worktree)
        verdict = _run(worktree, settings, aside, env, log_path, hide)
    finally:
        put_back(worktree)
    return replace(verdict, tree=tree, noticed=_told(aside, verdict.ok))


def _run(
    worktree: Path,
    settings: GateSettings,
    aside: SetAside,
    env: Mapping[str, str],
    log_path: Path | None,
    hide: Callable[[str], str] | None,
) -> Verdict:
    if aside.disturbed:
        try:
            settings.make_ready_again()
        except SetupFailed as failed:
            return Verdict(False, failed.command, failed.code, failed.tail, 0.0)
    verdict = verify(settings.commands, worktree, env, settings.timeout_s, log_path, hide)
    if verdict.command is None or verdict.command not in settings.asking:
        return verdict
    named = asked_for(worktree, aside, verdict.command)
    if named:
        lay_copies(worktree, named)
        opens = verify(settings.commands, worktree, env, settings.timeout_s, log_path, hide).ok
        return replace(verdict, asked_for=named if opens else ())
    return verdict


def _told(aside: SetAside, ok: bool) -> str:
    told = []
    if aside.loose:
        told.append(f"set aside for the gate, as no commit has it: {_some(aside.loose)}")
    if aside.edits:
        told.append(f"for the gate as the commit has it, not as it lies there: {_some(aside.edits)}")
    if aside.disturbed:
        told.append(f"set up again for the gate, as this was changed: {_some(aside.disturbed)}")
    if told and not ok:
        told.append("what the work needs must be in its commit (`git add --force` for an ignored file)")
    return "; ".join(told)


def _some(paths: Sequence[str]) -> str:
    more = f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
    return f"{', '.join(sorted(paths)[:_SHOWN])}{more}"
