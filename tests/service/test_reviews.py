"""A person's verdict on verified work, through the real database and real git."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from fleet.errors import NotDone
from fleet.home import Home
from fleet.ports import Change
from fleet.service import reviews, talk, tasks
from fleet.store.sqlite import SqliteStore
from fleet.views.light import state
from tests.service.repositories import git, repository

BRANCH = "fleet/t1-turn-the-clock"


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """With a branch of a task, one commit ahead."""
    made = repository(tmp_path / "clock")
    git(made, "switch", "--quiet", "--create", BRANCH)
    return commit(made, "12:30\n")


def commit(repo: Path, text: str) -> Path:
    (repo / "clock.txt").write_text(text)
    git(repo, "commit", "--quiet", "--all", "--message", "Turn")
    return repo


@pytest.fixture
def home(tmp_path: Path, repo: Path) -> Home:
    """A task whose work at that commit waits for a review."""
    made = Home(tmp_path / "home")
    asked = tasks.make_request(
        {"prompt": "Turn", "repo": str(repo), "review": True, "target": "main"}, "a test"
    )
    tasks.add(made, [asked], datetime.now().astimezone())
    store = SqliteStore(made.database)
    before = store.load().fleet
    verified = replace(
        before.tasks["t1"], state="review", branch=BRANCH, commit=git(repo, "rev-parse", "HEAD")
    )
    store.commit(Change(before, replace(before, tasks={"t1": verified}, queue={})))
    store.close()
    return made


def seen(home: Home) -> str:
    return str(state.task(home.root, "t1")["state"])


def test_what_was_verified_is_approved_by_its_name_alone(home: Home) -> None:
    assert approve(home).again is False
    assert seen(home) == "landed"


def approve(home: Home, commit: str | None = None) -> reviews.Approved:
    came = reviews.approve_each(home, ["t1"], commit)["t1"]
    if isinstance(came, NotDone):
        raise came
    return came


def test_of_many_each_has_its_own_answer_and_the_others_are_approved(home: Home, repo: Path) -> None:
    git(repo, "switch", "--quiet", "main")
    came = reviews.approve_each(home, ["t7", "t1"])
    assert str(came["t7"]) == "there is no task t7: see `fleet task list`"
    assert came["t1"] == reviews.Approved(again=False, into=None, branch=BRANCH)
    merged = reviews.land_each(home, ["t1", "t7"])
    held = f"main is checked out at {repo} and is never moved under you"
    assert isinstance(merged["t7"], NotDone) and isinstance(merged["t1"], reviews.Merged)
    assert merged["t1"].into == "main" and (merged["t1"].held or "").startswith(held)
    assert seen(home) == "landing"


def test_a_repository_that_is_gone_refuses_its_tasks_and_no_others(home: Home, repo: Path) -> None:
    repo.rename(repo.with_name("elsewhere"))
    for came in (reviews.approve_each(home, ["t1", "t7"]), reviews.land_each(home, ["t1", "t7"])):
        assert str(repo) in str(came["t1"]) and "there is no task t7" in str(came["t7"])
    assert seen(home) == "review"


def test_a_branch_that_has_moved_is_refused_until_its_new_commit_is_named(home: Home, repo: Path) -> None:
    before = git(repo, "rev-parse", "HEAD")
    after = git(commit(repo, "13:00\n"), "rev-parse", "HEAD")
    moved = rf"{before[:12]} → {after[:12]}\): look again, with fleet task diff t1.* --commit {after[:12]}"
    for named in (None, before):
        with pytest.raises(NotDone, match=moved):
            approve(home, named)
    assert seen(home) == "review"
    assert approve(home, after[:12]).again is True
    assert seen(home) in ("checking", "queued"), "it is verified before it lands"


def test_a_commit_that_is_none_is_refused_with_where_to_look(home: Home) -> None:
    with pytest.raises(NotDone, match=r"c0ffee is no commit of .*: fleet task diff t1"):
        approve(home, "c0ffee")


def test_comments_reach_the_session_word_for_word_as_one_message(home: Home, tmp_path: Path) -> None:
    file = tmp_path / "comments"
    comments = "clock.txt:1: “12:30” is no time of ours\n  say it as the others do\na b/ü.txt:3-5: why?"
    file.write_text(f"{comments}\n", encoding="utf-8")
    reviews.send_back(home, "t1", "Not so.\nAgain:", reviews.read_comments(file))
    (word,) = state.task(home.root, "t1")["words"]
    assert word["text"] == f"Not so.\nAgain:\n\n{reviews.COMMENTS}\n{comments}"
    assert seen(home) == "queued"


@pytest.mark.parametrize("comments", ["no place: none", "clock.txt:x: what", "  at first", "clock.txt:1:"])
def test_what_is_no_comment_on_a_line_is_refused_by_its_number(home: Home, comments: str) -> None:
    with pytest.raises(NotDone, match=r"line 1 of the comments is “.*write path:line: text"):
        reviews.send_back(home, "t1", "", comments)
    assert seen(home) == "review"


def test_what_is_rejected_says_why(home: Home) -> None:
    (came,) = talk.each(home, ["t1"], reviews.rejecting("too clever")).values()
    assert not isinstance(came, NotDone)
    shown = state.task(home.root, "t1")
    assert (shown["state"], shown["reason"]) == ("cancelled", "rejected by a person: too clever")
