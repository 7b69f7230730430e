"""What a host is like: what it runs, what it has room for, what would trouble a worker there. Travels.

What does not change while the far end lives is found out once; the rest is quick enough to be asked every few seconds.
"""

from __future__ import annotations

import fcntl
import getpass
import os
import platform
import re
import shutil
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from workers import cgroups
from workers.environment import allowed
from workers.far.directory import Directory
from workers.host import LocalHost
from workers.machine import this_machine

CLIENT_PATIENCE_S = 10.0
_CLIENTS = (
    "~/.local/bin",
    "~/.claude/local",
    "/usr/local/bin",
    "~/.npm-global/bin",
    "~/.bun/bin",
    "/opt/homebrew/bin",
)
_NODES = ("~/.nvm/versions/node/*/bin", "~/.local/share/fnm/node-versions/*/installation/bin", "~/.volta/bin")
_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")
_FLAG = re.compile(r"(?<![\w-])--[a-z][a-z-]+")
_OF_A_NETWORK = re.compile(
    r"((mac)?fuse(fs|blk)?[._])?(nfs\d?|cifs|smb\d?|smbfs|sshfs|9p|afs|afpfs|ceph(-fuse)?|glusterfs|lustre|beegfs"
    r"|gpfs|s3fs|s3ql|rclone|gcsfuse|goofys|juicefs|davfs2?|webdav|ncpfs|virtiofs|vboxsf|vmhgfs(-fuse)?|prl_fs"
    r"|orangefs|pvfs2|ocfs2|gfs2|panfs|moosefs|mfs|quobyte|weka(fs)?|drvfs|macfuse|osxfuse)"
)
_LOGIND = ("usr/lib/systemd", "run/systemd", "etc/systemd")


class Probe:
    """Looks at this host on behalf of `directory`. `client` is the path that was named for it, if any; `variables` are
    the names of those to tell of, `LC_*` for all that begin so; `found` is told with the rest: `git_trouble`, what is
    wrong with the user's git configuration, if anything is; `sandbox`, the `program` of one or `why` there is none,
    with the `cure`."""

    def __init__(
        self,
        directory: Directory,
        client: str | None,
        variables: Sequence[str],
        seen_from: Sequence[str] = (),
        found: Mapping[str, Any] | None = None,
    ) -> None:
        """`seen_from`: the other machines that have answered in the directory."""
        self._root, self._variables = directory.root, tuple(variables)
        self._here = this_machine()
        self._runs = LocalHost(directory.runs, "", self._here)
        told = {"machine": self._here.text(), "seen_from": list(seen_from), **(found or {})}
        self._lasting = {**_lasting(self._root, client), **told}

    @property
    def path(self) -> str:
        """The PATH of this login, completed so that it leads to the client, and to the Node it may need."""
        return str(self._lasting["path"])

    def facts(self, more_variables: Iterable[str] = ()) -> dict[str, Any]:
        """All of it, as of now. Names end in their units, null is not known."""
        environ = {**_environment((*self._variables, *more_variables)), "PATH": self.path}
        moving = {**_moving(self._root), "elsewhere": self._runs.elsewhere()}
        return {**self._lasting, **moving, "environ": environ}


def _environment(asked: tuple[str, ...]) -> dict[str, str]:
    begins = tuple(name[:-1] for name in asked if name.endswith("*"))
    return {
        name: value
        for name, value in os.environ.items()
        if name in asked or (begins and name.startswith(begins))
    }


def _lasting(root: Path, client: str | None) -> dict[str, Any]:
    with ThreadPoolExecutor(3) as at_once:
        git = at_once.submit(_version_of, ["git", "--version"])
        lfs = at_once.submit(_version_of, ["git", "lfs", "version"])
        found = at_once.submit(_client, client)
    system, kind = os.uname(), _file_system(root)
    return {
        "dir": str(root),
        "python": platform.python_version(),
        "git": git.result(),
        "git_lfs": lfs.result(),
        **found.result(),
        "home": os.environ.get("HOME"),
        "user": _user(),
        "shell": os.environ.get("SHELL"),
        "cores": cgroups.cores(),
        "file_system": kind,
        "network_file_system": kind is not None and bool(_OF_A_NETWORK.fullmatch(kind)),
        "boot_id": _text(Path("/proc/sys/kernel/random/boot_id")),
        "kernel": f"{system.sysname} {system.release} {system.machine}",
        "kills_at_logout": kills_at_logout(_user()),
    }


def _moving(root: Path) -> dict[str, Any]:
    memory, disk = cgroups.memory(), os.statvfs(root)
    return {
        "memory_total_bytes": memory.total,
        "memory_free_bytes": memory.free,
        "load1": os.getloadavg()[0],
        "disk_free_bytes": disk.f_bavail * disk.f_frsize,
        **_written(root),
        "now_ns": time.time_ns(),
    }


def _written(root: Path) -> dict[str, Any]:
    """How long one small write takes that is locked and brought to the disk, or why it can't be made."""
    began, file = time.monotonic(), root / f".probe-{os.getpid()}"
    try:
        fd = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            os.write(fd, b"probe\n" * 100)
            os.fsync(fd)
        finally:
            os.close(fd)
            file.unlink()
        os.mkfifo(file, 0o600)  # each run has one; not every network's file system takes them
        file.unlink()
    except OSError as failed:
        return {"write_ms": None, "unwritable": f"{root} cannot be written: {failed.strerror}"}
    return {"write_ms": round((time.monotonic() - began) * 1000, 3), "unwritable": None}


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user without a name, as in some containers
        return str(os.getuid())


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return None


def _version_of(command: list[str]) -> str | None:
    said, _ = _say(command, os.environ)
    found = _VERSION.search(said or "")
    return found.group() if found else None


def _say(command: list[str], env: Mapping[str, str]) -> tuple[str | None, str]:
    """What the command printed, and why it printed nothing that counts."""
    try:
        ended = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=env,
            timeout=CLIENT_PATIENCE_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None, f"did not answer within {CLIENT_PATIENCE_S:g} s"
    except OSError as failed:
        return None, f"cannot be started: {failed.strerror}"
    if ended.returncode:
        last = ended.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2][:200]
        return None, f"ended with {ended.returncode}: {last or 'it said nothing'}"
    return ended.stdout.decode("utf-8", "replace"), ""


def _client(named: str | None) -> dict[str, Any]:
    """`client`: {path, version, flags}, or null and in `client_trouble` why; `path`, the PATH that also leads to it."""
    path = os.environ.get("PATH", os.defpath)
    binary = named or shutil.which("claude", path=path) or _elsewhere()
    if binary is None:
        where = "on the PATH or where its installers put it"
        return {"client": None, "client_trouble": f"there is no `claude` {where}", "path": path}
    binary = str(Path(binary).expanduser().absolute())
    folder = str(Path(binary).parent)
    if folder not in path.split(":"):
        path = f"{path}:{folder}"
    bare = {"PATH": path, "DISABLE_AUTOUPDATER": "1", "HOME": "/nonexistent"}
    client, trouble = _asked(binary, bare)
    if client is None:
        # Behind a shim (asdf, nvm, volta …) it needs what workers have: the home, say.
        as_a_worker = {**allowed(os.environ), "PATH": path, "DISABLE_AUTOUPDATER": "1"}
        client, trouble = _asked(binary, as_a_worker)
        lacking = None if client else _lacking(binary, as_a_worker)
        if lacking is not None:
            trouble += f"; it starts only with the variable {lacking} of the login, which workers do not get"
    return {"client": client, "client_trouble": None if client else f"{binary} {trouble}", "path": path}


def _asked(binary: str, env: Mapping[str, str]) -> tuple[dict[str, Any] | None, str]:
    """The client as it tells of itself, or why it does not."""
    with ThreadPoolExecutor(2) as at_once:
        answers = [at_once.submit(_say, [binary, word], env) for word in ("--version", "--help")]
    (version, why), (usage, why_too) = (answer.result() for answer in answers)
    found = _VERSION.search(version or "")
    if found is None or usage is None:
        return None, why or why_too or "does not print a version"
    return {"path": binary, "version": found.group(), "flags": sorted(set(_FLAG.findall(usage)))}, ""


def _lacking(binary: str, env: Mapping[str, str]) -> str | None:
    """The variable of the login without which it does not start; None when it starts with none of them."""
    more = sorted(set(os.environ) - set(env))

    def starts(number: int) -> bool:
        added = {name: os.environ[name] for name in more[:number]}
        return _VERSION.search(_say([binary, "--version"], {**added, **env})[0] or "") is not None

    if not more or not starts(len(more)):
        return None
    few, many = 0, len(more)  # with `few` of them it does not start, with `many` it does
    while many - few > 1:
        middle = (few + many) // 2
        few, many = (few, middle) if starts(middle) else (middle, many)
    return more[few]


def _elsewhere() -> str | None:
    """A client where its installers put it, for a PATH that a login shell's profile would have completed."""
    nodes = [found for pattern in _NODES for found in sorted(_glob(pattern), reverse=True)]
    places = [*(Path(place).expanduser() for place in _CLIENTS), *nodes]
    found = (place / "claude" for place in places if os.access(place / "claude", os.X_OK))
    return str(next(found, "")) or None


def _glob(pattern: str) -> list[Path]:
    place = Path(pattern).expanduser()
    return list(Path(place.anchor).glob(str(place.relative_to(place.anchor))))


def _file_system(root: Path) -> str | None:
    """The type of the file system that has `root`; null where the system does not tell."""
    best, kind = -1, None
    for point, kind_there in _mounts():
        place = re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), point)
        # The last of several mounts on one place is the one that shows.
        if len(place) >= best and Path(place) in (root, *root.parents):
            best, kind = len(place), kind_there
    return kind


def _mounts() -> Iterator[tuple[str, str]]:
    """Where what kind of file system is mounted, as the system lists them."""
    listed = _text(Path("/proc/self/mounts"))
    if listed is not None:
        for line in listed.splitlines():
            _, point, kind, *_ = line.split(" ")
            yield point, kind
        return
    said, _ = _say(["/sbin/mount"], {})  # macOS, BSD: `//ann@server/share on /Volumes/share (smbfs, nodev)`
    for found in re.finditer(r"^.* on (/.*) \(([\w.]+)", said or "", re.MULTILINE):
        yield found[1], found[2]


def kills_at_logout(user: str, system: Path = Path("/")) -> bool:
    """Whether systemd ends this user's processes, supervisors too, when the last connection is closed."""
    if _text(system / "proc/1/comm") != "systemd" or (system / "var/lib/systemd/linger" / user).exists():
        return False
    said: dict[str, str] = {}
    for file in _logind_files(system):
        for line in (_text(file) or "").splitlines():
            key, equals, value = line.partition("=")
            if equals:
                said[key.strip()] = value.strip()
    spared = said.get("KillExcludeUsers", "root").split()
    return said.get("KillUserProcesses", "no").lower() in ("yes", "true", "1", "on") and user not in spared


def _logind_files(system: Path) -> list[Path]:
    """The main file, of which the last place's counts, and then the fragments by name."""
    main = [system / place / "logind.conf" for place in _LOGIND]
    fragments = [file for place in _LOGIND for file in (system / place / "logind.conf.d").glob("*.conf")]
    return [*main, *sorted(fragments, key=lambda file: file.name)]
