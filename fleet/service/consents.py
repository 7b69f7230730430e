"""What a person is asked to agree to of a repository: its commands, and what its worktrees share."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path

from fleet.core.model import Task
from fleet.core.model.lifecycles import TASK_ENDS
from fleet.errors import NotDone
from fleet.home import Home
from fleet.service.making_home import home_id
from fleet.service.projects import expanded
from fleet.shell.agreed import Agreed
from fleet.shell.asker import Asker, Doorkeeper
from fleet.shell.consent import Consent, ConsentNeeded, digest_of
from fleet.shell.watching import Watching
from fleet.views.snapshot import snapshot
from workers.git import HEADS, Git, GitError, answer
from workers.worktree.repository import NoTarget, locate
from workers.worktree.settings import SettingsWrong, parse_settings, read_settings
from workers.worktree.shared import Picture
from workers.worktree.wanted import Settings


@dataclass(frozen=True, slots=True)
class Asked:
    """A text of `.fleet.toml` with commands that nobody has agreed to: who wants them, and how the text differs from
    the one that was agreed to last, if there is one."""

    wanted_by: str
    settings: Settings
    differs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Offer:
    """What there is to agree to: the changes of what the repository shares between worktrees, as they are in `picture`,
    and texts. `wrong` are those that cannot be used, so nothing of them runs."""

    repo: Path
    picture: Picture
    changes: tuple[str, ...]
    texts: tuple[Asked, ...]
    wrong: tuple[str, ...]


def offered(home: Home, said: str, targets: Sequence[str] = ()) -> Offer:
    """What waits for a person in the repository at or above `said`: what its open tasks wait for, and the texts of
    `targets`, or else of its tasks' branches, or else of the one that is checked out. Raises NotDone."""
    home.make()
    refused = Doorkeeper(home_id(home), home.runs).refusal(Asker(os.getpid()))
    if refused:
        raise NotDone(refused)
    try:
        repo = locate(expanded(said)).root
        fleet = snapshot(home)
        tasks = [t for t in fleet.tasks.values() if t.spec.repo == str(repo) and t.state not in TASK_ENDS]
        branches = tuple(targets) or tuple(dict.fromkeys(t.spec.target for t in tasks)) or _checked_out(repo)
        picture, changes = Agreed(home.agreed).now(repo)
        texts: dict[str, Asked] = {}
        wrong: list[str] = []
        consent = Consent(home.agreed)
        latest = consent.latest(repo)
        for wanted_by, settings in _wanted(consent, repo, branches, tasks, wrong):
            if settings.commands and not consent.has(repo, digest_of(settings.text)):
                differs = () if latest is None else _differs(latest, settings.text)
                texts.setdefault(settings.text, Asked(wanted_by, settings, differs))
    except GitError as failed:
        raise NotDone(str(failed)) from failed
    return Offer(repo, picture, tuple(changes), tuple(texts.values()), tuple(wrong))


def unasked(home: Home, repo: Path, target: str) -> str | None:
    """What `target` wants to run, and what to type, where nobody has agreed to that yet; also what is wrong with its
    text. Raises GitError, OSError."""
    git = Git(repo)
    tip = git.commit_of(f"{HEADS}{target}")
    if tip is None:
        return None
    try:
        Consent(home.agreed).worktree_settings(repo)(git, tip)
    except (ConsentNeeded, SettingsWrong) as told:
        return str(told)
    return None


def _checked_out(repo: Path) -> tuple[str, ...]:
    head = answer(Git(repo), "symbolic-ref", "--quiet", "HEAD")
    return (head.out.removeprefix(HEADS),) if head.ok else ()


def _wanted(
    consent: Consent, repo: Path, branches: Collection[str], tasks: Collection[Task], wrong: list[str]
) -> Iterator[tuple[str, Settings]]:
    """Whoever wants something, and its settings; what cannot be used goes to `wrong`. Raises NoTarget."""
    git = Git(repo)
    for branch in branches:
        tip = git.commit_of(f"{HEADS}{branch.removeprefix(HEADS)}")
        if tip is None:
            raise NoTarget(f"{repo} has no branch {branch!r}")
        try:
            yield f"branch {branch}", read_settings(git, tip)
        except SettingsWrong as failed:
            wrong.append(str(failed))
    for task in tasks:
        text = consent.asked(repo, task.consent) if task.consent is not None else None
        if text is not None:
            yield f"{task.id} ({task.spec.title})", parse_settings(text)


def _differs(before: str, after: str) -> tuple[str, ...]:
    lines = before.split("\n"), after.split("\n")
    return tuple(unified_diff(*lines, "agreed to", "asked for", lineterm=""))


def allow(home: Home, offer: Offer, *, changes: bool, texts: Collection[Asked]) -> None:
    """A person agrees to these texts of what they were shown, and with `changes` to what is shared. Raises NotDone."""
    try:
        for asked in texts:
            Consent(home.agreed).agree(offer.repo, asked.settings.text)
        if changes:
            Watching(home.pictured).allow(offer.repo)
            Agreed(home.agreed).allow(offer.repo, offer.picture)
    except GitError as failed:
        raise NotDone(str(failed)) from failed
