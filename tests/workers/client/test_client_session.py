from __future__ import annotations

import os
from pathlib import Path

import pytest

from workers.client.session import Carried, Missing, carry, find_transcript

SESSION = "7c1b3f0e-0000-4000-8000-000000000007"
SLUG = "-fleet-worktrees-t7"


def history(account: Path, text: str, at_s: int = 1_000_000_000, slug: str = SLUG) -> Path:
    path = account / "projects" / slug / f"{SESSION}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(path, (at_s, at_s))
    return path


def files(account: Path) -> dict[str, str]:
    return {str(p.relative_to(account)): p.read_text() for p in sorted(account.rglob("*")) if p.is_file()}


def test_a_session_is_found_wherever_it_ran(tmp_path: Path) -> None:
    """The transcript is found by the session's id alone, the latest of several."""
    assert find_transcript(tmp_path, SESSION) is None
    history(tmp_path, "{}\n", 1_000_000_000, "-old")
    latest = history(tmp_path, "{}\n", 1_000_000_001, "-new")
    assert find_transcript(tmp_path, SESSION) == latest


@pytest.mark.parametrize("name", ["", "*", "../x", "not-a-uuid"])
def test_what_is_no_session_id_is_refused(tmp_path: Path, name: str) -> None:
    """A pattern or a path in place of an id never reaches the file system."""
    with pytest.raises(ValueError):
        find_transcript(tmp_path, name)


def test_a_carried_session_has_its_history_and_nothing_else(tmp_path: Path) -> None:
    """Transcript and side files are carried; credentials and settings are not."""
    here, there = tmp_path / "a", tmp_path / "b"
    path = history(here, "1\n2\n")
    side = path.with_suffix("") / "subagents"
    side.mkdir(parents=True)
    (side / "agent-1.jsonl").write_text("sub\n")
    (here / ".credentials.json").write_text("secret")
    (here / "settings.json").write_text("{}")
    (side / "link").symlink_to(here / ".credentials.json")
    carried = carry(SESSION, here, there)
    assert carried == Carried(there / "projects" / SLUG / f"{SESSION}.jsonl", "copied")
    assert files(there) == {
        f"projects/{SLUG}/{SESSION}.jsonl": "1\n2\n",
        f"projects/{SLUG}/{SESSION}/subagents/agent-1.jsonl": "sub\n",
    }


def test_carrying_twice_changes_nothing(tmp_path: Path) -> None:
    """A move that is done again after a crash is done once."""
    history(tmp_path / "a", "1\n2\n")
    carry(SESSION, tmp_path / "a", tmp_path / "b")
    before = files(tmp_path / "b")
    again = carry(SESSION, tmp_path / "a", tmp_path / "b")
    assert isinstance(again, Carried)
    assert (again.how, again.set_aside, files(tmp_path / "b")) == ("current", None, before)


def test_a_session_that_comes_back_brings_what_it_did_elsewhere(tmp_path: Path) -> None:
    """An older part of the same history is replaced by the longer one."""
    history(tmp_path / "a", "1\n", 1_000_000_009)
    history(tmp_path / "b", "1\n2\n3\n", 1_000_000_000)
    carried = carry(SESSION, tmp_path / "b", tmp_path / "a")
    assert isinstance(carried, Carried)
    assert (carried.how, carried.set_aside, carried.path.read_text()) == ("copied", None, "1\n2\n3\n")


def test_a_history_that_went_on_is_never_cut_back(tmp_path: Path) -> None:
    """Carrying an older copy over a longer one leaves the longer one."""
    history(tmp_path / "a", "1\n", 1_000_000_009)
    history(tmp_path / "b", "1\n2\n", 1_000_000_000)
    carried = carry(SESSION, tmp_path / "a", tmp_path / "b")
    assert isinstance(carried, Carried)
    assert (carried.how, carried.path.read_text()) == ("kept", "1\n2\n")


@pytest.mark.parametrize(("here_s", "there_s", "wins"), [(9, 5, "1\nhere\n"), (5, 9, "1\nthere\n")])
def test_of_two_histories_the_newer_wins_and_the_other_is_kept(
    tmp_path: Path, here_s: int, there_s: int, wins: str
) -> None:
    """When two histories have parted, the one written last is resumed, and the other stands beside it."""
    history(tmp_path / "a", "1\nhere\n", 1_000_000_000 + here_s)
    history(tmp_path / "b", "1\nthere\n", 1_000_000_000 + there_s)
    for _ in range(2):
        carried = carry(SESSION, tmp_path / "a", tmp_path / "b")
        assert isinstance(carried, Carried)
        assert carried.path.read_text() == wins
        assert find_transcript(tmp_path / "b", SESSION) == carried.path
    assert sorted(files(tmp_path / "b").values()) == ["1\nhere\n", "1\nthere\n"]


def test_half_a_line_is_left_behind(tmp_path: Path) -> None:
    """A transcript torn by a kill ends at its last whole line at the destination; the source keeps its
    bytes.
    """
    path = history(tmp_path / "a", '1\n{"half')
    carried = carry(SESSION, tmp_path / "a", tmp_path / "b")
    assert isinstance(carried, Carried)
    assert carried.path.read_text() == "1\n"
    assert path.read_text() == '1\n{"half'


@pytest.mark.parametrize("text", [None, "", "half"])
def test_a_session_without_history_is_missing(tmp_path: Path, text: str | None) -> None:
    """A vanished, empty or wholly torn transcript is told apart, with where was looked."""
    if text is not None:
        history(tmp_path / "a", text)
    missing = carry(SESSION, tmp_path / "a", tmp_path / "b")
    assert isinstance(missing, Missing)
    assert str(tmp_path / "a") in missing.reason
    assert not (tmp_path / "b").exists()


def test_a_failed_write_leaves_the_destination_as_it_was(tmp_path: Path) -> None:
    """If the history cannot be written, what was there before is whole, and no half file stays."""
    history(tmp_path / "a", "1\n2\n")
    target = history(tmp_path / "b", "1\n")
    side = tmp_path / "a" / "projects" / SLUG / SESSION / "tool-results" / "x.txt"
    side.parent.mkdir(parents=True)
    side.write_text("big")
    target.with_suffix("").write_text("a file where a directory is needed")
    with pytest.raises(OSError):
        carry(SESSION, tmp_path / "a", tmp_path / "b")
    assert target.read_text() == "1\n"
    assert not list((tmp_path / "b").rglob(".carry-*"))


def test_one_account_directory_under_two_names_is_one(tmp_path: Path) -> None:
    """Carrying to the same place, also through a link, loses nothing."""
    path = history(tmp_path / "a", "1\n")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    assert carry(SESSION, tmp_path / "a", tmp_path / "b") == Carried(path, "current")
    assert path.read_text() == "1\n"
