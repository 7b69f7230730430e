"""Which tools of a person lie below directories that are hidden, and where those keep what they fetch. Travels.

Three kinds of places, as package managers have them by default; a variable may have moved each. *Tools* are read.
*Versions* are read, too, and more of them may be installed beside, into a directory of the project. *Caches* are the
project's own. Beside these, what the person's PATH names.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_TOOLS = (
    ".local/bin",
    ".local/lib",
    ".local/lib64",
    ".local/include",
    ".local/libexec",
    ".local/opt",
    ".local/share/claude",
    ".local/share/fleet/venv",
    ".local/share/fnm",
    ".local/share/man",
    ".local/share/mise",
    ".local/share/pipx",
    ".local/share/pnpm",
    ".local/share/uv/tools",
    ".local/share/virtualenvs",
    ".local/pipx",
    ".local/state/nix",
    ".nix-profile",
    ".asdf",
    ".bun/bin",
    ".bun/install/global",
    ".cargo/bin",
    ".cargo/env",
    ".config/yarn/global",
    ".deno/bin",
    ".dotnet",
    ".elan",
    ".fnm",
    ".foundry",
    ".gem",
    ".ghcup",
    ".juliaup",
    ".linuxbrew",
    ".npm-global",
    ".npm-packages",
    ".nvm",
    ".opam",
    ".perlbrew",
    ".pyenv",
    ".rbenv",
    ".rustup",
    ".rvm",
    ".sdkman",
    ".swiftly",
    ".volta",
    ".yarn/bin",
    "Android/Sdk",
    "anaconda3",
    "bin",
    "flutter",
    "go/bin",
    "mambaforge",
    "miniconda3",
    "miniforge3",
    "perl5",
    "sdk",
)
_VERSIONS = (
    ".cache/Cypress",
    ".cache/bazelisk/downloads",
    ".cache/ms-playwright",
    ".cache/node/corepack",
    ".cache/puppeteer",
    ".local/share/mise/installs",
    ".local/share/uv/python",
    ".nvm/versions/node",
    ".rustup/toolchains",
)
_CACHES = (
    ".cabal",
    ".cache",
    ".cargo/git",
    ".cargo/registry",
    ".ccache",
    ".conan2",
    ".gradle",
    ".hex",
    ".ivy2",
    ".local/share/pnpm/store",
    ".m2/repository",
    ".mix",
    ".npm",
    ".nuget",
    ".pnpm-store",
    ".pub-cache",
    ".rustup/downloads",
    ".rustup/tmp",
    ".sbt",
    ".stack",
    ".yarn/berry",
    "go/pkg",
)
_SETTINGS = (
    ".bunfig.toml",
    ".bundle/config",
    ".cargo/config",
    ".cargo/config.toml",
    ".condarc",
    ".config/git/attributes",
    ".config/git/ignore",
    ".config/go/env",
    ".config/mise/config.toml",
    ".config/pip/pip.conf",
    ".config/pypoetry/config.toml",
    ".config/uv/uv.toml",
    ".gemrc",
    ".gradle/gradle.properties",
    ".m2/settings.xml",
    ".npmrc",
    ".pip/pip.conf",
    ".python-version",
    ".tool-versions",
    ".yarnrc",
    ".yarnrc.yml",
)
"""Read, unless a credential stands in them."""
_CREDENTIAL = re.compile(
    rb"passw(or)?d|secret|token|_auth\b|_authToken|extraheader|api[-_]?key|://[^/\s@]+:[^/\s@]+@",
    re.IGNORECASE,
)
_SETTINGS_BYTES_MAX = 1_000_000

_MOVED = {
    ".asdf": "ASDF_DATA_DIR",
    ".bun": "BUN_INSTALL",
    ".cache": "XDG_CACHE_HOME",
    ".cargo": "CARGO_HOME",
    ".config": "XDG_CONFIG_HOME",
    ".dotnet": "DOTNET_ROOT",
    ".local/share": "XDG_DATA_HOME",
    ".local/share/mise": "MISE_DATA_DIR",
    ".local/share/pnpm": "PNPM_HOME",
    ".nvm": "NVM_DIR",
    ".pyenv": "PYENV_ROOT",
    ".rbenv": "RBENV_ROOT",
    ".rustup": "RUSTUP_HOME",
    ".sdkman": "SDKMAN_DIR",
    "go": "GOPATH",
    "Android/Sdk": "ANDROID_HOME",
}
"""The variable that names another place for what lies there by default."""
_MOVED_WHOLE = ("JAVA_HOME", "GOROOT")
_NOT_WHOLE = (
    ".local",
    ".config",
    ".local/share",
    ".local/state",
    ".cache",
    ".claude",
    ".ssh",
    ".gnupg",
    ".aws",
)
"""Directories of many things: a program below one makes nothing else of it visible."""
_PACKAGED = ("/usr/bin", "/usr/sbin", "/bin", "/sbin")
"""What is there comes with the system, which has nothing below a person's home."""
_FOLDERS_MAX = 1_000
_STEPS_MAX = 10


@dataclass(frozen=True)
class Toolchains:
    """`reads` are seen as they are. `caches` and `versions` are the project's own; in the latter, what the person has
    is seen, too. As long as nothing of what was `looked_at` changes, the same is found again."""

    reads: tuple[Path, ...]
    caches: tuple[Path, ...]
    versions: tuple[Path, ...]
    looked_at: tuple[Path, ...]


def toolchains(environ: Mapping[str, str], hidden: Sequence[Path]) -> Toolchains:
    """Those that lie below one of `hidden`, all absolute. Looks at the disk, follows links, and runs nothing."""
    home = Path(environ.get("HOME") or "/nonexistent")
    place = _Places(home, environ)
    known = [place.of(name) for name in _TOOLS]
    wanted = [*known, *(Path(environ[name]) for name in _MOVED_WHOLE if environ.get(name))]
    folders: set[str] = set()
    wanted += _on_path(environ, home, known, hidden, folders)
    settings = [place.of(name) for name in _SETTINGS]
    wanted += [path for path in settings if _holds_no_credential(path)]
    there = dict.fromkeys(path for path in wanted if is_below(path, hidden) and os.path.exists(path))
    reads = tuple(path for path in there if not is_below(path, there))
    moved = [place.of(name) for name in (".cargo", "go") if place.is_moved(name)]
    outside = [path for path in moved if not is_below(path, hidden) and os.path.isdir(path)]
    versions = [*outside, *(path for path in map(place.of, _VERSIONS) if os.path.isdir(path))]
    caches = dict.fromkeys(map(place.of, (*_CACHES, *_VERSIONS)))
    own = tuple(path for path in caches if path not in versions)
    looked_at = (*wanted, *settings, *moved, *map(place.of, _VERSIONS), *map(Path, folders))
    return Toolchains(reads, own, tuple(versions), looked_at)


class _Places:
    """Where what lies at a path below home by default is for this person."""

    def __init__(self, home: Path, environ: Mapping[str, str]) -> None:
        self._home, self._environ = home, environ

    def is_moved(self, name: str) -> bool:
        return bool(self._environ.get(_MOVED[name]))

    def of(self, name: str) -> Path:
        parts = name.split("/")
        for end in range(len(parts), 0, -1):
            variable = _MOVED.get("/".join(parts[:end]))
            told = self._environ.get(variable, "").partition(os.pathsep)[0] if variable else ""
            if told.startswith("/"):
                return Path(told, *parts[end:])
        return self._home / name


def _on_path(
    environ: Mapping[str, str], home: Path, known: Sequence[Path], hidden: Sequence[Path], folders: set[str]
) -> Iterator[Path]:
    """What the PATH names, and what the links in there lead to: each with what it was installed with. `folders` are
    those that were looked through."""
    shared = [*(home / name for name in _NOT_WHOLE), home, *home.parents]
    within = tuple(f"{place}/" for place in hidden)
    waiting = [one for one in environ.get("PATH", "").split(os.pathsep) if one.startswith("/")]
    while waiting and len(folders) < _FOLDERS_MAX:
        folder = waiting.pop()
        if folder not in folders and folder not in _PACKAGED:
            folders.add(folder)
            if folder.startswith(within):
                yield _installed_as(Path(folder), known, shared)
            waiting += {os.path.dirname(led) for led in _led_to(folder) if led.startswith(within)}


def _installed_as(folder: Path, known: Sequence[Path], shared: Sequence[Path]) -> Path:
    """`bin` of a tool belongs to what lies beside it, but for one that stands in a directory of many things."""
    whole = folder.name in ("bin", "sbin", "shims") and folder not in known and folder.parent not in shared
    return folder.parent if whole else folder


def _led_to(folder: str) -> Iterator[str]:
    """What the links in a folder lead to, each step of a chain."""
    try:
        with os.scandir(folder) as entries:
            links = [entry.path for entry in entries if entry.is_symlink()]
    except OSError:
        return
    for link in links:
        led = link
        for _ in range(_STEPS_MAX):
            try:
                told = os.readlink(led)
            except OSError:
                break
            if "/" in told:  # else it stays in the folder
                led = os.path.normpath(os.path.join(os.path.dirname(led), told))
                yield led
            else:
                led = f"{led.rpartition('/')[0]}/{told}"


def names_a_credential(said: str) -> bool:
    return bool(_CREDENTIAL.search(os.fsencode(said)))


def _holds_no_credential(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            said = file.read(_SETTINGS_BYTES_MAX + 1)
    except OSError:
        return False
    return len(said) <= _SETTINGS_BYTES_MAX and not _CREDENTIAL.search(said)


def is_below(path: Path, places: Iterable[Path]) -> bool:
    """By its name alone."""
    return str(path).startswith(tuple([f"{place}/" for place in places]))
