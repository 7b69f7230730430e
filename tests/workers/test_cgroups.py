"""What a container, a slice or a cluster's job may use of its machine: real groups of version 1, recorded ones of 2."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.workers.remote.far_process import command, packed, reached
from tests.workers.worktree.repositories import write
from workers.cgroups import cores, memory

MB = 1 << 20
MACHINE = {"proc/meminfo": "MemTotal: 24000000 kB\nMemFree: 100 kB\nMemAvailable: 20000000 kB\n"}


@contextlib.contextmanager
def groups(controller: str, *settings: dict[str, str]) -> Iterator[Path]:
    """A new group for each, each within the one before; the innermost. Skips where this system has none to give."""
    place, made = Path("/sys/fs/cgroup") / controller, list[Path]()
    try:
        for files in settings:
            place /= f"fleet-test-{uuid.uuid4().hex[:8]}"
            place.mkdir()
            made.append(place)
            for name, value in files.items():
                (place / name).write_text(value)
    except OSError as failed:
        pytest.skip(f"no groups of version 1 can be made here ({failed}): this needs root")
    try:
        yield place
    finally:
        for group in reversed(made):
            group.rmdir()


def within(*groups: Path) -> list[str]:
    """What begins a command in these groups."""
    enter = "".join(f"echo $$ > {group}/cgroup.procs && " for group in groups)
    return ["sh", "-c", f'{enter}exec "$@"', "sh"]


def test_a_host_in_a_container_says_what_the_container_has(tmp_path: Path) -> None:
    """The tighter one is the parent here, as with a pod and its container."""
    with (
        groups(
            "memory", {"memory.limit_in_bytes": f"{1536 * MB}"}, {"memory.limit_in_bytes": f"{4096 * MB}"}
        ) as ram,
        groups("cpu", {"cpu.cfs_quota_us": "100000"}, {"cpu.cfs_quota_us": "-1"}) as cpu,
        reached([*within(ram, cpu), *command(packed(tmp_path), tmp_path / "on host")]) as far,
    ):
        assert far.facts["cores"] == 1
        assert far.facts["memory_total_bytes"] == 1536 * MB
        assert 1300 * MB < far.facts["memory_free_bytes"] <= 1536 * MB
        assert far.hang_up() == 0


def test_what_a_file_has_left_in_memory_is_free_and_what_a_process_holds_is_not(tmp_path: Path) -> None:
    asks = f"""
import json, os
from workers.cgroups import memory
with open({str(tmp_path / "file")!r}, "wb") as file:
    file.write(os.urandom(1 << 20) * 64)
    os.fsync(file.fileno())
before = memory().free
held = bytearray(os.urandom(1 << 20) * 64)
print(json.dumps([before, memory().free]))
"""
    with groups("memory", {"memory.limit_in_bytes": f"{256 * MB}"}) as ram:
        said = subprocess.run([*within(ram), sys.executable, "-c", asks], capture_output=True, check=True)
    before, after = json.loads(said.stdout)
    assert 192 * MB < before < 256 * MB
    assert 56 * MB < before - after < 80 * MB


def test_the_processors_that_a_group_is_bound_to_are_those_it_has() -> None:
    mems = Path("/sys/fs/cgroup/cpuset/cpuset.mems")
    if not mems.exists():
        pytest.skip("no groups of version 1 can be made here")
    bound = {"cpuset.cpus": "0", "cpuset.mems": mems.read_text()}
    asks = "from workers.cgroups import cores; print(cores())"
    with groups("cpuset", bound) as cpus:
        said = subprocess.run([*within(cpus), sys.executable, "-c", asks], capture_output=True, check=True)
    assert said.stdout == b"1\n"


DOCKER = "0::/system.slice/docker-3f.scope"
V2 = "29 23 0:26 {} /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot"
PLENTY = {"memory.max": "max", "memory.high": "max", "memory.current": "9000000000", "cpu.max": "max 100000"}


def recorded(root: Path, own: str, mounts: str, **groups: dict[str, str]) -> Path:
    """The files of a system as /proc and /sys have them; `groups` by their path below /sys/fs/cgroup."""
    files = {
        f"sys/fs/cgroup/{group}/{name}": text for group, said in groups.items() for name, text in said.items()
    }
    write(root, {**MACHINE, "proc/self/cgroup": f"{own}\n", "proc/self/mountinfo": f"{mounts}\n", **files})
    return root


def test_without_limits_the_kernel_is_believed(tmp_path: Path) -> None:
    assert memory(tmp_path).total is None and memory(tmp_path).free is None
    plain = recorded(tmp_path, DOCKER, V2.format("/"), **{".": PLENTY})
    assert (memory(plain).total, memory(plain).free) == (24_000_000 * 1024, 20_000_000 * 1024)
    assert cores(plain) == cores(tmp_path / "nothing")


@pytest.mark.parametrize("namespace", ["own", "the machine's"])
def test_a_container_of_version_2_has_its_own_limit_and_gets_its_cache_back(
    tmp_path: Path, namespace: str
) -> None:
    """With a namespace of its own it sees its group as the root; without, it sees the way to it."""
    limits = {
        "memory.max": "1610612736\n",
        "memory.high": "max\n",
        "memory.current": "1400000000\n",
        "memory.stat": "anon 300000000\nfile 1100000000\nactive_file 400000000\ninactive_file 600000000\n"
        "shmem 100000000\nslab_reclaimable 20000000\n",
        "cpu.max": "100000 100000\n",
    }
    if namespace == "own":
        system = recorded(tmp_path, "0::/", V2.format("/"), **{".": limits})
    else:
        system = recorded(
            tmp_path, DOCKER, V2.format("/"), **{".": PLENTY, "system.slice/docker-3f.scope": limits}
        )
    assert memory(system).total == 1_610_612_736
    assert memory(system).free == 1_610_612_736 - 1_400_000_000 + 1_020_000_000
    assert cores(system) == 1


def test_the_tightest_of_all_parents_decides(tmp_path: Path) -> None:
    """A slice of systemd that holds less than the container in it may have, and is used up by others."""
    system = recorded(
        tmp_path,
        "0::/user.slice/user-1.slice/session-4.scope",
        V2.format("/"),
        **{
            "user.slice": {**PLENTY, "cpu.max": "50000 100000"},
            "user.slice/user-1.slice": {
                "memory.max": "2000000000",
                "memory.high": "1800000000",
                "memory.current": "1700000000",
            },
            "user.slice/user-1.slice/session-4.scope": {
                "memory.max": "8000000000",
                "memory.current": "50000000",
            },
        },
    )
    assert (memory(system).total, memory(system).free) == (1_800_000_000, 100_000_000)
    assert cores(system) == 1


def test_a_container_of_version_1_knows_of_parents_that_it_does_not_see(tmp_path: Path) -> None:
    """Also where what it has swapped out counts against it."""
    mount = "36 31 0:33 /docker/3f /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory"
    system = recorded(
        tmp_path,
        "5:memory:/docker/3f\n2:cpu,cpuacct:/docker/3f",
        mount,
        memory={
            "memory.limit_in_bytes": "9223372036854771712",
            "memory.usage_in_bytes": "400000000",
            "memory.memsw.limit_in_bytes": "3000000000",
            "memory.memsw.usage_in_bytes": "2500000000",
            "memory.stat": "cache 5\ninactive_file 1\nhierarchical_memory_limit 1500000000\n"
            "total_inactive_file 100000000\ntotal_active_file 0\n",
        },
    )
    assert (memory(system).total, memory(system).free) == (1_500_000_000, 600_000_000)


@pytest.mark.parametrize("broken", ["", "max", "-1", "not a number", "100000 0"])
def test_what_cannot_be_read_limits_nothing(tmp_path: Path, broken: str) -> None:
    said = dict.fromkeys(("memory.current", "memory.stat", "cpu.max", "cpuset.cpus.effective"), broken)
    system = recorded(tmp_path, "nonsense", "nonsense", **{".": {**said, "memory.max": "max"}})
    assert memory(system).total == 24_000_000 * 1024
    assert cores(system) == cores(tmp_path / "nothing")
