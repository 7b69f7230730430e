"""Whether a host is fit to run workers, judged by what its probe found. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from workers.client.probe.locating import OLDEST, Version

Facts = Mapping[str, Any]
"""What `workers.far.probe` says; what is missing or null is not known."""

Grade = Literal["ok", "warning", "error"]

GIT_OLDEST = (2, 34, 0)
WORKER_BYTES = 400_000_000
"""Memory that one worker needs before it runs any tool."""
WORKER_ROOM_BYTES = 800_000_000
"""Memory to reckon with for a worker and the compilers and tests that it runs."""
WORKERS_PER_CORE = 2
DISK_LOW_BYTES = 2_000_000_000
DISK_FULL_BYTES = 200_000_000
SLOW_WRITE_MS = 200.0
SKEW_TOLD_S = 5.0
SKEW_HARMS_S = 60.0

_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")
_INSTALL_GIT = (
    f"install git {GIT_OLDEST[0]}.{GIT_OLDEST[1]} or newer there: apt install git (Debian, Ubuntu), dnf install git "
    "(Fedora), apk add git (Alpine), brew install git (macOS)"
)
_INSTALL_CLIENT = (
    "install it there, as the user that Fleet logs in as: curl -fsSL https://claude.ai/install.sh | bash, or npm "
    "install -g @anthropic-ai/claude-code; or name the one that is there with --client PATH"
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: how it is, and what to do now where it is not well."""

    what: str
    grade: Grade
    story: str
    advice: str = ""


def findings(
    facts: Facts, *, home_client: str | None = None, clock_ahead_s: float | None = None
) -> tuple[Finding, ...]:
    """All of them, each with its cure. `home_client` is the version of the client at home, `clock_ahead_s` by how many
    seconds the host's clock is ahead of home's; None where it is not known."""
    return (
        _python(facts),
        _git(facts),
        *_git_settings(facts),
        *_git_lfs(facts),
        _client(facts, home_client),
        _memory(facts),
        _disk(facts),
        _directory(facts),
        *_file_system(facts),
        *_clock(clock_ahead_s),
        *_logout(facts),
        *_sandbox(facts),
    )


def unsandboxed(facts: Facts) -> str:
    """Why work there runs in no sandbox, with the cure; empty where it does, or that is not known."""
    said = facts.get("sandbox") or {}
    return ". ".join(word for word in (said.get("why"), said.get("cure")) if word)


def _sandbox(facts: Facts) -> Iterator[Finding]:
    said = facts.get("sandbox")
    if said and said.get("program"):
        yield Finding("sandbox", "ok", f"bubblewrap ({said['program']})")
    elif said:
        yield Finding("sandbox", "warning", f"none, so workers run as its user: {said['why']}", said["cure"])


def problem(facts: Facts) -> str:
    """Why no worker can be run there, with the cure; empty when none is known."""
    wrong = next((finding for finding in findings(facts) if finding.grade == "error"), None)
    return "" if wrong is None else f"{wrong.story}: {wrong.advice}"


def workers_that_fit(facts: Facts) -> int:
    """How many workers at once its cores and its free memory have room for, at least 1."""
    fit = WORKERS_PER_CORE * (facts.get("cores") or 1)
    free = facts.get("memory_free_bytes")
    if free is not None:
        fit = min(fit, free // WORKER_ROOM_BYTES)
    return max(fit, 1)


def _python(facts: Facts) -> Finding:
    """One that is too old never gets as far as to say so here."""
    return Finding("python", "ok", f"Python {facts.get('python')}, {facts.get('kernel')}")


def _git(facts: Facts) -> Finding:
    found = facts.get("git")
    if not found:
        return Finding("git", "error", "there is no git on its PATH", _INSTALL_GIT)
    if _parts(found) < GIT_OLDEST:
        oldest = ".".join(map(str, GIT_OLDEST[:2]))
        return Finding("git", "error", f"its git {found} is older than {oldest}", _INSTALL_GIT)
    return Finding("git", "ok", f"git {found}")


def _git_settings(facts: Facts) -> Iterator[Finding]:
    """Fleet's own git reads none of it (`workers.far.git_settings`), and then workers do not either."""
    if facts.get("git_trouble"):
        story = (
            f"its user's git configuration cannot be read ({facts['git_trouble']}): Fleet and workers do without it, "
            "but git in a setup or a verification fails there"
        )
        yield Finding("git", "warning", story, "mend it there: `git config --list` shows what is wrong")


def _git_lfs(facts: Facts) -> Iterator[Finding]:
    """Only repositories with large files need it, and those say so when a worktree of theirs is made."""
    if facts.get("git_lfs"):
        yield Finding("git-lfs", "ok", f"git-lfs {facts['git_lfs']}")


def _client(facts: Facts, home_client: str | None) -> Finding:
    client = facts.get("client")
    if not client:
        trouble = facts.get("client_trouble") or "there is no Claude Code client"
        return Finding("client", "error", str(trouble), _INSTALL_CLIENT)
    version, path = client["version"], client["path"]
    if Version(*_parts(version)) < OLDEST:
        story = f"its client {path} is version {version}; at least {OLDEST} is needed"
        return Finding("client", "error", story, f"update it there: {path} update")
    if home_client is not None and version != home_client:
        story = f"Claude Code {version} ({path}), but {home_client} here: sessions move between the two"
        older = "there" if _parts(version) < _parts(home_client) else "here"
        return Finding("client", "warning", story, f"update the older one ({older}): claude update")
    return Finding("client", "ok", f"Claude Code {version} ({path})")


def _parts(version: str) -> tuple[int, int, int]:
    found = _VERSION.search(version)
    major, minor, patch = found.groups() if found else (0, 0, 0)
    return int(major), int(minor), int(patch)


def _memory(facts: Facts) -> Finding:
    free, cores = facts.get("memory_free_bytes"), facts.get("cores")
    if free is None:
        story = f"{cores} cores; free memory is unknown there, so workers run one at a time"
        return Finding("memory", "warning", story)
    told = f"{cores} cores, {free / 1e9:.1f} GB of memory free"
    if free < WORKER_BYTES:
        story = f"{told}: a worker needs {WORKER_BYTES / 1e9:.1f} GB, so none is started there"
        return Finding("memory", "warning", story, "end what uses the memory, or add swap or memory")
    return Finding("memory", "ok", told)


def _disk(facts: Facts) -> Finding:
    free, where = facts.get("disk_free_bytes"), facts.get("dir")
    if free is None:
        return Finding("disk", "warning", f"how much space is free below {where} is unknown")
    told = f"{free / 1e9:.1f} GB free below {where}"
    advice = "free some space there, or name a directory on a larger disk with --dir"
    if free < DISK_FULL_BYTES:
        return Finding("disk", "error", f"its disk is full: {told}", advice)
    if free < DISK_LOW_BYTES:
        return Finding("disk", "warning", told, advice)
    return Finding("disk", "ok", told)


def _directory(facts: Facts) -> Finding:
    where, took_ms = facts.get("dir"), facts.get("write_ms")
    if facts.get("unwritable"):
        advice = "make it writable for the user that Fleet logs in as, or name another directory with --dir"
        return Finding("directory", "error", str(facts["unwritable"]), advice)
    if took_ms is not None and took_ms > SLOW_WRITE_MS:
        story = f"one small write to {where} took {took_ms:.0f} ms: its disk is slow or busy"
        return Finding("directory", "warning", story, "name a directory on a faster disk with --dir")
    return Finding("directory", "ok", str(where))


def _file_system(facts: Facts) -> Iterator[Finding]:
    where, others = facts.get("dir"), facts.get("seen_from") or ()
    advice = "name a directory on a disk of its own with --dir, such as --dir /var/tmp/fleet"
    if others:
        story = (
            f"{where} is shared: {' and '.join(others)} answered in it, too. Each machine has locks of its own, so "
            "only one may work there at a time"
        )
        yield Finding("file system", "warning", story, advice)
    elif facts.get("network_file_system"):
        story = (
            f"{where} lies on a network file system ({facts.get('file_system')}): git is slow on it, and other "
            "machines may share it, whose locks are their own"
        )
        yield Finding("file system", "warning", story, advice)


def _clock(ahead_s: float | None) -> Iterator[Finding]:
    if ahead_s is None or abs(ahead_s) <= SKEW_TOLD_S:
        return
    story = f"its clock is {abs(ahead_s):.0f} s {'ahead of' if ahead_s > 0 else 'behind'} this machine's"
    if abs(ahead_s) > SKEW_HARMS_S:
        story += ": Fleet reckons with that, but TLS, times of files (make) and commits go wrong by it"
    else:
        story += ", which Fleet reckons with"
    yield Finding("clock", "warning", story, "set it there: sudo timedatectl set-ntp true")


def _logout(facts: Facts) -> Iterator[Finding]:
    if facts.get("kills_at_logout"):
        user = facts.get("user")
        story = (
            f"its systemd kills what {user} runs when the connection ends (KillUserProcesses), workers too"
        )
        yield Finding("logout", "error", story, f"let them live on: loginctl enable-linger {user}")
