"""The real client on a host: what goes to and fro is what it resumes from."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleet.double import Account, Double, Script, Step, Task
from tests.workers.client.duplex import Duplex
from tests.workers.mirror.wires import Wires
from workers.client.launch import Launch
from workers.client.listen.messages import Result
from workers.client.listen.verdict import Kind
from workers.client.session import Carried, find_transcript
from workers.remote.sessions import Laid, pull, push

pytestmark = pytest.mark.client

SESSION = "7c1b3f0e-0000-4000-8000-000000000007"


def test_a_session_goes_on_on_a_host_and_at_home_again(host: Wires, root: Path, tmp_path: Path) -> None:
    """Three clients, three directories, one history: each knows what was said before it."""
    tasks = (Task("short", (Step("All is well."),)),)
    with Double(Script(accounts=(Account("a", "tok-a"),), tasks=tasks)) as double:

        def turn(name: str, config_dir: Path, *, resume: bool) -> str:
            cwd = tmp_path / "places" / name
            cwd.mkdir(parents=True)
            launch = Launch(session_id=SESSION, resume=resume, model="sonnet", cwd=cwd, moved=resume)
            with Duplex(launch, base_url=double.base_url, token="tok-a", config_dir=config_dir) as client:
                client.say(f"[[double:short]] I am {name}.")
                assert client.rest().kind is Kind.FINISHED
                result = next(line for line in client.lines if isinstance(line, Result))
                assert result.session_id == SESSION
                client.kill()
            transcript = find_transcript(config_dir, SESSION)
            assert transcript is not None
            return transcript.read_text()

        home, there = tmp_path / "account", root / "accounts" / "work"
        turn("first", home, resume=False)
        laid = push(host, "work", SESSION, home, str((tmp_path / "places" / "second").resolve()))
        assert laid == Laid("copied", moved=True)
        said = turn("second", there, resume=True)
        assert "I am first." in said and "I am second." in said
        carried = pull(host, "work", SESSION, home)
        assert isinstance(carried, Carried) and (carried.how, carried.set_aside) == ("copied", None)
        assert carried.path.read_text() == said
        assert turn("third", home, resume=True).startswith(said)
        assert len({turn.session for turn in double.turns}) == 1
