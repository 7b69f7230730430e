"""Of two far ends of one directory, only the one that took over last starts anything."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from tests.patience import PATIENCE_S, until
from tests.proofs import lend, told
from tests.workers.remote.far_process import Far, command, reached
from tests.workers.remote.test_far_trees import BRANCH, Tree
from tests.workers.supervision.yard import Yard
from tests.workers.worktree.repositories import repository
from workers.far.turn import NotItsTurn, Turn
from workers.orders import Close
from workers.worktree.make import SetupFailed


def launch(far: Far, yard: Yard, attempt: str) -> None:
    text = yard.shell("read line").to_json(attempt, yard.host.marker(attempt))
    far.call("launch", attempt=attempt, spec=text, has_secret=False)


def end(far: Far, attempt: str) -> None:
    far.call("order", attempt=attempt, order_id="end", text=Close("end").to_json())


def test_what_an_earlier_connection_still_delivers_starts_nothing(
    far: Far, archive: Path, runs_there: Yard, root: Path
) -> None:
    """As when a connection has stalled, and home has come back by another one and given the work elsewhere."""
    launch(far, runs_there, "t1.1")
    with reached(command(archive, root)) as later:
        assert later.call("take_turn") == {"turn": 1}
        with pytest.raises(NotItsTurn, match="nothing was started"):
            launch(far, runs_there, "t1.2")
        launch(later, runs_there, "t1.3")
        assert later.call("runs") == {"attempts": ["t1.1", "t1.3"]}
        for attempt in ("t1.1", "t1.3"):
            end(later, attempt)
        until("they end", lambda: later.call("living") == {"attempts": []})
        assert later.call("drop_runs", task="t1") == {"dropped": ["t1.1", "t1.3"]}
        assert later.call("runs") == {"attempts": []}


def test_a_run_that_lives_is_not_dropped_and_neither_are_those_of_other_tasks(
    far: Far, runs_there: Yard
) -> None:
    for attempt in ("t1.1", "t11.1"):
        launch(far, runs_there, attempt)
    assert far.call("drop_runs", task="t1") == {"dropped": []}
    end(far, "t11.1")
    until("one ends", lambda: far.call("living") == {"attempts": ["t1.1"]})
    assert far.call("drop_runs", task="t1") == {"dropped": []}
    assert far.call("runs") == {"attempts": ["t1.1", "t11.1"]}
    end(far, "t1.1")
    until("the other ends", lambda: far.call("living") == {"attempts": []})


def test_a_turn_is_not_taken_in_the_middle_of_a_start(tmp_path: Path) -> None:
    first, second = Turn(tmp_path), Turn(tmp_path)
    first.take()
    taken = threading.Event()

    def take() -> None:
        second.take()
        taken.set()

    with first.held():
        waiting = threading.Thread(target=take)
        waiting.start()
        assert not taken.wait(0.2)
    waiting.join(PATIENCE_S)
    assert taken.is_set()
    with pytest.raises(NotItsTurn), first.held():
        pass
    with second.held():
        pass


def test_a_setup_of_a_connection_that_stalls_is_ended_by_the_next(
    far: Far, archive: Path, tmp_path: Path, root: Path
) -> None:
    """Its commands would hold the worktree for as long as that connection lives."""
    tree = Tree(far, repository(tmp_path / "repo"), root)
    tree.send()
    begun = root / "mirrors" / "repo-1.git" / "begun"  # in its room, and nothing of the work
    lend(root)
    asked: dict[str, Any] = {
        "attempt": "t1.1",
        "account": "a",
        "client": told(),
        "setup": [f"test -e '{begun}' || {{ touch '{begun}'; sleep 600; }}"],
    }

    def set_up_in_vain() -> None:
        with pytest.raises(SetupFailed):
            tree.prepare(**asked)

    stalled = threading.Thread(target=set_up_in_vain)
    stalled.start()
    until("it is being set up", begun.exists)
    with reached(command(archive, root)) as later:
        later.call("take_turn")
        assert Tree(later, tree.repo, root).prepare(**asked)["branch"] == BRANCH
    stalled.join(PATIENCE_S)
    assert not stalled.is_alive()
