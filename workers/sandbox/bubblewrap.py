"""bubblewrap: whether it can be had here, and its arguments for a view of the file system. Travels.

https://github.com/containers/bubblewrap; an unprivileged program, version 0.4 or newer, that uses user namespaces.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from workers.sandbox import keyrings
from workers.sandbox.toolchains import is_below

CURE = "apt-get install bubblewrap, or your system's package of that name"
_PATIENCE_S = 20.0
_ALWAYS = (
    # What runs within ends with bubblewrap's own process outside, and that with whoever began it.
    "--die-with-parent",
    "--unshare-pid",
    "--unshare-ipc",
    # Root's powers stay outside, too; for any other user there are none to begin with.
    "--cap-drop",
    "ALL",
)


@dataclass(frozen=True)
class Unavailable:
    """Why there is no sandbox here, and what to do about it."""

    why: str
    cure: str


def find(environ: Mapping[str, str]) -> str | Unavailable:
    """The path of bubblewrap, tried with all that a sandbox uses."""
    program = shutil.which("bwrap", path=environ.get("PATH"))
    if program is None:
        return Unavailable("bubblewrap (bwrap) is not installed", CURE)
    trial = [*_ALWAYS, "--ro-bind", "/", "/", *devices(), "true"]
    try:
        with tempfile.NamedTemporaryFile() as filtered:
            filtered.write(keyrings.refused())
            filtered.flush()
            ended = subprocess.run(
                [*_begun(program, Path(filtered.name)), *trial],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_PATIENCE_S,
                check=False,
            )
    except (OSError, subprocess.SubprocessError) as failed:
        return Unavailable(f"{program} cannot be run: {failed}", CURE)
    if ended.returncode != 0:
        said = ended.stderr.decode("utf-8", "replace").strip()[-300:] or f"it ended with {ended.returncode}"
        return Unavailable(
            f"{program} may not make one here: {said}",
            "let users have namespaces of their own (sysctl user.max_user_namespaces, "
            "kernel.unprivileged_userns_clone; on Ubuntu an AppArmor profile for bwrap; in a container its "
            "seccomp rules)",
        )
    return os.path.abspath(program)


def _begun(program: str, filtered: Path) -> list[str]:
    return ["/bin/sh", "-c", keyrings.IN_FRONT, str(filtered), program]


_OF_ALL_MACHINE = ("sys", "sysrq-trigger", "irq", "bus", "fs", "acpi", "scsi")
"""Below /proc, what root may write without any of its powers, for it owns the files: which program the kernel starts
for a core, say. bubblewrap leaves what it finds no directory to write in."""


def devices() -> tuple[str, ...]:
    words = ("--dev", "/dev", "--proc", "/proc")
    if os.geteuid() != 0:
        return words
    return (*words, *_bound("--ro-bind-try", [Path("/proc", name) for name in _OF_ALL_MACHINE]))


@dataclass(frozen=True)
class View:
    """The file system as it is, read-only, but for what is said here. All paths are absolute, and what is named last
    holds. What is not there is left out.

    `empty` directories are seen empty, and in those that are `closed` nothing is made; `scratch` are seen as one and
    the same directory of the command's own. `reads` are seen below them. `masked` are hidden again. `keep` may be
    written, and is seen at each of `links`, too, and a part of it at each of `kept` (where it is seen, where it lies);
    `versions` (where they lie, where they are seen) lie in these, and are read. `writes` may be written; of these,
    `sealed` are read, of these `own` are written, of these `sealed_in_own` are read. `granted` may be written whatever
    else is said, and `secret` is never seen.
    """

    empty: Sequence[Path]
    closed: Sequence[Path]
    scratch: Sequence[Path]
    reads: Sequence[Path]
    masked: Sequence[Path]
    keep: Path
    links: Sequence[tuple[Path, Path]]
    kept: Sequence[tuple[Path, Path]]
    versions: Sequence[tuple[Path, Path]]
    writes: Sequence[Path]
    sealed: Sequence[Path]
    own: Sequence[Path]
    sealed_in_own: Sequence[Path]
    granted: Sequence[Path]
    secret: Sequence[Path]

    def arguments(self, scratch: Path) -> list[str]:
        """For bubblewrap; `scratch` is the directory that the command has for itself."""
        words = ["--ro-bind", "/", "/", *devices()]
        bases = {**dict.fromkeys(self.empty, ""), **dict.fromkeys(self.scratch, str(scratch))}
        for path in sorted(bases, key=lambda one: len(one.parts)):
            if os.path.isdir(path) or _is_in(path.parent, tuple(bases)):
                words += ["--bind", bases[path], str(path)] if bases[path] else ["--tmpfs", str(path)]
        words += _bound("--ro-bind-try", self.reads)
        words += _hidden(self.masked)
        words += _bound("--bind", [self.keep])
        words += [word for seen, lies in self.links for word in ("--symlink", str(lies), str(seen))]
        words += [word for seen, lies in self.kept for word in ("--bind", str(lies), str(seen))]
        words += [word for lies, seen in self.versions for word in ("--ro-bind-try", str(lies), str(seen))]
        words += _bound("--bind-try", self.writes)
        words += _bound("--ro-bind-try", self.sealed)
        words += _bound("--bind-try", self.own)
        words += _bound("--ro-bind-try", self.sealed_in_own)
        words += _bound("--bind-try", self.granted)
        words += [word for path in self.closed if os.path.isdir(path) for word in ("--remount-ro", str(path))]
        return words + _hidden(self.secret)

    def shows(self, path: Path) -> bool:
        """Whether what lies at `path` outside is what is seen there within."""
        return self._last(path)[0]

    def lets_write(self, path: Path) -> bool:
        """Whether it may be changed, or something be made there, also where that is not what lies there outside."""
        return self._last(path)[1]

    def _last(self, path: Path) -> tuple[bool, bool]:
        """Whether it is shown, and may be written, by what is named last."""
        kept = [seen for seen, _ in (*self.links, *self.kept)]
        for places, shown, written in (
            (self.secret, False, False),
            (self.granted, True, True),
            (self.sealed_in_own, True, False),
            (self.own, True, True),
            (self.sealed, True, False),
            (self.writes, True, True),
            ([lies for lies, _ in self.versions], True, False),
            (kept, False, True),
            (self.closed, False, False),
            (self.masked, False, True),
            (self.reads, True, False),
            ((*self.empty, *self.scratch), False, True),
        ):
            if _is_in(path, places):
                return shown, written
        return True, False


def _hidden(paths: Sequence[Path]) -> list[str]:
    words = []
    for path in paths:
        words += ["--tmpfs", str(path)] if os.path.isdir(path) else ["--ro-bind", "/dev/null", str(path)]
    return words


def _bound(how: str, paths: Sequence[Path]) -> list[str]:
    return [word for path in paths for word in (how, str(path), str(path))]


def _is_in(path: Path, places: Sequence[Path]) -> bool:
    return path in places or is_below(path, places)


_QUIET_GIT = {"gc.auto": "0", "maintenance.auto": "false"}
"""git tidies up by itself behind commands, which it can't where other worktrees may only be read."""


def command(program: str, view: View, filtered: Path, scratch: Path, cwd: Path | None = None) -> list[str]:
    """What to put before the words of a command, so that it runs within, in `cwd`; without one it is a git that has its
    settings from elsewhere. In `filtered` lies what `keyrings` refuses."""
    words = [*_begun(program, filtered), *_ALWAYS, *view.arguments(scratch)]
    if cwd is None:
        return [*words, "--chdir", "/", "--"]
    settings = ["--setenv", "GIT_CONFIG_COUNT", str(len(_QUIET_GIT))]
    for number, (key, value) in enumerate(_QUIET_GIT.items()):
        settings += ["--setenv", f"GIT_CONFIG_KEY_{number}", key]
        settings += ["--setenv", f"GIT_CONFIG_VALUE_{number}", value]
    return [*words, *settings, "--chdir", str(cwd), "--"]


def read_only(program: str, writes: Sequence[Path]) -> list[str]:
    """What to put before the words of a git of ours that runs nothing of a worker's, and follows what one has laid: it
    may write there alone."""
    return [
        *(program, "--die-with-parent", "--unshare-pid", "--ro-bind", "/", "/", "--dev", "/dev"),
        *_bound("--bind", writes),
        *("--chdir", "/", "--"),
    ]
