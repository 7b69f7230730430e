"""What a repository is right now: where it lies, what is checked out, and which commit a task would start
from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from workers.git import Git, GitError, RunsGit

_BRANCHES_SHOWN = 20


class NotARepository(GitError):
    """The path that was named has no git repository that could be used."""


class NoTarget(GitError):
    """There is no branch to start from and to land in."""


@dataclass(frozen=True)
class Place:
    """Where a repository lies. `root` is the top of the checkout, or the bare repository itself."""

    root: Path
    common_dir: Path
    bare: bool


@dataclass(frozen=True)
class Repository:
    """A repository as it was found. `head_branch` is None when HEAD is detached, `head_commit` None when
    there is no commit yet; `dirty` means changes, staged or not, or untracked files that are not ignored."""

    root: Path
    common_dir: Path
    head_branch: str | None
    head_commit: str | None
    dirty: bool
    bare: bool = False


@dataclass(frozen=True)
class Target:
    """A branch, by its short name, and the commit it has now."""

    branch: str
    commit: str


def locate(path: Path | str) -> Place:
    """Find the repository at or above `path`. Raises NotARepository, GitMissing."""
    path = Path(path).absolute()
    if not path.is_dir():
        raise NotARepository(f"{path} does not exist or is no directory: name the root of a git repository")
    found = Git(path).run("rev-parse", "--is-bare-repository", "--git-common-dir", check=False)
    if not found.ok:
        raise NotARepository(_why_not(path, found.err))
    bare, common = found.lines
    common_dir = (path / common).resolve()
    if bare == "true":
        return Place(common_dir, common_dir, True)
    top = Git(path).run("rev-parse", "--show-toplevel", check=False)
    if not top.ok:
        raise NotARepository(f"{path} is inside a repository's own directory: name its root instead")
    return Place(Path(top.out), common_dir, False)


def _why_not(path: Path, said: str) -> str:
    if "dubious ownership" in said:
        return (
            f"git refuses {path} because it belongs to another user: run "
            f"`git config --global --add safe.directory {path}` if you trust it"
        )
    if "not a git repository" in said:
        return f"{path} is not a git repository: run `git init` and commit there, or name another path"
    return f"git cannot use {path}: {said.strip()}"


def inspect(path: Path | str) -> Repository:
    """Look at the repository at `path` and change nothing, not even its index. Raises NotARepository,
    GitMissing."""
    place = locate(path)
    git = Git(place.root)
    branch = git.run("symbolic-ref", "--quiet", "--short", "HEAD", check=False)
    commit = git.commit_of("HEAD")
    dirty = not place.bare and bool(git.said("status", "--porcelain", "--untracked-files=normal"))
    return Repository(
        place.root, place.common_dir, branch.out if branch.ok else None, commit, dirty, place.bare
    )


def resolve_target(repo: Repository | Path | str, target: str | None = None) -> Target:
    """The branch to start from and land in, with its commit: the one that was named, or the one checked out.

    Raises NoTarget for a detached HEAD without a name, a repository without a commit, and an unknown branch.
    """
    found = repo if isinstance(repo, Repository) else inspect(repo)
    git = Git(found.common_dir)
    name = target.removeprefix("refs/heads/") if target is not None else found.head_branch
    if name is None:
        raise NoTarget(
            f"HEAD of {found.root} is detached, so there is no current branch: name one with --target"
        )
    commit = git.commit_of(f"refs/heads/{name}")
    if commit is None:
        raise NoTarget(_no_such_branch(git, found.root, name))
    return Target(name, commit)


def _no_such_branch(git: RunsGit, root: Path, name: str) -> str:
    branches = git.run("for-each-ref", "--format=%(refname:short)", "refs/heads").lines
    if not branches:
        return f"{root} has no commit yet, so there is nothing to start from: commit something first"
    shown = ", ".join(branches[:_BRANCHES_SHOWN]) + (" …" if len(branches) > _BRANCHES_SHOWN else "")
    return f"{root} has no branch {name!r}. It has: {shown}. Name one of them with --target"
