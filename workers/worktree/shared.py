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
from workers.plain_files import read_if_plain

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
_BYTES_MAX = 100 << 20
"""Of one of them."""
_WHOLE = "whole "
_NO_FILE = "no plain file"


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
        yield from _ends_of_history(place / "shallow", f"{within}{_SHALLOW}")
    for path, said in _files(common_dir / "objects" / "info"):
        if path.endswith("alternates"):
            yield f"objects/info/{path}", said


def _git_dirs(common_dir: Path) -> Iterator[Path]:
    """The repository's own, and those of its worktrees and submodules."""
    yield common_dir
    waiting = [common_dir / "modules", common_dir / "worktrees"]
    seen = 0
    while waiting:
        folder = waiting.pop()
        seen += 1
        if seen > _FILES_MAX:
            raise _too_many(common_dir)
        names = _listed(folder)
        is_git_dir = any(one.name == "HEAD" and not one.is_dir(follow_symlinks=False) for one in names)
        inner = [Path(one.path) for one in names if one.is_dir(follow_symlinks=False)]
        waiting += [one for one in inner if one.name == "modules"] if is_git_dir else inner
        if is_git_dir:
            yield folder


def _listed(folder: Path) -> list[os.DirEntry[str]]:
    """Nothing where it cannot be read: git cannot, either."""
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError:
        return []


def _too_many(folder: Path) -> GitError:
    return GitError(f"{folder} has more than {_FILES_MAX} files: remove what is not meant to be there")


def _ends_of_history(file: Path, within: str) -> Iterator[tuple[str, str]]:
    if os.path.lexists(file):
        said = read_if_plain(file, _BYTES_MAX)
        ends = [_NO_FILE] if said is None else said.decode("utf-8", "surrogateescape").split()
        yield from ((f"{within}{end}", "") for end in ends)


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
    # In no repository: git waits for what lies in this one, if that is a pipe.
    listing = Git("/").run("config", "--file", str(file), "--no-includes", "--list", "-z")
    for field in listing.fields:
        key, _, value = field.partition("\n")
        values[key] = f"{values.get(key, '')}\0{value}"
    for key, value in values.items():
        if not _HARMLESS.fullmatch(key):
            yield f"{name} {key}", _digest(value.encode("utf-8", "surrogateescape"))


def _files(folder: Path) -> Iterator[tuple[str, str]]:
    waiting, seen = [folder], 0
    while waiting:
        for one in _listed(waiting.pop()):
            seen += 1
            if seen > _FILES_MAX:
                raise _too_many(folder)
            if one.is_dir(follow_symlinks=False):
                waiting.append(Path(one.path))
            elif not one.name.endswith(".sample") and not Path(one.path).is_dir():
                yield str(Path(one.path).relative_to(folder)), _file(Path(one.path))


def _file(path: Path) -> str:
    """What it is and says. A pipe, say, is not read, for nobody may ever write into it."""
    if path.is_symlink():
        return f"-> {path.readlink()}"
    said = read_if_plain(path, _BYTES_MAX)
    if said is None:
        return _NO_FILE
    return f"{'x' if path.stat().st_mode & 0o111 else '-'} {_digest(said)}"


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
