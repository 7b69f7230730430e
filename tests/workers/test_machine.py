"""Which machine this is, and what may be said from it of a run that was launched on another."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.own_home import HOME_ID
from tests.patience import until
from tests.workers.nodes import is_now, node, reboot
from tests.workers.remote.far_process import command, packed, reached
from tests.workers.supervision.yard import Yard, opened
from tests.workers.worktree.repositories import write
from workers.host import LocalHost, RunElsewhere
from workers.machine import Machine, read, this_machine
from workers.orders import Close

ONE = Machine("1" * 32, "b1", "one")
OTHER = Machine("2" * 32, "b2", "two")


@pytest.mark.parametrize(
    ("then", "now", "another"),
    [
        (ONE, ONE, False),
        (ONE, OTHER, True),
        (ONE, replace(ONE, boot="b2"), False),  # it was rebooted
        (ONE, replace(ONE, name="renamed"), False),
        (ONE, replace(ONE, id="2" * 32), False),  # its id was made anew
        (ONE, replace(OTHER, id=ONE.id), True),  # a clone of it
        (ONE, replace(OTHER, name=ONE.name), True),  # two that are called alike
        (
            ONE,
            replace(ONE, id="2" * 32, name="two"),
            True,
        ),  # containers on one kernel, with nothing in common
        (replace(ONE, id=None), replace(OTHER, id=None), True),  # containers without an id, on two machines
        (replace(ONE, id=None), replace(ONE, id=None, name="two"), False),  # one that was made anew
        (replace(ONE, id=None), replace(ONE, id=None, boot="b2"), False),  # … and whose machine was rebooted
        (Machine(None, None, "one"), Machine(None, None, "two"), True),
        (Machine(None, None, "one"), Machine(None, None, "one"), False),
        (Machine("1" * 32, None, "one"), Machine("1" * 32, None, "two"), False),
        (ONE, Machine(None, None, "two"), True),
    ],
)
def test_whether_a_machine_may_be_running_beside_another(then: Machine, now: Machine, another: bool) -> None:
    assert (now.is_another_than(then), then.is_another_than(now)) == (another, another)


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS has no files that say it")
@pytest.mark.parametrize("said", ["", "uninitialized\n", "0" * 32, "00000000-0000-0000-0000-000000000000"])
def test_an_id_that_is_none_is_not_known(tmp_path: Path, said: str) -> None:
    write(tmp_path, {"etc/machine-id": said, "proc/sys/kernel/random/boot_id": said})
    assert this_machine(tmp_path) == Machine(None, None, os.uname().nodename)


def test_a_machine_is_read_back_from_what_it_wrote() -> None:
    here = this_machine()
    assert here.boot and read(here.text()) == here
    assert [read(text) for text in (None, "", "{}", "[]", "1", '{"id": 1}')] == [None] * 6


def parted(yard: Yard) -> None:
    """The lock that its supervisor holds is seen from nowhere else, as with locks that end at each kernel."""
    (yard.runs / "t1.1" / "lock").unlink()


def test_from_another_machine_nothing_is_said_of_a_run_until_it_has_ended(tmp_path: Path) -> None:
    with opened(tmp_path) as yard:
        yard.host = LocalHost(yard.runs, yard.host.home_id, ONE)
        there = LocalHost(yard.runs, yard.host.home_id, OTHER)
        yard.launch(yard.shell("read line"))
        yard.started()
        parted(yard)
        assert there.elsewhere() == {"t1.1": "one"} and yard.host.elsewhere() == {}
        for ask in (
            there.alive,
            there.sweep,
            lambda attempt: there.gone([attempt]),
            lambda _: there.living(),
        ):
            with pytest.raises(RunElsewhere, match="launched on one, and this is two"):
                ask("t1.1")
        yard.host.order("t1.1", Close("o1"))
        until("it has ended", lambda: there.elsewhere() == {})
        assert there.gone(["t1.1"]) == {"t1.1"} and there.sweep("t1.1") == ()


def test_a_machine_that_was_rebooted_has_lost_its_runs(tmp_path: Path) -> None:
    with opened(tmp_path) as yard:
        yard.host = LocalHost(yard.runs, yard.host.home_id, ONE)
        yard.launch(yard.shell("read line"))
        yard.started()
        parted(yard)
        again = LocalHost(yard.runs, yard.host.home_id, replace(ONE, boot="b2"))
        assert again.gone(["t1.1"]) == {"t1.1"} and again.elsewhere() == {}
        again.order("t1.1", Close("o1"))
        yard.exit()


def test_of_two_machines_that_launch_a_run_one_does_and_a_run_that_was_abandoned_is_nobodys(
    tmp_path: Path,
) -> None:
    with opened(tmp_path) as yard:
        first, second = (LocalHost(yard.runs, yard.host.home_id, here) for here in (ONE, OTHER))
        spec = yard.shell("read line").to_json("t1.1", first.marker("t1.1"))
        first._furnish(first.run_dir("t1.1"), spec)  # and its supervisor is just being started
        for ask in (lambda: second.launch_text("t1.1", spec, None), lambda: second.abandon("t1.1")):
            with pytest.raises(RunElsewhere):
                ask()
        assert first.abandon("t1.1") and second.elsewhere() == {} and second.abandon("t1.1")


def test_a_far_end_says_which_machine_it_is_on_and_what_may_live_on_others(tmp_path: Path) -> None:
    """Two nodes with one directory."""
    archive, root = packed(tmp_path), tmp_path / "shared" / "fleet"
    one, two = (node(tmp_path / name, name) for name in ("one", "two"))
    with opened(tmp_path, root / "runs") as yard:
        yard.host = LocalHost(yard.runs, HOME_ID)
        text = yard.shell("read line").to_json("t1.1", yard.host.marker("t1.1"))
        with reached([*one, *command(archive, root)]) as far:
            assert read(far.facts["machine"]) == is_now(tmp_path / "one", "one")
            assert (far.facts["elsewhere"], far.facts["seen_from"]) == ({}, [])
            far.call("launch", attempt="t1.1", spec=text, has_secret=False)
            yard.started()
            parted(yard)
            with reached([*two, *command(archive, root)]) as other:
                assert (other.facts["elsewhere"], other.facts["seen_from"]) == ({"t1.1": "one"}, ["one"])
                for op, args in (
                    ("alive", {"attempts": ["t1.1"]}),
                    ("abandon", {"attempt": "t1.1"}),
                    ("sweep", {"attempt": "t1.1"}),
                    ("drop_runs", {"task": "t1"}),
                    ("launch", {"attempt": "t1.2", "spec": text, "has_secret": False}),
                ):
                    if op != "abandon":  # it has begun, and that is known here, too
                        with pytest.raises(OSError, match="launched on one"):
                            other.call(op, **args)
                assert other.call("abandon", attempt="t1.1") == {"abandoned": False}
                far.call("order", attempt="t1.1", order_id="o1", text=Close("o1").to_json())
                until("it has ended", lambda: other.call("probe")["elsewhere"] == {})
                assert other.call("alive", attempts=["t1.1"])["alive"] == []
    with reached([*two, *command(archive, root, host="second")]) as far:
        assert "is already in use under the name 'box': this is the same machine" in far.facts["refused"]
    (root / "machines").write_text(is_now(tmp_path / "one", "one").text())
    with reached([*two, *command(archive, root, host="second")]) as far:
        assert "is shared with one, which is host 'box'; this is two" in far.facts["refused"]
        assert "--dir" in far.facts["refused"]


def test_a_machine_that_was_rebooted_is_no_other(tmp_path: Path) -> None:
    archive, root = packed(tmp_path), tmp_path / "fleet"
    for _ in range(2):
        with reached([*node(tmp_path / "one", "one"), *command(archive, root)]) as far:
            assert read(far.facts["machine"]) == is_now(tmp_path / "one", "one")
            assert far.facts["seen_from"] == []
        reboot(tmp_path / "one")
