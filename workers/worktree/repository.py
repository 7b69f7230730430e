"""Where a repository lies."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from workers.git import Git, GitError


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


def common_dir_of(repo: Path) -> Path:
    """What all worktrees of the repository share, found without git where `repo` is the top of an ordinary checkout (it
    is asked for with every start of a worker). Raises NotARepository, GitMissing."""
    plain = repo / ".git"
    return plain.resolve() if (plain / "HEAD").is_file() else locate(repo).common_dir


def _why_not(path: Path, said: str) -> str:
    if "dubious ownership" in said:
        return (
            f"git refuses {path} because it belongs to another user: run "
            f"`git config --global --add safe.directory {path}` if you trust it"
        )
    if "not a git repository" in said:
        return f"{path} is not a git repository: run `git init` and commit there, or name another path"
    return f"git cannot use {path}: {said.strip()}"
