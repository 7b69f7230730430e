"""Settings: what holds, where it comes from, and changing it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fleet.cli import main
from fleet.spoken.settings import SETTINGS
from tests.cli.commands import Shell

Printed = pytest.CaptureFixture[str]

FILE = """# mine
[up]   # of the coordinator
workers = 4  # enough
sandbox = "none"

[task]
verify = [
  "make test",
  "make lint",
]
land = 'merge'
"""


@pytest.fixture(autouse=True)
def file(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, value in shell.environment().items():
        monkeypatch.setenv(name, value)
    shell.home.mkdir(mode=0o700)
    return shell.home / "config.toml"


def run(capsys: Printed, *words: str) -> tuple[int, str, str]:
    return main(["config", *words]), *capsys.readouterr()


def test_what_holds_is_told_with_where_it_comes_from(
    file: Path, capsys: Printed, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text(FILE)
    monkeypatch.setenv("FLEET_UP_SANDBOX", "bwrap")
    found = {one["key"]: one for one in json.loads(run(capsys, "list", "--json")[1])}
    assert set(found) == set(SETTINGS)
    told = {
        key: (found[key]["value"], found[key]["origin"]) for key in ("up.workers", "up.sandbox", "ui.color")
    }
    assert told == {
        "up.workers": (4, str(file)),
        "up.sandbox": ("bwrap", "FLEET_UP_SANDBOX"),
        "ui.color": ("auto", "built in"),
    }
    assert run(capsys, "get", "task.verify") == (0, "make test, make lint\n", "")
    assert run(capsys, "path") == (0, f"{file}\n", "")


@pytest.mark.parametrize(
    ("words", "after"),
    [
        ("set up.workers 2", FILE.replace("workers = 4  # enough", "workers = 2")),
        ("set up.log_level debug", FILE.replace("coordinator\n", 'coordinator\nlog_level = "debug"\n')),
        ("set ui.color never", FILE + '\n[ui]\ncolor = "never"\n'),
        ("set clean.automatic true", FILE + "\n[clean]\nautomatic = true\n"),
        ("unset task.land", FILE.replace("land = 'merge'\n", "")),
        ("unset task.verify", FILE.replace('verify = [\n  "make test",\n  "make lint",\n]\n', "")),
        ("set task.verify a b", FILE.replace('[\n  "make test",\n  "make lint",\n]', '["a", "b"]')),
        ("unset ui.color", FILE),
    ],
)
def test_one_line_changes_and_all_else_stays(words: str, after: str, file: Path, capsys: Printed) -> None:
    file.write_text(FILE)
    assert run(capsys, *words.split())[0] == 0
    assert file.read_text() == after


def test_the_first_setting_makes_the_file(file: Path, capsys: Printed) -> None:
    assert run(capsys, "set", "up.stall_timeout", "20m") == (0, "", f"up.stall_timeout is 20m ({file})\n")
    assert file.read_text() == '[up]\nstall_timeout = "20m"\n'


@pytest.mark.parametrize(
    ("text", "words", "told"),
    [
        ("", "get up.worker", "no setting is called up.worker: did you mean up.workers?"),
        ("", "set up.workers none", "up.workers must be a whole number, at least 1, not 'none'"),
        ("", "set ui.color pink", "ui.color must be one of auto, always, never, not 'pink'"),
        ("[up]\nworker = 3\n", "list", "no setting is called up.worker: did you mean up.workers?"),
        ("[up]\nworkers = true\n", "list", "up.workers must be a whole number, at least 1, not True"),
        ("[up\n", "set ui.color never", "Mend that first, in an editor"),
        ("up = {workers = 3}\n", "set up.workers 4", "in a way that only an editor can change"),
    ],
)
def test_what_nobody_understands_is_refused_and_the_file_stays(
    text: str, words: str, told: str, file: Path, capsys: Printed
) -> None:
    file.write_text(text)
    code, out, err = run(capsys, *words.split())
    assert (code, out) == (1, "")
    assert told in err
    assert file.read_text() == text


def test_a_task_that_says_nothing_else_is_added_as_the_settings_have_it(
    file: Path, repo: Path, capsys: Printed
) -> None:
    file.write_text(FILE)
    assert main(["task", "add", "x", "--repo", str(repo)]) == 0
    assert main(["task", "add", "x", "--repo", str(repo), "--land", "branch", "--verify", "true"]) == 0
    capsys.readouterr()
    main(["task", "show", "t1..t2", "--json"])
    usual, said = json.loads(capsys.readouterr().out)
    assert (usual["land"], usual["verify"]) == ("merge", ["make test", "make lint"])
    assert (said["land"], said["verify"]) == ("branch", ["true"])


def test_a_setting_that_is_wrong_keeps_the_coordinator_from_starting(file: Path, capsys: Printed) -> None:
    file.write_text("[up]\nworkers = 0\n")
    assert main(["up", "--until-idle"]) == 1
    assert "up.workers must be a whole number" in capsys.readouterr().err
