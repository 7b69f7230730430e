"""What is different in a repository since a worker began, one difference after the other: kept, put back, told.

Blame needs evidence: git's own logs of worktrees and references, commits that were made in the worker's worktree, words
of its session. Without any it is told in words that blame nobody, and nothing is undone.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from fleet.shell.session_doings import DELETES, DROPS, MOVES, REPLACES, STASHES, SessionDoings, is_of_a_client
from workers.git import HEADS, Git, GitError
from workers.worktree.checkouts import checked_out_at
from workers.worktree.doings import Doings, log_bytes, told
from workers.worktree.entry import Entry, entry_at
from workers.worktree.lock import forget
from workers.worktree.references import KEPT, References, keep, moved
from workers.worktree.remove import remove
from workers.worktree.repository import common_dir_of
from workers.worktree.stash import Stashed, contents, put_back

_OF_FLEETS = f"{HEADS}fleet/"
_REPLACING = "refs/replace/"


@dataclass(frozen=True, slots=True)
class TaskPicture:
    """The picture of one task, and what was told at its turn, which may be asked for again after a crash. `turn` is
    empty where `told` has still to be told. `log_bytes`: how long the log of the target was then."""

    repo: str
    worktree: str
    branch: str
    target: str
    before: References
    log_bytes: int = 0
    turn: str = ""
    told: tuple[str, ...] = ()


@dataclass(slots=True)
class Differences:
    """Looks at one difference after the other: keeps, puts back, and tells."""

    git: Git
    task: str
    kept: TaskPicture
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
            if name == HEADS + self.kept.branch or (new == was and not self._came_back(name)):
                continue
            if new is None:
                self._vanished(name, was)
            elif not name.startswith(_OF_FLEETS) and self.move(name, was, new, worktree) == "later":
                later.add(name)
        for name in sorted(now.refs.keys() - self.kept.before.refs.keys()):
            if name.startswith(_REPLACING):
                self._replaces(name, now.refs[name])
        return later

    def _replaces(self, name: str, by: str) -> None:
        """One object in the place of another, for everybody who looks with git, and for git itself: what is reviewed
        would not be what landed. Fleet's own git never looks there."""
        replaced = name.removeprefix(_REPLACING)
        what = f"{by[:12]} in the place of {replaced[:12]} ({name})"
        ref = keep(self.git, self.task, name, by)
        if self.session.said(REPLACES) and self.git.run("update-ref", "-d", name, by, check=False).ok:
            self.told.append(f"its session had git show {what}: that is taken away, and kept as {ref}")
        else:
            self.told.append(
                f"while {self.task} ran, git began to show {what}; unless that is right: git replace -d {replaced}"
            )

    def _came_back(self, name: str) -> bool:
        """Whether the target has been elsewhere meanwhile: a person added to it, a worker took that off."""
        if name != HEADS + self.kept.target or not self.kept.log_bytes:
            return False
        return log_bytes(common_dir_of(self.git.directory), name) > self.kept.log_bytes

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
        git, what, common_dir = self.git, _words(name), common_dir_of(self.git.directory)
        about = told(git, common_dir, self.done, name, was, new, said=self.session.said(MOVES, _short(name)))
        if about.whose == "others'" or self._passed(new):
            return ""
        lost = {
            old: keep(git, self.task, name, old) for old in about.between if not self._has(name, new, old)
        }
        if about.whose == "nobody's":
            for old, ref in lost.items():
                kept = f"it was kept as {ref}" if ref else f"git has {old} no more"
                self.told.append(f"while {self.task} ran, {what} went from {old[:12]} to {new[:12]}; {kept}")
            return ""
        was = about.back_to
        at = checked_out_at(git, _short(name)) if name.startswith(HEADS) else None
        if at is not None and at.resolve() == worktree.resolve():
            if not self.leaving:
                return "later"
            Git(worktree).run("checkout", "--quiet", "--detach", check=False)
            at = None
        ref = "its branch"
        if not (self.commit and git.run("merge-base", "--is-ancestor", new, self.commit, check=False).ok):
            ref = keep(git, self.task, name, new) or new
        if about.whose == "its" and at is None and moved(git, name, was, new):
            self.told.append(
                f"its session moved {what} to {new[:12]}, past the gate: it was put back to {was[:12]}; the commits "
                f"are in {ref}"
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
        moved_it = f"the session of {self.task} moved {_words(name)} from {was[:12]} to {new[:12]}"
        story = f"{moved_it}, past the gate, and {why}"
        if name == HEADS + self.kept.target:
            self.held = (
                f"{story}: nothing lands there until you have looked (git -C {repo} log {was[:12]}..{new[:12]}). "
                f"To undo it, run: {undo}   To let it stand, run: fleet project allow {repo}"
            )
            return "held"
        self.told.append(f"{story}, so it was left there. To undo it, run: {undo}")
        return ""

    def _passed(self, new: str) -> bool:
        """Whether a gate has opened on the commit: then it is a landing, or a person took in what was held."""
        return bool(self.git.run("for-each-ref", f"--points-at={new}", "refs/fleet/verified/").out)

    def _has(self, name: str, new: str, old: str) -> bool:
        """Whether a branch at `new` still has the commit `old`."""
        words = ("merge-base", "--is-ancestor", old, new)
        return name.startswith(HEADS) and self.git.run(*words, check=False).ok

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
        """Worktrees that its session made: those of its client are removed once what they have is kept."""
        for path in paths:
            entry = entry_at(self.git, path)
            if entry is None or entry.head is None:
                continue
            ref = keep(self.git, self.task, f"worktrees/{path.name}", entry.head)
            story = f"its session worked in a worktree beside its own, {path}: its commits are kept as {ref}"
            try:
                if not is_of_a_client(path):
                    raise GitError("it may be wanted")
                self.told.append(f"{story}{self._removed(entry)}; it is removed")
            except GitError as failed:
                command = f"git -C {self.git.directory} worktree remove {path}"
                self.told.append(f"{story}; it was left there ({failed}). If nobody needs it, run: {command}")

    def _removed(self, entry: Entry) -> str:
        """Where its loose work is kept, in words. Raises GitError: then it is still there."""
        if entry.lock_reason is not None:
            self.git.run("worktree", "unlock", str(entry.path))
        loose = f"{KEPT}/{self.task}/worktrees/{entry.path.name}-loose"
        preserved = remove(self.git.directory, entry.path, loose).preserved
        if entry.branch is not None and entry.head is not None:
            self.git.run("update-ref", "-d", HEADS + entry.branch, entry.head, check=False)
        forget(entry.path)
        with suppress(OSError):  # others are in there
            entry.path.parent.rmdir()
            entry.path.parent.parent.rmdir()
        return f", what it had not committed as {loose}" if preserved else ""

    def stash(self, now: References, base: str | None) -> str:
        """Why the work must not pass: it has what an entry of the stash holds that is not its own."""
        there = {one.commit for one in now.stash}
        refused = []
        new = self._new_objects(base) if self.kept.before.stash else set()
        for entry in self.kept.before.stash:
            if entry.made_on(self.kept.branch):
                continue
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
        f"be in no commit of this branch: {'; '.join(found)}. The entries are in the list again: leave them there. "
        f"Take these files out: `git reset --soft {base[:12]}`, then `git restore --staged --worktree "
        f"--source={base[:12]} -- FILE` for each (`git rm -f FILE` where it was not there before), and commit the rest "
        "anew. For work of your own make a commit instead of a stash."
    )


def _left_in_stash(mine: list[Stashed]) -> str:
    commands = " and ".join(f"`git stash apply {one.commit[:12]}`" for one in mine)
    return (
        "You left your work in the stash and have committed nothing: only what is on your branch counts. Bring it back "
        f"with {commands}, look at it, and finish. The entries are taken out of the list when your work has passed."
    )
