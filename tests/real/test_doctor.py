"""`fleet doctor` finds what is missing on a machine, in words that say what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.real.staging import living, writes
from tests.real_client import CLIENT

pytestmark = pytest.mark.client

GREET = writes("greet", "hello.txt")


def test_a_healthy_machine_is_well(tmp_path: Path) -> None:
    with living(tmp_path, GREET) as house:
        house.add_account("work")
        findings = house.json("doctor")
        assert not [f for f in findings if f["grade"] == "error"], findings
        by_name = {f["what"]: f for f in findings}
        assert by_name["client"]["story"].startswith("Claude Code 2.")
        assert by_name["keyring"]["grade"] == "ok" and by_name["account work"]["grade"] == "ok"


def test_a_bare_machine_is_told_everything_that_is_missing_at_once(tmp_path: Path) -> None:
    """No git, no client, no keyring: each stands there with what to do, and the command ends with 1."""
    with living(tmp_path, GREET) as house:
        house.extra_env |= {
            "PATH": str(tmp_path / "empty"),
            "FLEET_CLIENT": str(tmp_path / "no-client"),
            "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
        }
        ended = house.run("doctor")
        assert ended.returncode == 1 and "Traceback" not in ended.stderr
        lines = ended.stdout.splitlines()
        assert any(line.startswith("✗ git: there is no git on the PATH") for line in lines)
        assert any(line.startswith("✗ client:") and "npm install" in line for line in lines)
        assert any("keyring" in line and not line.startswith("✓") for line in lines)
        assert not (house.home / "fleet.db").exists(), "looking makes nothing"
        house.extra_env["FLEET_CLIENT"] = str(CLIENT)
        ended = house.run("up")
        assert ended.returncode == 1 and ended.stderr.startswith(
            "fleet: there is no git on the PATH: install"
        )


def test_an_account_whose_token_is_gone_is_an_error(tmp_path: Path) -> None:
    with living(tmp_path, GREET) as house:
        house.add_account("work")
        for entry in sorted((tmp_path / "data").rglob("*"), reverse=True):
            if entry.is_file():
                entry.unlink()
        ended = house.run("doctor")
        assert ended.returncode == 1 and "✗ account work" in ended.stdout and "fleet account" in ended.stdout


def test_a_home_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with living(tmp_path, GREET) as house:
        (tmp_path / "file").write_text("")
        house.extra_env["FLEET_HOME"] = str(tmp_path / "file" / "home")
        ended = house.run("doctor")
        assert ended.returncode == 1 and "✗ home" in ended.stdout and "FLEET_HOME" in ended.stdout
        assert "Traceback" not in ended.stderr
        for words in (("status",), ("task", "list"), ("up", "--until-idle"), ("account", "list")):
            assert "Traceback" not in house.run(*words).stderr, words


def test_every_command_works_without_a_home(tmp_path: Path) -> None:
    with living(tmp_path, GREET) as house:
        for words in (
            ("status",),
            ("task", "list"),
            ("account", "list"),
            ("worktree", "list"),
            ("worktree", "prune"),
        ):
            house.fleet(*words)
        for missing in (
            ("why", "t1"),
            ("task", "show", "t1"),
            ("task", "cancel", "t1"),
            ("account", "show", "x"),
        ):
            ended = house.run(*missing)
            assert ended.returncode == 1 and ended.stderr.startswith("fleet: there is no "), missing
