"""The settings that Fleet's own git runs under on a host, and that of its transfers. Travels.

A host's user has a git configuration for their own repositories. Much of what it may say makes git refuse a mirror of
ours or do more than it was asked (`safe.bareRepository`, `transfer.fsckObjects`, `receive.*`, `core.hooksPath`,
templates, `core.fsmonitor` …), and a broken one ends every git. So none of it counts but what says what content is, as
at home (`workers.git`), and which directories of others are trusted: that is written to a file of ours, and git is
pointed to it by `GIT_CONFIG_GLOBAL`. What a worker runs itself, and the repository's own commands, have the user's.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from workers.private import write_whole

FILE = "gitconfig"
"""In the directory of the far end."""
PATIENCE_S = 10.0

_OF_CONTENT = re.compile(
    r"filter\..+|lfs\..+|core\.(autocrlf|eol|excludesfile|attributesfile)|safe\.directory"
    r"|(user|author|committer)\.(name|email)",
    re.DOTALL,
)
_TAKEN = {"system": {"GIT_CONFIG_GLOBAL": os.devnull}, "global": {"GIT_CONFIG_NOSYSTEM": "1"}}
"""Where settings come from, and what leaves the other one out."""


def use_own_settings(root: Path) -> str | None:
    """Lay the file into `root`, and let every git that `workers.git` runs in this process read that alone. Returns
    what is wrong with the user's own configuration, None when nothing is."""
    wrong: list[str] = []
    settings = [pair for scope in _TAKEN for pair in _read(scope, wrong)]
    _write(root / FILE, as_lines(settings))
    os.environ.update(variables(str(root / FILE)))
    return "; ".join(wrong) or None


def variables(file: str) -> dict[str, str]:
    """By which git reads that file instead of the user's configuration and the system's."""
    return {"GIT_CONFIG_GLOBAL": file, "GIT_CONFIG_NOSYSTEM": "1"}


def _read(scope: str, wrong: list[str]) -> Iterator[tuple[str, str | None]]:
    """What of it says what content is. One that cannot be read is told of in `wrong`."""
    ended = listed({**os.environ, "LC_ALL": "C"}, _TAKEN[scope])
    if ended is None:  # a git that does not run is told of by itself (`probe`)
        return
    if ended.returncode:
        said = os.fsdecode(ended.stderr).strip().replace("\n", "; ")[-300:]
        wrong.append(said or f"`git config --list` ends with {ended.returncode}")
        return
    fields = iter(os.fsdecode(ended.stdout).split("\0"))
    for found in fields:
        key, has_value, value = next(fields, "").partition("\n")
        if found == scope and _OF_CONTENT.fullmatch(key):
            yield key, value if has_value else None


def listed(
    environ: Mapping[str, str], also: Mapping[str, str], *shown: str
) -> subprocess.CompletedProcess[bytes] | None:
    """What git says of its settings outside of all repositories, each with its scope and what else is to be `shown`;
    None where git does not run. What chooses a setting comes from `also` alone."""
    inherited = {name: value for name, value in environ.items() if not chooses(name)}
    try:
        return subprocess.run(
            ["git", "config", "--list", "-z", "--show-scope", *shown],
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env={**inherited, **also},
            timeout=PATIENCE_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None


_PLACES = ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_NOSYSTEM", "GIT_CONFIG_SYSTEM", "GIT_EXEC_PATH")


def chooses(name: str) -> bool:
    """Whether a variable chooses a repository or a setting; where the user's files are is theirs to say."""
    return name.startswith("GIT_") and name not in _PLACES


def as_lines(settings: Iterable[tuple[str, str | None]]) -> str:
    """As git reads them in a file; a key without a value (None) is one that is set."""
    return "".join(_line(key, value) for key, value in settings)


def _line(key: str, value: str | None) -> str:
    section, _, rest = key.partition(".")
    name_of_section, dot, name = rest.rpartition(".")
    header = f'[{section} "{_escaped(name_of_section)}"]' if dot else f"[{section}]"
    return f"{header}\n\t{name}\n" if value is None else f'{header}\n\t{name} = "{_escaped(value)}"\n'


_ESCAPES: Mapping[str, str] = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t"}


def _escaped(text: str) -> str:
    return "".join(_ESCAPES.get(character, character) for character in text)


def _write(file: Path, text: str) -> None:
    """Whole or not at all. On a disk that takes nothing the one from before counts, or none, which git reads as an
    empty one."""
    with suppress(OSError):
        write_whole(file, os.fsencode(text))
