"""Submodules of a repository on a host: their commits go from home's own copies to `modules/` of the mirror, where a
worktree takes them from as it does here, and new ones come back. The host needs no access to where they are from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from workers.git import Git
from workers.remote.mirror import Mirror
from workers.remote.transport import fetch, push
from workers.worktree.checkouts import persons_checkout
from workers.worktree.submodules import (
    WORK_REFS,
    Sources,
    Submodule,
    SubmoduleMissing,
    has,
    is_inside,
    named_by,
)


@dataclass(frozen=True)
class _Pair:
    """One submodule: what home may have of it, and where the host's copy lies."""

    submodule: Submodule
    sources: Sources
    there: str

    @property
    def ref(self) -> str:
        """Of its commit, here and there."""
        return f"{WORK_REFS}/{self.submodule.commit}"


def send_modules(mirror: Mirror, commit: str) -> None:
    """Bring what the submodules of `commit` stand at there, nested ones as well; once for a connection. Raises
    SubmoduleMissing, TransferFailed, HostAway."""
    for pair in _pairs(mirror, mirror.git, commit, _sources(mirror), mirror.path):
        copy = pair.sources.of(pair.submodule)
        if copy is None:
            raise _missing(pair.submodule, mirror)
        with mirror.once((pair.there, pair.submodule.commit)) as first:
            if first:
                push(Git(copy), mirror.far, pair.there, [f"{pair.submodule.commit}:{pair.ref}"], make=True)


def bring_modules(mirror: Mirror, commit: str) -> None:
    """Bring commits of submodules that `commit`, which is home already, names and that home's copies lack. A submodule
    of which home has no copy is left alone, as it is here. Raises TransferFailed, HostAway."""
    for pair in _pairs(mirror, mirror.git, commit, _sources(mirror), mirror.path):
        copies = pair.sources.copies(pair.submodule)
        if copies and not any(has(copy, pair.submodule.commit) for copy in copies):
            fetch(Git(copies[0]), mirror.far, pair.there, {pair.ref: pair.submodule.commit})


def _sources(mirror: Mirror) -> Sources:
    return Sources(mirror.place.common_dir / "modules", persons_checkout(mirror.place))


def _pairs(mirror: Mirror, git: Git, commit: str, sources: Sources, above: str) -> Iterator[_Pair]:
    """Each submodule before those inside it, which can be told only when its commit is here."""
    for submodule in named_by(git, commit):
        if not is_inside(submodule.name):
            raise _missing(submodule, mirror)
        there = f"{above}/modules/{submodule.name}"
        yield _Pair(submodule, sources, there)
        copy = sources.of(submodule)
        if copy is not None:
            yield from _pairs(mirror, Git(copy), submodule.commit, sources.inside(submodule), there)


def _missing(submodule: Submodule, mirror: Mirror) -> SubmoduleMissing:
    return SubmoduleMissing(
        f"submodule {submodule.name} ({submodule.path}) at {submodule.commit[:12]} is not in the repository's own "
        f"copy, so host {mirror.far.name} cannot be given it: run "
        f"`git submodule update --init {submodule.path}` in your checkout, then try again"
    )
