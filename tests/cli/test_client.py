"""`fleet client …` is the client that Fleet would use."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.commands import Shell
from tests.patience import PATIENCE_S

CLIENT = """#!/bin/sh
echo "words: $*"
echo "asked on standard error" >&2
echo "heard: $(cat)"
env
exit 3
"""


@pytest.fixture
def client(tmp_path: Path) -> Path:
    path = tmp_path / "a client"
    path.write_text(CLIENT)
    path.chmod(0o755)
    return path


def run(shell: Shell, client: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "fleet.cli", "client", *words],
        env={**shell.environment(), "FLEET_CLIENT": str(client), **more},
        input="a word",
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


@pytest.mark.parametrize(
    "words", [["setup-token"], ["--version"], ["-p", "two words", "--json"], ["mcp", "--help"]]
)
def test_all_words_and_streams_are_the_clients(shell: Shell, client: Path, words: list[str]) -> None:
    ended = run(shell, client, *words)
    assert (ended.returncode, ended.stderr) == (3, "asked on standard error\n")
    assert ended.stdout.startswith(f"words: {' '.join(words)}\nheard: a word\n")


def test_it_sees_no_credential_and_no_provider_of_its_surroundings(shell: Shell, client: Path) -> None:
    around = {
        "ANTHROPIC_API_KEY": "k",
        "ANTHROPIC_BASE_URL": "http://u",
        "CLAUDECODE": "1",
        "AWS_PROFILE": "p",
    }
    ended = run(shell, client, "setup-token", DISPLAY=":1", CLAUDE_CONFIG_DIR="/my/own", **around)
    seen = dict(line.split("=", 1) for line in ended.stdout.splitlines() if "=" in line)
    assert not set(around) & set(seen)
    assert seen["DISABLE_AUTOUPDATER"] == "1"
    assert (seen["DISPLAY"], seen["CLAUDE_CONFIG_DIR"]) == (":1", "/my/own"), "it is the person's own"


def test_without_a_client_it_says_how_to_get_one(shell: Shell, tmp_path: Path) -> None:
    ended = run(shell, tmp_path / "gone", "setup-token")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "fleet client install" in ended.stderr


def test_its_reader_may_leave_early(shell: Shell, client: Path) -> None:
    """As with any program: it is ended by SIGPIPE, which Python ignores."""
    client.write_text("#!/bin/sh\nexec yes\n")
    ended = shell.piped(f"FLEET_CLIENT='{client}' fleet client -p | head -n 1")
    assert (ended.stdout, ended.stderr) == ("y\n", "")
