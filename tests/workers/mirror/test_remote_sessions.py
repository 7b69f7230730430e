"""A session's history, brought home from a host and to it: only what is missing travels, and none is lost."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.workers.mirror.wires import Wires
from workers.client.session import Carried, Missing, find_transcript, slug
from workers.remote import sessions
from workers.remote.sessions import Laid, pull, push

SESSION = "7c1b3f0e-0000-4000-8000-000000000007"
CWD = "/home/ann/.fleet/h/worktrees/app-1/t7"
SLUG = slug(CWD)
LINES = "".join(f"line {number}\n" for number in range(200))


@pytest.fixture
def account(tmp_path: Path) -> Path:
    """The account's directory at home."""
    (tmp_path / "account").mkdir()
    return tmp_path / "account"


@pytest.fixture
def there(root: Path) -> Path:
    """The account's directory on the host."""
    return root / "accounts" / "work"


def history(directory: Path, text: str, at_s: int = 1_000_000_000, where: str = SLUG) -> Path:
    path = directory / "projects" / where / f"{SESSION}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(path, (at_s, at_s))
    return path


def side(transcript: Path, name: str, text: str) -> Path:
    path = transcript.with_suffix("") / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def brought(host: Wires, account: Path) -> Carried:
    carried = pull(host, "work", SESSION, account)
    assert isinstance(carried, Carried)
    return carried


def laid(host: Wires, account: Path, cwd: str = CWD) -> Laid:
    done = push(host, "work", SESSION, account, cwd)
    assert isinstance(done, Laid)
    return done


def test_what_a_client_says_comes_home_bit_by_bit(host: Wires, account: Path, there: Path) -> None:
    history(there, "1\n")
    assert brought(host, account).how == "copied"
    side(history(there, '1\n2\n{"half'), "subagents/agent-1.jsonl", "sub\n")
    carried = brought(host, account)
    assert carried.path == account / "projects" / SLUG / f"{SESSION}.jsonl"
    assert carried.path.read_text() == "1\n2\n"
    assert (carried.path.with_suffix("") / "subagents" / "agent-1.jsonl").read_text() == "sub\n"
    assert brought(host, account).how == "current"
    history(there, '1\n2\n{"half": "whole"}\n')
    assert brought(host, account).path.read_text() == '1\n2\n{"half": "whole"}\n'


def test_only_what_is_missing_is_read(host: Wires, account: Path, there: Path) -> None:
    history(there, LINES)
    brought(host, account)
    before = host.answered
    history(there, LINES + "more\n")
    side(history(there, LINES + "more\n"), "tool-results/x.txt", "x" * 10)
    brought(host, account)
    assert host.answered - before == len("more\n") + 10
    before, asked = host.answered, len(host.asked)
    brought(host, account)
    assert host.answered == before and host.asked[asked:] == ["session_have"]


def test_large_histories_come_in_pieces(
    host: Wires, account: Path, there: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "PIECE_BYTES", 100)
    path = history(account, LINES)
    side(path, "a.txt", "a" * 250)
    side(path, "b.txt", "")
    assert laid(host, account).how == "copied"
    assert (there / "projects" / SLUG / path.name).read_text() == LINES
    assert (there / "projects" / SLUG / SESSION / "a.txt").read_text() == "a" * 250
    assert (there / "projects" / SLUG / SESSION / "b.txt").exists()
    assert not list(there.rglob(".*"))


def test_half_a_line_that_was_left_here_is_written_over(host: Wires, account: Path, there: Path) -> None:
    history(account, '1\n{"ha')
    history(there, '1\n{"half": 1}\n')
    assert brought(host, account).path.read_text() == '1\n{"half": 1}\n'


def test_home_that_has_gone_on_further_is_left_alone(host: Wires, account: Path, there: Path) -> None:
    history(account, "1\n2\n")
    history(there, "1\n")
    assert brought(host, account).how == "kept"
    assert brought(host, account).path.read_text() == "1\n2\n"


@pytest.mark.parametrize(("home_at", "wins"), [(1_000_000_009, "1\nhome\n"), (999_999_990, "1\nthere\n")])
def test_of_two_that_parted_the_newer_wins_and_the_other_is_kept(
    host: Wires, account: Path, there: Path, home_at: int, wins: str
) -> None:
    home = history(account, "1\nhome\n", home_at, "-elsewhere")
    history(there, "1\nthere\n", 1_000_000_000)
    for _ in range(2):
        carried = brought(host, account)
        assert (carried.path, carried.path.read_text()) == (home, wins)
    texts = [path.read_text() for path in account.rglob("*") if path.is_file()]
    assert sorted(texts) == ["1\nhome\n", "1\nthere\n"]


def test_what_is_not_there_is_missing(host: Wires, account: Path, there: Path) -> None:
    missing = pull(host, "work", SESSION, account)
    assert isinstance(missing, Missing) and "host there" in missing.reason
    history(there, "half a line")
    assert isinstance(pull(host, "work", SESSION, account), Missing)
    assert isinstance(push(host, "work", SESSION, account, CWD), Missing)
    with pytest.raises(ValueError):
        pull(host, "work", "../x", account)


def test_a_session_goes_where_the_client_will_look(host: Wires, account: Path, there: Path) -> None:
    side(history(account, "1\n2\n", where="-repo"), "subagents/agent-1.jsonl", "sub\n")
    (account / ".credentials.json").write_text("secret")
    assert laid(host, account) == Laid("copied", moved=True)
    files = {str(path.relative_to(there)): path.read_text() for path in there.rglob("*") if path.is_file()}
    assert files == {
        f"projects/{SLUG}/{SESSION}.jsonl": "1\n2\n",
        f"projects/{SLUG}/{SESSION}/subagents/agent-1.jsonl": "sub\n",
    }
    assert find_transcript(there, SESSION) is not None


def test_what_is_there_already_is_not_sent(host: Wires, account: Path, there: Path) -> None:
    history(there, "1\n")
    brought(host, account)
    asked = len(host.asked)
    assert laid(host, account) == Laid("current", moved=False)
    assert host.asked[asked:] == ["session_have"]


def test_what_only_the_host_has_comes_home_before_anything_goes_there(
    host: Wires, account: Path, there: Path
) -> None:
    home = history(account, "1\n")
    other = history(there, "1\n2\n")
    assert laid(host, account).how == "current"
    assert home.read_text() == other.read_text() == "1\n2\n"


def test_a_host_that_went_another_way_is_given_homes_and_loses_nothing(
    host: Wires, account: Path, there: Path
) -> None:
    history(account, "1\nhome\n", 1_000_000_009)
    other = history(there, "1\nthere\n", 1_000_000_000)
    assert laid(host, account).how == "copied"
    assert other.read_text() == "1\nhome\n"
    assert "1\nthere\n" in [path.read_text() for path in account.rglob("*.aside")]


def test_half_a_line_that_a_killed_client_left_there_is_written_over(
    host: Wires, account: Path, there: Path
) -> None:
    history(account, "1\n2\n")
    other = history(there, '1\n{"ha')
    assert laid(host, account).how == "copied"
    assert other.read_text() == "1\n2\n"
