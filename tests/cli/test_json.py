"""`--json` of every command: one document on a standard output that has nothing else."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet import streams
from fleet.cli import main
from fleet.cli.parser import build
from tests.cli.commands import Shell

Captured = pytest.CaptureFixture[str]

SCENARIO = str(Path(__file__).parents[2] / "docs" / "examples" / "two-accounts.toml")

CALLS: tuple[tuple[str, str, int], ...] = (
    # In this order in one home: command, its further words, its exit code. REPO is a repository.
    ("account add", "box --kind local --base-url http://127.0.0.1:9 --tier-map local=m", 0),
    ("task add", "Turn_the_clock --repo REPO --tier local", 0),
    ("status", "", 0),
    ("needs", "", 0),
    ("events", "--type task.added", 0),
    ("account list", "", 0),
    ("account show", "box", 0),
    ("account verify", "box", 1),
    ("account set", "box --concurrency 2", 0),
    ("account pause", "box", 0),
    ("account resume", "box", 0),
    ("account token", "box", 1),
    ("config set", "up.workers 3", 0),
    ("config get", "up.workers", 0),
    ("config list", "", 0),
    ("config unset", "up.workers", 0),
    ("task list", "", 0),
    ("task show", "t1", 0),
    ("why", "t1", 0),
    ("plan", "", 0),
    ("forecast", "", 1),
    ("task say", "t1 and_the_tests", 0),
    ("task edit", "t1 --priority 3 --paused not_now", 0),
    ("task resume", "t1", 0),
    ("task pause", "t1 --until 2h", 0),
    ("pause", "--project REPO --reason not_now", 0),
    ("resume", "--project REPO", 0),
    ("task approve", "t1", 1),
    ("task send-back", "t1 not_so", 1),
    ("task reject", "t1", 1),
    ("task land", "t1 --merge", 1),
    ("task diff", "t1", 1),
    ("task cancel", "t1", 0),
    ("task retry", "t1", 0),
    ("worktree list", "", 0),
    ("worktree prune", "", 0),
    ("clean", "--dry-run", 0),
    ("clean", "--runs --older-than 2w", 0),
    ("database check", "", 0),
    ("database backup", "REPO/kept.db", 0),
    ("database restore", "REPO/kept.db", 0),
    ("database anew", "", 1),
    ("host list", "", 0),
    ("host show", "local", 0),
    ("host add", "far ssh://nobody@127.0.0.1:9", 1),
    ("host verify", "local", 1),
    ("host drain", "local", 0),
    ("host remove", "local", 1),
    ("reserve add", "--account box --at daily_18:00-20:00 --amount 40%", 0),
    ("reserve list", "", 0),
    ("reserve auto", "off", 0),
    ("reserve remove", "r1", 0),
    ("limit add", "--fleet --per day --tokens 2M", 0),
    ("limit list", "", 0),
    ("limit remove", "l1", 0),
    ("project set", "REPO --weight 2", 0),
    ("project show", "REPO", 0),
    ("project list", "", 0),
    ("tier set", "local --weight 2", 0),
    ("tier list", "", 0),
    ("tier remove", "local", 0),
    ("strategy", "", 0),
    ("breaker", "", 0),
    ("breaker open", "--why enough", 0),
    ("breaker show", "", 0),
    ("breaker close", "", 0),
    ("breaker set", "--faults 4", 0),
    ("simulate", f"--scenario {SCENARIO}", 0),
    ("history scan", "", 0),
    ("history", "", 0),
    *(("history", f"--by {by}", 0) for by in ("week", "month", "project", "model", "account", "session")),
    *(
        (f"history {word}", "", 0)
        for word in ("blocks", "heatmap", "tasks", "burn", "unused", "kept", "prices")
    ),
    ("doctor", "", 1),
    ("account remove", "box", 0),
)


def promising(parser: argparse.ArgumentParser, words: tuple[str, ...] = ()) -> Iterator[str]:
    """The commands that have `--json`."""
    for action in parser._actions:
        if "--json" in action.option_strings:
            yield " ".join(words)
        if isinstance(action, argparse._SubParsersAction):
            for name, command in action.choices.items():
                yield from promising(command, (*words, name))


def test_each_command_that_promises_json_is_tried_here() -> None:
    assert set(promising(build())) == {command for command, _, _ in CALLS}


@pytest.fixture(autouse=True)
def own_home(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in shell.environment().items():
        monkeypatch.setenv(name, value)


TEXTS = frozenset(
    (
        "reason",
        "detail",
        "trouble",
        "story",
        "problem",
        "breaker",
        "advice",
        "notice",
        "why",
        "closed",
        "said",
        "summary",
    )
)
"""What is told in words: a script may cut or search it without asking first whether it is there."""


def null_texts(document: object) -> Iterator[str]:
    if isinstance(document, dict):
        yield from (name for name, value in document.items() if name in TEXTS and value is None)
    for inner in (
        document.values() if isinstance(document, dict) else document if isinstance(document, list) else ()
    ):
        yield from null_texts(inner)


def run(capfd: Captured, *words: str) -> tuple[int, str, str]:
    """As in a process of its own: what it prints, and all that foreign code writes to the descriptors."""
    streams.claim()
    try:
        code = main([*words, "--json"])
    finally:
        streams.release()
    return code, *capfd.readouterr()


def test_json_is_one_document_alone_on_standard_output(repo: Path, capfd: Captured) -> None:
    for command, more, expected in CALLS:
        words = [word.replace("_", " ").replace("REPO", str(repo)) for word in more.split()]
        code, out, err = run(capfd, *command.split(), *words)
        assert code == expected, (command, err)
        if out or not code:
            assert not sorted(null_texts(json.loads(out))), command
        else:
            assert json.loads(err.splitlines()[-1])["error"]["code"], command


def test_what_a_command_cannot_do_is_one_line_on_standard_error(shell: Shell, capfd: Captured) -> None:
    shell.home.write_text("no directory")
    told = 0
    for command, more, _ in CALLS:
        code, out, err = run(capfd, *command.split(), *more.split())
        if out:
            json.loads(out)
            continue
        error = json.loads(err.splitlines()[-1])["error"]
        assert code == 1 and error["code"] and error["message"], command
        assert set(error) == {"code", "message", "try", "ids"}
        told += 1
    assert told > len(CALLS) / 2
