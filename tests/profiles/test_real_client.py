"""The real client, started as a profile says: the credential arrives at the server, and lies nowhere else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from profiles.isolation import PLACEHOLDER, worker_environment
from profiles.login import LoginUnknown, login_command, login_state
from profiles.profile import Profile, make_profile
from tests.patience import PATIENCE_S
from tests.profiles.loopback import Loopback, loopback
from tests.real_client import CLIENT
from workers.pinned.pins import pin

pytestmark = pytest.mark.client

TOKEN = "sk-ant-oat01-PLANTED-token"
LOOK_AROUND = "env; ls -l /proc/self/fd; cat <&7; tr '\\0' ' ' < /proc/$PPID/environ; cat /proc/$PPID/cmdline"
LAUNCH = "import os, sys; os.dup2(int(sys.argv[1]), int(sys.argv[2])); os.execv(sys.argv[3], sys.argv[3:])"


@contextmanager
def running(profile: Profile, secret: str | None, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """One headless turn; the credential, if any, is on the descriptor that the isolation names."""
    (tmp_path / "work").mkdir()
    parent = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TMPDIR": str(tmp_path)}
    parent["ANTHROPIC_API_KEY"] = parent["CLAUDE_CODE_OAUTH_TOKEN"] = "of-somebody-else"
    isolation = worker_environment(profile, tmp_path / "config", parent, run_marker="t1.1@home")
    argv = [
        str(CLIENT),
        "-p",
        "hello",
        "--output-format",
        "stream-json",
        "--verbose",
        "--allowedTools",
        "Bash",
    ]
    argv += ["--model", next(iter(profile.tiers.values()))]
    reader, writer = os.pipe()
    os.write(writer, (secret or "").encode())
    os.close(writer)
    if isolation.secret_fd is not None:
        argv = [sys.executable, "-c", LAUNCH, str(reader), str(isolation.secret_fd), *argv]
    with subprocess.Popen(
        argv,
        cwd=tmp_path / "work",
        env=isolation.env,
        pass_fds=(reader,),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as client:
        os.close(reader)
        try:
            yield client
        finally:
            client.kill()


def ended(client: subprocess.Popen[str]) -> dict[str, object]:
    out, err = client.communicate(timeout=PATIENCE_S)
    results = [line for line in map(json.loads, out.splitlines()) if line["type"] == "result"]
    assert results, f"no result: {out} {err}"
    result: dict[str, object] = results[-1]
    return result


def profile_of(kind: str, server: Loopback) -> Profile:
    tiers = {"local": "qwen3-coder:30b"} if kind == "local" else {"sonnet": "sonnet"}
    return make_profile(name="work", kind=kind, base_url=server.url, tiers=tiers)


@pytest.mark.parametrize(
    ("kind", "secret", "header", "value"),
    [
        ("subscription", TOKEN, "authorization", f"Bearer {TOKEN}"),
        ("api-key", "sk-ant-api03-PLANTED", "x-api-key", "sk-ant-api03-PLANTED"),
        ("local", PLACEHOLDER, "x-api-key", PLACEHOLDER),
    ],
)
def test_the_server_gets_this_accounts_credential_and_model(
    tmp_path: Path, kind: str, secret: str, header: str, value: str
) -> None:
    with loopback() as server:
        server.may_answer.set()
        profile = profile_of(kind, server)
        with running(profile, secret, tmp_path) as client:
            assert ended(client)["is_error"] is False
    assert {h.get(header) for h in server.headers} == {value}
    other = {"authorization", "x-api-key"} - {header}
    assert [h for h in server.headers if other & set(h)] == []
    if kind == "local":
        assert {body["model"] for body in server.bodies} == {"qwen3-coder:30b"}


def test_the_credential_stands_in_no_argument_variable_or_file_while_the_client_runs(tmp_path: Path) -> None:
    with loopback() as server, running(profile_of("subscription", server), TOKEN, tmp_path) as client:
        assert server.asked.wait(timeout=PATIENCE_S)
        for what in ("environ", "cmdline"):
            assert b"PLANTED" not in Path(f"/proc/{client.pid}/{what}").read_bytes()
        server.may_answer.set()
        ended(client)
    holding = [path for path in tmp_path.rglob("*") if path.is_file() and b"PLANTED" in path.read_bytes()]
    assert holding == []


def test_the_tools_of_a_worker_work_and_see_neither_the_credential_nor_its_descriptor(tmp_path: Path) -> None:
    with loopback(LOOK_AROUND) as server:
        server.may_answer.set()
        with running(profile_of("subscription", server), TOKEN, tmp_path) as client:
            assert ended(client)["result"] == "done"
    seen = server.tool_results()
    assert "CLAUDE_CONFIG_DIR" in seen
    assert "PLANTED" not in seen
    assert "bad file descriptor" in seen.lower()  # as bash says it, or zsh


def test_the_client_says_whether_a_login_is_kept_in_the_accounts_directory(tmp_path: Path) -> None:
    """A login looks like this on Linux; it is planted by the test, never read by the program."""
    profile = make_profile(name="work", kind="subscription", login=True, base_url="http://127.0.0.1:9")
    parent = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TMPDIR": str(tmp_path)}
    config = tmp_path / "config"
    assert login_state(CLIENT, profile, config, parent, pin).logged_in is False
    kept = {"accessToken": TOKEN, "refreshToken": "sk-ant-ort01-PLANTED", "expiresAt": 4102444800000}
    kept |= {"scopes": ["user:inference", "user:profile"], "subscriptionType": "max"}
    (config / ".credentials.json").write_text(json.dumps({"claudeAiOauth": kept}))
    state = login_state(CLIENT, profile, config, parent, pin)
    assert (state.logged_in, state.method, state.plan) == (True, "claude.ai", "max")


def test_a_client_that_cannot_be_asked_is_named(tmp_path: Path) -> None:
    profile = make_profile(name="work", kind="subscription", login=True)
    with pytest.raises(LoginUnknown, match="/no/such/claude"):
        login_state(Path("/no/such/claude"), profile, tmp_path / "config", {}, pin)
    with pytest.raises(LoginUnknown, match="too old"):
        login_state(Path("/bin/echo"), profile, tmp_path / "config", {}, pin)


def test_the_login_is_the_clients_own_in_the_accounts_own_directory(tmp_path: Path) -> None:
    """With what opens a browser, as a person sits there, and without any credential of another account."""
    profile = make_profile(name="work", kind="subscription", login=True)
    parent = {"PATH": "/bin", "DISPLAY": ":0", "ANTHROPIC_API_KEY": "planted"}
    command = login_command(CLIENT, profile, tmp_path / "config", parent, pin)
    assert (command.argv[0], *command.argv[-3:]) == (str(CLIENT), "auth", "login", "--claudeai")
    assert (command.env["CLAUDE_CONFIG_DIR"], command.env["DISPLAY"]) == (str(tmp_path / "config"), ":0")
    assert "planted" not in command.env.values()
    assert (
        login_command(CLIENT, make_profile(name="ci", kind="api-key"), tmp_path, {}, pin).argv[-1]
        == "--console"
    )
