"""The cell of one piece of work: its worktree, what git needs of the repository, its tools; nothing else. Travels."""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

from workers.sandbox.bubblewrap import View, command
from workers.sandbox.denied import told
from workers.sandbox.toolchains import Toolchains, is_below, toolchains
from workers.worktree.entry import admin_dir

_HOMES = ("/home", "/root", "/Users")
_SOCKETS = ("/run", "/var/run")
_SCRATCH = ("/tmp", "/var/tmp")
_NAMES_SOCKETS = ("SSH_AUTH_SOCK", "XDG_RUNTIME_DIR", "DOCKER_HOST", "DBUS_SESSION_BUS_ADDRESS")
_SECRET = (
    ".1password",
    ".aws",
    ".azure",
    ".bash_history",
    ".cargo/credentials",
    ".cargo/credentials.toml",
    ".claude",
    ".claude.json",
    ".config/BraveSoftware",
    ".config/chromium",
    ".config/gcloud",
    ".config/gh",
    ".config/git/credentials",
    ".config/glab-cli",
    ".config/google-chrome",
    ".config/op",
    ".docker",
    ".git-credentials",
    ".gnupg",
    ".kube",
    ".local/share/keyrings",
    ".local/share/kwalletd",
    ".local/share/python_keyring",
    ".mozilla",
    ".netrc",
    ".password-store",
    ".pypirc",
    ".ssh",
    ".terraform.d/credentials.tfrc.json",
    ".thunderbird",
    ".vault-token",
)
"""Below a person's home: hidden, also when they let work read a directory above."""

_GITS_SHARED = (
    "config",
    "config.worktree",
    "HEAD",
    "hooks",
    "index",
    "info",
    "modules",
    "objects/info",
    "shallow",
)
"""What all worktrees of a repository share and git obeys, or what is of the person's own checkout."""
_GITS_OWN = ("commondir", "config.worktree", "gitdir", "locked")
"""The same in git's own directory of one worktree."""


@dataclass(frozen=True)
class Sandbox:
    """Of this machine. `program` is bubblewrap; `environ` is what work is given a part of; `home` is hidden, as the
    fleet's own."""

    program: str
    environ: Mapping[str, str]
    home: Path

    def cell(
        self,
        worktree: Path,
        common_dir: Path,
        keep: Path,
        *,
        project: str = "",
        reads: Sequence[Path] = (),
        writes: Sequence[Path] = (),
        granted_reads: Sequence[Path] = (),
        granted_writes: Sequence[Path] = (),
    ) -> Cell:
        """For work in `worktree` of the repository at `common_dir`. `keep` is the project's directory for what its
        tools fetch, `project` its name. `writes` and `reads` are more that it needs; what is `granted` is a person's
        word.

        Makes directories. Raises OSError.
        """
        keep.mkdir(mode=0o700, parents=True, exist_ok=True)
        persons = self._homes()
        empty = tuple(dict.fromkeys(real(one) for one in (*persons, *self._sockets(), self.home)))
        scratch = self._scratch()
        places = _Places((*empty, *scratch))
        tools = toolchains(self.environ, (*persons, *empty, *scratch))
        granted = (*granted_reads, *granted_writes)
        shown = (*tools.reads, *_name_service(), *reads, *granted_reads)
        kept = _Kept(keep, places, tools, shown)
        own, secrets = admin_dir(common_dir, worktree), self._secrets(persons)
        for name in ("hooks", "info", "objects/info"):
            (common_dir / name).mkdir(parents=True, exist_ok=True)
        view = View(
            empty=empty,
            closed=[real(self.home)],
            scratch=scratch,
            reads=places.seen(shown),
            masked=tuple(_below(places.seen([self.home]), shown)),
            keep=keep,
            links=kept.links,
            kept=kept.bound,
            versions=tuple(kept.laid_over()),
            writes=places.seen([worktree, common_dir, *writes]),
            sealed=places.seen(
                [*_in(common_dir, _GITS_SHARED), common_dir / "worktrees", *_alternates(common_dir)]
            ),
            own=places.seen([own] if own is not None else []),
            sealed_in_own=places.seen([worktree / ".git", *(_in(own, _GITS_OWN) if own is not None else [])]),
            granted=places.seen(granted_writes),
            secret=tuple(_below(secrets, (*shown, *granted), granted)),
        )
        shared = [common_dir / name for name in _GITS_SHARED if name != "hooks"]
        never = (*places.seen([self.home]), *secrets, *shared, common_dir / "worktrees")
        return Cell(self.program, view, project, never)

    def _homes(self) -> tuple[Path, ...]:
        named = [*_HOMES, self.environ.get("HOME", ""), pwd.getpwuid(os.getuid()).pw_dir]
        return tuple(dict.fromkeys(Path(one) for one in named if one.strip("/") and one.startswith("/")))

    def _sockets(self) -> tuple[Path, ...]:
        """Directories of sockets: the system's, and those that variables name."""
        found = [Path(one) for one in _SOCKETS if not os.path.islink(one)]
        for name in _NAMES_SOCKETS:
            said = self.environ.get(name, "")
            path = said.partition("path=")[2].partition(",")[0] if "path=" in said else said
            path = path[len("unix://") :] if path.startswith("unix://") else path
            if path.startswith("/") and path.strip("/"):
                found.append(Path(path) if os.path.isdir(path) else Path(path).parent)
        return tuple(one for one in dict.fromkeys(found) if len(one.parts) > 1)

    def _scratch(self) -> tuple[Path, ...]:
        told = self.environ.get("TMPDIR", "")
        return tuple(dict.fromkeys(map(Path, (*_SCRATCH, *([told] if told.strip("/") else [])))))

    def _secrets(self, persons: Sequence[Path]) -> list[Path]:
        return [home / name for home in persons for name in _SECRET]


def real(path: Path) -> Path:
    return Path(os.path.realpath(path))


class _Places:
    """Paths as they are seen where `bases` are other directories than outside."""

    def __init__(self, bases: Sequence[Path]) -> None:
        self._bases = bases

    def seen(self, paths: Sequence[Path]) -> tuple[Path, ...]:
        """Each under its real name, and under the one that was said where that leads over a link which is not seen."""
        found: dict[Path, None] = {}
        for path in paths:
            lies = real(path)
            found[lies] = None
            if lies != path and self._is_within(path):
                found[path] = None
        return tuple(found)

    def is_free(self, path: Path, reads: Sequence[Path]) -> bool:
        """Whether nothing is seen there, and something can be made."""
        return self._is_within(path) and path not in reads and not is_below(path, reads)

    def _is_within(self, path: Path) -> bool:
        return is_below(path, self._bases)


class _Kept:
    """What of a project's directory is seen in place of the person's caches and versions: `links` where nothing is
    seen, `bound` over a directory that is."""

    def __init__(self, keep: Path, places: _Places, tools: Toolchains, reads: Sequence[Path]) -> None:
        self._keep, self._tools, self._reads = keep, tools, reads
        wanted = sorted((*tools.caches, *tools.versions), key=lambda one: len(one.parts))
        links: list[Path] = []
        bound: list[Path] = []
        for path in wanted:
            if is_below(path, (*links, *bound)):
                self._made(path)
            elif places.is_free(path, reads) and path in tools.caches:
                links.append(path)
            elif places.is_free(path, reads) or os.path.isdir(path):
                bound.append(path)
        self.links = tuple((path, self._made(path)) for path in links)
        self.bound = tuple((path, self._made(path)) for path in bound)

    def laid_over(self) -> Iterator[tuple[Path, Path]]:
        """What the person has there all the same, and where it is to be laid."""
        theirs = [path / name for path in self._tools.versions for name in sorted(os.listdir(path))]
        own = {*self._tools.caches, *self._tools.versions}
        for path in (*(one for one in theirs if one not in own), *self._reads):
            if is_below(path, [seen for seen, _ in self.links]):
                yield path, self._lies(path)
            elif is_below(path, [seen for seen, _ in self.bound]):
                yield path, path

    def _lies(self, seen: Path) -> Path:
        return self._keep / str(seen).lstrip("/")

    def _made(self, seen: Path) -> Path:
        self._lies(seen).mkdir(mode=0o700, parents=True, exist_ok=True)
        return self._lies(seen)


def _name_service() -> list[Path]:
    """What looking up names needs of a directory of sockets."""
    lies = real(Path("/etc/resolv.conf"))
    return [lies.parent] if lies.parent != Path("/etc") else []


def _below(paths: Sequence[Path], shown: Sequence[Path], named: Sequence[Path] = ()) -> Iterator[Path]:
    """Those that are there, and would be seen only because something above them is; not what is `named` itself."""
    for path in paths:
        meant = any(path == one or is_below(one, [path]) for one in named)
        if not meant and is_below(path, shown) and os.path.lexists(path):
            yield path


def _in(folder: Path, names: Sequence[str]) -> list[Path]:
    """A link among them is not followed: it may lead anywhere."""
    return [folder / name for name in names if not os.path.islink(folder / name)]


def _alternates(common_dir: Path) -> list[Path]:
    """Where else the repository has objects, as its person has set it up."""
    found, waiting = [], [common_dir / "objects"]
    while waiting:
        objects = waiting.pop()
        try:
            lines = (objects / "info" / "alternates").read_text("utf-8", "surrogateescape").splitlines()
        except OSError:
            continue
        for line in lines:
            other = Path(os.path.normpath(objects / line))
            if line and not line.startswith("#") and other not in found:
                found.append(other)
                waiting.append(other)
    return found


@dataclass(frozen=True)
class Cell:
    """What a command sees, and how it is begun there."""

    program: str
    view: View
    project: str
    never: tuple[Path, ...]

    def before(self, scratch: Path, cwd: Path) -> list[str]:
        """The words to put before a command's own; `scratch` is a directory that it has for itself."""
        return command(self.program, self.view, scratch, cwd)

    def denied(self, said: str) -> str:
        """What to add to the output of a command that failed: which paths it was denied, and how to let it."""
        return told(self.view, said, self.project, self.never)


Cells = Callable[[Path], Cell]
"""Gives the cell of what is run in a worktree. Raises OSError, GitError."""

_cells: ContextVar[Cells | None] = ContextVar("cells", default=None)


@contextmanager
def confined(cells: Cells | None) -> Iterator[None]:
    """Commands of a repository that are run within the block see their cell; for None all stays as it is."""
    token = _cells.set(cells or _cells.get())
    try:
        yield
    finally:
        _cells.reset(token)


def cell_at(worktree: Path) -> Cell | None:
    """The cell of what is run there now; None outside of `confined`. Raises OSError, GitError."""
    cells = _cells.get()
    return None if cells is None else cells(worktree)
