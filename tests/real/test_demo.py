"""`fleet up --demo`, as somebody sees it who has just heard of Fleet: on a machine with a configuration of its own."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.patience import PATIENCE_S
from tests.real_client import CLIENT

pytestmark = pytest.mark.client

ODD_GITCONFIG = """\
[commit]
    gpgSign = true
[gpg]
    program = /bin/false
[init]
    defaultBranch = trunk
    templateDir = {templates}
[core]
    hooksPath = {hooks}
    autocrlf = true
    excludesFile = {ignored}
[user]
    useConfigOnly = true
"""


@pytest.fixture
def newcomer(tmp_path: Path) -> dict[str, str]:
    """The environment of somebody with no identity for git, hooks that refuse everything, and a space in TMPDIR."""
    home, place = tmp_path / "home", tmp_path / "my tmp"
    templates, hooks, ignored = home / "templates", home / "hooks", home / "ignored"
    for folder in (place, templates / "hooks", hooks):
        folder.mkdir(parents=True)
    for refusing in (templates / "hooks" / "pre-commit", hooks / "pre-commit", hooks / "pre-merge-commit"):
        refusing.write_text("#!/bin/sh\nexit 1\n")
        refusing.chmod(0o755)
    ignored.write_text("*.sh\ndocs\n")
    (home / ".gitconfig").write_text(ODD_GITCONFIG.format(templates=templates, hooks=hooks, ignored=ignored))
    return {
        "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
        "HOME": str(home),
        "TMPDIR": str(place),
        "LANG": "C.UTF-8",
        "COLUMNS": "80",
        "NO_COLOR": "1",
        "FLEET_CLIENT": str(CLIENT),
    }


def demo(env: dict[str, str], *words: str) -> tuple[str, str]:
    """Standard output and the log."""
    command = [sys.executable, "-m", "fleet.cli", "up", "--demo", *words]
    # Nothing is asked: there is nobody to answer.
    ended = subprocess.run(
        command,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert ended.returncode == 0, f"{ended.stdout}\n{ended.stderr}"
    return ended.stdout, ended.stderr


def test_the_demo_tells_its_story_and_every_command_it_names_works(newcomer: dict[str, str]) -> None:
    """One session moves in mid-task, one verification fails and is mended, dependants begin after what they wait for,
    all lands; no line of the log needs more than 100 columns."""
    out, log = demo(newcomer, "--log-format", "console")
    assert "6 tasks: 6 landed" in out
    assert re.search(r"the window of (work|side) was full .* the same session went on on (work|side)", out)
    assert "verification failed (1 of 3): its own session mended that" in out
    assert "t6  began when t1, t2, t5 had landed" in out
    assert re.search(r"moves from (work|side) to (work|side), with its session", log)
    assert "\x1b" not in out + log
    first, *lines = log.splitlines()
    assert "my tmp" in first, "the one line whose length depends on the machine: it names the home"
    assert [line for line in lines if len(line) > 100] == []

    further = out.partition("Look further:\n")[2].partition("Other stories:")[0]
    commands = [re.split(r"  +", line.strip())[0] for line in further.splitlines() if line.strip()]
    assert len(commands) == 6
    home = shlex.split(commands[0])[1].removeprefix("FLEET_HOME=")
    for command in commands[1:]:
        ended = subprocess.run(
            command,
            shell=True,
            env={**newcomer, "FLEET_HOME": home},
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == 0, f"{command}\n{ended.stderr}"
        assert ended.stdout.strip(), command
    clean_up = out.partition("Clean up:\n")[2].strip()
    subprocess.run(clean_up, shell=True, check=True)
    assert list(Path(newcomer["TMPDIR"]).glob("fleet-demo-*")) == []


@pytest.mark.large
def test_a_coordinator_that_is_killed_in_the_demo_costs_its_workers_nothing(newcomer: dict[str, str]) -> None:
    """The log is JSON, line by line, across both coordinators."""
    out, log = demo(newcomer, "killed", "--log-format", "json")
    told = [json.loads(line) for line in log.splitlines()]
    texts = [line["event"] for line in told]
    killed = next(n for n, text in enumerate(texts) if text.endswith("was killed with kill -9"))
    adopted = next(n for n, text in enumerate(texts) if text.startswith("going on with 2 workers"))
    assert killed < adopted
    assert {line["attempt"] for line in told if "attempt" in line} == {"t1.1", "t2.1"}
    assert "2 tasks: 2 landed" in out
    assert "each was done by its first worker" in out


@pytest.mark.large
def test_a_conflict_in_the_demo_is_resolved_by_the_session_that_met_it(newcomer: dict[str, str]) -> None:
    out, _ = demo(newcomer, "conflict")
    assert "2 tasks: 2 landed" in out
    assert "merging met a conflict (1 of 3): its own session mended that" in out
    (guide,) = Path(newcomer["TMPDIR"]).glob("fleet-demo-*/sample")
    text = subprocess.run(
        ["git", "-C", guide, "show", "main:docs/guide.md"],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ,
    ).stdout
    assert "Stop words are left out." in text
    assert "prints the ten most frequent words" in text
