"""Orders reach the running client once each, in order, and each gets its answer in the spool."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.patience import until
from tests.workers.supervision.yard import SHORT, Yard, is_gone
from workers import supervisor
from workers.orders import Close, Say, Stop

ECHO = """if True:
    import sys
    print('ready')
    for line in sys.stdin: print('got', line.rstrip())
"""


def test_what_is_said_reaches_the_client_after_its_first_lines_and_in_order(yard: Yard) -> None:
    yard.launch(yard.python(ECHO, first_lines=('{"first":1}', "zweite Zeile ü")))
    for number in range(20):
        yard.host.order("t1.1", Say(f"o{number}", f'{{"n":{number}}}'))
    yard.host.order("t1.1", Close("end"))
    yard.exit()
    expected = ['{"first":1}', "zweite Zeile ü"] + [f'{{"n":{number}}}' for number in range(20)]
    assert yard.said()[1:] == [f"got {line}".encode() for line in expected]
    assert all(yard.answer(f"o{number}")["done"] for number in range(20))


def test_an_order_repeated_is_obeyed_once(yard: Yard) -> None:
    """Repeated through the host, and as another file with the same id."""
    yard.launch(yard.python(ECHO))
    for _ in range(3):
        yard.host.order("t1.1", Say("same", "once"))
    copy = yard.runs / "t1.1" / "orders" / "00000099-same.json"
    copy.with_name("draft").write_text(Say("same", "once").to_json())
    copy.with_name("draft").rename(copy)
    yard.host.order("t1.1", Say("last", "last"))
    yard.wait_said(b"got last")
    yard.host.order("t1.1", Close("end"))
    yard.exit()
    assert yard.said() == [b"ready", b"got once", b"got last"]
    assert len([answer for answer in yard.events("order") if answer["id"] == "same"]) == 1


def test_an_order_is_obeyed_at_once(yard: Yard) -> None:
    """Woken through the FIFO: also by a supervisor that looks for orders once an hour."""
    source = Path(supervisor.__file__).read_text(encoding="utf-8")
    seldom = source.replace("ORDERS_EVERY_S = 1.0", "ORDERS_EVERY_S = 3600.0")
    assert seldom != source
    (yard.folder / "supervisor.py").write_text(seldom)
    run = yard.runs / "t1.1"
    (run / "orders").mkdir(parents=True)
    (run / "spec.json").write_text(yard.python(ECHO).to_json("t1.1", yard.host.marker("t1.1")))
    command = [sys.executable, "-I", "-S", str(yard.folder / "supervisor.py"), str(run)]
    subprocess.run(command, stdin=subprocess.DEVNULL, check=True)
    yard.wait_said(b"ready")
    for number in range(10):
        yard.host.order("t1.1", Say(f"o{number}", "x"))
        yard.answer(f"o{number}")


def test_an_order_left_without_a_wake_is_found_all_the_same(yard: Yard) -> None:
    yard.launch(yard.python(ECHO))
    yard.wait_said(b"ready")
    (yard.runs / "t1.1" / "wake").unlink()
    yard.host.order("t1.1", Say("o1", "hello"))
    yard.wait_said(b"got hello")


def test_an_order_that_cannot_be_understood_is_answered_and_the_next_one_obeyed(yard: Yard) -> None:
    yard.launch(yard.python(ECHO))
    yard.wait_said(b"ready")
    orders = yard.runs / "t1.1" / "orders"
    bad = {
        "broken": "{",
        "list": "[1]",
        "strange": '{"id":"s","order":"dance"}',
        "bytes": '{"id":"b","order":"say"}',
    }
    for number, (name, text) in enumerate(bad.items()):
        (orders / f".{name}").write_text(text)
        (orders / f".{name}").rename(orders / f"{number}-{name}.json")
    yard.host.order("t1.1", Say("good", "good"))
    yard.wait_said(b"got good")
    answers = {answer["id"]: answer for answer in yard.events("order")}
    refused = [answers[name] for name in ("0-broken.json", "1-list.json", "s", "b")]
    assert [answer["done"] for answer in refused] == [False] * 4
    assert all(answer["why"] for answer in refused)


def test_a_client_that_does_not_read_blocks_nobody_and_its_line_is_answered_as_not_taken(yard: Yard) -> None:
    """The supervisor still hears the client and still obeys, while megabytes wait for the client's input."""
    code = """if True:
        import os, time
        print('ready')
        while not os.path.exists('go'): time.sleep(0.01)
        print('still heard')
        time.sleep(60)
    """
    yard.launch(yard.python(code, grace=SHORT))
    yard.wait_said(b"ready")
    yard.host.order("t1.1", Say("big", "x" * 3_000_000))
    yard.host.order("t1.1", Say("small", "y"))
    (yard.folder / "go").touch()
    yard.wait_said(b"still heard")
    yard.host.order("t1.1", Stop("o3", "enough"))
    assert yard.answer("o3")["done"] is True
    yard.exit()
    assert [yard.answer(order)["done"] for order in ("big", "small")] == [False, False]


def test_a_megabyte_for_a_slow_reader_arrives_whole(yard: Yard) -> None:
    code = "import sys, time; time.sleep(0.1); print(*(len(line) for line in sys.stdin))"
    yard.launch(yard.python(code, first_lines=("a" * 1_000_000, "b")))
    yard.host.order("t1.1", Say("o1", "c" * 500_000))
    yard.host.order("t1.1", Close("o2"))
    yard.exit()
    assert yard.said() == [b"1000001 2 500001"]
    assert yard.answer("o1")["done"] is True


def test_say_after_close_is_refused_with_the_reason(yard: Yard) -> None:
    yard.launch(
        yard.python(
            "import os, sys, time; sys.stdin.read(); print('eof')\nwhile not os.path.exists('go'): time.sleep(0.01)"
        )
    )
    yard.host.order("t1.1", Close("o1"))
    yard.wait_said(b"eof")
    yard.host.order("t1.1", Say("o2", "too late"))
    assert yard.answer("o2")["why"] == "the client's input is closed"
    (yard.folder / "go").touch()
    yard.exit()


def test_a_client_that_closed_its_own_input_is_not_the_supervisors_end(yard: Yard) -> None:
    yard.launch(
        yard.python("import os; os.close(0); print('closed'); os.read(7, 1); print('end')", secret_fd=7),
        secret=b"",
    )
    yard.wait_said(b"end")
    assert yard.exit()["code"] == 0


def test_orders_nobody_saw_before_the_end_are_answered_before_exit(yard: Yard) -> None:
    """The exit record is the last one, and no order before it is left without an answer."""
    yard.launch(yard.python(ECHO))
    yard.wait_said(b"ready")
    its_supervisor = yard.started()["supervisor_pid"]
    os.kill(its_supervisor, signal.SIGSTOP)
    client = yard.started()["pid"]
    os.kill(client, signal.SIGKILL)
    until("the client is dead", lambda: is_gone(client))
    yard.host.order("t1.1", Say("late", "late"))
    os.kill(its_supervisor, signal.SIGCONT)
    yard.exit()
    assert yard.answer("late")["done"] is False
    assert json.loads(yard.records()[-1].payload)["event"] == "exit"
