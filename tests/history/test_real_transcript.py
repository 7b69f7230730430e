"""What the real client writes, read by the scanner: it counts what the double has given, and no more."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleet.double import Account, Double, Script, Step, Task, ToolCall, Window
from fleet.history.ledger import Ledger
from fleet.history.scan import ConfigDir, scan
from tests.history.writing import FlatPrices
from tests.real_client import config_dir, result_of, run_client

pytestmark = pytest.mark.client

ERRAND = {"description": "look", "prompt": "[[double:errand]]", "subagent_type": "general-purpose"}
TWO = (ToolCall("Bash", {"command": "echo 1"}), ToolCall("Bash", {"command": "echo 2"}))
SCRIPT = Script(
    accounts=(Account("a", "tok-a", windows=(Window("five_hour"),)),),
    tasks=(
        Task(
            "work",
            (
                Step("Two at once.", TWO),
                Step("I send somebody.", (ToolCall("Agent", ERRAND),)),
                Step("Done."),
            ),
        ),
        Task("errand", (Step("I have looked."),)),
    ),
)


def test_a_session_its_subagent_its_fork_and_its_limit(tmp_path: Path) -> None:
    cwd, home = tmp_path / "work", tmp_path / "a"
    cwd.mkdir()
    with Double(SCRIPT) as double:

        def client(prompt: str, *extra: str) -> str:
            stream = run_client(
                prompt, base_url=double.base_url, token="tok-a", cwd=cwd, home=home, extra=extra
            )
            return str(result_of(stream)["session_id"])

        session = client("[[double:work]]")
        client("hello", "--resume", session, "--fork-session")
        double.account("a").refuse("five_hour", resets_in_s=3600)
        client("more", "--resume", session)
        given = [turn for turn in double.turns if turn.outcome == "answered"]
    with Ledger(tmp_path / "fleet.history.db") as ledger:
        result = scan(ledger, [ConfigDir(str(config_dir(home)), "a")], FlatPrices())
        ask = ledger.connection.execute
        assert (result.broken, result.unreadable, result.answers_new) == (0, (), len(given))
        assert ask("SELECT sum(p.sidechain) FROM answers JOIN places AS p ON p.id = place").fetchone() == (1,)
        assert ask("SELECT DISTINCT text FROM quarters JOIN texts ON id = project").fetchall() == [
            (str(cwd),)
        ]
        assert result.readings == 1
        assert scan(ledger, [ConfigDir(str(config_dir(home)), "a")], FlatPrices()).files_read == 0
