"""Completion in bash and fish as a person has it, and the files that it is made of."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fleet.cli import main
from scripts.draw_completion import DRAWN, FILES, TEXT, commands, drawn
from tests.cli.commands import Shell
from tests.patience import PATIENCE_S


@pytest.mark.parametrize("name", sorted(drawn()))
def test_what_is_shipped_is_what_would_be_drawn_now(name: str) -> None:
    """Run scripts/draw_completion.py after a change of commands or options."""
    assert (DRAWN / name).read_text("utf-8") == drawn()[name]
    assert {path.name for path in DRAWN.iterdir()} == set(drawn())


def test_a_name_that_there_is_completes_wherever_a_command_wants_one() -> None:
    """What is left to the person's own memory is known here."""
    known = {
        (one.path, name)
        for one in commands()
        for option in one.options
        for name in option.names
        if option.takes == TEXT and re.search(r"account|task$|project$|tier$|state|file|host$", name)
    }
    assert known <= {
        ("account add", "--tier-map"),
        ("account set", "--tier-map"),
    }, known
    assert {one.path: one.words for one in commands() if one.words.startswith("@")}.items() >= {
        "task cancel": "@tasks",
        "why": "@tasks",
        "account show": "@accounts",
        "host drain": "@hosts",
        "limit remove": "@limits",
        "reserve remove": "@reservations",
    }.items()
    assert all(one.words != FILES or "database" in one.path or "project" in one.path for one in commands())


@pytest.fixture
def there(shell: Shell, repo: Path, tmp_path: Path) -> Shell:
    """With tasks, an account, and `fleet` on the PATH."""
    local = "account add box --kind local --base-url http://127.0.0.1:9 --tier-map small=m"
    assert shell.fleet(*local.split()).returncode == 0
    for title in ("one", "two"):
        assert shell.fleet("task", "add", title, "--repo", str(repo), "--tier", "small").returncode == 0
    command = tmp_path / "bin" / "fleet"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m fleet.cli "$@"\n')
    command.chmod(0o755)
    return shell


COMPLETED = {
    "task ca": "task cancel ",
    "task add x --verif": "task add x --verify ",
    "task list --state fai": "task list --state failed ",
    "task list --state failed,canc": "task list --state failed,cancelled ",
    "task list --state=fai": "task list --state=failed ",
    "task cancel --where x t2": "task cancel --where x t2 ",
    "account show b": "account show box ",
    "task add x --tier sm": "task add x --tier small ",
    "limit add --account b": "limit add --account box ",
    "completion zs": "completion zsh ",
    "help exit": "help exit-codes ",
    "histo": "history ",
}


def test_bash_completes_commands_options_states_and_names_at_a_tab(there: Shell, tmp_path: Path) -> None:
    """In a terminal, with keys."""
    script = tmp_path / "fleet.bash"
    script.write_text(there.fleet("completion", "bash").stdout)
    env = there.environment() | {
        "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
        "TERM": "dumb",
        "PS1": "> ",
    }
    person, terminal = pty.openpty()
    bash = subprocess.Popen(
        ["bash", "--norc", "--noprofile", "-i"],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        env=env,
        start_new_session=True,
        cwd=tmp_path,
    )
    os.close(terminal)
    try:
        said(person, f"source {script}; bind 'set bell-style none'; echo rea''dy\n", "ready\r\n")
        for typed, completed in COMPLETED.items():
            # What bash made of the line is printed in place of being run: Home, echo, End, Enter.
            shown = said(person, f"fleet {typed}\t\x01echo '<' \x05 '>'\n", " >\r\n")
            assert f"< fleet {completed.rstrip()} >" in shown, typed
    finally:
        bash.kill()
        bash.wait()
        os.close(person)


def said(person: int, keys: str, until: str) -> str:
    """What the terminal shows after these keys, as far as `until`."""
    os.write(person, keys.encode())
    shown, deadline = "", time.monotonic() + PATIENCE_S
    while until not in shown:
        assert time.monotonic() < deadline, shown
        if select.select([person], [], [], 1.0)[0]:
            shown += os.read(person, 65_536).decode(errors="replace")
    return shown


@pytest.mark.skipif(shutil.which("fish") is None, reason="fish is not installed")
def test_fish_completes_the_same(there: Shell, tmp_path: Path) -> None:
    script = tmp_path / "fleet.fish"
    script.write_text(there.fleet("completion", "fish").stdout)
    env = there.environment() | {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}
    lines = [typed for typed in COMPLETED if "=" not in typed]
    asked = "".join(f"echo '# {typed}'; complete -C 'fleet {typed}'\n" for typed in lines)
    done = subprocess.run(
        ["fish", "--no-config", "-c", f"source {script}\n{asked}"],
        env=env,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=True,
    )
    for typed, found in zip(lines, done.stdout.split("# ")[1:], strict=True):
        words = [line.split("\t")[0] for line in found.splitlines()[1:]]
        assert COMPLETED[typed].split()[-1] in words, (typed, words)


def test_the_manual_page_is_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["help", "--man"]) == 0
    page = capsys.readouterr().out
    assert page.startswith(".TH FLEET 1 ")
    assert all(f".SS fleet {name}\n" in page for name in ("task add", "status", r"account list"))
    if shutil.which("groff"):
        made = subprocess.run(["groff", "-man", "-Tutf8", "-ww"], input=page, capture_output=True, text=True)
        assert (made.returncode, made.stderr) == (0, "")
