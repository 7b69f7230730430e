"""The settings of a person's git, as work in a cell has them: without what would let it act as the person. Travels.

A worker's own git and that of Fleet read the same: what is ignored, which filters there are, where hooks lie. Files in
which a credential stands are not shown; what else they say is laid in their place.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from workers.far.git_settings import as_lines, listed
from workers.private import write_whole
from workers.sandbox.toolchains import names_a_credential

_NAMES_A_FILE = ("core.attributesfile", "core.excludesfile", "core.hookspath")
_LEADS_ON = ("include.", "includeif.")
_ON_CONDITION = "includeif."
_FILES_MAX = 100

_Said = tuple[str, str, "str | None"]
"""A file, a key and its value; None where it has none."""


@dataclass(frozen=True)
class GitsSettings:
    """`reads` are seen as they are. `instead` has what is seen in the place of others: where, and what stands there. As
    long as nothing of what was `looked_at` changes, the same is found again."""

    reads: tuple[Path, ...]
    looked_at: tuple[Path, ...]
    instead: tuple[tuple[Path, str], ...] = ()

    def laid(self, file: Path) -> list[tuple[Path, Path]]:
        """Writes files of that name and a number; where each lies, and where it is seen. No link of anybody's is
        followed. Raises OSError."""
        pairs = []
        for number, (seen, said) in enumerate(self.instead):
            lies = file.with_name(f"{file.name}-{number}")
            write_whole(lies, os.fsencode(said))
            pairs.append((lies, seen))
        return pairs


def gits_settings(environ: Mapping[str, str]) -> GitsSettings:
    """Of that environment's person, outside of all repositories, and what counts in some of them alone. A git that says
    nothing has none."""
    home = environ.get("HOME", "/nonexistent")
    always = list(_listed(environ))
    parts = [always, *_on_condition(environ, always, home)]
    found = [said for part in parts for said in part]
    named = [
        Path(_expanded(value, home))
        for _, key, value in found
        if key in _NAMES_A_FILE and value and value.startswith(("/", "~/"))
    ]
    own = environ.get("GIT_CONFIG_GLOBAL")
    also = Path(environ.get("XDG_CONFIG_HOME") or Path(home, ".config"), "git", "config")
    looked_at = [Path(file) for file, _, _ in found]
    looked_at += [Path(own)] if own else [Path(home, ".gitconfig"), also]
    # Also those that are not there yet.
    looked_at += [
        _led_to(file, value, home) for file, key, value in found if key.startswith(_LEADS_ON) and value
    ]
    reads, instead = [], []
    for part in parts:
        if any(names_a_credential(f"{key}={value}") for _, key, value in part):
            # In the file that git looks for by itself; those that it includes are in there.
            instead.append((Path(part[0][0]), as_lines(_harmless(part, home))))
        else:
            reads += [Path(file) for file, _, _ in part]
    return GitsSettings((*dict.fromkeys(reads), *named), tuple(dict.fromkeys(looked_at)), tuple(instead))


def _on_condition(environ: Mapping[str, str], found: Sequence[_Said], home: str) -> Iterator[list[_Said]]:
    """What stands in files that count in some repositories alone, as of a person who has another address at work: each
    with those that it includes itself."""
    known = {file for file, _, _ in found}
    waiting = [said for said in found if said[1].startswith(_ON_CONDITION)]
    while waiting and len(known) < _FILES_MAX:
        file, _, value = waiting.pop(0)
        led_to = _led_to(file, value or "", home)
        if str(led_to) in known or not led_to.is_file():
            continue
        part = list(_listed({**environ, "GIT_CONFIG_GLOBAL": str(led_to)}))
        known |= {str(led_to), *(one for one, _, _ in part)}
        waiting += [said for said in part if said[1].startswith(_ON_CONDITION)]
        if part:
            yield part


def _harmless(part: Sequence[_Said], home: str) -> Iterator[tuple[str, str | None]]:
    for file, key, value in part:
        if key.startswith(_ON_CONDITION) and value:
            yield key, str(_led_to(file, value, home))
        elif not key.startswith(_LEADS_ON) and not names_a_credential(f"{key}={value}"):
            yield key, value


def _led_to(file: str, value: str, home: str) -> Path:
    return Path(os.path.normpath(Path(file).parent / _expanded(value, home)))


def _listed(environ: Mapping[str, str]) -> Iterator[_Said]:
    """All that is neither the system's nor a command's, in order."""
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
