"""Watches what a repository has by name while workers run there: branches, tags, the stash, worktrees.

A picture belongs to the worktree of a task. It is taken before each attempt and compared after each turn, and when the
worktree goes. What is gone is kept and told; what was provably this worker's doing is put back; a person's own doing is
left as it is. A target that cannot be put back holds the work, until a person has looked.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from fleet.core.model import Task
from fleet.shell.differences import Differences, TaskPicture
from fleet.shell.session_doings import SessionDoings
from workers.git import HEADS, Git, GitError
from workers.private import write_whole
from workers.worktree.doings import Doings, doings, log_bytes
from workers.worktree.entry import admin_dir
from workers.worktree.references import References, keep, pictured, protect, release
from workers.worktree.repository import common_dir_of
from workers.worktree.shared import PersonNeeded
from workers.worktree.stash import STASH, stashed, take_out


class TargetMoved(PersonNeeded):
    """A worker moved the target past its gate, and it cannot be put back without a person."""


@dataclass(frozen=True, slots=True)
class Seen:
    """`noticed`: what to tell. `refused`: why the work must not pass, as its session is told; empty when it may.
    `picture`: what there is after that."""

    noticed: tuple[str, ...] = ()
    refused: str = ""
    picture: References | None = None


@dataclass(frozen=True, slots=True)
class Watching:
    """`folder` is where the pictures lie, a file for each task with a worktree at home."""

    folder: Path

    def before(self, task: Task, branch: str, worktree: Path) -> None:
        """Before a worker is started. What is different since an earlier one began is looked at first. Raises GitError,
        OSError."""
        git = Git(Path(task.spec.repo))
        kept = self._read(task.id)
        seen = self._look(task, git, worktree, kept, None, SessionDoings) if kept else Seen()
        told = (*(kept.told if kept and not kept.turn else ()), *seen.noticed)
        before = protect(git, seen.picture or pictured(git), worktree)
        self._write(
            task.id,
            TaskPicture(
                task.spec.repo,
                str(worktree),
                branch,
                task.spec.target,
                before,
                self._log_bytes(task),
                told=told,
            ),
        )

    def after_turn(
        self,
        task: Task,
        worktree: Path,
        commit: str | None,
        session: Callable[[], SessionDoings],
        turn: str,
    ) -> Seen:
        """After the turn of that name, whose work is at `commit`, None where it could not be committed. Asked again of
        the same turn it tells the same. Raises TargetMoved, other GitErrors and OSErrors."""
        kept = self._read(task.id)
        if kept is None:
            return Seen()
        git = Git(Path(task.spec.repo))
        if kept.turn not in ("", turn):
            kept = replace(kept, told=())
        seen = self._look(task, git, worktree, kept, commit, session, turn=turn)
        told = (*kept.told, *(one for one in seen.noticed if one not in kept.told))
        return replace(seen, noticed=told)

    def accepted(self, task: Task) -> tuple[str, ...]:
        """The work has passed: what it left in the stash is kept elsewhere, and is no more in a person's list."""
        kept = self._read(task.id)
        return tuple(self._clear_stash(task, Git(Path(task.spec.repo)), kept)) if kept else ()

    def leave(self, task: Task, worktree: Path, session: Callable[[], SessionDoings]) -> tuple[str, ...]:
        """The worktree is about to go. Raises like `after_turn`."""
        kept = self._read(task.id)
        if kept is None:
            return ()
        git = Git(Path(task.spec.repo))
        seen = self._look(task, git, worktree, kept, None, session, leaving=True)
        told = (*seen.noticed, *self._clear_stash(task, git, kept))
        release(git, worktree)
        self._file(task.id).unlink(missing_ok=True)
        return told

    def settle(self, repo: Path, target: str) -> None:
        """Before anything starts from the target, or lands in it: no worker has moved it. Raises TargetMoved."""
        for task_id, kept in self._of(repo):
            name = HEADS + target
            git = Git(repo)
            was, now = kept.before.refs.get(name), git.commit_of(name)
            if was is None or now is None or was == now:
                continue
            worktree = Path(kept.worktree)
            done = doings(common_dir_of(repo), _admins(common_dir_of(repo), [worktree]))
            teller = Differences(git, task_id, kept, done, SessionDoings(), None)
            if teller.move(name, was, now, worktree) in ("held", "later"):
                raise TargetMoved(teller.held or _stands_on(task_id, target, worktree))
            if teller.told:
                untold = () if kept.turn else kept.told
                self._write(task_id, replace(kept, turn="", told=(*untold, *teller.told)))

    def allow(self, repo: Path) -> None:
        """A person agrees to what is there now."""
        for task_id, kept in self._of(repo):
            length = log_bytes(common_dir_of(repo), HEADS + kept.target)
            self._write(task_id, replace(kept, before=pictured(Git(repo)), log_bytes=length))

    def _look(
        self,
        task: Task,
        git: Git,
        worktree: Path,
        kept: TaskPicture,
        commit: str | None,
        session: Callable[[], SessionDoings],
        *,
        turn: str = "",
        leaving: bool = False,
    ) -> Seen:
        now = pictured(git)
        differs = now != kept.before or self._log_bytes(task) != kept.log_bytes
        wrote = session() if differs or kept.before.stash else SessionDoings()
        common_dir = common_dir_of(git.directory)
        trees = [Path(path) for path in now.trees if path not in kept.before.trees]
        strays = [path for path in trees if wrote.made_tree(path)]
        done = doings(common_dir, _admins(common_dir, [worktree, *strays])) if differs else _NOTHING
        teller = Differences(git, task.id, kept, done, wrote, commit, leaving)
        teller.vanished_trees(now)
        teller.strays(strays)
        later = teller.references(now, worktree)
        refused = teller.stash(now, task.base_commit)
        if teller.held:
            raise TargetMoved(teller.held)
        after = now
        if now != kept.before or teller.told:
            # What is put back or kept is told, so the picture still holds where nothing was.
            after = protect(git, pictured(git) if teller.told else now, worktree)
            refs = {**after.refs, **{name: kept.before.refs[name] for name in later}}
            told = (*kept.told, *teller.told)
            length = kept.log_bytes if later else self._log_bytes(task)
            seen = replace(kept, before=replace(after, refs=refs), log_bytes=length, turn=turn, told=told)
            self._write(task.id, seen)
        return Seen(tuple(teller.told), refused, after)

    def _clear_stash(self, task: Task, git: Git, kept: TaskPicture) -> Iterator[str]:
        for entry in stashed(git) if git.commit_of(STASH) else ():
            if entry.made_on(kept.branch):
                ref = keep(git, task.id, f"stash/{entry.commit[:12]}", entry.commit)
                take_out(git, entry)
                yield f"its session left an entry in the stash, which is a person's list: it is kept as {ref}"

    def _log_bytes(self, task: Task) -> int:
        return log_bytes(common_dir_of(Path(task.spec.repo)), HEADS + task.spec.target)

    def _of(self, repo: Path) -> Iterator[tuple[str, TaskPicture]]:
        for file in sorted(self.folder.glob("*.picture")) if self.folder.is_dir() else ():
            with suppress(FileNotFoundError), file.open(encoding="utf-8", errors="surrogateescape") as lines:
                if json.dumps(str(repo)) not in lines.readline():
                    continue
            kept = self._read(file.stem)
            if kept is not None and kept.repo == str(repo):
                yield file.stem, kept

    def _file(self, task_id: str) -> Path:
        return self.folder / f"{task_id}.picture"

    def _read(self, task_id: str) -> TaskPicture | None:
        try:
            head, _, text = (
                self._file(task_id).read_text(encoding="utf-8", errors="surrogateescape").partition("\n")
            )
            said = json.loads(head)
            told = tuple(str(one) for one in said.pop("told"))
            return TaskPicture(**said, told=told, before=References.read(text))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as failed:
            raise GitError(
                f"{self._file(task_id)} cannot be read ({failed}), so nobody can tell what {task_id} changed in its "
                f"repository: look at its branches and stash, then remove that file"
            ) from None

    def _write(self, task_id: str, kept: TaskPicture) -> None:
        self.folder.mkdir(mode=0o700, exist_ok=True)
        head = {
            "repo": kept.repo,
            "worktree": kept.worktree,
            "branch": kept.branch,
            "target": kept.target,
            "log_bytes": kept.log_bytes,
            "turn": kept.turn,
            "told": kept.told,
        }
        text = f"{json.dumps(head)}\n{kept.before.text()}"
        write_whole(self._file(task_id), text.encode("utf-8", "surrogateescape"))


_NOTHING = Doings(frozenset(), frozenset())


def _stands_on(task_id: str, target: str, worktree: Path) -> str:
    return (
        f"the session of {task_id} works on {target} itself, in {worktree}, past its gate: nothing starts from "
        f"there or lands there until its turn is over and {target} is put back"
    )


def _admins(common_dir: Path, worktrees: list[Path]) -> list[Path]:
    found = (admin_dir(common_dir, path) for path in worktrees)
    return [admin for admin in found if admin is not None]
