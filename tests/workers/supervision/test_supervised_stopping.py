"""A client is stopped by a ladder, for a cause that is told, and nothing of its run is left when it has ended."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from tests.patience import PATIENCE_S, naps, until
from tests.workers.supervision.yard import SHORT, Yard, is_gone
from workers.orders import Close, Stop

STUBBORN = """if True:
    import os, signal, time
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP): signal.signal(number, signal.SIG_IGN)
    print('deaf')
    while True: time.sleep(60)
"""
OBEDIENT = """if True:
    import json, sys
    print('ready')
    for line in sys.stdin:
        print(json.loads(line)['request']['subtype'])
    print('end of input')
"""


def test_stop_first_interrupts_over_the_clients_input_and_then_closes_it(yard: Yard) -> None:
    yard.launch(yard.python(OBEDIENT))
    yard.wait_said(b"ready")
    yard.host.order("t1.1", Stop("o1", "cancelled"))
    ended = yard.exit()
    assert yard.said() == [b"ready", b"interrupt", b"end of input"]
    assert (ended["code"], ended["cause"], ended["detail"]) == (0, "stopped", "cancelled")
    assert yard.rungs() == ["interrupt"]
    assert yard.answer("o1")["done"] is True


def test_a_client_that_ignores_everything_is_killed_on_the_last_rung(yard: Yard) -> None:
    yard.launch(yard.python(STUBBORN, grace=SHORT))
    yard.wait_said(b"deaf")
    yard.host.order("t1.1", Stop("o1", "cancelled"))
    ended = yard.exit()
    assert yard.rungs() == ["interrupt", "terminate", "kill"]
    assert (ended["code"], ended["signal"], ended["cause"]) == (None, signal.SIGKILL, "stopped")


def test_a_quick_stop_begins_with_terminate(yard: Yard) -> None:
    yard.launch(yard.python("print('ready'); input()"))
    yard.wait_said(b"ready")
    yard.host.order("t1.1", Stop("o1", "switch", quick=True))
    assert yard.exit()["signal"] == signal.SIGTERM
    assert yard.rungs() == ["terminate"]


def test_a_quick_stop_hurries_a_slow_one_and_the_first_cause_stays(yard: Yard) -> None:
    yard.launch(yard.python(STUBBORN))
    yard.wait_said(b"deaf")
    yard.host.order("t1.1", Stop("o1", "cancelled"))
    yard.answer("o1")
    yard.host.order("t1.1", Stop("o2", "hurry", quick=True))
    assert yard.exit()["detail"] == "cancelled"
    assert yard.rungs() == ["interrupt", "terminate", "kill"]


def test_when_the_input_is_closed_already_stop_interrupts_by_signal(yard: Yard) -> None:
    # Waited for with sigwait: a handler is not run by a sleep that begins at the moment in which its signal comes.
    code = """if True:
        import signal, sys
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
        print('ready', sys.stdin.read())
        print('interrupted' if signal.sigwait([signal.SIGINT]) == signal.SIGINT else 'odd')
    """
    yard.launch(yard.python(code))
    yard.host.order("t1.1", Close("o1"))
    yard.wait_said(b"ready ")
    yard.host.order("t1.1", Stop("o2", "cancelled"))
    assert yard.exit()["code"] == 0
    assert yard.said() == [b"ready ", b"interrupted"]


def test_close_lets_the_client_end_by_itself(yard: Yard) -> None:
    yard.launch(yard.python(OBEDIENT))
    yard.host.order("t1.1", Close("o1"))
    ended = yard.exit()
    assert (ended["cause"], ended["code"], yard.rungs()) == ("exited", 0, [])
    assert yard.said() == [b"ready", b"end of input"]


def test_close_is_followed_by_terminate_and_kill_when_the_client_stays(yard: Yard) -> None:
    yard.launch(yard.python(STUBBORN, grace=SHORT))
    yard.wait_said(b"deaf")
    yard.host.order("t1.1", Close("o1"))
    assert yard.exit()["cause"] == "stopped"
    assert yard.rungs() == ["terminate", "kill"]


def test_terminating_the_supervisor_stops_the_client_in_order(yard: Yard) -> None:
    yard.launch(yard.python(OBEDIENT))
    yard.wait_said(b"ready")
    os.kill(yard.started()["supervisor_pid"], signal.SIGTERM)
    assert yard.exit()["cause"] == "stopped"
    assert yard.said()[-1] == b"end of input"


def test_a_client_that_says_nothing_at_all_is_stopped_with_cause_start_timeout(yard: Yard) -> None:
    yard.launch(yard.python("input()\ninput()", start_s=0.2, grace=SHORT))
    assert yard.exit()["cause"] == "start_timeout"


def test_a_client_that_falls_silent_is_stopped_with_cause_stalled(yard: Yard) -> None:
    """Chatter on standard error does not count: a client in a retry loop of its own makes no progress."""
    code = """if True:
        import sys, time
        print('hello')
        while True: print('.', file=sys.stderr); time.sleep(0.05)
    """
    yard.launch(yard.python(code, stall_s=0.4, grace=SHORT))
    assert yard.exit()["cause"] == "stalled"
    assert yard.events("stalled")[0]["quiet_s"] >= 0.4


def test_the_time_to_the_first_word_is_limited_by_the_start_alone(yard: Yard) -> None:
    """On a busy machine a client may need longer to begin than it may then be silent."""
    code = "import os, time\nwhile not os.path.exists('go'): time.sleep(0.01)\nprint('hello'); input()"
    yard.launch(yard.python(code, start_s=PATIENCE_S, stall_s=0.05, grace=SHORT))
    supervisor = yard.started()["supervisor_pid"]
    looked = naps(supervisor)
    # It looks each second, and would have looked at the end of the silence.
    until("it has looked twice", lambda: naps(supervisor) >= looked + 3)
    (yard.folder / "go").touch()
    assert yard.exit()["cause"] == "stalled"
    assert yard.said() == [b"hello"]


def test_a_client_past_its_deadline_is_stopped_however_lively_it_is(yard: Yard) -> None:
    yard.launch(
        yard.python("import time\nwhile True: print('.'); time.sleep(0.02)", deadline_s=0.5, grace=SHORT)
    )
    assert yard.exit()["cause"] == "deadline"
    assert yard.events("deadline")[0]["ran_s"] >= 0.5


FAMILY = """if True:
    import os, signal, subprocess, sys, time
    deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); print(0, flush=True); time.sleep(999)"
    def child(**how):
        young = subprocess.Popen([sys.executable, '-I', '-S', '-c', deaf], stdout=subprocess.PIPE, **how)
        young.stdout.readline()
        return young.pid
    pids = [child(), child(start_new_session=True), child(start_new_session=True, env={}), child(env={})]
    reading, writing = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.write(writing, b'%d' % child(stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        os._exit(0)
    pids.append(int(os.read(reading, 20)))
    print(*pids)
"""


def test_nothing_of_the_run_is_left_when_exit_is_written(yard: Yard) -> None:
    """Children that ignore SIGTERM, that have a session of their own, a clean environment, or became daemons."""
    yard.launch(yard.python(FAMILY))
    assert yard.exit()["cause"] == "exited"
    pids = [int(pid) for pid in yard.said()[0].split()]
    assert len(pids) == 5
    assert [pid for pid in pids if not is_gone(pid)] == []
    assert yard.events("leftovers")[-1]["ended"] is True
    assert set(pids) <= set(yard.events("leftovers")[-1]["pids"])


def test_the_client_leaves_no_zombies_of_its_orphans_while_it_runs(yard: Yard) -> None:
    code = "for n in 1 2 3 4 5; do (sleep 0 & echo $!); done; echo ready; read x"
    yard.launch(yard.shell(code))
    yard.wait_said(b"ready")
    orphans = [int(pid) for pid in yard.said()[:5]]
    until("the orphans are reaped", lambda: not any(Path(f"/proc/{pid}").exists() for pid in orphans))
    assert yard.host.alive("t1.1")
