"""A client is proved to take no order from a repository before anything starts with it, else it is refused."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.real_client import CLIENT
from tests.sizes import large
from workers.pinned.pins import pin, settings
from workers.pinned.proof import ClientRefused, examine, prove
from workers.supervisor import process_table

pytestmark = pytest.mark.client


def test_the_client_that_is_used_here_obeys_every_pin_and_keeps_a_repositorys_words() -> None:
    assert examine(CLIENT) == ""


PROXIES = [f"{name}_PROXY" for name in ("HTTP", "HTTPS", "ALL", "NO")]
PROXIES += [name.lower() for name in PROXIES]
Altered = Callable[[dict[str, Any]], object]


def without(*names: str) -> Altered:
    return lambda pinned: [pinned.pop(name) for name in names]


def unset(*names: str) -> Altered:
    return lambda pinned: [pinned["env"].pop(name) for name in names]


def all_of(*altered: Altered) -> Altered:
    return lambda pinned: [alter(pinned) for alter in altered]


RUN = all_of(
    without("disableAllHooks", "disableSkillShellExecution"), unset("CLAUDE_CODE_SHELL_PREFIX", "SHELL")
)
"""Each of these lets the client run a command of its own, and all that it ran are named."""


@pytest.mark.parametrize(
    ("alter", "told"),
    [
        (lambda pinned: pinned.update(apiKeyHelper=None), ["ran commands of a repository"]),
        (RUN, ["-SessionStart", "skill-shell", "CLAUDE_CODE_SHELL_PREFIX", " SHELL,"]),
        (unset("BASH_ENV", "ZDOTDIR"), ["ZDOTDIR" if shutil.which("zsh") else "BASH_ENV"]),
        (without("apiKeyHelper"), ["it did not ask the server that it was given ("]),
        (unset("ANTHROPIC_BASE_URL"), ["asked the server that a repository names (POST /v1/messages"]),
        *large(
            (unset(*PROXIES), ["asked the server that a repository names"]),
            (unset("CLAUDE_CODE_USE_BEDROCK", "ANTHROPIC_BEDROCK_BASE_URL"), ["asked the server"]),
        ),
    ],
    ids=["a value that is not accepted", "run", "env", "helper", "address", "proxies", "bedrock"],
)
def test_a_pin_that_does_not_hold_is_noticed(alter: Altered, told: list[str]) -> None:
    """The first of these drops all of them without a word of the client's."""

    def altered(env: Mapping[str, str]) -> list[str]:
        pinned = settings(env)
        alter(pinned)
        return ["--settings", json.dumps(pinned), "--strict-mcp-config"]

    found = examine(CLIENT, altered)
    assert [word for word in told if word not in found] == [], found


def test_servers_that_a_repository_names_are_noticed() -> None:
    assert "mcp" in examine(CLIENT, lambda env: [word for word in pin(env) if word != "--strict-mcp-config"])


def test_a_client_that_reads_no_words_of_a_repository_is_refused() -> None:
    assert "does not read a repository's CLAUDE.md, skill, agent" in examine(
        CLIENT, lambda env: [*pin(env), "--safe-mode"]
    )


def stubborn(folder: Path, script: str) -> Path:
    """A client that first notes that it was run."""
    path = folder / "client"
    path.write_text(f"#!/bin/sh\nprintf x >> {shlex.quote(str(folder / 'runs'))}\n{script}\n")
    path.chmod(0o755)
    return path


def runs(folder: Path) -> int:
    return (folder / "runs").stat().st_size


def test_a_proof_is_made_once_for_each_client_and_anew_when_its_file_has_changed(tmp_path: Path) -> None:
    client = stubborn(tmp_path, f'exec {CLIENT} "$@"')
    prove(client, "1", tmp_path / "memory")
    once = runs(tmp_path)
    prove(client, "1", tmp_path / "memory")
    assert runs(tmp_path) == once
    client.write_text(client.read_text() + "# updated in place\n")
    prove(client, "1", tmp_path / "memory")
    assert runs(tmp_path) == 2 * once


@pytest.mark.large
def test_several_may_prove_the_same_client_at_once(tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as at_once:
        for done in [at_once.submit(prove, CLIENT, "1", tmp_path / "memory") for _ in range(2)]:
            done.result()
    assert len(list((tmp_path / "memory").iterdir())) == 1


@pytest.mark.parametrize(
    ("script", "told"),
    [("exit 3", "it did not ask the server"), ("curl() { :; }; echo broken >&2; exit 1", "broken")],
)
def test_a_client_that_fails_is_refused_with_what_to_do_and_tried_again_when_it_has_changed(
    tmp_path: Path, script: str, told: str
) -> None:
    """Not at each start of a worker."""
    client = stubborn(tmp_path, script)
    for times in (1, 1, 2):
        if times == 2:
            client.write_text(client.read_text() + "# changed\n")
        with pytest.raises(ClientRefused, match="FLEET_CLIENT") as refused:
            prove(client, "2.1.999", tmp_path / "memory")
        assert told in str(refused.value) and "2.1.999" in str(refused.value)
        assert runs(tmp_path) == 2 * times
    assert not (tmp_path / "memory").exists()


def test_nothing_of_a_trial_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the client has left a process behind."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    client = stubborn(
        tmp_path, f"echo $$ > {tmp_path}/pid\nsetsid sleep 600 & echo $! > {tmp_path}/left\nexit 1"
    )
    assert examine(client)
    assert not list(tmp_path.glob("fleet-canary-*"))
    left = process_table().get(int((tmp_path / "left").read_text()))
    assert left is None or left.ended
