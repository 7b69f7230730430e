"""What a coordinator, a supervisor and a far end keep to themselves: their memory, and the modes of their files."""

from __future__ import annotations

import ctypes
import importlib
import os
import resource
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

from workers import private, supervisor
from workers.command import run_shell
from workers.git import Git
from workers.private import keep_private, umask_of_work
from workers.supervisor import Inlet, read_handover

ORDINARY = 65534
"""A user without rights, for what root may always do."""


def in_a_process_of_its_own(act: Callable[[], None]) -> None:
    """Modes and limits are a process's, not a test's."""
    child = os.fork()
    if not child:
        try:
            importlib.reload(private)  # an earlier test may have run a command that made this process private
            act()
            os._exit(0)
        finally:
            traceback.print_exc()
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0


def test_files_of_a_private_process_are_its_users_only_and_those_of_its_work_are_as_the_person_wants_them(
    tmp_path: Path,
) -> None:
    def act() -> None:
        os.umask(0o002)
        keep_private()
        (tmp_path / "ours").touch()
        run_shell("touch theirs; mkdir folder", cwd=tmp_path, env={}, timeout_s=30)
        Git(tmp_path).run("init", "--quiet", "repo")
        assert umask_of_work() == 0o002

    in_a_process_of_its_own(act)
    modes = {name: (tmp_path / name).stat().st_mode & 0o777 for name in ("ours", "theirs", "folder", "repo")}
    assert modes == {"ours": 0o600, "theirs": 0o664, "folder": 0o775, "repo": 0o775}


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows a process's memory as files")
def test_no_process_of_the_same_user_can_read_a_private_process() -> None:
    looking = ["sh", "-c", "exec cat /proc/$PPID/environ /proc/$PPID/maps"]

    def seen() -> bool:
        return subprocess.run(looking, capture_output=True, check=False).returncode == 0

    def act() -> None:
        if os.getuid() == 0:  # root may read everything
            os.setgroups([])
            os.setresgid(ORDINARY, ORDINARY, ORDINARY)
            os.setresuid(ORDINARY, ORDINARY, ORDINARY)
            ctypes.CDLL(None).prctl(supervisor.PR_SET_DUMPABLE, 1)  # a change of user has made it private
        assert seen()
        keep_private()
        assert not seen()

    in_a_process_of_its_own(act)


def test_no_core_is_written_of_a_private_process_and_its_work_may_still_ask_for_one() -> None:
    def act() -> None:
        hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
        keep_private()
        assert resource.getrlimit(resource.RLIMIT_CORE) == (0, hard)

    in_a_process_of_its_own(act)


def test_a_token_is_wiped_from_memory_once_the_client_has_it() -> None:
    reading, writing = os.pipe()
    os.write(writing, b"12\ntok-0-SECRET")
    os.close(writing)
    secret = read_handover(reading)
    os.close(reading)
    assert bytes(secret) == b"tok-0-SECRET"

    taken, given = os.pipe()
    inlet = Inlet(given)
    inlet.put(secret)
    inlet.close_when_written()
    inlet.pump()
    assert os.read(taken, 100) == b"tok-0-SECRET"
    os.close(taken)
    assert bytes(secret) == bytes(len(secret))


@pytest.mark.parametrize(
    "handover",
    [b"", b"12", b"12\n", b"12\ntok", b"x\ntok", b"3\ntoken", b"5\n" + b"x" * supervisor.HANDOVER_BYTES_MAX],
)
def test_a_token_that_was_not_handed_over_whole_starts_nothing(handover: bytes, tmp_path: Path) -> None:
    said = tmp_path / "said"
    said.write_bytes(handover)
    with said.open("rb") as file, pytest.raises(supervisor.BadRun):
        read_handover(file.fileno())
