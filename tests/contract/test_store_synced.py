"""What is committed is on the disk before it is said to be: else a loss of power would take it back.

No power is lost here. The kernel is told to fail every fsync of a process that commits: a commit that did not ask for
one would succeed all the same.
"""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import pytest

COMMIT = """
import ctypes, errno, platform, struct, sys
from dataclasses import replace
from pathlib import Path
from fleet.ports import Change, StoreFailed
from fleet.store.sqlite import SqliteStore

FSYNC = {"x86_64": (74, 75), "aarch64": (82, 83)}[platform.machine()]  # fsync, fdatasync
LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06  # of a classic BPF program, see seccomp(2)
ALLOW, FAIL = 0x7FFF0000, 0x00050000 | errno.EIO
NO_NEW_PRIVS, SECCOMP, FILTER = 38, 22, 2

def no_sync():
    steps = [(LOAD, 0, 0, 0)]
    steps += [(EQUAL, len(FSYNC) - n, 0, number) for n, number in enumerate(FSYNC)]
    steps += [(RETURN, 0, 0, ALLOW), (RETURN, 0, 0, FAIL)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    program = struct.pack("HxxxxxxP", len(steps), ctypes.addressof(code))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(SECCOMP, FILTER, program, 0, 0):
        sys.exit(f"the kernel takes no filter: {errno.errorcode[ctypes.get_errno()]}")

store = SqliteStore(Path(sys.argv[1]))
fleet = store.load().fleet
store.commit(Change(fleet, replace(fleet, tasks_made=1)))
no_sync()
try:
    store.commit(Change(replace(fleet, tasks_made=1), replace(fleet, tasks_made=2)))
except StoreFailed as failed:
    print("refused:", failed)
else:
    print("committed")
"""


@pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() not in ("x86_64", "aarch64"),
    reason="only Linux can be told to fail a system call, and its number depends on the machine",
)
def test_a_commit_that_the_disk_has_not_synced_is_no_commit(tmp_path: Path) -> None:
    command = [sys.executable, "-c", COMMIT, str(tmp_path / "fleet.db")]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith("refused: "), ended.stdout
