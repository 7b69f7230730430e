"""Commands about several tasks: by ids, ranges, standard input and filters."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from fleet.cli import main
from tests.cli.commands import Shell

Printed = pytest.CaptureFixture[str]

TITLES = ("Fix the login", "Fix the Übersicht", "Write the docs", "Draw the logo", "Test the login")


@pytest.fixture(autouse=True)
def five(shell: Shell, repo: Path, monkeypatch: pytest.MonkeyPatch, capsys: Printed, tmp_path: Path) -> None:
    """A home with five queued tasks."""
    for name, value in shell.environment().items():
        monkeypatch.setenv(name, value)
    file = tmp_path / "tasks.toml"
    tables = [f'[[task]]\nprompt = "{title}."\ntitle = "{title}"\n' for title in TITLES]
    file.write_text(f'[defaults]\nrepo = "{repo}"\n{"".join(tables)}')
    assert main(["task", "add", "--file", str(file)]) == 0
    capsys.readouterr()


def states(capsys: Printed) -> str:
    """The first letters of the states, in order."""
    capsys.readouterr()
    main(["task", "list", "--json"])
    return "".join(task["state"][0] for task in json.loads(capsys.readouterr().out))


def run(capsys: Printed, words: str) -> tuple[int, str, str]:
    return main(words.split()), *capsys.readouterr()


@pytest.mark.parametrize(
    ("words", "after"),
    [
        ("t1 t3", "cqcqq"),
        ("2", "qcqqq"),
        ("T5 4", "qqqcc"),
        ("t2..t4", "qcccq"),
        ("t1 t4..t5 --json", "cqqcc"),
        ("--json t1 t2", "ccqqq"),
        ("t2 --json t1", "ccqqq"),
        ("--where LOGIN --yes", "cqqqc"),
        ("--where übersicht", "qcqqq"),
        ("--where fix --state queued --yes", "ccqqq"),
        ("--state failed,queued --yes", "ccccc"),
        ("--project /nowhere.else/.. --yes", "qqqqq"),
    ],
)
def test_tasks_are_named_by_ids_or_by_what_they_have_in_common(
    words: str, after: str, capsys: Printed
) -> None:
    assert (main(["task", "cancel", *words.split()]) == 0) == ("c" in after)
    assert states(capsys) == after


def test_ids_come_from_standard_input_as_another_command_printed_them(shell: Shell) -> None:
    ended = shell.fleet("task", "cancel", "-", stdin="t1\nt2 t4\n")
    assert ended.returncode == 0
    shown = json.loads(shell.fleet("task", "list", "--state", "cancelled", "--json").stdout)
    assert [task["id"] for task in shown] == ["t1", "t2", "t4"]


def test_standard_input_that_names_no_task_is_told_so(shell: Shell) -> None:
    ended = shell.fleet("task", "cancel", "-", stdin="\n")
    assert ended.returncode == 4
    assert ended.stderr == "fleet: there is no task in standard input: see `fleet task list`\n"


def test_a_filter_that_would_change_several_tasks_is_agreed_to_first(capsys: Printed) -> None:
    """Nobody can be asked here."""
    code, out, err = run(capsys, "task cancel --where fix")
    assert (code, out) == (1, "")
    assert err.splitlines() == [
        "  t1 Fix the login",
        "  t2 Fix the Übersicht",
        "fleet: 2 tasks match, and nothing was done: say it with --yes, or at a terminal",
    ]
    assert states(capsys) == "qqqqq"


def test_a_dry_run_lists_the_tasks_and_changes_nothing(capsys: Printed) -> None:
    assert run(capsys, "task cancel --where fix --dry-run") == (
        0,
        "would cancel t1 Fix the login\nwould cancel t2 Fix the Übersicht\n",
        "",
    )
    code, out, _ = run(capsys, "task edit t1..t3 --priority 4 --dry-run --json")
    assert (code, json.loads(out)) == (0, {"dry_run": True, "ids": ["t1", "t2", "t3"]})
    assert states(capsys) == "qqqqq"


def test_what_cannot_be_done_for_one_is_done_for_the_others_and_ends_with_3(capsys: Printed) -> None:
    run(capsys, "task cancel t2 t4")
    code, out, err = run(capsys, "task retry t1 t2 t4 t99")
    assert (code, out) == (3, "")
    assert err.splitlines() == [
        "t2: put back",
        "t4: put back",
        "fleet: t1 is queued: only a failed or cancelled task can be tried again",
        "fleet: there is no task t99: see `fleet task list`",
        "fleet: 2 of 4 are done, not t1, t99",
    ]
    run(capsys, "task cancel t2")
    code, out, err = run(capsys, "task retry t2 t99 --json")
    no_such = "there is no task t99: see `fleet task list`"
    assert json.loads(out) == {
        "done": ["t2"],
        "refused": [{"id": "t99", "code": "no_such_task", "message": no_such}],
    }
    assert (code, json.loads(err)["error"]["ids"]) == (3, ["t99"])


def test_nothing_done_ends_with_1_and_nothing_found_with_4(capsys: Printed) -> None:
    code, out, err = run(capsys, "task retry t1 t3")
    assert (code, out) == (1, "")
    assert err.splitlines()[-1].startswith("fleet: none of 2 tasks: t1 is queued")
    for words in ("--state failed --yes", "t7..t9", "--where nowhere --json"):
        code, out, err = run(capsys, f"task retry {words}")
        assert (code, out) == (4, ""), words
    assert json.loads(err)["error"]["code"] == "nothing_matched"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("task cancel", "say which task: ID, or a filter"),
        ("task say t1", "say MESSAGE"),
        ("task say", "say which task: ID, or a filter and MESSAGE"),
        ("task cancel --state faild", "no task is ever 'faild': did you mean failed?"),
        ("task edit --label gpu --priority 3", "say which task: ID, or a filter"),
    ],
)
def test_what_is_missing_or_mistyped_ends_with_2(words: str, told: str, capsys: Printed) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words.split())
    assert ended.value.code == 2
    assert told in capsys.readouterr().err


def test_words_that_say_two_things_are_refused(capsys: Printed) -> None:
    for words, told in (
        ("task cancel t1 --state queued", "not both"),
        ("task cancel t9..t1", "'t9..t1' is no range of tasks"),
        ("task cancel --older-than soon", "'soon' must be a span of time"),
    ):
        code, out, err = run(capsys, words)
        assert (code, out) == (1, "")
        assert told in err
    assert states(capsys) == "qqqqq"


def test_many_are_revised_and_told_at_once(capsys: Printed) -> None:
    assert run(capsys, "task edit t1..t5 --priority 7 --label gpu --json")[0] == 0
    assert run(capsys, "task edit --where login --yes --priority none --label none")[0] == 0
    assert main(["task", "say", "t1", "--interrupt", "Keep it", "--json"]) == 0
    assert main(["task", "say", "t2", "t3", "Keep it small"]) == 0
    assert main(["task", "say", "--where", "logo", "Keep it round"]) == 0
    capsys.readouterr()
    _, out, _ = run(capsys, "task show t1..t5 --json")
    shown: list[dict[str, Any]] = json.loads(out)
    assert [task["priority"] for task in shown] == [0, 7, 7, 7, 0]
    assert [task["labels"] for task in shown] == [[], ["gpu"], ["gpu"], ["gpu"], []]
    said = ["Keep it", "Keep it small", "Keep it small", "Keep it round", None]
    assert [task["words"][-1]["text"] if task["words"] else None for task in shown] == said


def test_one_task_is_a_document_and_several_are_a_list_of_them(capsys: Printed) -> None:
    for command in ("task show", "why"):
        one = json.loads(run(capsys, f"{command} 2 --json")[1])
        assert one["id"] == "t2"
        for words, ids in (("t2..t2", ["t2"]), ("t3 t1", ["t3", "t1"]), ("--where login", ["t1", "t5"])):
            several = json.loads(run(capsys, f"{command} {words} --json")[1])
            assert [task["id"] for task in several] == ids
        text = run(capsys, f"{command} t1 t2")[1]
        assert "\nt2 " in text and text.startswith("t1 ")


def commits(database: Path) -> int:
    """How many the write-ahead log has (sqlite.org/fileformat.html, 4: a frame with a size ends a commit)."""
    log = database.with_name(f"{database.name}-wal").read_bytes()
    page = int.from_bytes(log[8:12], "big")
    salt, frames = log[16:24], range(32, len(log), 24 + page)
    return sum(log[at + 8 : at + 16] == salt and log[at + 4 : at + 8] != bytes(4) for at in frames)


def test_many_are_changed_with_one_commit(shell: Shell, capsys: Printed) -> None:
    database = shell.home / "fleet.db"
    with closing(sqlite3.connect(database)) as kept:  # the last to close it would empty its log
        kept.execute("SELECT count(*) FROM tasks").fetchone()
        run(capsys, "task cancel t5")
        one = commits(database)
        run(capsys, "task cancel t1 t2 t3 t99 t4")
        assert commits(database) == 2 * one
    assert states(capsys) == "ccccc"


def test_many_tasks_are_paused_and_resumed_as_far_as_can_be_and_verdicts_say_which_got_one(
    capsys: Printed,
) -> None:
    code, _, err = run(capsys, "task pause t2..t4 --reason lunch")
    assert (code, err.splitlines()[0]) == (0, "t2: paused; to go on: fleet task resume t2")
    assert run(capsys, "task resume --state paused --yes")[2].splitlines() == [
        f"t{n}: resumed" for n in (2, 3, 4)
    ]
    code, _, err = run(capsys, "task approve 1..3")
    assert code == 1 and "t1 is queued, and no review of it is asked for" in err and "t3 is queued" in err
    code, out, err = run(capsys, "task pause t1 t9 --json")
    assert (code, json.loads(out)["done"], json.loads(err)["error"]["ids"]) == (3, ["t1"], ["t9"])
    assert run(capsys, "task resume t1")[2] == "t1: resumed\n"
