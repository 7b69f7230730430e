"""What the client says arrives in the spool: all of it, once, in order, byte for byte."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.patience import until
from tests.workers.supervision.yard import Yard, opened


def test_lines_stand_in_the_order_in_which_they_were_said_between_started_and_exit(yard: Yard) -> None:
    yard.launch(yard.python("for n in range(5000): print('line', n)"))
    assert yard.exit() == {
        "event": "exit",
        "code": 0,
        "signal": None,
        "cause": "exited",
        "detail": None,
    }
    assert yard.said() == [b"line %d" % n for n in range(5000)]
    kinds = "".join(record.kind for record in yard.records())
    assert kinds == "s" + "o" * 5000 + "s"
    started = yard.events("started")[0]
    assert set(started) == {"event", "pid", "pgid", "start_ticks", "supervisor_pid"}
    assert started["pid"] == started["pgid"]


def test_every_byte_but_the_newline_passes_verbatim(yard: Yard) -> None:
    line = bytes(byte for byte in range(256) if byte != 10) + b"\r"
    yard.launch(
        yard.python(
            f"import os; os.write(1, {line!r} + b'\\n\\n' + {line!r} + b'\\n'); os.write(2, b'\\0\\xff\\n')"
        )
    )
    yard.exit()
    assert yard.said() == [line, b"", line]
    assert yard.said(kind="e") == [b"\0\xff"]


def test_a_last_line_without_newline_is_kept_when_the_client_dies(yard: Yard) -> None:
    yard.launch(yard.python("import os; os.write(1, b'whole\\ntorn'); os.kill(os.getpid(), 9)"))
    ended = yard.exit()
    assert yard.said() == [b"whole", b"torn"]
    assert (ended["code"], ended["signal"], ended["cause"]) == (None, 9, "exited")


def test_a_line_of_twenty_megabytes_is_one_line_and_nothing_is_mixed_into_it(yard: Yard) -> None:
    code = """if True:
        import os, threading
        def chat():
            for n in range(200): os.write(2, b'err %d\\n' % n)
        talker = threading.Thread(target=chat)
        talker.start()
        print('x' * 20_000_000)
        print('after')
        talker.join()
    """
    yard.launch(yard.python(code))
    yard.exit()
    assert [(len(line), line[:5]) for line in yard.said()] == [(20_000_000, b"xxxxx"), (5, b"after")]
    assert yard.said(kind="e") == [b"err %d" % n for n in range(200)]


def test_a_line_is_in_the_spool_while_the_client_still_runs(yard: Yard) -> None:
    yard.launch(yard.python("print('early'); input()"))
    yard.wait_said(b"early")
    assert yard.host.alive("t1.1")


def test_the_client_gets_exactly_the_environment_and_directory_of_its_spec(yard: Yard) -> None:
    yard.launch(
        yard.shell(
            "env | grep -v -e ^PWD= -e ^SHLVL= -e ^_= | sort; pwd -P",
            env={"A": "b c", "PATH": "/usr/bin:/bin"},
        )
    )
    yard.exit()
    assert yard.said() == [
        b"A=b c",
        b"FLEET_RUN=" + yard.host.marker("t1.1").encode(),
        b"PATH=/usr/bin:/bin",
        os.fsencode(yard.folder.resolve()),
    ]


def test_signals_reach_the_client_with_their_usual_meaning(yard: Yard) -> None:
    """What the supervisor ignores for itself (a hangup, a closed pipe) is not ignored in the client."""
    yard.launch(yard.python("import signal; print(*(signal.getsignal(n).name for n in (1, 15)))"))
    yard.exit()
    assert yard.said() == [b"SIG_DFL SIG_DFL"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MiB, which only root may make."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("mounting is not permitted here")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_on_a_full_disk_the_client_waits_and_no_line_is_lost_torn_or_doubled(
    small_disk: Path, tmp_path: Path
) -> None:
    lines = [b"%05d " % n + b"y" * (n % 700) for n in range(3000)]
    code = "for n in range(3000): print('%05d ' % n + 'y' * (n % 700))"
    with opened(tmp_path, small_disk / "runs") as yard:
        (small_disk / "ballast").write_bytes(b"\0" * 1_700_000)
        yard.launch(yard.python("input()\n" + code, first_lines=("go",), stall_s=2.0))
        full_since = until("the disk is full", lambda: (yard.host.disk_free_bytes() == 0) * time.monotonic())
        log = yard.runs / "t1.1" / "supervisor.log"
        until("the stall timeout has passed twice", lambda: time.monotonic() > full_since + 4.0)
        assert yard.host.alive("t1.1")
        assert not yard.events("exit")
        (small_disk / "ballast").unlink()
        ended = yard.exit()
        assert ended["cause"] == "exited", "a disk that is full is not a client that stalls"
        assert yard.said() == lines
        assert {record.kind for record in yard.records()} == {"s", "o"}
        assert log.exists()
