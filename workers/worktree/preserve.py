"""Keep everything of a worktree that is in no commit yet, without touching its files, its index or its
branch.

What was found becomes one commit under the reference the caller names. Its tree is the files as they lie there (of
ignored ones those that are work, where asked for). Its parents are what they were based on and what would otherwise be
reachable from nowhere: HEAD, the index where it holds something else than the files, the other side of an unfinished
merge, the commits of submodules and of repositories inside the worktree. Only plumbing runs, so no hook can get in the
way.
"""

from __future__ import annotations

import os
import stat
import tarfile
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from workers.git import HEADS, Git, GitError, GitFailed, GitResult, RunsGit, identity
from workers.plain_files import folders, open_plain, text_if_plain
from workers.worktree.entry import git_dir
from workers.worktree.ignored_work import below, ignored_work
from workers.worktree.index_copy import as_stdin, copied, show_hidden
from workers.worktree.inner_repositories import repositories_among
from workers.worktree.picture import Picture, read_picture

_ZERO = "0" * 40
_OPERATION_FILES = (
    *("MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD", "REBASE_HEAD", "MERGE_AUTOSTASH"),
    *("rebase-merge/onto", "rebase-merge/orig-head", "rebase-merge/autostash", "rebase-apply/orig-head"),
)
# What is kept must be on the disk before what it is kept from is deleted. Line endings are no reason to
# refuse.
_SAFE = ("-c", "core.fsync=committed,loose-object", "-c", "core.safecrlf=false", "-c", "core.fsmonitor=false")
_AS_COMMIT = "160000"
_REPOSITORIES = ".fleet-repositories"
"""Below it are those inside the worktree that git cannot take over (of another hash, or broken), as tar files."""
_UNMERGED = ".fleet-unmerged"
OURS = (_UNMERGED, _REPOSITORIES)
"""What a preserving commit has at its top that is no file of the work."""
_REPOSITORY_BYTES_MAX = 1 << 30
_FOLDERS_MAX = 100_000
_NAMES_BYTES_MAX = 100_000
"""Of a file that names commits: a merge of a thousand branches has half of it."""


class PreserveFailed(GitError):
    """Something could not be kept, so nothing may be removed, reset or moved."""


@dataclass(frozen=True)
class _Snapshot:
    """What a preserving commit will hold. `lonely`: HEAD has commits that no branch has; `loose`: there is
    more than HEAD to keep."""

    tree: str
    parents: tuple[str, ...]
    head: str | None
    lonely: bool
    loose: bool


def preserve(worktree_path: Path, ref: str, *, ignored: bool = False) -> str | None:
    """Put everything of the worktree that is in no commit of a branch under `ref` of its repository; with `ignored`
    also what `ignored_work` finds, where that fits.

    The commit is returned; None when there is nothing to keep. What `ref` held before stays reachable from
    it. Raises PreserveFailed, and then the caller must not go on.
    """
    try:
        if not (worktree_path / ".git").exists():
            raise PreserveFailed(
                f"{worktree_path} is not a worktree of git: look at what is in it, then move it away"
            )
        return _keep(Git(worktree_path), ref, with_files=True, ignored=ignored)
    except (GitFailed, OSError, RecursionError) as error:
        raise PreserveFailed(
            f"the work in {worktree_path} could not be preserved, so it was left alone: {error}"
        ) from error


def snapshot(worktree_path: Path, ref: str, *, ignored: bool = False) -> str | None:
    """Like `preserve`, for a checkpoint of a worktree that is being worked in: only the latest is kept under `ref`, so
    that `restore` can lay it into a worktree made anew. With nothing to keep there is no `ref` afterwards."""
    try:
        git = Git(worktree_path)
        found, earlier = _snapshot(git, with_files=True, ignored=ignored), git.commit_of(ref)
        commit = _checkpoint(git, found, earlier)
        if commit is None and earlier is not None:
            git.run("update-ref", "-d", ref, earlier)
        elif commit is not None and commit != earlier:
            git.run("update-ref", "-m", "fleet: checkpoint", ref, commit, earlier or _ZERO)
    except (GitFailed, OSError, RecursionError) as error:
        raise PreserveFailed(f"no checkpoint of {worktree_path} could be made: {error}") from error
    return commit


def _checkpoint(git: Git, found: _Snapshot, earlier: str | None) -> str | None:
    if not found.loose:
        return found.head if found.lonely else None
    if earlier is not None and _made_of(git, earlier) == (found.tree, *found.parents):
        return earlier
    return _commit(git, found.tree, found.parents, f"Work in progress in {git.directory}")


def preserve_remains(admin: Path, ref: str) -> str | None:
    """Like `preserve`, for a worktree whose directory is gone: what its HEAD and its index still hold."""
    try:
        return _keep(Git(admin), ref, with_files=False)
    except (GitFailed, OSError, RecursionError) as error:
        raise PreserveFailed(
            f"what is left of the worktree in {admin} could not be preserved: {error}"
        ) from error


def _keep(git: Git, ref: str, *, with_files: bool, ignored: bool = False) -> str | None:
    snapshot = _snapshot(git, with_files=with_files, ignored=ignored)
    if not snapshot.loose and not snapshot.lonely:
        return None
    earlier = git.commit_of(ref)
    if earlier is not None and _holds(git, earlier, snapshot):
        return earlier
    commit = snapshot.head
    if snapshot.loose or earlier or commit is None:
        parents = (*snapshot.parents, *([earlier] if earlier else []))
        commit = _commit(git, snapshot.tree, parents, f"Work preserved from {git.directory}")
    git.run("update-ref", "-m", "fleet: preserve", ref, commit, earlier or _ZERO)
    return commit


def _holds(git: RunsGit, commit: str, snapshot: _Snapshot) -> bool:
    tree, *parents = _made_of(git, commit)
    return tree == snapshot.tree and set(snapshot.parents) <= {commit, *parents}


def _made_of(git: RunsGit, commit: str) -> tuple[str, ...]:
    """The tree of a commit, and its parents."""
    return tuple(git.run("log", "-1", "--no-show-signature", "--format=%T %P", commit, "--").out.split())


def _snapshot(git: Git, *, with_files: bool, ignored: bool, picture: Picture | None = None) -> _Snapshot:
    """Everything of one repository; what those inside it have alone is brought into it."""
    admin = git_dir(git.directory)
    picture = picture or read_picture(admin)
    head = git.commit_of("HEAD")
    head_tree = (
        git.said("rev-parse", f"{head}^{{tree}}")
        if head
        else git.said("hash-object", "-t", "tree", "-w", "/dev/null")
    )
    with tempfile.TemporaryDirectory(prefix="fleet-preserve-", dir=admin) as scratch:
        index = _Index(git, admin, Path(scratch) / "index", head_tree)
        staged_tree, unmerged = index.staged_tree()
        inner = index.add_files(picture, ignored=ignored) if with_files else []
        tree = index.tree() if with_files or not unmerged else staged_tree
    base = (head,) if head else ()
    extra = [commit for commit in _operation_commits(git, admin) if commit not in base]
    if unmerged or staged_tree not in (tree, head_tree):
        extra.append(_commit(git, staged_tree, base, f"The index of {git.directory}"))
    extra += [commit for commit in inner if commit not in (*base, *extra)]
    lonely = head is not None and not _on_a_branch(git, head)
    return _Snapshot(tree, (*base, *extra), head, lonely, tree != head_tree or bool(extra))


def _operation_commits(git: Git, admin: Path) -> Iterator[str]:
    """The commits that an unfinished merge, rebase, cherry-pick or revert hangs on."""
    for name in _OPERATION_FILES:
        for line in text_if_plain(admin / name, _NAMES_BYTES_MAX).split():
            commit = git.commit_of(line)
            if commit is not None:
                yield commit


def _on_a_branch(git: Git, head: str) -> bool:
    if git.asks("symbolic-ref", "--quiet", "HEAD"):
        return True
    return not git.said("rev-list", "-1", head, "--not", "--branches", "--remotes", "--tags", "--")


def _commit(git: Git, tree: str, parents: Iterable[str], message: str) -> str:
    named = [word for parent in dict.fromkeys(parents) for word in ("-p", parent)]
    words = (*_SAFE, "commit-tree", "--no-gpg-sign", *named, tree)
    return git.run(*words, stdin=message.encode("utf-8", "replace"), env=identity(git)).out


class _Index:
    """A copy of the worktree's index, so that the real one is only read."""

    def __init__(self, git: Git, admin: Path, copy: Path, head_tree: str) -> None:
        self._git, self._copy = git, copy
        self._env = {"GIT_INDEX_FILE": str(copy)}
        # A checkout that was cut short has no index: what is not there was never there.
        self._cut_short = not copied(admin, copy)
        if self._cut_short:
            self._run("read-tree", head_tree)
            self._run("update-index", "-q", "--refresh", check=False)

    def staged_tree(self) -> tuple[str, bool]:
        """The tree of what is staged, and whether some of it is unmerged.

        The stages of an unmerged file have no place in a tree, so they are kept below
        `.fleet-unmerged/<stage>/`.
        """
        if not self._run("ls-files", "--unmerged", "-z").out:
            return self.tree(), False
        lines = "".join(f"{_without_stage(line)}\0" for line in self._run("ls-files", "--stage", "-z").fields)
        env = {"GIT_INDEX_FILE": self._env["GIT_INDEX_FILE"] + ".stages"}
        self._git.run(
            "update-index", "-z", "--index-info", stdin=lines.encode("utf-8", "surrogateescape"), env=env
        )
        return self._git.run(*_SAFE, "write-tree", env=env).out, True

    def tree(self) -> str:
        return self._run("write-tree").out

    def add_files(self, picture: Picture | None, *, ignored: bool) -> list[str]:
        """Take in all files that are tracked or not ignored, as they lie there, and ignored work if asked for; gives
        the commits of nested repositories.

        A repository that is no submodule is taken in as the files it has: git itself would only note its
        commit.
        """
        tracked = show_hidden(self._git, self._env)
        others = self._run("ls-files", "--others", "--exclude-standard", "-z").fields
        strangers = [path.rstrip("/") for path in others if path.endswith("/")]
        if not (self._cut_short and self._nothing_came(others)):
            skipped = [f":(top,exclude,literal){path}" for path in strangers]
            self._run("add", "--all", "--sparse", "--", *skipped)
        kept: list[str] = []
        for path in strangers:
            kept += self._take_in(path, ignored=ignored)
        submodules = self._submodules()
        for path in [*submodules, *repositories_among(self._git.directory, tracked, submodules)]:
            part = picture.below(path) if picture else None
            kept += self._take_over(path, part, ignored=ignored)
        work = ignored_work(self._git, picture) if ignored else None
        if work is not None and work.fits:
            self._add_plain(work.files)
            for path in work.repositories:
                kept += self._take_over(path.rpartition("/")[0], None, ignored=False)
        return kept

    def _take_in(self, path: str, *, ignored: bool) -> list[str]:
        """A repository that is no submodule: its files, and the commits that it alone has."""
        inner = Git(self._git.directory / path)
        try:
            snapshot, commits = _nested(inner, self._git, None, ignored=ignored)
            self._run("read-tree", f"--prefix={path}/", snapshot.tree)
        except GitFailed:
            self._as_files(path)
            return []
        return commits

    def _take_over(self, path: str, picture: Picture | None, *, ignored: bool) -> list[str]:
        """The commits that a repository alone has whose files are taken care of."""
        try:
            return _nested(Git(self._git.directory / path), self._git, picture, ignored=ignored)[1]
        except GitFailed:
            self._pack(f"{path}/.git")
            return []

    def _as_files(self, path: str) -> None:
        """What git cannot take over: the files one by one, and the repository packed."""
        found = [name for name, _ in below(self._git.directory, path)]
        packed = [name for name in found if name.rpartition("/")[2] == ".git"]
        self._add_plain([name for name in found if name not in packed])
        for name in packed:
            self._pack(name)

    def _add_plain(self, paths: Sequence[str]) -> None:
        for path in paths:
            place = self._git.directory / path
            if not place.is_symlink() and not os.access(place, os.R_OK):
                place.chmod(place.stat().st_mode | stat.S_IRUSR)
        if paths:
            self._run("update-index", "--add", "--remove", "-z", "--stdin", stdin=as_stdin(paths))

    def _pack(self, path: str) -> None:
        """A `.git` of the worktree as a tar file. That of a linked worktree only points elsewhere."""
        place, packed = self._git.directory / path, self._copy.with_name("repository.tar")
        if not place.is_dir():
            return
        listed = (one for _, names in folders(place, _FOLDERS_MAX) for one in names)
        size = sum(one.stat(follow_symlinks=False).st_size for one in listed)
        if size > _REPOSITORY_BYTES_MAX:
            raise PreserveFailed(
                f"the repository {place} has {size >> 20} MB and cannot be kept in the one around it: move it away"
            )
        fd = open_plain(str(packed), os.O_RDWR | os.O_CREAT | os.O_EXCL)
        with os.fdopen(fd, "w+b") as file, tarfile.open(fileobj=file, mode="w") as archive:
            archive.add(place, ".git")
        blob = self._run("hash-object", "-w", "--no-filters", str(packed)).out
        name = f"{_REPOSITORIES}/{path.rpartition('/')[0]}.tar"
        self._run("update-index", "--add", "--cacheinfo", f"100644,{blob},{name}")

    def _nothing_came(self, others: list[str]) -> bool:
        kinds = self._run("diff-files", "--name-status", "-z").fields[::2]
        return not others and set(kinds) <= {"D"}

    def _submodules(self) -> list[str]:
        listed = self._run("ls-files", "--stage", "-z").fields
        paths = [line.partition("\t")[2] for line in listed if line.startswith(_AS_COMMIT)]
        return [path for path in paths if (self._git.directory / path / ".git").exists()]

    def _run(self, *args: str, check: bool = True, stdin: bytes | None = None) -> GitResult:
        return self._git.run(*_SAFE, *args, env=self._env, check=check, stdin=stdin)


def _without_stage(line: str) -> str:
    mode, oid, rest = line.split(" ", 2)
    stage, _, path = rest.partition("\t")
    place = path if stage == "0" else f"{_UNMERGED}/{stage}/{path}"
    return f"{mode} {oid} 0\t{place}"


def _nested(inner: Git, outer: Git, picture: Picture | None, *, ignored: bool) -> tuple[_Snapshot, list[str]]:
    """What a repository inside the worktree has that exists nowhere else, brought over into the outer one."""
    snapshot = _snapshot(inner, with_files=True, ignored=ignored, picture=picture)
    commits = _unpushed_tips(inner, snapshot.head)
    if snapshot.loose:
        commits.append(
            _commit(inner, snapshot.tree, snapshot.parents, f"Work preserved from {inner.directory}")
        )
    _bring(inner, outer, [*commits, *([snapshot.tree] if snapshot.loose else [])])
    return snapshot, commits


def _unpushed_tips(inner: Git, head: str | None) -> list[str]:
    """The ends of the nested repository's branches, stashes and HEAD that neither its remote nor its start
    has."""
    branches = inner.run("for-each-ref", "--format=%(objectname)", HEADS).lines
    stashed = inner.commit_of("refs/stash") is not None
    stashes = inner.run("reflog", "show", "--format=%H", "refs/stash", "--").lines if stashed else []
    tips = dict.fromkeys([*([head] if head else []), *branches, *stashes])
    known = ("--not", "--remotes", "--glob=refs/fleet/base*")
    return [tip for tip in tips if inner.said("rev-list", "-1", tip, *known, "--")]


def _bring(inner: Git, outer: Git, objects: list[str]) -> None:
    missing = [name for name in objects if not outer.asks("cat-file", "-e", name)]
    if missing:
        quiet = (
            "--quiet",
            "--no-tags",
            "--no-write-fetch-head",
            "--no-recurse-submodules",
            "--no-auto-maintenance",
        )
        outer.run("-c", "protocol.file.allow=always", "fetch", *quiet, str(inner.directory), *missing)
