"""What of a machine this process may use: its memory and its cores, less what its control groups hold back. Travels.

In a container, a slice or a job of a cluster the kernel's own figures (/proc/meminfo, the processors) are those of the
whole machine; who reckons with them is killed by the kernel. So each group that this process is in counts, and each
parent of it as far as it can be seen: the tightest decides. Both versions are read, as both may be mounted at once.
Where nothing can be read, what the kernel says counts.

Sources: the kernel's Documentation/admin-guide/cgroup-v2.rst, cgroup-v1/memory.rst and scheduler/sched-bwc.rst.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_ESCAPED = re.compile(r"\\([0-7]{3})")
_PLACES = ("sys/fs/cgroup/{}", "sys/fs/cgroup", "sys/fs/cgroup/unified")
"""Where the groups of a controller are by custom, should /proc not name the mount."""
_CACHE = ("active_file", "inactive_file", "slab_reclaimable")
"""What a group is charged for and gives back when memory is short, as MemAvailable reckons for the machine."""


@dataclass(frozen=True)
class Memory:
    """Bytes. `free` is what new processes can use without swapping; None is not known."""

    total: int | None
    free: int | None


def memory(system: Path = Path("/")) -> Memory:
    said = _numbers(system / "proc/meminfo", 1024)
    total, free = said.get("MemTotal"), said.get("MemAvailable")
    for group in _groups("memory", system):
        for limit, left in _bounds(group):
            total, free = _least(total, limit), _least(free, left)
    return Memory(total, free)


def cores(system: Path = Path("/")) -> int:
    """Processors, at least 1; a quota of one and a half counts as two."""
    here = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    sets = [_in_set(group) for group in _groups("cpuset", system)]
    quotas = [_quota(group) for group in _groups("cpu", system)]
    return max(1, min([here, *(number for number in (*sets, *quotas) if number)]))


def _least(known: int | None, bound: int) -> int:
    return bound if known is None else min(known, bound)


# --- which groups ---


def _groups(controller: str, system: Path) -> Iterator[Path]:
    """The directories of this process's group and of its parents, of either version."""
    seen = set()
    for mount, root, group in _mounts(controller, system):
        inner = os.path.relpath(group, root)
        place = mount / inner
        # In a namespace of its own, or mounted from another, the path leads out: the mount is all that is seen.
        if inner.split("/")[0] == ".." or not place.is_dir():
            place = mount
        for level in (place, *place.parents):
            if level not in seen:
                seen.add(level)
                yield level
            if level == mount:
                break


def _mounts(controller: str, system: Path) -> Iterator[tuple[Path, str, str]]:
    """Where groups lie, which one lies there, and which of them is this process's."""
    own = _own(controller, system)
    for line in _lines(system / "proc/self/mountinfo"):
        about, _, kind = line.partition(" - ")
        words, kinds = about.split(" "), kind.split(" ")
        version = kinds[0] if kinds[0] == "cgroup2" or controller in kinds[-1].split(",") else None
        if len(words) > 4 and version in own:
            yield system / _plain(words[4]).lstrip("/"), _plain(words[3]), own[version]
    for place in _PLACES:
        for group in own.values() or ("/",):
            yield system / place.format(controller), "/", group


def _own(controller: str, system: Path) -> dict[str, str]:
    """This process's group in the controller's own tree, and in the one of version 2."""
    own: dict[str, str] = {}
    for line in _lines(system / "proc/self/cgroup"):
        _, controllers, group = (*line.split(":", 2), "", "")[:3]
        if group and (not controllers or controller in controllers.split(",")):
            own["cgroup" if controllers else "cgroup2"] = group
    return own


def _plain(path: str) -> str:
    return _ESCAPED.sub(lambda octal: chr(int(octal[1], 8)), path)


# --- what a group says ---


def _bounds(group: Path) -> Iterator[tuple[int, int]]:
    """Its limits, and what is left below each. One that cannot be told apart from none is not among them."""
    stat = _numbers(group / "memory.stat")
    inherited = stat.get(
        "hierarchical_memory_limit"
    )  # of version 1: also of parents that a container does not see
    cache = sum(stat.get(f"total_{name}", stat.get(name, 0)) for name in _CACHE)
    for used, *limits in (
        (_number(group / "memory.current"), _number(group / "memory.max"), _number(group / "memory.high")),
        (_number(group / "memory.usage_in_bytes"), _number(group / "memory.limit_in_bytes"), inherited),
        (_number(group / "memory.memsw.usage_in_bytes"), _number(group / "memory.memsw.limit_in_bytes")),
    ):
        for limit in limits:
            if limit is not None:
                yield limit, max(0, min(limit, limit - (used or 0) + cache))


def _quota(group: Path) -> int | None:
    words = (_text(group / "cpu.max") or "").split()
    if len(words) != 2:
        words = [_text(group / f"cpu.cfs_{name}_us") or "" for name in ("quota", "period")]
    if not all(word.isdigit() and int(word) for word in words):  # "max", or -1
        return None
    return max(1, round(int(words[0]) / int(words[1])))


def _in_set(group: Path) -> int | None:
    """How many processors a list like `0-3,8` names; None for an empty one, by which a group has its parent's."""
    for name in ("cpuset.cpus.effective", "cpuset.effective_cpus", "cpuset.cpus"):
        spans = [span.partition("-") for span in (_text(group / name) or "").split(",")]
        if all(low.isdigit() and (high or low).isdigit() for low, _, high in spans):
            return sum(int(high or low) - int(low) + 1 for low, _, high in spans) or None
    return None


def _numbers(file: Path, unit: int = 1) -> dict[str, int]:
    """Lines of `name number`; `name: number kB` with a unit of 1024."""
    pairs = (line.split() for line in _lines(file))
    return {
        words[0].rstrip(":"): int(words[1]) * unit for words in pairs if len(words) > 1 and words[1].isdigit()
    }


def _number(file: Path) -> int | None:
    """None for "max", -1, and where there is no such file."""
    text = _text(file) or ""
    return int(text) if text.isdigit() else None


def _lines(file: Path) -> list[str]:
    return (_text(file) or "").splitlines()


def _text(file: Path) -> str | None:
    try:
        return file.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return None
