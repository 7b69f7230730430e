"""git with a person's keys: for what acts as them (fetch, push, signing) or shows something in their terminal.

Such a git never reads the configuration, hooks or attributes of a repository in which workers run: a planted
`core.sshCommand`, credential helper, `insteadOf`, signing program, pager or textconv would act with the person's agent
and keyring. It runs in a bare directory of Fleet's own, whose configuration is what was handed over (the remotes that a
person agreed to) and which shares nothing but the objects. The person's own global configuration holds.

No command does any of this yet: whatever pushes, fetches, signs or shows in a terminal goes through here
(docs/house.md, "Seams").
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from workers.git import Git
from workers.worktree.repository import common_dir_of

_REMOTE = re.compile(r"remote\.[^\n=]+\.(url|pushurl|fetch)")
_REDIRECTING = re.compile(
    r"GIT_(DIR|WORK_TREE|INDEX_FILE|COMMON_DIR|NAMESPACE|OBJECT_DIRECTORY|ALTERNATE_OBJECT_DIRECTORIES|CEILING_DIRECTORIES"
    r"|TEMPLATE_DIR|CONFIG|CONFIG_(COUNT|PARAMETERS|(KEY|VALUE)_.*)|EXTERNAL_DIFF|PAGER|EDITOR|SEQUENCE_EDITOR|TRACE.*)"
)
"""Variables of a calling git that choose a repository or a program; all others are the person's."""


class NotARemote(ValueError):
    """{key} is no setting of a remote: only those are taken over from a repository."""


def keyed_git(repo: Path, place: Path, remotes: Mapping[str, str]) -> Git:
    """A git that has the objects of `repo`, and `remotes` (`remote.origin.url` and the like), in the directory `place`,
    which is made anew each time. References of `repo` are not there: name commits by their ids. What it fetches lies in
    the objects of `repo`, and under references of `place`.

    Raises NotARemote, GitError.
    """
    for key in remotes:
        if not _REMOTE.fullmatch(key):
            raise NotARemote(f"{key} is no setting of a remote: only those are taken over from a repository")
    objects = common_dir_of(repo) / "objects"
    hash_of = Git(repo).said("rev-parse", "--show-object-format")
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in ("config", "hooks", "info"):
        _remove(place / name)
    making = Git(place, inherited=_persons)
    making.run("init", "--quiet", "--bare", "--template=", f"--object-format={hash_of}", ".")
    _remove(place / "hooks")
    for key, value in remotes.items():
        making.run("config", "--file", str(place / "config"), "--add", key, value)
    fixed = {"GIT_DIR": str(place.absolute()), "GIT_OBJECT_DIRECTORY": str(objects.absolute())}
    return Git(place, inherited=lambda environ: {**_persons(environ), **fixed})


def _persons(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environ.items() if not _REDIRECTING.fullmatch(name)}


def _remove(path: Path) -> None:
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.is_dir():
        shutil.rmtree(path)
