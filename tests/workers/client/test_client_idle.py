"""Asking an idle client about usage: whatever it does, it is ended and says why there is nothing."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.own_home import HOME_ID
from workers import processes
from workers.client.listen.windows import WindowReading
from workers.client.probe.idle import ask_usage
from workers.client.probe.usage import NoUsage

MARKER = f"usage-test@{HOME_ID}"
TOLD = {"rate_limits_available": True, "rate_limits": {"five_hour": {"utilization": 40}, "limits": []}}
HEAR = "import json, os, sys, time\nasked = json.loads(sys.stdin.readline())\n"
ANSWER = f"""
reply = dict(subtype="success", request_id=asked["request_id"], response={TOLD!r})
print("a notice", json.dumps(dict(type="control_response", response=reply)), sep="\\n", flush=True)
"""


def ask(tmp_path: Path, body: str, timeout_s: float = 20.0) -> tuple[WindowReading, ...]:
    client = tmp_path / "claude"
    client.write_text(f"#!{sys.executable}\n{body}\n")
    client.chmod(0o755)
    env = {"PATH": os.environ["PATH"], "FLEET_RUN": MARKER}
    env |= {"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "CLAUDE_CONFIG_DIR": str(tmp_path / "account")}
    try:
        return ask_usage(client, frozenset({"--safe-mode"}), env, tmp_path, timeout_s)
    finally:
        assert processes.find(env["FLEET_RUN"]) == set()


def test_it_is_asked_once_and_ends_with_its_input(tmp_path: Path) -> None:
    ends = "open('ended', 'w').write(sys.stdin.read() + ' '.join(sys.argv[1:]))"
    assert ask(tmp_path, HEAR + ANSWER + ends) == (WindowReading("five_hour", 0.4, None),)
    argv = (tmp_path / "ended").read_text()
    assert "--safe-mode" in argv
    assert "--no-session-persistence" not in argv  # this client does not know it


def test_it_is_asked_without_what_keeps_the_client_from_fetching_usage(tmp_path: Path) -> None:
    unless = "\nassert 'CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC' not in os.environ\n"
    assert ask(tmp_path, HEAR + unless + ANSWER)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("raise SystemExit('Error: odd')", "Error: odd"),
        ("import time; time.sleep(60)", "no answer within"),
        (HEAR + ANSWER.replace("success", "error"), "cannot tell usage"),
        (HEAR + ANSWER.replace("True", "False"), "does not allow"),
    ],
)
def test_why_there_is_no_answer_is_told(tmp_path: Path, body: str, why: str) -> None:
    with pytest.raises(NoUsage, match=why):
        ask(tmp_path, body, timeout_s=20.0 if "sleep" not in body else 0.2)


def test_a_client_that_does_not_end_is_ended_with_its_children(tmp_path: Path) -> None:
    stubborn = (
        "\nimport signal, subprocess\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "subprocess.Popen(['sleep', '60'], start_new_session=True)\n"
    )
    assert ask(tmp_path, HEAR + stubborn + ANSWER + "time.sleep(60)")


def test_a_client_that_cannot_be_started_is_named(tmp_path: Path) -> None:
    with pytest.raises(NoUsage, match="/no/such/claude"):
        env = {"FLEET_RUN": MARKER, "CLAUDE_CONFIG_DIR": str(tmp_path)}
        ask_usage(Path("/no/such/claude"), frozenset(), env, tmp_path)
