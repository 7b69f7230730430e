"""The cell of one piece of work: its worktree, what git needs of the repository, its tools; nothing else. Travels."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from workers.private import write_whole
from workers.sandbox import keyrings
from workers.sandbox.bubblewrap import View, command
from workers.sandbox.confined import scratch
from workers.sandbox.denied import told
from workers.sandbox.gits_settings import GitsSettings, gits_settings
from workers.sandbox.looked_up import LookedUp
from workers.sandbox.toolchains import Toolchains, is_below, toolchains
from workers.worktree.notes import BEFORE_WORK

_HOMES = ("/home", "/root", "/Users")
_SOCKETS = ("/run", "/var/run")
_SCRATCH = ("/tmp", "/var/tmp")
_SYSTEM = (
    *("/", "/bin", "/boot", "/etc", "/lib", "/lib64", "/nix", "/opt", "/sbin", "/snap"),
    *("/usr", "/usr/local", "/var"),
)
"""What nothing runs without, also where a person has made it a repository."""
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
_GITS_OWN = ("commondir", "config.worktree", "gitdir", "locked", *BEFORE_WORK)
"""The same in git's own directory of one worktree, and what Fleet has noted there."""


@dataclass(frozen=True)
class Needs:
    """What work needs beside its worktree: `reads` and `writes`, of which it only reads what is `sealed`; what is
    `granted` is a person's word for the `project` of that name."""

    project: str = ""
    reads: tuple[Path, ...] = ()
    writes: tuple[Path, ...] = ()
    sealed: tuple[Path, ...] = ()
    granted_reads: tuple[Path, ...] = ()
    granted_writes: tuple[Path, ...] = ()


NOTHING_MORE = Needs()


@dataclass(frozen=True)
class Sandbox:
    """Of this machine. `program` is bubblewrap; `environ` is what work is given a part of; `home` is hidden, as the
    fleet's own."""

    program: str
    environ: Mapping[str, str]
    home: Path
    _tools: LookedUp[tuple[Path, ...], Toolchains] = field(default_factory=LookedUp, compare=False)
    _gits_settings: LookedUp[int, GitsSettings] = field(default_factory=LookedUp, compare=False)
    """Of a person, not of a piece of work: found out once for all cells."""

    def cell(self, worktree: Path, admin: Path, keep: Path, needs: Needs = NOTHING_MORE) -> Cell:
        """For work in `worktree`, of which `admin` is git's own directory, as git has it in that of the repository.
        `keep` is the project's directory for what its tools fetch.

        Makes directories and files. Raises OSError.
        """
        keep.mkdir(mode=0o700, parents=True, exist_ok=True)
        common_dir = admin.parent.parent
        persons = self._homes()
        secrets = [home / name for home in persons for name in _SECRET]
        hidden = (*persons, *self._sockets(), self.home, *_checkout(common_dir), *_led_out(secrets))
        empty = tuple(dict.fromkeys(map(real, hidden)))
        scratch = self._scratch()
        places = _Places((*empty, *scratch))
        tools = self._toolchains((*persons, *empty, *scratch))
        gits = [self._git(number, environ) for number, environ in enumerate(self._gits())]
        granted = (*needs.granted_reads, *needs.granted_writes)
        gits_reads = [path for one in gits for path in one.reads]
        shown = (*tools.reads, *gits_reads, *_name_service(), *needs.reads, *needs.granted_reads)
        kept = _Caches(keep, places, tools, shown)
        reads = places.seen(shown)
        writes = places.seen([worktree, common_dir, *needs.writes], reads)
        bound = (*reads, *writes)
        _make_what_is_sealed(common_dir, admin)
        laid = [
            pair
            for number, one in enumerate(gits)
            for pair in one.laid(keep.with_name(f".gitconfig-{keep.name}-{number}"))
        ]
        view = View(
            empty=empty,
            closed=[real(self.home)],
            scratch=scratch,
            reads=reads,
            masked=tuple(_below(places.seen([self.home]), shown)),
            keep=keep,
            links=kept.links,
            kept=kept.bound,
            versions=(*kept.laid_over(), *laid),
            writes=writes,
            sealed=places.seen(
                [
                    *_in(common_dir, _GITS_SHARED),
                    common_dir / "worktrees",
                    *_alternates(common_dir),
                    *needs.sealed,
                ],
                bound,
            ),
            own=places.seen([admin], bound),
            sealed_in_own=places.seen([worktree / ".git", *_in(admin, _GITS_OWN)], bound),
            granted=places.seen(needs.granted_writes, bound),
            secret=tuple(_secret_seen(secrets, shown, granted, places)),
        )
        shared = [common_dir / name for name in _GITS_SHARED if name != "hooks"]
        never = (*places.seen([self.home]), *secrets, *shared, common_dir / "worktrees")
        seen = [*tools.looked_at, *_seen_of(common_dir, admin, secrets, shown)]
        for one in gits:
            seen += one.looked_at
        filtered = keep.with_name(".keyrings")
        if not filtered.is_file() or filtered.read_bytes() != keyrings.refused():
            write_whole(filtered, keyrings.refused())
        looked_at = tuple(dict.fromkeys((keep, filtered, *seen)))
        return Cell(self.program, view, filtered, needs.project, never, looked_at)

    def _toolchains(self, hidden: tuple[Path, ...]) -> Toolchains:
        return self._tools.get(
            hidden, lambda: toolchains(self.environ, hidden), lambda found: found.looked_at
        )

    def _git(self, number: int, environ: Mapping[str, str]) -> GitsSettings:
        return self._gits_settings.get(number, lambda: gits_settings(environ), lambda found: found.looked_at)

    def _gits(self) -> list[Mapping[str, str]]:
        """The environments of the gits that run there: Fleet's own may be told to read another file than the person's
        (`workers.far.git_settings`)."""
        theirs = {name: value for name, value in self.environ.items() if not name.startswith("GIT_CONFIG_")}
        return [self.environ, theirs] if theirs.keys() != self.environ.keys() else [theirs]

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


def _checkout(common_dir: Path) -> list[Path]:
    """The person's own, wherever it lies: work sees what in it is git's, and what is linked."""
    return [common_dir.parent] if common_dir.name == ".git" and str(common_dir.parent) not in _SYSTEM else []


def real(path: Path) -> Path:
    return Path(os.path.realpath(path))


class _Places:
    """Paths as they are seen where `bases` are other directories than outside."""

    def __init__(self, bases: Sequence[Path]) -> None:
        self._bases = bases

    def seen(self, paths: Sequence[Path], before: Sequence[Path] = ()) -> tuple[Path, ...]:
        """Each under its real name, and under the one that was said where that leads over a link which is not seen.

        A link is seen in a directory that is, one of these or of those `before`; there nothing can be laid over it.
        """
        found: dict[Path, None] = {}
        for path in paths:
            lies = real(path)
            found[lies] = None
            if lies != path and self._is_within(path):
                found[path] = None
        places = (*before, *found)
        return tuple(path for path in found if not _leads_on(path, places))

    def hides(self, path: Path) -> bool:
        return path in self._bases or self._is_within(path)

    def is_free(self, path: Path, reads: Sequence[Path]) -> bool:
        """Whether nothing is seen there, and something can be made."""
        return self._is_within(path) and path not in reads and not is_below(path, reads)

    def _is_within(self, path: Path) -> bool:
        return is_below(path, self._bases)


def _leads_on(path: Path, places: Iterable[Path]) -> bool:
    """Whether it goes over a link inside one of the places."""
    return any(
        is_below(path, [place]) and real(path) != real(place) / path.relative_to(place) for place in places
    )


class _Caches:
    """What of a project's directory is seen in place of the person's caches and versions: `links` where nothing is
    seen, `bound` over a directory that is.

    Work writes all of `keep`, and may lay links in there; what is bound lies beside it, as a link in its place would be
    followed outside.
    """

    def __init__(self, keep: Path, places: _Places, tools: Toolchains, reads: Sequence[Path]) -> None:
        self._keep, self._tools, self._reads = keep, tools, reads
        self._beside = keep.with_name(f".{keep.name}.bound")
        wanted = sorted((*tools.caches, *tools.versions), key=lambda one: len(one.parts))
        links: list[Path] = []
        bound: list[Path] = []
        for path in wanted:
            if is_below(path, links):
                _made(keep, path)
            elif is_below(path, bound):
                _made(self._beside, path)
            elif places.is_free(path, reads) and path in tools.caches:
                links.append(path)
            elif places.is_free(path, reads) or os.path.isdir(path):
                bound.append(path)
        self.links = tuple((path, _made(keep, path)) for path in links)
        self.bound = tuple((path, _made(self._beside, path)) for path in bound)

    def laid_over(self) -> Iterator[tuple[Path, Path]]:
        """What the person has there all the same, and where it is to be laid."""
        theirs = [path / name for path in self._tools.versions for name in sorted(os.listdir(path))]
        own = {*self._tools.caches, *self._tools.versions}
        for path in (*(one for one in theirs if one not in own), *self._reads):
            if is_below(path, [seen for seen, _ in self.links]):
                yield path, _lies(self._keep, path)
            elif is_below(path, [seen for seen, _ in self.bound]):
                yield path, path


def _lies(keep: Path, seen: Path) -> Path:
    return keep / str(seen).lstrip("/")


def _made(keep: Path, seen: Path) -> Path:
    """The directory for it; a link in its way goes."""
    place = _lies(keep, seen)
    if os.path.realpath(place) != os.path.join(os.path.realpath(keep), str(seen).lstrip("/")):
        for part in reversed([place, *place.parents]):
            if is_below(part, [keep]) and os.path.islink(part):
                part.unlink()
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    return place


def _make_what_is_sealed(common_dir: Path, admin: Path) -> None:
    """What git would obey, and is not there, could be made by the work: what is there can be laid over. Empty ones of
    these say nothing to git. Raises OSError."""
    for name in ("hooks", "info", "modules", "objects/info"):
        (common_dir / name).mkdir(parents=True, exist_ok=True)
    if b"worktreeconfig" in (common_dir / "config").read_bytes().lower():
        for folder in (common_dir, admin):
            if not os.path.lexists(folder / "config.worktree"):
                (folder / "config.worktree").touch()


def _seen_of(common_dir: Path, admin: Path, secrets: Sequence[Path], shown: Sequence[Path]) -> Iterator[Path]:
    yield from (common_dir / name for name in _GITS_SHARED)
    yield common_dir / "objects/info/alternates"
    yield from (admin / name for name in _GITS_OWN)
    yield from (path for path in secrets if is_below(path, shown))


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


def _led_out(secrets: Sequence[Path]) -> list[Path]:
    """Directories in which a person's links have them, wherever that is."""
    return [path for path in secrets if os.path.isdir(path) and str(real(path)) not in (str(path), *_SYSTEM)]


def _secret_seen(
    secrets: Sequence[Path], shown: Sequence[Path], granted: Sequence[Path], places: _Places
) -> Iterator[Path]:
    """Where those lie that would be seen: a link among them may lead out of what is hidden. Not what was granted."""
    named = (*shown, *granted)
    for path in secrets:
        lies = real(path)
        free = lies != path and not places.hides(lies)
        if os.path.exists(lies) and (free or [*_below([path, lies], named, granted)]):
            yield lies


def _in(folder: Path, names: Sequence[str]) -> list[Path]:
    """Those that are there. A link among them is not followed: it may lead anywhere."""
    there = [folder / name for name in names]
    return [path for path in there if os.path.exists(path) and not os.path.islink(path)]


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
    """What a command sees, and how it is begun there. As long as nothing changes of what was `looked_at` for it,
    another one would be the same."""

    program: str
    view: View
    filtered: Path
    project: str
    never: tuple[Path, ...]
    looked_at: tuple[Path, ...] = ()

    def before(self, scratch: Path, cwd: Path) -> list[str]:
        """The words to put before a command's own; `scratch` is a directory that it has for itself."""
        return command(self.program, self.view, self.filtered, scratch, cwd)

    @contextmanager
    def before_git(self) -> Iterator[list[str]]:
        """The same before a git that has all its settings, and its directory, from elsewhere; as long as it runs within
        the block."""
        with scratch() as place:
            yield command(self.program, self.view, self.filtered, place)

    def denied(self, said: str) -> Sequence[str]:
        """Which paths a command was denied that failed and `said` that, and how to let it: a sentence each."""
        return told(self.view, said, self.project, self.never)
