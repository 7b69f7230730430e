"""The words of the command line, and what comes back."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from fleet.cli import failures, main, usage
from fleet.cli.about import topics
from fleet.cli.parser import build, with_reviewers
from fleet.core.model.lifecycles import TaskState
from fleet.home import Home
from tests.cli.commands import Shell
from tests.service.answering import Answering

COMMANDS = [
    *(
        "clean",
        "up",
        "down",
        "status",
        "plan",
        "forecast",
        "why",
        "doctor",
        "strategy",
        "breaker",
        "simulate",
        "pause",
        "resume",
        "events",
        "needs",
    ),
    *(f"account {word}" for word in ("add", "list", "show", "verify", "remove")),
    *(f"task {word}" for word in ("add", "list", "show", "edit", "cancel", "retry", "logs", "say")),
    *(
        f"task {word}"
        for word in ("approve", "send-back", "reject", "land", "pause", "resume", "diff", "open")
    ),
    *(f"host {word}" for word in ("add", "list", "show", "verify", "drain", "remove")),
    *("worktree list", "worktree prune"),
    *(f"database {word}" for word in ("check", "backup", "restore", "anew")),
    *("reserve add", "reserve list", "reserve remove", "reserve auto"),
    *("limit add", "limit list", "limit remove"),
    *("project list", "project show", "project set"),
    *("tier list", "tier set", "tier remove"),
    *("breaker show", "breaker open", "breaker close", "breaker set"),
    *("history", "statusline", "client install", "completion", "help"),
    *(f"config {word}" for word in ("list", "get", "set", "unset", "path")),
    *(f"history {word}" for word in ("scan", "blocks", "heatmap", "tasks", "burn", "unused", "prices")),
]

Printed = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def own_home(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """What runs in this process has the same home and surroundings as what runs in one of its own."""
    for name, value in shell.environment().items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(
    "command", ["", "account", "task", "host", "worktree", "reserve", "limit", "project", "tier", *COMMANDS]
)
def test_every_command_explains_itself(command: str, capsys: Printed) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*command.split(), "--help"])
    assert ended.value.code == 0
    assert f"usage: fleet {command}".strip() in capsys.readouterr().out


def test_the_help_names_every_command(capsys: Printed) -> None:
    for command in COMMANDS:
        group, _, word = command.rpartition(" ")
        with pytest.raises(SystemExit):
            main([*group.split(), "--help"])
        assert re.search(rf"^ +{word}( |$)", capsys.readouterr().out, re.MULTILINE)


@pytest.mark.parametrize(
    "words",
    [
        "fly",
        "task fly",
        "task show",
        "task say t1",
        "up --workers 0",
        "up --workers many",
        "up --log-format xml",
        "account add work",
        "account add work --kind gift",
        "account add work --kind api-key --login --token-stdin",
        "task add x --priority high",
        "task add x --land moon",
        "status --colour",
        "history --by hour",
        "history --own --fleet",
        "history heatmap --of mood",
        "history burn --since 7d",
        "limit add --fleet --per day",
        "limit add --fleet --per day --tokens 1 --usd 1",
        "limit add --fleet --account a --per day --tokens 1",
        "limit add --fleet --per year --tokens 1",
        "reserve add --account a --amount 40%",
        "host add box",
        "host add box ssh://box --workers 0",
        "host drain box --move --off",
        "breaker open",
        "breaker set --faults 0",
        "pause",
        "pause --all --account a",
        "project set",
        "project set x --weight heavy",
    ],
)
def test_words_that_are_off_end_with_2_and_say_so(words: str, capsys: Printed) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words.split())
    printed = capsys.readouterr()
    assert ended.value.code == 2
    assert printed.out == ""
    assert "usage: fleet" in printed.err
    assert "error: " in printed.err
    assert "_positive" not in printed.err


MISTYPED = {
    "stauts": "fleet has no command stauts: did you mean status?",
    "acounts": "fleet has no command acounts: did you mean accounts?",
    "task lst": "fleet task has no command lst: did you mean list?",
    "task fly": "fleet task has no command fly: see fleet task --help",
    "task add x --verfy true": "fleet task add has no option --verfy: did you mean --verify?",
    "task add x --prio 3": "fleet task add has no option --prio: did you mean --priority?",
    "task add x --verfy=true": "fleet task add has no option --verfy: did you mean --verify?",
    "account add work --knd local": "fleet account add has no option --knd: did you mean --kind?",
    "history blocks --snice 7d": "fleet history blocks has no option --snice: did you mean --since?",
    "status --colour": "fleet status has no option --colour: see fleet status --help",
    "up --log-format jsn": "must be one of console, json, not 'jsn': did you mean json?",
    "status now": "fleet status takes no further word: 'now'",
}


@pytest.mark.parametrize(("words", "told"), MISTYPED.items())
def test_a_mistyped_word_is_told_with_what_was_meant_and_the_usage_of_its_own_command(
    words: str, told: str, capsys: Printed
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words.split())
    printed = capsys.readouterr()
    assert (ended.value.code, printed.out) == (2, "")
    shown, _, error = printed.err.rpartition("fleet: error: ")
    assert error.removeprefix("argument --log-format: ") == f"{told}\n"
    command = told.partition(" has no ")[0] if " has no " in told else f"fleet {words.split()[0]}"
    assert shown.startswith(f"usage: {command} [-h]")


def test_no_option_can_be_abbreviated() -> None:
    """So a script goes on to mean the same when a command is given a further option."""
    tried = 0
    for parser in parsers(build()):
        for option in [one for action in parser._actions for one in action.option_strings if len(one) > 5]:
            with pytest.raises(usage.WordsOff) as off:
                parser.parse_known_args([option[:-1]])
            assert f"{parser.prog} has no option {option[:-1]}: did you mean " in str(off.value)
            tried += 1
    assert tried > 100


def parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from parsers(command)


@pytest.mark.parametrize(
    ("words", "same"),
    [
        ("ps", "status"),
        ("ps --json", "status --json"),
        ("ls", "task list"),
        ("tasks --state failed", "task list --state failed"),
        ("task ls", "task list"),
        ("accounts", "account list"),
        ("accounts show work", "account show work"),
        ("hosts", "host list"),
        ("reservations", "reserve list"),
        ("limits ls", "limit list"),
    ],
)
def test_short_names_and_plurals_are_the_commands_that_they_stand_for(
    words: str, same: str, capsys: Printed
) -> None:
    said = [(main(one.split()), *capsys.readouterr()) for one in (words, same)]
    assert said[0] == said[1]


def test_help_explains_commands_and_topics(capsys: Printed) -> None:
    for words, begins in (
        ("help", "usage: fleet [-h]"),
        ("help task add", "usage: fleet task add"),
        ("help accounts", "usage: fleet account list"),
        ("help status", "usage: fleet status"),
        *((f"help {name}", "W") for name in topics()),
    ):
        assert main(words.split()) == 0
        printed = capsys.readouterr()
        assert printed.out.startswith(begins) and printed.err == "", words
    for words, told in (
        ("help exit-code", "did you mean exit-codes?"),
        ("help task lst", "did you mean list?"),
        ("help status now", "there is no help for fleet status now"),
    ):
        with pytest.raises(SystemExit) as ended:
            main(words.split())
        assert ended.value.code == 2
        assert told in capsys.readouterr().err


def test_the_help_on_exit_codes_has_each_of_them_and_the_help_on_states_each_state(capsys: Printed) -> None:
    main(["help", "exit-codes"])
    codes = capsys.readouterr().out
    for code in (0, 1, usage.USAGE, failures.PARTLY, failures.NOTHING, failures.NOBODY, failures.UNKNOWN):
        assert re.search(rf"^  {code}  ", codes, re.MULTILINE)
    main(["help", "states"])
    states = capsys.readouterr().out
    for state in get_args(TaskState):
        assert re.search(rf"^  {state}  ", states, re.MULTILINE)


def test_each_kind_of_failure_has_its_exit_code(
    shell: Shell, repo: Path, capsys: Printed, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["task", "cancel", "t99"]) == 1
    assert main(["down"]) == 5
    assert "no coordinator runs on" in capsys.readouterr().err
    main(["task", "add", "x", "--repo", str(repo)])
    with Answering(Home(shell.home), b""):
        assert main(["task", "cancel", "t1"]) == 6
    assert "done or not" in capsys.readouterr().err


def test_with_json_an_error_is_one_line_on_standard_error_and_nothing_on_standard_output(
    capsys: Printed,
) -> None:
    for words, code, error in (
        (
            "task show t99",
            1,
            {
                "code": "no_such_task",
                "message": "there is no task t99: see `fleet task list`",
                "try": "fleet task list",
                "ids": ["t99"],
            },
        ),
        (
            "account show work",
            1,
            {
                "code": "no_such_account",
                "message": "there is no account work: see `fleet account list`",
                "try": "fleet account list",
                "ids": ["work"],
            },
        ),
        (
            "task list --stat failed",
            2,
            {
                "code": "usage",
                "message": "fleet task list has no option --stat: did you mean --state?",
                "try": "fleet task list --help",
                "ids": [],
            },
        ),
    ):
        try:
            ended = main([*words.split(), "--json"])
        except SystemExit as exited:
            ended = int(exited.code or 0)
        printed = capsys.readouterr()
        assert (ended, printed.out, printed.err.count("\n")) == (code, "", 1)
        assert json.loads(printed.err) == {"error": error}


@pytest.mark.parametrize("words", ["", "task", "account", "host", "worktree", "reserve", "limit", "project"])
def test_half_a_command_shows_its_help_and_ends_with_2(words: str, capsys: Printed) -> None:
    assert main(words.split()) == 2
    assert "usage: fleet" in capsys.readouterr().out


ERRORS = {
    "why t99": "there is no task t99: see `fleet task list`",
    "task show t99": "there is no task t99",
    "task cancel t99": "there is no task t99",
    "task retry t99": "there is no task t99",
    "task logs t99": "there is no task t99",
    "task say t99 hello": "there is no task t99",
    "task approve t99": "there is no task t99",
    "task send-back t99 x": "there is no task t99",
    "task send-back t99": "say what is to be done",
    "task reject t99": "there is no task t99",
    "task land t99 --merge": "there is no task t99",
    "task pause t99": "there is no task t99",
    "task pause t1 --until soon": "'soon' is no time",
    "task resume t99": "there is no task t99",
    "task diff t99": "there is no task t99",
    "task open t99": "there is no task t99",
    "pause --account nobody": "there is no account nobody",
    "pause --project apx": "there is no project apx: see `fleet project list`",
    "task approve t1 t2 --commit x": "--commit is of one task",
    "task add": "give a prompt or --file",
    "task add x --file y.toml": "give a prompt or --file",
    "task add --file no.toml": "no.toml cannot be read: No such file",
    "task add x --repo .": "is not a git repository",
    "task add x --repo ~nosuch/y": "no such user's home",
    "account show work": "there is no account work: see `fleet account list`",
    "account remove work": "there is no account work",
    "account verify work": "there is no account work",
    "account add work --kind subscription": "--login",
    "account add a/b --kind local --base-url http://127.0.0.1:9": "can't be a name",
    "account add work --kind local": "--tier-map local=",
    "account add work --kind local --tier-map local=m": "--base-url",
    "reserve add --account work --at Thu --amount 40%": "are no hours: write",
    "reserve remove r1": "there is no reservation r1: see `fleet reserve list`",
    "limit add --tokens 2M --per day": "say for whom: --fleet",
    "limit add --fleet --tokens 2M": "say for how long: --per",
    "limit add --fleet --tokens much --per day": "is no number of tokens: write 500k or 2M",
    "limit add --fleet --usd much --per day": "is no sum of dollars",
    "limit add --fleet --share 30 --per day": "is no share: write 40% or 0.4",
    "limit add --fleet --tokens 2M --per day --bucket five_hour": "--bucket is of a share",
    "limit add --floor 10% --project x": "a floor is of a bucket",
    "limit add --account work --tokens 2M --per day": "there is no account work",
    "limit remove l1": "there is no limit or floor l1: see `fleet limit list`",
    "project show x": "there is no project x: see `fleet project list`",
    "project show ./x": "does not exist or is no directory",
    "project set x --account work": "there is no account work",
    "project set x --weight -1": "must be above 0",
    "strategy both": "there is no strategy both: name after-hours or full-time",
    "host show box": "there is no host box: see `fleet host list`",
    "host verify box": "there is no host box: see `fleet host list`",
    "host drain box": "there is no host box",
    "host remove box": "there is no host box",
    "host add local ssh://box": "local is this machine: choose another name",
    "host add -- -box ssh://box": "'-box' is no name of a host",
    "host add box ssh://": "'ssh://' is no address of a host: write ssh://user@host:port",
    "host add box ssh://me:word@box": "Fleet logs in with keys",
    "host add box ssh://box:99999": "ports are 1 to 65535",
    "host add box ssh://box --jump a,": "'' is no address of a host",
    "host add box ssh://box --identity no-such-key": "there is no key file",
    "host add box ssh://box --dir fleet": "name the path on the host in full",
    "host add box ssh://box --client claude": "name the path on the host in full",
    "host add box ssh://box --label a,b": "a label must be one word",
    "host add box ssh://127.0.0.1:9": "refuses connections at port 9: is sshd running there",
    "up --stall-timeout soon": "'soon' must be a span of time such as",
    "history --since soon": "'soon' is no time: write a day (2026-11-22)",
    "history blocks --until 2026-13-01": "is no time",
    "history --tz Mars/Olympus": "'Mars/Olympus' is no time zone: write one such as Europe/Berlin",
    "history --project x blocks": "fleet history blocks cannot be narrowed by --project",
    "history scan --config-dir . --account=": "--account names nobody",
    "history prices --update no-such-file": "No such file or directory",
    "up --until-idle": "no-such-client",
}


@pytest.mark.parametrize(("words", "story"), ERRORS.items())
def test_what_cannot_be_done_is_told_in_one_line_and_ends_with_1(
    words: str, story: str, capsys: Printed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(words.split()) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("fleet: ")
    assert printed.err.count("\n") == 1
    assert story in printed.err


def assert_told(printed: str, *parts: str) -> None:
    assert printed.startswith("fleet: ")
    assert printed.count("\n") == 1
    assert "Traceback" not in printed
    for part in parts:
        assert part in printed


@pytest.mark.parametrize("words", ["status", "task list", "task show t1", "why t1", "account list", "up"])
def test_a_damaged_database_is_told_in_one_line_with_what_to_do(
    shell: Shell, words: str, capsys: Printed, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell.home.mkdir()
    (shell.home / "fleet.db").write_bytes(bytes(range(256)) * 40)
    if words == "up":
        words = "task cancel t1"  # writes to it, as `up` does, and needs no client
    assert main(words.split()) == 1
    assert_told(capsys.readouterr().err, "fleet.db cannot be read as fleet's database", ".recover")


def test_doctor_finds_a_damaged_database(shell: Shell, capsys: Printed) -> None:
    shell.home.mkdir()
    (shell.home / "fleet.db").write_bytes(bytes(range(256)) * 40)
    assert main(["doctor", "--json"]) == 1
    found = {finding["what"]: finding["grade"] for finding in json.loads(capsys.readouterr().out)}
    assert found["database"] == "error"
    assert found["client"] == "error"
    assert found["git"] == "ok"


@pytest.mark.parametrize("below", ["", "/below"])
def test_a_home_that_cannot_be_a_directory_is_told_in_one_line(
    shell: Shell, repo: Path, below: str, monkeypatch: pytest.MonkeyPatch, capsys: Printed
) -> None:
    """Root may write anywhere, so it is a file that stands in the way here."""
    shell.home.write_text("")
    monkeypatch.setenv("FLEET_HOME", f"{shell.home}{below}")
    for words in (["task", "add", "x", "--repo", str(repo)], ["task", "cancel", "t1"]):
        assert main(words) == 1
        assert_told(capsys.readouterr().err, str(shell.home), "name another FLEET_HOME")


@pytest.mark.parametrize("below", ["", "/below"])
@pytest.mark.parametrize("words", ["status", "task list", "account list", "worktree list"])
def test_a_home_that_is_a_file_is_not_shown_as_an_empty_fleet(
    shell: Shell, words: str, below: str, monkeypatch: pytest.MonkeyPatch, capsys: Printed
) -> None:
    shell.home.write_text("")
    monkeypatch.setenv("FLEET_HOME", f"{shell.home}{below}")
    assert main(words.split()) == 1
    assert_told(capsys.readouterr().err, str(shell.home), "Not a directory", "name another FLEET_HOME")


def test_a_list_without_anything_in_it_says_so_beside_standard_output(capsys: Printed) -> None:
    for words, story in (
        ("worktree list", "no worktrees"),
        ("task list", "no tasks"),
        ("account list", "no acc"),
        ("reserve list", "nothing is reserved"),
        ("limit list", "no limits"),
        ("project list", "no projects"),
        ("host list", "no hosts yet"),
    ):
        assert main(words.split()) == 0
        printed = capsys.readouterr()
        assert printed.out == "" and printed.err.startswith(story)


def test_a_tier_that_no_account_has_is_noted_when_a_task_is_added(repo: Path, capsys: Printed) -> None:
    """Only a note: the account may come later."""
    words = ["--kind", "local", "--base-url", "http://127.0.0.1:9", "--tier-map", "small=m"]
    main(["account", "add", "box", *words])
    capsys.readouterr()
    for tier, noted in (("small", False), ("smal", True)):
        assert main(["task", "add", "x", "--repo", str(repo), "--tier", tier]) == 0
        printed = capsys.readouterr()
        assert printed.out.startswith("t")
        assert ("note: no account has the tier smal now" in printed.err) is noted


def test_adding_prints_the_id_alone_and_notes_elsewhere(repo: Path, capsys: Printed) -> None:
    (repo / "clock.txt").write_text("12:01\n")
    assert main(["task", "add", "Turn the clock", "--repo", str(repo)]) == 0
    printed = capsys.readouterr()
    assert printed.out == "t1\n"
    assert "uncommitted changes" in printed.err


def test_a_prompt_may_come_from_standard_input(shell: Shell, repo: Path) -> None:
    ended = shell.fleet("task", "add", "-", "--repo", str(repo), stdin="Turn the clock\nto noon ü\n")
    assert (ended.returncode, ended.stdout) == (0, "t1\n")
    shown = json.loads(shell.fleet("task", "show", "t1", "--json").stdout)
    assert shown["prompt"] == "Turn the clock\nto noon ü\n"
    assert shown["title"] == "Turn the clock"


def test_status_json_has_what_scripts_count_on(repo: Path, capsys: Printed) -> None:
    main(["task", "add", "x", "--repo", str(repo)])
    capsys.readouterr()
    main(["status", "--json"])
    found = json.loads(capsys.readouterr().out)
    assert found["tasks"] == {"queued": 1}
    assert {"accounts", "tasks", "workers", "hosts"} <= set(found)


def test_an_unknown_state_of_the_queue_reads_well_without_accounts(repo: Path, capsys: Printed) -> None:
    main(["task", "add", "x", "--repo", str(repo)])
    capsys.readouterr()
    assert main(["why", "t1"]) == 0
    assert capsys.readouterr().out == (
        "t1 is queued: there is no account\n  to do: fleet account add NAME --kind subscription --login\n"
    )


@pytest.mark.parametrize(
    "command", ["fleet --help", "fleet task list", "fleet status --json", "fleet task add --help"]
)
def test_a_reader_that_leaves_early_makes_no_noise(shell: Shell, command: str) -> None:
    """`fleet … | head`: the pipe is closed before anything was written."""
    ended = shell.piped(f"{{ sleep 0.05; {command}; }} | true")
    assert ended.stderr.replace('no tasks: fleet task add "PROMPT" --repo PATH\n', "") == ""


HEAVY = {"anyio", "pydantic", "structlog", "git", "keyring", "asyncio", "asyncssh"}


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["status"],
        ["status", "--json"],
        ["task", "list"],
        ["account", "list"],
        ["host", "list"],
        ["host", "show", "local"],
        ["statusline"],
        *(["history", *words] for words in ([], ["--by", "session"], ["blocks"], ["heatmap"], ["burn"])),
    ],
)
def test_looking_imports_nothing_heavy(shell: Shell, repo: Path, words: list[str]) -> None:
    shell.fleet("task", "add", "x", "--repo", str(repo))
    ended = shell.fleet(*words, options=("-X", "importtime"))
    assert ended.returncode == 0
    imported = set(re.findall(r"\| +([\w.]+)$", ended.stderr, re.MULTILINE))
    assert any(name.startswith("fleet.") for name in imported)
    assert {name.partition(".")[0] for name in imported} & HEAVY == set()


def test_the_parser_is_the_list_of_commands() -> None:
    """So that the tests above miss none."""
    shown = build().format_help()
    assert set(re.findall(r"^    (\w+)(?:  |$)", shown, re.MULTILINE)) == {c.split()[0] for c in COMMANDS}


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        (["--review", "Fix it"], ["--review=person", "Fix it"]),
        (["--review", "model:opus", "Fix it"], ["--review=model:opus", "Fix it"]),
        (["Fix it", "--review"], ["Fix it", "--review"]),
        (["--review", "--land", "merge"], ["--review=person", "--land", "merge"]),
        (["--", "--review", "model"], ["--", "--review", "model"]),
    ],
)
def test_review_takes_the_next_word_only_if_that_says_who_reviews(said: list[str], meant: list[str]) -> None:
    assert with_reviewers(said) == meant
