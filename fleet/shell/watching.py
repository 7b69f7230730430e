"""Watches what a repository has by name while workers run there: branches, tags, the stash, worktrees.

A picture belongs to the worktree of a task. It is taken before each attempt and compared after each turn, and when the
worktree goes. What is gone is kept and told; what was provably this worker's doing is put back; a person's own doing is
left as it is. A target that cannot be put back holds the work, until a person has looked.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from fleet.core.model import Task
from fleet.shell.session_doings import DELETES, DROPS, MOVES, STASHES, SessionDoings
from workers.git import HEADS, Git, GitError
from workers.worktree.checkouts import checked_out_at
from workers.worktree.doings import Doings, doings, whose
from workers.worktree.entry import admin_dir, entry_at
from workers.worktree.references import References, keep, moved, pictured, protect, release
from workers.worktree.remove import remove
from workers.worktree.repository import common_dir_of
from workers.worktree.shared import SharedChanged
from workers.worktree.stash import STASH, Stashed, contents, put_back, stashed, take_out

_OF_FLEETS = f"{HEADS}fleet/"


class TargetMoved(SharedChanged):
    """A worker moved the target past its gate, and it cannot be put back without a person."""

    def __init__(self, repo: Path, story: str) -> None:
        self.repo, self.changes = repo, [story]
        GitError.__init__(self, story)


@dataclass(frozen=True, slots=True)
class Seen:
    """`noticed`: what to tell. `refused`: why the work must not pass, as its session is told; empty when it may."""

    noticed: tuple[str, ...] = ()
    refused: str = ""


@dataclass(frozen=True, slots=True)
class _Kept:
    """The picture of one task, and what was told at its check `turn`, which may be asked for again after a crash."""

    repo: str
    worktree: str
    branch: str
    target: str
    before: References
    turn: str = ""
    told: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Watching:
    """`folder` is where the pictures lie, a file for each task with a worktree at home."""

    folder: Path

    def before(self, task: Task, branch: str, worktree: Path) -> None:
        """Before a worker is started. What is different since an earlier one began is looked at first. Raises GitError,
        OSError."""
        git = Git(Path(task.spec.repo))
        kept = self._read(task.id)
        told = self._look(task, git, worktree, kept, None, SessionDoings).noticed if kept else ()
        before = pictured(git)
        protect(git, before, worktree)
        self._write(
            task.id, _Kept(task.spec.repo, str(worktree), branch, task.spec.target, before, _turn(task), told)
        )

    def after_turn(
        self, task: Task, worktree: Path, commit: str | None, session: Callable[[], SessionDoings]
    ) -> Seen:
        """After a turn whose work is at `commit`, None where it could not be committed. Raises TargetMoved, and other
        GitErrors and OSErrors."""
        kept = self._read(task.id)
        if kept is None:
            return Seen()
        git = Git(Path(task.spec.repo))
        if kept.turn != _turn(task):
            kept = replace(kept, told=())
        seen = self._look(task, git, worktree, kept, commit, session)
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
            teller = _Teller(git, task_id, kept, done, SessionDoings(), None)
            if teller.move(name, was, now, worktree) in ("held", "later"):
                raise TargetMoved(repo, teller.held or _stands_on(task_id, target, worktree))
            if teller.told:
                self._write(task_id, replace(kept, told=(*kept.told, *teller.told)))

    def allow(self, repo: Path) -> None:
        """A person agrees to what is there now."""
        for task_id, kept in self._of(repo):
            self._write(task_id, replace(kept, before=pictured(Git(repo))))

    def _look(
        self,
        task: Task,
        git: Git,
        worktree: Path,
        kept: _Kept,
        commit: str | None,
        session: Callable[[], SessionDoings],
        *,
        leaving: bool = False,
    ) -> Seen:
        now = pictured(git)
        wrote = session() if now != kept.before or kept.before.stash else SessionDoings()
        common_dir = common_dir_of(git.directory)
        trees = [Path(path) for path in now.trees if path not in kept.before.trees]
        strays = [path for path in trees if wrote.made_tree(path)]
        done = (
            doings(common_dir, _admins(common_dir, [worktree, *strays]))
            if now.refs != kept.before.refs
            else _NOTHING
        )
        teller = _Teller(git, task.id, kept, done, wrote, commit, leaving)
        teller.vanished_trees(now)
        teller.strays(strays)
        later = teller.references(now, worktree)
        refused = teller.stash(now, task.base_commit)
        if teller.held:
            raise TargetMoved(git.directory, teller.held)
        if now != kept.before:
            after = pictured(git)
            refs = {**after.refs, **{name: kept.before.refs[name] for name in later}}
            protect(git, after, worktree)
            told = (*kept.told, *teller.told)
            self._write(task.id, replace(kept, before=replace(after, refs=refs), turn=_turn(task), told=told))
        return Seen(tuple(teller.told), refused)

    def _clear_stash(self, task: Task, git: Git, kept: _Kept) -> Iterator[str]:
        for entry in stashed(git) if git.commit_of(STASH) else ():
            if entry.made_on(kept.branch):
                ref = keep(git, task.id, f"stash/{entry.commit[:12]}", entry.commit)
                take_out(git, entry)
                yield f"its session left an entry in the stash, which is a person's list: it is kept as {ref}"

    def _of(self, repo: Path) -> Iterator[tuple[str, _Kept]]:
        for file in sorted(self.folder.glob("*.picture")) if self.folder.is_dir() else ():
            kept = self._read(file.stem)
            if kept is not None and kept.repo == str(repo):
                yield file.stem, kept

    def _file(self, task_id: str) -> Path:
        return self.folder / f"{task_id}.picture"

    def _read(self, task_id: str) -> _Kept | None:
        try:
            head, _, text = (
                self._file(task_id).read_text(encoding="utf-8", errors="surrogateescape").partition("\n")
            )
            said = json.loads(head)
            told = tuple(str(one) for one in said.pop("told"))
            return _Kept(**said, told=told, before=References.read(text))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as failed:
            raise GitError(
                f"{self._file(task_id)} cannot be read ({failed}), so nobody can tell what {task_id} changed in its "
                f"repository: look at its branches and stash, then remove that file"
            ) from None

    def _write(self, task_id: str, kept: _Kept) -> None:
        self.folder.mkdir(mode=0o700, exist_ok=True)
        head = {
            "repo": kept.repo,
            "worktree": kept.worktree,
            "branch": kept.branch,
            "target": kept.target,
            "turn": kept.turn,
            "told": kept.told,
        }
        descriptor, scratch = tempfile.mkstemp(dir=self.folder)
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogateescape") as out:
            out.write(f"{json.dumps(head)}\n{kept.before.text()}")
        Path(scratch).replace(self._file(task_id))


_NOTHING = Doings(frozenset(), frozenset())


def _stands_on(task_id: str, target: str, worktree: Path) -> str:
    return (
        f"the session of {task_id} works on {target} itself, in {worktree}, past its gate: nothing starts from there or "
        f"lands there until its turn is over and {target} is put back"
    )


def _turn(task: Task) -> str:
    return f"{task.attempt}.{task.repairs}"


def _admins(common_dir: Path, worktrees: list[Path]) -> list[Path]:
    found = (admin_dir(common_dir, path) for path in worktrees)
    return [admin for admin in found if admin is not None]


@dataclass(slots=True)
class _Teller:
    """Looks at one difference after the other: keeps, puts back, and tells."""

    git: Git
    task: str
    kept: _Kept
    done: Doings
    session: SessionDoings
    commit: str | None
    leaving: bool = False
    told: list[str] = field(default_factory=list)
    held: str = ""

    def references(self, now: References, worktree: Path) -> set[str]:
        """Returns those that have to be looked at again."""
        later = set()
        for name, was in self.kept.before.refs.items():
            new = now.refs.get(name)
            if new == was or name == HEADS + self.kept.branch:
                continue
            if new is None:
                self._vanished(name, was)
            elif not name.startswith(_OF_FLEETS) and self.move(name, was, new, worktree) == "later":
                later.add(name)
        return later

    def _vanished(self, name: str, was: str) -> None:
        ref, what = keep(self.git, self.task, name, was), _words(name)
        if ref is None:
            self.told.append(f"while {self.task} ran, {what} vanished, and with it {was}: git has it no more")
        elif self.session.said(DELETES, _short(name)) and moved(self.git, name, was, None):
            self.told.append(f"its session removed {what}: it is there again at {was[:12]}")
        else:
            self.told.append(f"while {self.task} ran, {what} vanished; it is kept as {ref}")

    def move(self, name: str, was: str, new: str, worktree: Path) -> str:
        """`held`: a person has to look; `later`: it cannot be put back yet."""
        git, what = self.git, _words(name)
        who = whose(git, common_dir_of(git.directory), self.done, name, was, new, said=self._said_move(name))
        if self._passed(new):
            who = "others'"
        if who not in ("its", "some its"):
            if who == "nobody's" and not self._adds(name, was, new):
                ref = keep(git, self.task, name, was)
                self.told.append(
                    f"while {self.task} ran, {what} went from {was[:12]} to {new[:12]}; it was kept as {ref}"
                )
            return ""
        at = checked_out_at(git, _short(name)) if name.startswith(HEADS) else None
        if at is not None and at.resolve() == worktree.resolve():
            if not self.leaving:
                return "later"
            Git(worktree).run("checkout", "--quiet", "--detach", check=False)
            at = None
        keep(git, self.task, name, was)
        ref = "its branch"
        if not (self.commit and git.run("merge-base", "--is-ancestor", new, self.commit, check=False).ok):
            ref = keep(git, self.task, name, new) or new
        if who == "its" and at is None and moved(git, name, was, new):
            self.told.append(
                f"its session moved {what} to {new[:12]}, past the gate: it was put back to {was[:12]}; the commits are "
                f"in {ref}"
            )
            return ""
        return self._cannot_put_back(name, was, new, at)

    def _cannot_put_back(self, name: str, was: str, new: str, at: Path | None) -> str:
        repo = self.git.directory
        undo = (
            f"git -C {repo} update-ref {name} {was} {new}"
            if at is None
            else f"git -C {at} reset --keep {was}"
        )
        why = f"{at} has it checked out" if at else "others have built on that"
        story = f"the session of {self.task} moved {_words(name)} from {was[:12]} to {new[:12]}, past the gate, and {why}"
        if name == HEADS + self.kept.target:
            self.held = (
                f"{story}: nothing lands there until you have looked (git -C {repo} log {was[:12]}..{new[:12]}). To undo "
                f"it, run: {undo}   To let it stand, run: fleet project allow {repo}"
            )
            return "held"
        self.told.append(f"{story}, so it was left there. To undo it, run: {undo}")
        return ""

    def _said_move(self, name: str) -> bool:
        return self.session.said(MOVES, _short(name))

    def _passed(self, new: str) -> bool:
        """Whether a gate has opened on the commit: then it is a landing, or a person took in what was held."""
        return bool(self.git.run("for-each-ref", f"--points-at={new}", "refs/fleet/verified/").out)

    def _adds(self, name: str, was: str, new: str) -> bool:
        adds = (
            name.startswith(HEADS) and self.git.run("merge-base", "--is-ancestor", was, new, check=False).ok
        )
        return adds

    def vanished_trees(self, now: References) -> None:
        for path, tree in self.kept.before.trees.items():
            if path in now.trees:
                continue
            ref = keep(self.git, self.task, f"worktrees/{Path(path).name}", tree.head) if tree.head else None
            kept = (
                f"; its commit is kept as {ref}, its branch stays"
                if tree.branch
                else f"; its commit is kept as {ref}"
            )
            self.told.append(
                f"while {self.task} ran, the worktree {path} vanished from the list{kept if ref else ''}"
            )

    def strays(self, paths: list[Path]) -> None:
        for path in paths:
            entry = entry_at(self.git, path)
            if entry is None or entry.head is None:
                continue
            name = f"worktrees/{path.name}"
            ref = keep(self.git, self.task, name, entry.head)
            if ".claude" not in path.parts:
                self.told.append(
                    f"its session made a worktree of its own, {path}: its commit is kept as {ref}. If nobody needs it, "
                    f"run: git -C {self.git.directory} worktree remove {path}"
                )
                continue
            if entry.lock_reason is not None:
                self.git.run("worktree", "unlock", str(path))
            loose = remove(self.git.directory, path, f"refs/fleet/kept/{self.task}/{name}-loose").preserved
            if entry.branch is not None:
                self.git.run("update-ref", "-d", HEADS + entry.branch, entry.head, check=False)
            more = f", what it had not committed as refs/fleet/kept/{self.task}/{name}-loose" if loose else ""
            self.told.append(
                f"its session worked in a worktree beside its own, {path}, which is removed: its commits are kept as "
                f"{ref}{more}"
            )

    def stash(self, now: References, base: str | None) -> str:
        """Why the work must not pass: it has what an entry of the stash holds that is not its own."""
        there = {one.commit for one in now.stash}
        refused = []
        new = self._new_objects(base) if self.kept.before.stash else set()
        for entry in self.kept.before.stash:
            brings = contents(self.git, entry.commit) if entry.commit not in there or new else {}
            found = sorted(path for blob, path in brings.items() if blob in new)
            if found and (
                entry.commit not in there or self.session.said(STASHES) or len(found) == len(brings)
            ):
                refused.append(f"{', '.join(found)} (from the entry {entry.said!r})")
            if entry.commit not in there:
                self._stash_vanished(entry, taken=bool(found))
        if refused:
            return _not_yours(refused, base or "")
        mine = [one for one in now.stash if one.made_on(self.kept.branch)]
        if mine and self.commit is not None and self.commit == base:
            return _left_in_stash(mine)
        return ""

    def _new_objects(self, base: str | None) -> set[str]:
        if base is None or self.commit is None:
            return set()
        lines = self.git.run("rev-list", "--objects", self.commit, "--not", base).lines
        return {line.partition(" ")[0] for line in lines}

    def _stash_vanished(self, entry: Stashed, *, taken: bool) -> None:
        if entry.said.startswith(("WIP on fleet/", "On fleet/")) and not taken:
            return  # of a worker, which takes its own out again
        ref = keep(self.git, self.task, f"stash/{entry.commit[:12]}", entry.commit)
        what = f"the entry {entry.said!r} of the stash"
        if ref is None:
            self.told.append(f"while {self.task} ran, {what} vanished ({entry.commit}): git has it no more")
        elif taken or self.session.said(DROPS):
            put_back(self.git, entry)
            self.told.append(f"its session took {what}, which is not its own: it is in the list again")
        else:
            self.told.append(f"while {self.task} ran, {what} vanished; it is kept as {ref}")


def _short(name: str) -> str:
    return name.split("/", 2)[-1]


def _words(name: str) -> str:
    kind = {"heads": "the branch", "tags": "the tag"}.get(name.split("/")[1])
    return f"{kind} {_short(name)}" if kind else name


def _not_yours(found: list[str], base: str) -> str:
    return (
        "Your work has what somebody else had put into the stash, which all worktrees share. It is not yours and must "
        f"be in no commit of this branch: {'; '.join(found)}. The entries are in the list again: leave them there. Take "
        f"these files out: `git reset --soft {base[:12]}`, then `git restore --staged --worktree --source={base[:12]} -- "
        "FILE` for each (`git rm -f FILE` where it was not there before), and commit the rest anew. For work of your own "
        "make a commit instead of a stash."
    )


def _left_in_stash(mine: list[Stashed]) -> str:
    commands = " and ".join(f"`git stash apply {one.commit[:12]}`" for one in mine)
    return (
        "You left your work in the stash and have committed nothing: only what is on your branch counts. Bring it back "
        f"with {commands}, look at it, and finish. The entries are taken out of the list when your work has passed."
    )
