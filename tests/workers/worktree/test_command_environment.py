"""What a setup or verification command, which may be a worker's own code, is given of our environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.patience import PATIENCE_S
from workers.command import run_shell


def test_nothing_that_leads_to_a_credential_reaches_a_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    withheld = (
        *("ANTHROPIC_API_KEY", "CLAUDE_CODE_OAUTH_TOKEN", "DBUS_SESSION_BUS_ADDRESS"),
        *("FLEET_HOME", "FLEET_KEYRING_PASSPHRASE_FILE", "SSH_AUTH_SOCK", "AWS_SECRET_ACCESS_KEY"),
        *("MY_PERSONAL_TOKEN", "GIT_ASKPASS", "GIT_SSH_COMMAND"),
    )
    for name in withheld:
        monkeypatch.setenv(name, "planted")
    monkeypatch.setenv("MAKEFLAGS", "-j2")
    ended = run_shell("env", cwd=tmp_path, env={"FLEET_TASK": "t1"}, timeout_s=PATIENCE_S)
    given = dict(line.partition("=")[::2] for line in ended.tail.splitlines())
    assert "planted" not in given.values()
    assert (given["MAKEFLAGS"], given["FLEET_TASK"]) == ("-j2", "t1")
