"""Our standard output and error belong to us alone, whatever the foreign code that we call prints."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import TextIO, cast

import pytest

from fleet import streams
from fleet.shell.logs import open_log
from fleet.shell.veil import Veil
from tests.cli.commands import Shell
from tests.patience import PATIENCE_S

NOISE = """
import ctypes, logging, os, sys, threading, warnings

def noise():
    ctypes.CDLL(None).printf(b"foreign: printf, which the C library writes at exit\\n")
    for descriptor in (1, 2):
        os.write(descriptor, b"foreign: write\\n")
    for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
        print("foreign: print", file=stream)
    warnings.warn("foreign: a warning")
    logging.getLogger("foreign").error("foreign: a log line")

def outlive(main):
    while main.is_alive():
        noise()
    noise()

noise()
threading.Thread(target=outlive, args=[threading.main_thread()]).start()
"""
"""A library that prints in every way, and goes on in a thread of its own that outlives the main one."""

NOISY_SOLVER = """
import sys
path = sys.path.pop(sys.path.index(__file__.rpartition("/")[0]))
del sys.modules["highspy"]
import highspy
sys.path.append(path)
quiet = highspy.Highs

def noisy():
    import noise
    return quiet()

highspy.Highs = noisy
"""
"""The real solver, which prints so when one is made."""

FOUR_THREADS_LOG = """
import threading
from fleet import streams
from fleet.shell.logs import Veil, open_log
streams.claim()
import noise
log = open_log("json", Veil(), streams.err())
def tell(who):
    for nth in range(100):
        log.info("told", who=who, nth=nth)
threads = [threading.Thread(target=tell, args=[who]) for who in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""


@pytest.fixture
def library(tmp_path: Path) -> Path:
    made = tmp_path / "library"
    made.mkdir()
    (made / "noise.py").write_text(NOISE)
    (made / "highspy.py").write_text(NOISY_SOLVER)
    return made


def run(shell: Shell, library: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Python, with that library and with warnings as a person has them."""
    env = {**shell.environment(), "PYTHONPATH": str(library), "PYTHONWARNINGS": "default"}
    return subprocess.run(
        [sys.executable, *command],
        env=env,
        stdin=subprocess.DEVNULL,
        cwd=shell.home.parent,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def test_what_foreign_code_prints_reaches_nobody(shell: Shell, repo: Path, library: Path) -> None:
    local = "account add box --kind local --base-url http://127.0.0.1:9 --tier-map small=m"
    shell.fleet(*local.split())
    shell.fleet("task", "add", "x", "--repo", str(repo), "--tier", "small")
    ended = run(shell, library, "-m", "fleet.cli", "plan", "--json")
    assert (ended.returncode, ended.stderr) == (0, "")
    found = json.loads(ended.stdout)
    assert [one["task"] for one in found["planned"]] == ["t1"] and found["notice"] == "", "it was planned"


def test_no_line_of_ours_is_lost_while_foreign_code_prints(shell: Shell, library: Path) -> None:
    ended = run(shell, library, "-c", FOUR_THREADS_LOG)
    lines = [json.loads(line) for line in ended.stderr.splitlines()]
    assert sorted((line["who"], line["nth"]) for line in lines) == [
        (who, nth) for who in range(4) for nth in range(100)
    ]
    assert ended.stdout == ""


@pytest.mark.parametrize("closed", [">&-", "<&- >&- 2>&-"])
def test_a_command_works_with_its_streams_closed(shell: Shell, closed: str) -> None:
    local = "account add box --kind local --base-url http://127.0.0.1:9 --tier-map small=m"
    ended = shell.piped(f"fleet {local} {closed}; echo $?; fleet account list --json")
    code, _, listed = ended.stdout.partition("\n")
    assert code == "0"
    assert [one["name"] for one in json.loads(listed)] == ["box"], "and wrote nothing into its own files"


def test_a_fault_of_ours_is_still_told_with_its_traceback(shell: Shell, library: Path) -> None:
    ended = run(shell, library, "-c", "from fleet import streams; streams.claim(); import noise; 1 / 0")
    assert ended.returncode == 1
    assert ended.stderr.startswith("Traceback") and ended.stderr.endswith("division by zero\n")
    assert "foreign" not in ended.stderr


def test_a_program_that_talks_to_the_person_is_lent_our_streams(shell: Shell, library: Path) -> None:
    ended = run(
        shell,
        library,
        "-c",
        "import subprocess; from fleet import streams; streams.claim(); out, err = streams.lent();"
        "subprocess.run('echo lost; echo lost >&2', shell=True);"
        "subprocess.run('echo said; echo asked >&2', shell=True, stdout=out, stderr=err)",
    )
    assert (ended.stdout, ended.stderr) == ("said\n", "asked\n")


@pytest.mark.parametrize(
    ("environ", "how", "coloured"),
    [
        ({}, "auto", True),
        ({"NO_COLOR": "1"}, "auto", False),
        ({"NO_COLOR": ""}, "auto", True),
        ({"TERM": "dumb"}, "auto", False),
        ({"NO_COLOR": "1"}, "always", True),
        ({}, "never", False),
    ],
)
def test_a_terminal_has_colours_unless_a_person_wants_none(
    environ: dict[str, str], how: str, coloured: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the log of a coordinator, and wherever else `streams.colours` is asked."""
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    person, terminal = pty.openpty()
    try:
        with os.fdopen(terminal, "w", encoding="utf-8") as stream:
            streams.ask_for_colours(how)
            open_log("console", Veil(), cast(TextIO, streams.Edge(stream))).warning("it rains")
            stream.flush()
            shown = os.read(person, 65_536)
    finally:
        streams.ask_for_colours("auto")
        os.close(person)
    assert b"it rains" in shown
    assert (b"\x1b[" in shown) is coloured


def test_what_is_piped_has_colours_only_where_they_are_asked_for(tmp_path: Path) -> None:
    with (tmp_path / "piped").open("w") as stream:
        assert not streams.colours(stream)
        streams.ask_for_colours("always")
        try:
            assert streams.colours(stream)
        finally:
            streams.ask_for_colours("auto")
