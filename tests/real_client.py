"""Running the real Claude Code client against a loopback server, for any test that needs it."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.patience import PATIENCE_S

_SDK = importlib.util.find_spec("claude_agent_sdk")  # importing it takes a second, as it brings MCP
assert _SDK is not None and _SDK.origin is not None
CLIENT = Path(_SDK.origin).with_name("_bundled") / "claude"

Line = dict[str, Any]


def client_environment(*, base_url: str, token: str, home: Path, api_key: bool = False) -> dict[str, str]:
    """A clean environment: the account's own directories and credential, and nothing of this machine."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "CLAUDE_CONFIG_DIR": str(config_dir(home)),
        "ANTHROPIC_BASE_URL": base_url,
        "ANTHROPIC_API_KEY" if api_key else "CLAUDE_CODE_OAUTH_TOKEN": token,
        "DISABLE_AUTOUPDATER": "1",
        "DISABLE_TELEMETRY": "1",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    }


def config_dir(home: Path) -> Path:
    return home / ".claude"


def transcript(home: Path, cwd: Path, session: str) -> Path:
    """Where the client of `home` keeps the conversation `session` held in `cwd`."""
    slug = "".join(letter if letter.isalnum() else "-" for letter in str(cwd))
    return config_dir(home) / "projects" / slug / f"{session}.jsonl"


def run_client(
    prompt: str,
    *,
    base_url: str,
    token: str,
    cwd: Path,
    home: Path,
    resume: str | None = None,
    extra: Sequence[str] = (),
    api_key: bool = False,
    model: str = "sonnet",
    environment: Mapping[str, str] | None = None,
    timeout_s: float = PATIENCE_S,
) -> list[Line]:
    """The client's stream of one headless run, a table per line. Its exit code stands in a last line
    `{"type": "exit", "code": …, "stderr": …}`. Raises subprocess.TimeoutExpired after `timeout_s` seconds."""
    home.mkdir(parents=True, exist_ok=True)
    command = [str(CLIENT), "-p", prompt, "--output-format", "stream-json", "--verbose", "--model", model]
    command += ["--permission-mode", "acceptEdits", "--allowedTools", "Bash"]
    command += ["--resume", resume] if resume else []
    ended = subprocess.run(
        [*command, *extra],
        cwd=cwd,
        env=client_environment(base_url=base_url, token=token, home=home, api_key=api_key)
        | dict(environment or {}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    lines: list[Line] = [json.loads(line) for line in ended.stdout.splitlines() if line.strip()]
    return [*lines, {"type": "exit", "code": ended.returncode, "stderr": ended.stderr}]


def result_of(stream: Sequence[Line]) -> Line:
    """The last `result` of a stream; the whole stream is told when there is none."""
    results = [line for line in stream if line["type"] == "result"]
    assert results, f"the client gave no result: {stream}"
    return results[-1]


def of_type(stream: Sequence[Line], kind: str, subtype: str | None = None) -> list[Line]:
    return [line for line in stream if line["type"] == kind and subtype in (None, line.get("subtype"))]
