"""What all worktrees of a repository share and git runs or obeys: configuration, hooks, info. Pictured, and compared.

A worker can write there, and then git runs its words in every other worktree, and for the person. So there is a picture
of before it began, and before git is run again on what it left the two are compared.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from workers.git import Git, GitError

Picture = Mapping[str, str]
"""What was there by its name (`hooks/pre-commit`, `config core.hookspath`): a digest of what it says. A file of
settings stands there whole, too: as long as it is the same, git is not asked what it says."""

_HARMLESS = re.compile(
    r"branch\..*|gc\..*|maintenance\..*|submodule\..*\.active|lfs\.repositoryformatversion|lfs\..*\.(access|locksverify)"
    r"|extensions\.worktreeconfig",
    re.IGNORECASE,
)
"""Keys that git and its tools set by themselves in daily work. They run nothing and lead nowhere; of every other key,
also of one that nobody has thought of yet, that is not said."""
_OF_NO_WEIGHT = ("refs", "sparse-checkout")
"""In `info`: a list for dumb servers, and which files of a worktree are checked out."""
_SHALLOW = "shallow "
"""Where history ends, however much of it there is: all that looks at what a branch brings looks no further."""
_FILES_MAX = 10_000
_WHOLE = "whole "


class PersonNeeded(GitError):
    """Nothing more is done in a repository until a person has looked; then it goes on."""


class SharedChanged(PersonNeeded):
    """What a repository shares is not as it was before workers ran in it; only a person knows if that is right."""

    def __init__(self, repo: Path, changes: list[str]) -> None:
        super().__init__(
            f"what all work in {repo} shares has changed since workers run there: {'; '.join(changes)}. git would obey "
            f"it, so nothing more is done there until you have looked: undo it, or run `fleet project allow {repo}`"
        )


def take_picture(common_dir: Path, before: Picture | None = None) -> Picture:
    """Raises GitError, OSError when something cannot be read, or there is more of it than anybody has."""
    return dict(sorted(_pictured(common_dir, before or {})))


def changes(before: Picture, after: Picture) -> list[str]:
    """What differs, in words. A worktree that is gone took its own settings along; history that goes further back than
    before hides nothing."""
    said = []
    for name in sorted({*before, *after}):
        left = name not in after and name.startswith(("worktrees/", _SHALLOW))
        if before.get(name) != after.get(name) and not name.startswith(_WHOLE) and not left:
            how = "was added" if name not in before else "is gone" if name not in after else "was changed"
            said.append(f"{name} {how}")
    return said


def _pictured(common_dir: Path, before: Picture) -> Iterator[tuple[str, str]]:
    for place in _git_dirs(common_dir):
        within = "" if place == common_dir else f"{place.relative_to(common_dir)}/"
        for name in ("config", "config.worktree"):
            yield from _settings(place / name, f"{within}{name}", before)
        for folder in ("hooks", "info"):
            for path, said in _files(place / folder):
                if path not in _OF_NO_WEIGHT:
                    yield f"{within}{folder}/{path}", said
        if place == common_dir and os.path.lexists(place / "commondir"):
            # git would take its configuration and hooks from wherever that names, for the person's own checkout, too.
            yield "commondir", _file(place / "commondir")
        if (place / "shallow").exists():
            yield from ((f"{within}{_SHALLOW}{end}", "") for end in (place / "shallow").read_text().split())
    for path, said in _files(common_dir / "objects" / "info"):
        if path.endswith("alternates"):
            yield f"objects/info/{path}", said


def _git_dirs(common_dir: Path) -> Iterator[Path]:
    """The repository's own, and those of its worktrees and submodules."""
    yield common_dir
    for folder in ("worktrees", "modules"):
        for found, inner, files in os.walk(common_dir / folder):
            if "HEAD" in files:
                inner[:] = [name for name in inner if name == "modules"]
                yield Path(found)


def _settings(file: Path, name: str, before: Picture) -> Iterator[tuple[str, str]]:
    """Keys and digests of all their values, in order. Parsed by git, which runs nothing for it."""
    if not os.path.lexists(file):
        return
    whole = _file(file)
    yield f"{_WHOLE}{name}", whole
    if before.get(f"{_WHOLE}{name}") == whole:
        yield from ((key, said) for key, said in before.items() if key.startswith(f"{name} "))
        return
    values: dict[str, str] = {}
    listing = Git(file.parent).run("config", "--file", str(file), "--no-includes", "--list", "-z")
    for field in listing.fields:
        key, _, value = field.partition("\n")
        values[key] = f"{values.get(key, '')}\0{value}"
    for key, value in values.items():
        if not _HARMLESS.fullmatch(key):
            yield f"{name} {key}", _digest(value.encode("utf-8", "surrogateescape"))


def _files(folder: Path) -> Iterator[tuple[str, str]]:
    count = 0
    for found, _, files in os.walk(folder):
        for name in files:
            count += 1
            if count > _FILES_MAX:
                raise GitError(
                    f"{folder} has more than {_FILES_MAX} files: remove what is not meant to be there"
                )
            path = Path(found, name)
            if not name.endswith(".sample"):
                yield str(path.relative_to(folder)), _file(path)


def _file(path: Path) -> str:
    if path.is_symlink():
        return f"-> {path.readlink()}"
    mode = path.stat().st_mode
    return f"{'x' if mode & 0o111 else '-'} {_digest(path.read_bytes())}"


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
