"""Every variable that a settings file could set for a client is found, however the file is written."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from workers.pinned.files import BYTES_MAX, named
from workers.pinned.pins import HARMLESS, PinsContradicted, pinned, settings


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    (tmp_path / "repo/.claude").mkdir(parents=True)
    return tmp_path / "repo"


def found(repo: Path) -> set[str]:
    return set(named(repo, repo.parent / "config"))


@pytest.mark.parametrize(
    "text",
    [
        '{"env": {"A_NEW_ONE": "x"}}',
        '\ufeff{"env": {"A_NEW_ONE": "x"}}',
        '{"env": {"A\\u005fNEW_ONE": "x"}}',
        '{"env": {"A_NEW_ONE": "x"}, "env": {"OTHER": "y"}}',
        '{"env": {"OTHER": "y"}, "env": {"A_NEW_ONE": "x"}}',
        '// a comment with a " in it\n{"env": {"A_NEW_ONE": "x", }}',
        '{"env": {"A\\u005fNEW_ONE" /* here */: "x", }}',
        '{"env": {"A_NEW_ONE": 1}}',
        "[" * 100_000 + '{"env": {"A_NEW_ONE": "x"}}',
    ],
)
def test_a_variable_is_found_whatever_the_file_looks_like(repo: Path, text: str) -> None:
    (repo / ".claude/settings.json").write_text(text)
    assert "A_NEW_ONE" in found(repo)


def test_only_variables_are_found_in_a_file_that_can_be_read(repo: Path) -> None:
    (repo / ".claude/settings.json").write_text(
        json.dumps(
            {"permissions": {"env": {"NO": "x"}}, "model": "opus", "env": {"X": "y", "": "z", "a=b": "c"}}
        )
    )
    assert found(repo) == {"X"}


@pytest.mark.parametrize("file", ["settings.json", "settings.local.json", ".claude.json"])
def test_what_a_worker_wrote_into_its_accounts_directory_is_found(repo: Path, file: str) -> None:
    (repo.parent / "config").mkdir()
    (repo.parent / "config" / file).write_text('{"env": {"X": "y"}}')
    assert found(repo) == {"X"}


def test_what_lies_in_the_main_checkout_is_found_from_a_linked_worktree(repo: Path) -> None:
    """The client reads `settings.local.json` there, measured with 2.1.332."""
    git = ("git", "-C", str(repo), "-c", "user.name=T", "-c", "user.email=t@localhost")
    for words in (
        ("init", "-q"),
        ("commit", "-q", "--allow-empty", "-m", "x"),
        ("worktree", "add", "-q", "../tree"),
    ):
        subprocess.run([*git, *words], check=True, capture_output=True)
    (repo / ".claude/settings.local.json").write_text('{"env": {"X": "y"}}')
    assert named(repo.parent / "tree", repo.parent / "config") == {"X"}


def test_no_settings_are_no_trouble_and_what_cannot_be_judged_is(repo: Path) -> None:
    assert found(repo) == set()
    file = repo / ".claude/settings.json"
    os.mkfifo(file)
    with pytest.raises(OSError, match="it is no file"):
        found(repo)
    file.unlink()
    with file.open("wb") as large:
        large.truncate(BYTES_MAX + 1)
    with pytest.raises(OSError, match="too large to judge"):
        found(repo)
    file.write_text(json.dumps({"env": {f"NAME_{n}": "" for n in range(10_000)}}))
    with pytest.raises(OSError, match="more variables than can be looked after"):
        found(repo)


def test_what_a_file_sets_is_blanked_unless_the_worker_has_it_or_it_is_harmless() -> None:
    said = settings({"HTTPS_PROXY": "http://p", "PATH": "/bin"}, ["A_NEW_ONE", "PATH", "NODE_ENV"])["env"]
    assert (said["A_NEW_ONE"], said["PATH"], said["HTTPS_PROXY"]) == ("", "/bin", "http://p")
    assert "NODE_ENV" in HARMLESS and "NODE_ENV" not in said


def test_an_account_without_an_address_is_pinned_to_the_clients_own() -> None:
    assert settings({})["env"]["ANTHROPIC_BASE_URL"] == "https://api.anthropic.com"


def test_a_proxys_password_stands_in_no_argument_and_a_file_that_sets_that_variable_is_refused() -> None:
    """Arguments can be read by everybody on the machine, an environment cannot."""
    env = {"HTTPS_PROXY": "http://me:hush@proxy:1", "NO_PROXY": "corp"}
    kept = pinned(env, [], own_login=False)
    assert "hush" not in str(kept.arguments) and kept.env["HTTPS_PROXY"] == env["HTTPS_PROXY"]
    with pytest.raises(PinsContradicted, match="HTTPS_PROXY") as refused:
        pinned(env, ["HTTPS_PROXY"], own_login=False)
    assert "hush" not in str(refused.value)


def test_the_client_of_a_credential_on_a_pipe_is_told_who_decides_and_one_with_a_login_of_its_own_is_not() -> (
    None
):
    """It would not look for its login any more; and no file may tell it either."""
    name = "CLAUDE_CODE_PROVIDER_MANAGED_BY_HOST"
    assert pinned({}, [], own_login=False).env[name] == "1"
    own = pinned({}, [name], own_login=True)
    assert name not in own.env and f'"{name}": ""' in own.arguments[1]
