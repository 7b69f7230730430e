"""No text of others steers the terminal: over every command that shows something, and over every line of the log."""

from __future__ import annotations

import argparse
import io
import json
import re
import subprocess
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, TextIO, cast

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from fleet.cli import main
from fleet.cli.parser import build
from fleet.core.decisions import Note
from fleet.core.model import Fleet
from fleet.ports import Change
from fleet.shell.logs import Format, open_log
from fleet.shell.veil import Veil
from fleet.store.sqlite import SqliteStore
from fleet.streams import Edge
from tests.contract.full_fleet import full_fleet
from tests.sizes import large
from workers.printable import one_line, paint, printable

Printed = pytest.CaptureFixture[str]

JOINERS = "\u200d\ufe0f"
"""Emoji are made with them, between and behind pictures."""
SURROGATE = "surrogate \udc9b\ud800"
"""A byte that is no UTF-8, as it stands in the words of a command line. No database takes it."""
ATTACKS = [
    "\x1b]52;c;cm0gLXJm\x07",
    "\x1b[2J\x1b[31m",
    "a\r\nFAKE t9 landed",
    "\x9b2J\x00\x08\x7f",
    "safe\u202egnp.exe\u2066\u2069",
    "a\u2028FAKE\u2029b",
    "\ufeffzero\u200bwidth\u2060\u00ad",
    "tags\U000e0041\U000e007f vs\U000e0100",
    SURROGATE,
    "zalgo" + "\u0301" * 50,
    "x\ufe0f\u200d1\ufe0f",
    "\ue000[31mnot ours\ue000[0m",
    "w" * 5000,
]


def forbidden(text: str) -> list[str]:
    """Independent of the code under test: by Unicode's own categories, and what is invisible beyond them."""
    found = [
        c
        for c in text
        if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") and c not in "\n\t" + JOINERS
    ]
    found += [c for c in text if 0xE0000 <= ord(c) < 0xE1000 or 0xFE00 <= ord(c) < 0xFE0F]
    found += re.findall(r"[A-Za-z \n]\u200d|\u200d[A-Za-z \n]|[A-Za-z \n\ufe0f]\ufe0f|\u200d\u200d", text)
    return found + re.findall("[\u0300-\u036f]{5,}", text)


anything = st.one_of(
    st.sampled_from(ATTACKS), st.text(), st.text("\x1b\x9b\u202e\u200b\u200d\ufe0f\U000e0041☠a\n\r\t\u0301")
)


@given(anything)
@example("".join(ATTACKS))
@settings(deadline=None)
def test_what_is_printable_has_nothing_that_a_terminal_obeys_or_a_reader_does_not_see(text: str) -> None:
    """Once more it stays as it is; one line stays one; a JSON string keeps its value."""
    shown = printable(text)
    assert forbidden(shown) == []
    assert printable(shown) == shown
    assert one_line(text).splitlines() in ([], [one_line(text)])
    assert json.loads(printable(json.dumps(text, ensure_ascii=False))) == text


@pytest.mark.parametrize(
    "text",
    [
        "naïve é ü 日本 🦉",
        "👩‍💻 and 👨‍👩‍👧",
        "⚠️ ✔️ 1️⃣ 👍🏽 🇩🇪",
        "a\tb\nc",
        "x\u00a0y",
        "שלום עולם",
        "ภาษาไทยที่นี่",
    ],
)
def test_plain_words_of_any_language_and_emoji_are_shown_as_they_are(text: str) -> None:
    assert printable(text) == text


@given(anything)
@settings(deadline=None)
def test_only_our_own_colours_become_escape_sequences(text: str) -> None:
    shown = printable(paint(text, "31"))
    assert shown.startswith("\x1b[31m")
    assert shown.endswith("\x1b[0m")
    assert forbidden(shown.removeprefix("\x1b[31m").removesuffix("\x1b[0m")) == []


@pytest.mark.parametrize("form", ["console", "json"])
@given(anything, anything)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_no_line_of_the_log_steers_the_terminal_or_begins_a_line_of_its_own(
    form: Format, text: str, name: str
) -> None:
    written = io.StringIO()
    log = open_log(form, Veil(), cast(TextIO, Edge(written)))
    log.bind(task="t1", account=name, host=name).warning(text, why=text)
    try:
        raise RuntimeError(text)
    except RuntimeError:
        log.error("failed", exc_info=True)
    shown = written.getvalue()
    assert forbidden(shown) == []
    lines = shown.splitlines()
    if form == "json":
        assert json.loads(lines[0])["event"] == text
        assert len(lines) == 2
    else:
        begun = [line for line in lines if line[:1].strip()]
        assert len([line for line in begun if re.match(r"\d\d:\d\d:\d\d [!✗] ", line)]) == 2
        assert not [line for line in lines if line.startswith("FAKE")]


# --- every command ---


def commands(
    parser: argparse.ArgumentParser, words: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command of the parser, with its parser: a new one is among them by itself."""
    groups = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    if not groups:
        yield words, parser
    for group in groups:
        for name, one in group.choices.items():
            yield from commands(one, (*words, name))


GOES_ON = {("up",), ("history", "scan"), ("statusline",), ("client", "install")}
"""What starts something, reads standard input, or fetches from a registry: `up` prints by the log, tried above."""


def asked(words: tuple[str, ...], parser: argparse.ArgumentParser, text: str) -> list[str]:
    """The command with hostile words wherever it wants one, and the task that is there."""
    filled = list(words)
    for action in parser._actions:
        wants = not action.option_strings and action.nargs not in ("?", "*", 0)
        if wants and action.dest != "help":
            filled.append("t1" if action.dest in ("id", "task") else text)
        elif action.dest == "ids":
            filled += ["t1", text] if "MESSAGE" in str(action.metavar) else ["t1"]
    return filled


def replaced(value: Any, text: str) -> Any:
    """Everywhere that words of others are kept."""
    spec = replace(value.spec, title=f"title {text}", prompt=f"prompt {text}", target=f"target{text}")
    return replace(value, spec=spec, reason=f"reason {text}", branch=f"branch{text}")


def stored(home: Path, text: str) -> None:
    """A home as an earlier release may have left it: its titles were not refused."""
    store = SqliteStore(home / "fleet.db")
    before = store.load().fleet
    full: Fleet = full_fleet(before.home_id)
    tasks = {name: replaced(task, text) for name, task in full.tasks.items()}
    after = replace(full, tasks=tasks)
    notes = [
        (
            after.now_ms,
            Note(id="", cause="c", level="warning", type="worktree.noticed", text=f"said {text}", task=name),
        )
        for name in tasks
    ]
    store.commit(Change(before, after, notes=notes))
    store.close()


@pytest.mark.parametrize("text", ["".join(one for one in ATTACKS if one != SURROGATE), *large(SURROGATE)])
def test_no_command_prints_what_steers_the_terminal(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Printed
) -> None:
    """Results, errors and usage, with hostile words in the home and on the command line."""
    monkeypatch.setenv("FLEET_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    stored(tmp_path, text.encode("utf-8", "replace").decode())
    shown_something = 0
    for words, parser in commands(build()):
        if words in GOES_ON:
            continue
        for further in ([], ["--json"]):
            with suppress(SystemExit):
                main([*asked(words, parser, text), *further])
            said = capsys.readouterr()
            assert forbidden(said.out) == [], words
            assert forbidden(said.err) == [], words
            assert not [line for line in (said.out + said.err).splitlines() if line.startswith("FAKE")], words
            shown_something += bool(said.out)
    assert shown_something > 20


@pytest.mark.parametrize("text", ATTACKS[:8])
def test_a_title_with_such_a_character_is_refused_and_the_message_says_where(
    text: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Printed,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    repo = tmp_path_factory.mktemp("repo")
    subprocess.run(["git", "init", "-q", "-b", "main", repo], check=True)
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run(["git", "-C", repo, *identity, "commit", "-q", "--allow-empty", "-m", "x"], check=True)
    monkeypatch.setenv("FLEET_HOME", str(tmp_path))
    assert main(["task", "add", "do it", "--repo", str(repo), "--title", f"ok {text}"]) == 1
    said = capsys.readouterr()
    assert re.search(r"the title has '.+' as its character \d+, after “", said.err), said.err
    assert forbidden(said.err) == []
    (repo / "tasks.toml").write_text(
        f"[[task]]\nrepo = {json.dumps(str(repo))}\nprompt = 'x'\ntitle = {json.dumps(f'ok {text}')}\n"
        if text.isascii()
        else f"[[task]]\nrepo = {json.dumps(str(repo))}\nprompt = 'x'\ntitle = \"ok \\u202e\"\n"
    )
    assert main(["task", "add", "--file", str(repo / "tasks.toml")]) == 1
    assert "the title has" in capsys.readouterr().err
