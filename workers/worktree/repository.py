"""Where a repository lies."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path

from workers.git import Git, GitError, answer

_OWNED_BY_ANOTHER = re.compile(r"dubious ownership in repository at '([^']*)'")


class NotARepository(GitError):
    """The path that was named has no git repository that could be used."""


class NoTarget(GitError):
    """There is no branch to start from and to land in."""


@dataclass(frozen=True)
class Place:
    """Where a repository lies: one, from whichever of its worktrees it is looked at. `root` is the top of its own
    checkout, or the bare repository itself; `checkout` the top of the checkout that was named, None for a bare one."""

    root: Path
    common_dir: Path
    bare: bool
    checkout: Path | None = field(default=None, compare=False)


def locate(path: Path | str) -> Place:
    """Find the repository at or above `path`. Raises NotARepository, GitMissing."""
    path = Path(path).absolute()
    if not path.is_dir():
        raise NotARepository(f"{path} does not exist or is no directory: name the root of a git repository")
    found = Git(path).run("rev-parse", "--is-bare-repository", "--git-common-dir", "--git-dir", check=False)
    if not found.ok:
        raise NotARepository(_why_not(path, found.err))
    bare, *dirs = found.lines
    common_dir, own = ((path / one).resolve() for one in dirs)
    if bare == "true":
        return Place(common_dir, common_dir, True)
    top = Git(path).run("rev-parse", "--show-toplevel", check=False)
    if not top.ok:
        raise NotARepository(f"{path} is inside a repository's own directory: name its root instead")
    checkout = Path(top.out)
    if own == common_dir:
        return Place(checkout, common_dir, False, checkout)
    main = _main_checkout(common_dir)
    return Place(main or common_dir, common_dir, main is None, checkout)


def _main_checkout(common_dir: Path) -> Path | None:
    """The repository's own checkout, which outlives all that are linked to it; None where it has none. Its files are
    asked, for git itself refuses a directory of another user's that was not named as safe."""
    said = _core(common_dir)
    if said.get("core.bare") == "true":
        return None
    if "core.worktree" in said:  # as of a submodule
        return (common_dir / said["core.worktree"]).resolve()
    beside = common_dir.parent / ".git"
    if beside == common_dir:
        return common_dir.parent
    pointed = (
        beside.read_text(errors="surrogateescape").removeprefix("gitdir: ").rstrip("\n")
        if beside.is_file()
        else ""
    )
    return common_dir.parent if pointed and (common_dir.parent / pointed).resolve() == common_dir else None


def _core(common_dir: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    for file in (common_dir / "config", common_dir / "config.worktree"):
        if file.is_file():
            words = ("config", "--file", str(file), "-z", "--get-regexp", r"^core\.(bare|worktree)$")
            for field_ in answer(Git(common_dir.parent), *words).fields:
                key, _, value = field_.partition("\n")
                found[key] = value
    return found


def common_dir_of(repo: Path) -> Path:
    """What all worktrees of the repository share, found without git where `repo` is the top of an ordinary checkout (it
    is asked for with every start of a worker). Raises NotARepository, GitMissing."""
    plain = repo / ".git"
    return plain.resolve() if (plain / "HEAD").is_file() else locate(repo).common_dir


def _why_not(path: Path, said: str) -> str:
    owned = _OWNED_BY_ANOTHER.search(said)
    if owned:
        named = list(dict.fromkeys((owned[1], owned[1].removesuffix("/.git"), str(Path(owned[1], ".git")))))
        trust = " && ".join(f"git config --global --add safe.directory {shlex.quote(one)}" for one in named)
        return f"git refuses {path} because it belongs to another user. If you trust it, run: {trust}"
    if "not a git repository" in said:
        return f"{path} is not a git repository: run `git init` and commit there, or name another path"
    return f"git cannot use {path}: {said.strip()}"
