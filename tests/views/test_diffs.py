"""What a task has changed while its work lies on another host: as far as that was brought home."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from fleet.cli import main
from fleet.core.model import Host, Worktree
from fleet.core.model.lifecycles import TaskState
from fleet.errors import NotDone
from fleet.home import Home
from fleet.ports import Change
from fleet.service import tasks
from fleet.store.sqlite import SqliteStore
from fleet.views.diffs import diff
from tests.service.repositories import git, repository

BRANCH = "fleet/t1-turn"
WORK = "refs/fleet/work/t1"


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    return repository(tmp_path / "clock")


def home_with(tmp_path: Path, repo: Path, state: TaskState) -> Home:
    """A task in that state whose worktree is on the host `big`."""
    made = Home(tmp_path / "home")
    tasks.add(
        made,
        [tasks.make_request({"prompt": "Turn", "repo": str(repo), "target": "main"}, "a test")],
        datetime.now().astimezone(),
    )
    store = SqliteStore(made.database)
    before = store.load().fleet
    base = git(repo, "rev-parse", "main")
    task = replace(before.tasks["t1"], state=state, branch=BRANCH, base_commit=base)
    there = Worktree("t1", str(repo), 0, "ready", "/far/w t1", host="big", checkpoint_ms=1_760_000_000_000)
    big = Host("big", 2, address="ssh://ci@big.example:2222", jump="gate.example", identity="/keys/one")
    after = replace(before, tasks={"t1": task}, queue={}, worktrees={"t1": there}, hosts={"big": big})
    store.commit(Change(before, after))
    store.close()
    return made


def commit(repo: Path, text: str) -> str:
    """A commit that follows main, on no branch."""
    git(repo, "switch", "--quiet", "--detach", "main")
    (repo / "clock.txt").write_text(text)
    git(repo, "commit", "--quiet", "--all", "--message", "Turn")
    made = git(repo, "rev-parse", "HEAD")
    git(repo, "switch", "--quiet", "main")
    return made


@pytest.mark.parametrize("state", ["running", "queued", "failed"])
def test_what_was_brought_home_last_is_shown_with_its_time_also_when_no_worker_is_at_it(
    tmp_path: Path, repo: Path, state: TaskState
) -> None:
    home, work = home_with(tmp_path, repo, state), commit(repo, "12:30\n")
    git(repo, "update-ref", WORK, work)
    with diff(home, "t1") as found:
        assert (found.changes.head, found.brought_ms) == (work, 1_760_000_000_000)
        assert [file.path for file in found.changes.files()] == ["clock.txt"]
    git(repo, "branch", BRANCH, "main")
    with diff(home, "t1") as found:
        assert found.changes.head == work, "home's branch is behind"
    ahead = commit(repo, "13:00\n")
    git(repo, "branch", "--force", BRANCH, ahead)
    with diff(home, "t1") as found:
        assert (found.changes.head, found.brought_ms) == (ahead, None), "somebody went another way here"


def test_work_of_which_nothing_is_at_home_yet_is_told_with_how_to_get_there(
    tmp_path: Path, repo: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home = home_with(tmp_path, repo, "running")
    with (
        pytest.raises(NotDone, match="lies on host big, and none of it was brought home yet"),
        diff(home, "t1"),
    ):
        pass
    monkeypatch.setenv("FLEET_HOME", str(home.root))
    assert main(["task", "open", "t1", "--print"]) == 1
    told = "ssh -t -J gate.example -i /keys/one ssh://ci@big.example:2222"
    assert f"t1 lies on host big: go there with {told} 'cd '" in capsys.readouterr().err
