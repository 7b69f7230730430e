"""The script file: what it says is what is played, and what is wrong in it is told plainly."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import fleet.double
from fleet.double import Account, Fault, Script, ScriptError, ToolCall, parse_script, read_script
from tests.patience import PATIENCE_S

ACCOUNT = '[[account]]\nname = "a"\ntoken = "tok-a"\n'


def test_the_example_in_the_documentation_is_a_valid_script() -> None:
    text = (fleet.double.__doc__ or "").partition("    [[account]]")
    example = "[[account]]" + text[2].partition("While it runs")[0].replace("\n    ", "\n")
    script = parse_script(example)
    assert [window.name for window in script.accounts[0].windows] == ["five_hour", "seven_day_opus"]
    assert script.accounts[0].windows[1].models == ("opus",)
    write = ToolCall("Write", {"file_path": "{cwd}/hello.txt", "content": "hello\n"})
    assert script.tasks[0].steps[0].tools == (write,)
    assert script.tasks[0].reactions[0].on == "failed"
    assert script.faults == (Fault("limit", account="work", task="greet", step=1, seconds=3600),)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no [[account]]"),
        ("account = 3", "script.account is 3; it takes tables, written [[account]]"),
        ("[[account]]\ntoken = 'x'", "script.account[0] lacks 'name'"),
        (ACCOUNT + "colour = 'red'", "script.account[0] has the unknown key colour; it takes name, token"),
        (
            ACCOUNT + "kind = 'free'",
            "script.account[0].kind is 'free'; it takes one of subscription, api-key",
        ),
        (ACCOUNT + "[[account.window]]\nname = 'w'\ncapacity = 0", "account[0].window[0].capacity is 0"),
        (ACCOUNT + "[[account.window]]\nname = 'w'\ncapacity = true", "capacity is True; it takes a number"),
        (ACCOUNT + "[[account.window]]\nname = 'w'\nmodels = [1]", "models is [1]; it takes a list of texts"),
        (ACCOUNT + "[[task]]\nname = 't'\n[[task.step]]\ntokens_in = 1.5", "it takes a whole number"),
        (ACCOUNT + "[[task]]\nname = 't'\n[[task.step]]\n[[task.step.tool]]\nname = 'Bash'", "lacks 'input'"),
        (ACCOUNT + "[[fault]]\nkind = 'flood'", "it takes one of limit, throttle, overload"),
        (ACCOUNT + "[[fault]]\nkind = 'cut'\naccount = 'b'", "a fault names the account 'b'"),
        (ACCOUNT + "[[fault]]\nkind = 'cut'\ntask = 't'", "a fault names the task 't'"),
        (ACCOUNT + ACCOUNT, "names the account 'a' twice"),
        ("[[account]", "not TOML"),
    ],
)
def test_a_wrong_script_is_refused_with_the_place_and_what_belongs_there(text: str, told: str) -> None:
    with pytest.raises(ScriptError) as refused:
        parse_script(text)
    assert told in str(refused.value)


def test_two_accounts_with_one_token_are_refused_without_showing_the_token() -> None:
    with pytest.raises(ScriptError) as refused:
        Script(accounts=(Account("a", "tok-secret"), Account("b", "tok-secret")))
    assert "token" in str(refused.value)
    assert "tok-secret" not in str(refused.value)


def test_the_name_of_the_file_stands_in_its_errors(tmp_path: Path) -> None:
    path = tmp_path / "night.toml"
    path.write_text("nonsense = 1")
    with pytest.raises(ScriptError, match=r"night\.toml: "):
        read_script(path)


def test_the_process_form_refuses_a_wrong_script_with_one_line_and_exit_code_2(tmp_path: Path) -> None:
    path = tmp_path / "night.toml"
    path.write_text("nonsense = 1")
    command = [sys.executable, "-m", "fleet.double", "--script", str(path)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE_S)
    assert ended.returncode == 2
    assert ended.stderr.startswith("double: ")
    assert ended.stderr.count("\n") == 1
