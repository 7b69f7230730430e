"""A run outlives whoever asked for it, happens at most once, and leaves no secret and no process behind."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import secrets
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.patience import PATIENCE_S, naps, until
from tests.workers.supervision.yard import Yard, is_gone
from workers import supervisor
from workers.host import LaunchFailed, RunHeld
from workers.orders import Close, Say

ECHO = """if True:
    import sys
    print('ready')
    for line in sys.stdin: print('got', line.rstrip())
"""
COORDINATOR = """if True:
    import signal, sys, time
    from pathlib import Path
    from workers.host import LocalHost
    from workers.orders import RunSpec
    host = LocalHost(Path(sys.argv[1]), sys.argv[2])
    host.launch('t1.1', RunSpec((sys.executable, '-I', '-u', '-c', sys.argv[3]), sys.argv[1], {}), None)
    print('launched', flush=True)
    time.sleep(600)
"""


def test_kill_9_of_the_coordinator_and_a_hangup_leave_the_worker_at_work(yard: Yard) -> None:
    home = yard.host.marker("").removeprefix("@")
    command = [sys.executable, "-c", COORDINATOR, str(yard.runs), home, ECHO]
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as coordinator:
        assert coordinator.stdout is not None
        assert coordinator.stdout.readline() == b"launched\n"
        os.killpg(coordinator.pid, signal.SIGHUP)
        os.kill(coordinator.pid, signal.SIGKILL)
    started = yard.started()
    os.kill(started["supervisor_pid"], signal.SIGHUP)
    yard.host.order("t1.1", Say("o1", "are you there"))
    yard.wait_said(b"got are you there")
    yard.host.order("t1.1", Close("o2"))
    assert yard.exit()["code"] == 0


DAEMON = """if True:
    import os, sys, time
    if os.fork() == 0:
        os.setsid()
        print(os.getpid())
        time.sleep(600)
    time.sleep(600)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the parent-death signal is Linux's")
def test_kill_9_of_the_supervisor_ends_the_client_and_sweep_ends_the_rest(yard: Yard) -> None:
    yard.launch(yard.python(DAEMON))
    daemon = int(until("the daemon names itself", yard.said)[0])
    started = yard.started()
    with pytest.raises(RunHeld):
        yard.host.sweep("t1.1")
    os.kill(started["supervisor_pid"], signal.SIGKILL)
    until("the run is let go", lambda: not yard.host.alive("t1.1"))
    until("the client is gone", lambda: is_gone(started["pid"]))
    assert not is_gone(daemon)
    assert yard.host.sweep("t1.1") == (daemon,)
    assert is_gone(daemon)
    assert yard.host.sweep("t1.1") == ()


def test_a_second_launch_of_a_run_that_is_held_does_nothing(yard: Yard) -> None:
    spec = yard.python(ECHO)
    yard.launch(spec)
    yard.wait_said(b"ready")
    yard.launch(spec)
    yard.host.order("t1.1", Close("o1"))
    yard.exit()
    assert len(yard.events("started")) == 1
    assert yard.said() == [b"ready"]


def test_an_attempt_that_has_started_never_runs_again(yard: Yard) -> None:
    """Neither when it has ended, nor when its supervisor died; and the supervisor itself refuses, too."""
    yard.launch(yard.python("print('once')"))
    yard.exit()
    before = yard.spool()
    yard.launch(yard.python("print('twice')"))
    command = [sys.executable, "-I", "-S", supervisor.__file__, str(yard.runs / "t1.1")]
    again = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    assert again.returncode == supervisor.RAN_BEFORE
    assert yard.spool() == before
    assert not yard.host.alive("t1.1")


def _end_supervisors_of(run: Path) -> None:
    """SIGKILL, twice over: the first look may come just before the fork."""
    for _ in range(2):
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                words = (process / "cmdline").read_bytes().split(b"\0")
                if os.fsencode(run) in words and os.fsencode(supervisor.__file__) in words:
                    os.kill(int(process.name), signal.SIGKILL)


@pytest.mark.skipif(sys.platform != "linux", reason="finds the supervisor's fork in /proc")
def test_kill_9_of_the_supervisor_at_any_instant_of_its_start_never_makes_a_client_run_twice(
    yard: Yard,
) -> None:
    """Launched again, a client that never ran runs, and one whose start is recorded does not."""
    for number in range(12):
        attempt, ran = f"t1.{number}", yard.folder / f"ran{number}"
        run = yard.runs / attempt
        (run / "orders").mkdir(parents=True)
        spec = yard.shell(f"echo ran >> {ran}; echo hi; read x")
        (run / "spec.json").write_text(spec.to_json(attempt, yard.host.marker(attempt)))
        command = [sys.executable, "-I", "-S", supervisor.__file__, str(run)]
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as starting:
            with contextlib.suppress(subprocess.TimeoutExpired):
                starting.wait(0.024 + 0.003 * number)
            _end_supervisors_of(run)
        until("the run is let go", lambda name=attempt: not yard.host.alive(name))  # type: ignore[misc]
        yard.host.sweep(attempt)
        had_started, had_run = yard.host.has_started(attempt), ran.exists()
        assert had_started or not had_run, "the start is recorded before it happens"
        yard.launch(spec, attempt)
        if not had_started:
            yard.wait_said(b"hi", attempt)
        assert ran.exists() == (had_run or not had_started)
        # A client that was killed with its supervisor may have made the file and not written it yet.
        assert not ran.exists() or ran.read_text() in (("", "ran\n") if had_started else ("ran\n",))


def test_a_supervisor_that_finds_the_run_held_leaves_silently(yard: Yard) -> None:
    yard.launch(yard.python(ECHO))
    command = [sys.executable, "-I", "-S", supervisor.__file__, str(yard.runs / "t1.1")]
    second = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    assert (second.returncode, second.stdout, second.stderr) == (supervisor.HELD, b"", b"")


@pytest.mark.parametrize("torn", [b"", b's 17953 {"event": "star'])
def test_a_launch_that_was_cut_short_is_completed(yard: Yard, torn: bytes) -> None:
    """Half a run directory, and a start record that was torn before the client was let go."""
    run = yard.runs / "t1.1"
    run.mkdir(parents=True)
    (run / "spool").write_bytes(torn)
    (run / "lock").touch()
    (run / ".spec.json.draft").write_text("{")
    assert not yard.host.alive("t1.1")
    yard.launch(yard.python("print('hello')"))
    assert yard.exit()["code"] == 0
    assert yard.said() == [b"hello"]
    assert {record.kind for record in yard.records()} == {"s", "o"}


def test_looking_whether_it_lives_does_not_keep_a_supervisor_from_the_run(yard: Yard) -> None:
    """`alive` shares the lock, on a busy machine for longer than a moment: a supervisor that comes then waits."""
    run = yard.runs / "t1.1"
    run.mkdir(parents=True)
    (run / "lock").touch()
    with (run / "lock").open() as probe:
        fcntl.flock(probe, fcntl.LOCK_SH)
        spec = yard.python("print('hello')").to_json("t1.1", yard.host.marker("t1.1"))
        (run / "spec.json").write_text(spec)
        command = [sys.executable, "-I", "-S", supervisor.__file__, str(run)]
        with subprocess.Popen(command, stdin=subprocess.DEVNULL) as starting:
            until("the supervisor has come to the lock", lambda: "lock" in _opened_by(starting.pid))
            came = naps(starting.pid)

            def has_tried_often() -> bool:
                assert starting.poll() is None, "it has gone away"
                return naps(starting.pid) > came + 100

            until("it has tried a hundred times", has_tried_often)
            fcntl.flock(probe, fcntl.LOCK_UN)
    assert yard.exit()["code"] == 0


def _opened_by(pid: int) -> set[str]:
    try:
        return {link.readlink().name for link in Path(f"/proc/{pid}/fd").iterdir()}
    except FileNotFoundError:
        return set()


def test_a_missing_program_is_named_in_the_exit_record(yard: Yard) -> None:
    yard.launch(yard.python("", argv=("/no/such/claude", "-p")))
    ended = yard.exit()
    assert (ended["cause"], ended["code"], ended["signal"]) == ("cannot_start", None, None)
    assert "/no/such/claude" in ended["detail"]


def test_a_missing_directory_is_named_in_the_exit_record(yard: Yard) -> None:
    yard.launch(yard.python("", cwd="/no/such/worktree"))
    ended = yard.exit()
    assert ended["cause"] == "cannot_start"
    assert "/no/such/worktree" in ended["detail"]


def test_a_program_that_cannot_be_executed_is_named_with_the_reason(yard: Yard) -> None:
    script = yard.folder / "claude"
    script.write_text("#!/no/such/interpreter\n")
    script.chmod(0o755)
    yard.launch(yard.python("", argv=(str(script),)))
    assert str(script) in yard.exit()["detail"]
    script.chmod(0o644)
    yard.launch(yard.python("", argv=(str(script),)), "t1.2")
    assert "not an executable" in yard.exit("t1.2")["detail"]
    yard.launch(yard.python("", argv=("clod",)), "t1.3")
    assert "clod on PATH" in yard.exit("t1.3")["detail"]


def test_a_run_directory_that_cannot_be_written_is_a_failed_launch_with_its_story(yard: Yard) -> None:
    yard.runs.mkdir()
    (yard.runs / "t1.1").write_text("a file where a directory should be")
    with pytest.raises(LaunchFailed, match=r"run directory of t1\.1"):
        yard.launch(yard.python(""))
    (yard.runs / "t1.1").unlink()


def test_a_spec_that_cannot_be_obeyed_is_a_failed_launch_with_its_story(yard: Yard) -> None:
    with pytest.raises(LaunchFailed, match="argv must not be empty"):
        yard.launch(yard.python("", argv=()))
    yard.launch(yard.python("print('hello')"))
    assert yard.exit()["code"] == 0


def test_a_spec_of_a_later_version_is_obeyed_as_far_as_it_is_known(yard: Yard) -> None:
    """A supervisor that an older version has started, or brought to a host, reads what a newer one adds."""
    spec = json.loads(yard.python("print('hello')").to_json("t1.1", yard.host.marker("t1.1")))
    yard.host.launch_text("t1.1", json.dumps({**spec, "colour": {"of": "its session"}}), None)
    assert yard.exit()["code"] == 0 and yard.said() == [b"hello"]


def _processes_showing(token: bytes) -> list[str]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        for name in ("cmdline", "environ"):
            try:
                shown = (process / name).read_bytes()
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                continue
            if token in shown:
                found.append(f"{process}/{name}")
    return found


def test_the_secret_arrives_on_its_descriptor_and_stands_nowhere_else(yard: Yard) -> None:
    token = secrets.token_hex(32).encode()
    code = """if True:
        import hashlib, os
        said = b''.join(iter(lambda: os.read(7, 65536), b''))
        print(hashlib.sha256(said).hexdigest())
        input()
    """
    yard.launch(yard.python(code, secret_fd=7), secret=token + b"\n" + b"x" * 200_000)
    expected = hashlib.sha256(token + b"\n" + b"x" * 200_000).hexdigest().encode()
    yard.wait_said(expected)
    assert _processes_showing(token) == []
    yard.host.order("t1.1", Close("o1"))
    yard.exit()
    files = [path for path in yard.folder.rglob("*") if path.is_file()]
    assert len(files) >= 5
    assert [path for path in files if token in path.read_bytes()] == []


@pytest.mark.parametrize("handover", [b"", b"6", b"6\n", b"6\nsecre", b"secret"])
def test_a_run_whose_asker_died_handing_over_the_secret_is_not_started_until_it_is_asked_again(
    yard: Yard, handover: bytes
) -> None:
    """A client without its token would be refused, and its account quarantined for nothing."""
    run = yard.runs / "t1.1"
    (run / "orders").mkdir(parents=True)
    spec = yard.shell("cat <&7; echo", secret_fd=7)
    (run / "spec.json").write_text(spec.to_json("t1.1", yard.host.marker("t1.1")))
    command = [sys.executable, "-I", "-S", supervisor.__file__, str(run)]
    asked = subprocess.run(command, input=handover, capture_output=True, check=False, timeout=PATIENCE_S)
    assert asked.returncode == supervisor.BAD_RUN
    assert b"not handed over whole" in asked.stderr
    assert not yard.host.has_started("t1.1") and not yard.host.alive("t1.1")
    yard.launch(spec, secret=b"secret")
    assert yard.exit()["code"] == 0
    assert yard.said() == [b"secret"]


def test_a_secret_without_a_descriptor_is_refused_before_anything_is_written(yard: Yard) -> None:
    with pytest.raises(ValueError, match="secret_fd"):
        yard.launch(yard.python(""), secret=b"s")
    with pytest.raises(ValueError, match="secret_fd"):
        yard.launch(yard.python("", secret_fd=7))
    assert not yard.runs.exists()


def test_launching_leaves_no_zombie_and_no_open_descriptor(yard: Yard) -> None:
    before = set(Path("/proc/self/fd").iterdir())
    for number in range(5):
        yard.launch(yard.python("pass", secret_fd=7), f"t1.{number}", b"s")
        yard.exit(f"t1.{number}")
    with contextlib.suppress(ChildProcessError):  # no child at all; else none of those there are has ended
        assert os.waitpid(-1, os.WNOHANG) == (0, 0)
    assert set(Path("/proc/self/fd").iterdir()) == before


def test_the_run_directory_is_for_its_owner_only(yard: Yard) -> None:
    yard.launch(yard.python("pass"))
    yard.exit()
    assert (yard.runs / "t1.1").stat().st_mode & 0o077 == 0


def test_an_id_that_is_no_directory_name_is_refused(yard: Yard) -> None:
    for bad in ("../t1", "", ".", "a/b", "a\nb"):
        with pytest.raises(ValueError, match="attempt"):
            yard.host.alive(bad)


def test_the_host_tells_its_free_memory_and_disk(yard: Yard) -> None:
    memory = yard.host.memory_free_bytes()
    assert memory is None or memory > 1_000_000
    assert yard.host.disk_free_bytes() > 0
