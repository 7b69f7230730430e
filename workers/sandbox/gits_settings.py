"""The settings of a person's git, as work in a cell has them: without what would let it act as the person. Travels.

A worker's own git and that of Fleet read the same: what is ignored, which filters there are, where hooks lie. Files in
which a credential stands are not shown; what else they say is laid in their place.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from workers.far.git_settings import as_lines, listed
from workers.private import write_whole
from workers.sandbox.toolchains import names_a_credential

_NAMES_A_FILE = ("core.attributesfile", "core.excludesfile", "core.hookspath")
_LEADS_ON = ("include.", "includeif.")


@dataclass(frozen=True)
class GitsSettings:
    """`reads` are seen as they are. `instead`, where there is one, is what to write into a file that is laid over each
    of `hidden`. As long as nothing of what was `looked_at` changes, the same is found again."""

    reads: tuple[Path, ...]
    looked_at: tuple[Path, ...]
    hidden: tuple[Path, ...] = ()
    instead: str = ""

    def laid(self, file: Path) -> list[tuple[Path, Path]]:
        """Writes `file`; where it lies, and where it is seen. No link of anybody's is followed. Raises OSError."""
        if not self.hidden:
            return []
        write_whole(file, os.fsencode(self.instead))
        return [(file, seen) for seen in self.hidden]


def gits_settings(environ: Mapping[str, str]) -> GitsSettings:
    """Of that environment's person, outside of all repositories. A git that says nothing has none."""
    found = list(_listed(environ))
    home = environ.get("HOME", "/nonexistent")
    files = dict.fromkeys(file for file, _, _ in found)
    named = [
        Path(_expanded(value, home))
        for _, key, value in found
        if key in _NAMES_A_FILE and value and value.startswith(("/", "~/"))
    ]
    own = environ.get("GIT_CONFIG_GLOBAL")
    also = Path(environ.get("XDG_CONFIG_HOME") or Path(home, ".config"), "git", "config")
    looked_at = (*map(Path, files), *([Path(own)] if own else [Path(home, ".gitconfig"), also]))
    # Also those that are not there yet.
    looked_at += tuple(
        Path(file).parent / _expanded(value, home)
        for file, key, value in found
        if key.startswith(_LEADS_ON) and value
    )
    if not any(names_a_credential(f"{key}={value}") for _, key, value in found):
        return GitsSettings((*map(Path, files), *named), looked_at)
    harmless = [
        (key, value)
        for _, key, value in found
        if not key.startswith(_LEADS_ON) and not names_a_credential(f"{key}={value}")
    ]
    # In the file that git looks for by itself; those that it includes are in there.
    first = next(iter(files))
    return GitsSettings(tuple(named), looked_at, (Path(first),), as_lines(harmless))


def _listed(environ: Mapping[str, str]) -> Iterator[tuple[str, str, str | None]]:
    """File, key and value of all that is neither the system's nor a command's, in order."""
    ended = listed(environ, {}, "--show-origin", "--includes")
    if ended is None or ended.returncode:  # a git that does not run is told of by whoever needs it
        return
    fields = iter(os.fsdecode(ended.stdout).split("\0"))
    for scope in fields:
        origin, pair = next(fields, ""), next(fields, "")
        key, has_value, value = pair.partition("\n")
        if scope == "global" and origin.startswith("file:/"):
            yield origin[len("file:") :], key, value if has_value else None


def _expanded(value: str, home: str) -> str:
    return home + value[1:] if value.startswith("~/") else value
