"""A real sshd whose far end is in other hands: whatever it sends, home hangs up on it, says what it was, and no file at
home has changed."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from tests.patience import until
from tests.workers import evil_end
from tests.workers.link.conftest import Connect, Serve
from tests.workers.link.waiting import connected
from workers.remote import sessions, wire
from workers.remote.away import HostAway, NotToBeTrusted
from workers.remote.link import Link

SESSION = "0b0e6d1c-7a33-4f0a-9a4e-5a2f0d3c1b2a"


def lying(serve: Serve, connect: Connect, attack: str, target: str = "") -> Link:
    evil = shlex.join([sys.executable, evil_end.__file__, attack, target])
    return connect(serve(script=f"exec {evil}").reach())


def caught(link: Link) -> str:
    until("it is caught", lambda: bool(link.state().distrusted))
    state = link.state()
    assert not state.connected and state.lasting and state.why.startswith("it is not to be trusted: ")
    assert state.distrusted.isascii() and state.distrusted.isprintable()
    with pytest.raises(HostAway, match="not to be trusted"):
        link.call("living")
    assert not link.wait(3_600.0)  # nobody tries it again
    return state.distrusted


@pytest.mark.parametrize(
    ("attack", "op", "story"),
    [
        ("twice", "probe", "which nobody waits for"),
        ("unasked", "probe", "an answer to 4711, which nobody waits for"),
        ("frame", "probe", "a frame of 4294967295 and 4294967295 bytes"),
        ("flood", "probe", "bytes of spools that nobody follows"),
        ("clock", "living", "an answer to 'ping' that is none"),
        ("failure", "take_turn", "a failure of 'take_turn' that is none"),
    ],
)
def test_a_host_that_breaks_the_rules_is_hung_up_on_for_good(
    serve: Serve, connect: Connect, attack: str, op: str, story: str
) -> None:
    link = lying(serve, connect, attack)
    link.wait(60.0)
    with suppress(HostAway):
        link.call(op)
    assert story in caught(link)


@pytest.mark.parametrize(
    ("attack", "target", "story"),
    [
        ("settings", "", "'../settings.json' is no file of session"),
        ("side", "{home}/.bashrc", "is no plain path"),
        ("trav", "{home}/.bashrc", "is no file of session"),
        ("other", evil_end.SESSION, f"'x/{evil_end.SESSION}.jsonl' is no file of session"),
        ("many", "", "that is none at 'files'"),
        ("huge", "", "1152921504606846976"),
    ],
)
def test_no_path_that_a_host_names_leads_anywhere_but_to_its_session(
    serve: Serve, connect: Connect, tmp_path: Path, attack: str, target: str, story: str
) -> None:
    config, home = tmp_path / "account", tmp_path / "person"
    config.mkdir()
    (config / "settings.json").write_text("{}")
    (home / ".bashrc").write_text("# own\n")
    link = lying(serve, connect, attack, target.format(home=home))
    connected(link)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if _counts(path, tmp_path)}
    with pytest.raises(NotToBeTrusted, match="not to be trusted"):
        sessions.pull(link, "work", SESSION, config)
    assert story in caught(link)
    assert before == {path: path.read_bytes() for path in tmp_path.rglob("*") if _counts(path, tmp_path)}


def test_a_host_that_sends_a_byte_now_and_again_is_away(
    serve: Serve, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is heard all the time, and answers nothing."""
    monkeypatch.setattr(wire, "PING_S", 0.1)
    monkeypatch.setattr(wire, "PONG_S_MAX", 1.0)
    link = lying(serve, connect, "trickle")
    connected(link)
    said = "it sends much, but has not answered for 1 s"
    until("it is given up", lambda: said in link.state().why)
    with pytest.raises(HostAway):
        link.call("living", timeout_s=0.1)
    assert not link.state().distrusted


def _counts(path: Path, root: Path) -> bool:
    """Files at home; what the server has is its own."""
    return path.is_file() and path.relative_to(root).parts[0] != "box"


def _a_link_for_its_slug(projects: Path, outside: Path) -> None:
    (projects / "x").symlink_to(outside)


def _a_link_for_its_transcript(projects: Path, outside: Path) -> None:
    (projects / "x").mkdir()
    (projects / "x" / f"{SESSION}.jsonl").symlink_to(outside / "own")


def _a_second_name_for_its_transcript(projects: Path, outside: Path) -> None:
    (projects / "x").mkdir()
    (projects / "x" / f"{SESSION}.jsonl").hardlink_to(outside / "own")


def _a_link_for_its_side(projects: Path, outside: Path) -> None:
    (projects / "x").mkdir()
    (projects / "x" / SESSION).symlink_to(outside)


@pytest.mark.parametrize(
    "plant",
    [
        _a_link_for_its_slug,
        _a_link_for_its_transcript,
        _a_second_name_for_its_transcript,
        _a_link_for_its_side,
    ],
)
def test_a_link_that_was_planted_at_home_leads_a_host_nowhere(
    serve: Serve, connect: Connect, tmp_path: Path, plant: Callable[[Path, Path], None]
) -> None:
    server = serve()
    link = connect(server.reach())
    connected(link)
    there = server.home / "fleet/accounts/work/projects/x"
    (there / SESSION).mkdir(parents=True)
    (there / f"{SESSION}.jsonl").write_bytes(b'{"own": 1}\n{"more": 2}\n')
    (there / SESSION / "own").write_bytes(b"of the host, and longer\n")
    outside, projects = tmp_path / "outside", tmp_path / "account" / "projects"
    outside.mkdir()
    projects.mkdir(parents=True)
    (outside / "own").write_bytes(b'{"own": 1}\n')
    plant(projects, outside)
    try:
        sessions.pull(link, "work", SESSION, tmp_path / "account")
    except OSError as refused:
        assert "no plain file" in str(refused) or "is a link" in str(refused)
    assert [path.name for path in outside.iterdir()] == ["own"]
    assert (outside / "own").read_bytes() == b'{"own": 1}\n'
    assert not link.state().distrusted, "it is not the host's doing"
