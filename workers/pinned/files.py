"""Which variables the files set that a client reads its settings from. Travels.

Measured with 2.1.332: it reads those of its working directory, `settings.local.json` of the repository's main checkout
when it works in a linked worktree, and those of its configuration directory; none of parent directories.
"""

from __future__ import annotations

import errno
import json
import os
import re
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

BYTES_MAX = 16 * 1024 * 1024
"""`.claude.json` also remembers a lot else."""
NAMES_CHARS_MAX = 20_000
"""All of them must fit into one argument of the client, beside what else stands there."""

_NAME = re.compile(r"[^=\x00-\x1f\x7f-\x9f]+")
_KEY = re.compile(r'(?=("(?:[^"\\\n]|\\.)*")\s*(?:/[/*].*)?:)')


_FOR_ALL_FOLDERS = ("agents", "commands", "hooks", "output-styles", "plugins", "rules", "skills")
_FOR_ALL_FILES = {"CLAUDE.md": b"", "settings.json": b"{}\n", "settings.local.json": b"{}\n"}
"""What a client makes of its configuration directory for all sessions that come, and what says nothing."""


def for_all_sessions(config_dir: Path) -> tuple[Path, ...]:
    """The files and directories of an account by which one session could tell all later ones something, of whichever
    project they are. They are made where they are not there, so that a sandbox can lay something over them. Raises
    OSError."""
    for name in _FOR_ALL_FOLDERS:
        with suppress(FileExistsError):
            (config_dir / name).mkdir(mode=0o700)
    for name, nothing in _FOR_ALL_FILES.items():
        with suppress(FileExistsError), (config_dir / name).open("xb") as file:
            file.write(nothing)
    return tuple(config_dir / name for name in (*_FOR_ALL_FOLDERS, *_FOR_ALL_FILES))


class _Pairs(list):  # type: ignore[type-arg]
    """A JSON object with all of its pairs: of a name that stands there twice either may count."""


def named(worktree: Path, config_dir: Path) -> frozenset[str]:
    """The names of all variables in `env` of those files. Raises OSError for a file that cannot be judged."""
    found = {name for file in _files(worktree, config_dir) for name in _named_in(file)}
    if sum(map(len, found)) > NAMES_CHARS_MAX:
        raise OSError(
            errno.E2BIG,
            "the client's settings files set more variables than can be looked after",
            str(worktree),
        )
    return frozenset(found)


def _files(worktree: Path, config_dir: Path) -> Iterator[Path]:
    for folder in (worktree / ".claude", *(checkout / ".claude" for checkout in _main_checkout(worktree))):
        yield folder / "settings.json"
        yield folder / "settings.local.json"
    for name in ("settings.json", "settings.local.json", ".claude.json"):
        yield config_dir / name


def _main_checkout(worktree: Path) -> Iterator[Path]:
    """Of a linked worktree, by the two files that git lays down for it (gitrepository-layout, `commondir`)."""
    pointer = worktree / ".git"
    if pointer.is_file():
        admin = (
            worktree
            / pointer.read_text(encoding="utf-8", errors="surrogateescape").partition("gitdir:")[2].strip()
        )
        common = admin / "commondir"
        if common.is_file():
            yield (
                (admin / common.read_text(encoding="utf-8", errors="surrogateescape").strip())
                .resolve()
                .parent
            )


def _named_in(file: Path) -> set[str]:
    text = _text(file)
    try:
        settings: Any = json.loads(text, object_pairs_hook=_Pairs, strict=False)
    except (ValueError, RecursionError):
        # The client may read what is no JSON to us, with comments, say: whatever looks like a key may be a variable.
        return {name for name in map(_unquoted, _KEY.findall(text)) if _NAME.fullmatch(name)}
    tables = [value for key, value in _pairs(settings) if key == "env"]
    return {name for table in tables for name, _ in _pairs(table) if _NAME.fullmatch(name)}


def _pairs(value: Any) -> list[tuple[str, Any]]:
    return value if isinstance(value, _Pairs) else []


def _unquoted(token: str) -> str:
    try:
        return str(json.loads(token, strict=False))
    except ValueError:
        return token.strip('"')


def _text(file: Path) -> str:
    """Empty where there is no such file. Waits for nothing: a worker may have laid a pipe there."""
    try:
        fd = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return ""
    with os.fdopen(fd, "rb") as opened:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise OSError(errno.EINVAL, "the client reads its settings there, but it is no file", str(file))
        content = opened.read(BYTES_MAX + 1)
    if len(content) > BYTES_MAX:
        raise OSError(
            errno.EFBIG, "the client reads its settings there, but it is too large to judge", str(file)
        )
    return content.decode("utf-8-sig", "replace")
