"""A worker of one account gets that account's environment, and no trace of any other credential or of ours."""

from __future__ import annotations

from pathlib import Path

import pytest

from profiles.isolation import worker_environment
from profiles.profile import make_profile

SUBSCRIPTION = make_profile(name="work", kind="subscription")
OF_OTHERS = """
ANTHROPIC_API_KEY ANTHROPIC_AUTH_TOKEN ANTHROPIC_BASE_URL ANTHROPIC_CUSTOM_HEADERS ANTHROPIC_MODEL ANTHROPIC_PROFILE
ANTHROPIC_BEDROCK_BASE_URL ANTHROPIC_VERTEX_PROJECT_ID ANTHROPIC_FOUNDRY_API_KEY ANTHROPIC_UNIX_SOCKET
ANTHROPIC_CONFIG_DIR ANTHROPIC_SMALL_FAST_MODEL ANTHROPIC_DEFAULT_OPUS_MODEL ANTHROPIC_WORKSPACE_ID
CLAUDE_CODE_OAUTH_TOKEN CLAUDE_CODE_OAUTH_REFRESH_TOKEN CLAUDE_CODE_OAUTH_TOKEN_FILE_DESCRIPTOR
CLAUDE_CODE_API_KEY_FILE_DESCRIPTOR CLAUDE_CODE_GATEWAY_TOKEN_FILE_DESCRIPTOR CLAUDE_CODE_SESSION_ACCESS_TOKEN
CLAUDE_CODE_USE_BEDROCK CLAUDE_CODE_USE_VERTEX CLAUDE_CODE_USE_FOUNDRY CLAUDE_CODE_API_BASE_URL CLAUDE_CODE_REMOTE
CLAUDE_CONFIG_DIR CLAUDE_SECURESTORAGE_CONFIG_DIR CLAUDE_CODE_HOST_CREDS_FILE CLAUDECODE CLAUDE_CODE_ENTRYPOINT
CLAUDE_CODE_SESSION_ID CLAUDE_PID CLAUDE_CODE_MESSAGING_TOKEN CLAUDE_CODE_CHILD_SESSION CLAUDE_EFFORT
AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_PROFILE AWS_BEARER_TOKEN_BEDROCK AWS_REGION
GOOGLE_APPLICATION_CREDENTIALS CLOUD_ML_REGION AZURE_CLIENT_SECRET AZURE_API_KEY OPENAI_API_KEY GITHUB_TOKEN GH_TOKEN
FLEET_HOME FLEET_KEYRING_PASSPHRASE_FILE FLEET_RUN PYTHON_KEYRING_BACKEND DBUS_SESSION_BUS_ADDRESS XDG_RUNTIME_DIR
SSH_AUTH_SOCK GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE GIT_SSH_COMMAND VIRTUAL_ENV PYTHONPATH PYTHONHOME NODE_OPTIONS
LD_PRELOAD BASH_ENV ENV OTEL_EXPORTER_OTLP_HEADERS npm_config_token A_NEW_ONE
"""


def environment(tmp_path: Path, parent: dict[str, str], **settings: object) -> dict[str, str]:
    profile = make_profile(**({"name": "work", "kind": "subscription"} | settings))
    return dict(worker_environment(profile, tmp_path / "config", parent, run_marker="t1.1@home").env)


def test_no_variable_of_another_credential_provider_or_session_gets_through(tmp_path: Path) -> None:
    env = environment(tmp_path, dict.fromkeys(OF_OTHERS.split(), "planted") | {"PATH": "/bin"})
    assert "planted" not in env.values()


def test_a_worker_finds_its_tools_its_language_and_the_way_out_of_the_network(tmp_path: Path) -> None:
    needed = {
        "PATH": "/bin",
        "HOME": "/home/me",
        "LC_ALL": "C.UTF-8",
        "LANG": "de_DE",
        "HTTPS_PROXY": "http://p:1",
    }
    needed |= {
        "SSL_CERT_FILE": "/ca",
        "NODE_EXTRA_CA_CERTS": "/ca",
        "GIT_AUTHOR_NAME": "Me",
        "TMPDIR": "/scratch",
    }
    assert environment(tmp_path, needed).items() >= needed.items()


def test_every_worker_carries_its_run_its_own_directory_and_the_switched_off_traffic(tmp_path: Path) -> None:
    env = environment(tmp_path, {})
    assert env == {
        "CLAUDE_CONFIG_DIR": str(tmp_path / "config"),
        "FLEET_RUN": "t1.1@home",
        "CLAUDE_CODE_OAUTH_TOKEN_FILE_DESCRIPTOR": "7",
        "DISABLE_AUTOUPDATER": "1",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_TELEMETRY": "1",
    }


@pytest.mark.parametrize(
    ("settings", "variable"),
    [
        ({}, "CLAUDE_CODE_OAUTH_TOKEN_FILE_DESCRIPTOR"),
        ({"kind": "api-key"}, "CLAUDE_CODE_API_KEY_FILE_DESCRIPTOR"),
        (
            {"kind": "local", "base_url": "http://10.0.0.2:80", "tiers": {"local": "m"}},
            "CLAUDE_CODE_API_KEY_FILE_DESCRIPTOR",
        ),
        ({"login": True}, None),
    ],
)
def test_the_credential_is_looked_for_where_its_kind_needs_it(
    tmp_path: Path, settings: dict[str, object], variable: str | None
) -> None:
    profile = make_profile(**({"name": "work", "kind": "subscription"} | settings))
    isolation = worker_environment(profile, tmp_path / "config", {}, run_marker="r")
    named = {name: value for name, value in isolation.env.items() if name.endswith("_FILE_DESCRIPTOR")}
    assert named == ({variable: str(isolation.secret_fd)} if variable else {})
    assert (isolation.secret_fd is None) == (variable is None)


def test_only_its_owner_may_look_into_an_accounts_directory(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir(mode=0o755)
    environment(tmp_path, {})
    assert (tmp_path / "config").stat().st_mode & 0o777 == 0o700


def test_what_a_profile_asks_to_pass_on_is_passed_on(tmp_path: Path) -> None:
    parent = {"SSH_AUTH_SOCK": "/agent", "MY_TOOL": "x", "OTHER": "y"}
    env = environment(
        tmp_path,
        parent,
        pass_env=("SSH_AUTH_SOCK", "MY_TOOL"),
        extra_env={"CLAUDE_CODE_MAX_OUTPUT_TOKENS": "9"},
    )
    assert (env["SSH_AUTH_SOCK"], env["MY_TOOL"], env["CLAUDE_CODE_MAX_OUTPUT_TOKENS"]) == (
        "/agent",
        "x",
        "9",
    )
    assert "OTHER" not in env


def test_a_local_server_is_never_asked_for_a_model_it_does_not_have(tmp_path: Path) -> None:
    """The client names its background and subagent models by alias."""
    tiers = {"quick": "qwen3:4b", "opus": "qwen3:32b"}
    env = environment(tmp_path, {}, kind="local", base_url="http://127.0.0.1:1", tiers=tiers)
    assert {
        name: env[f"ANTHROPIC_DEFAULT_{name}_MODEL"] for name in ("HAIKU", "SONNET", "OPUS", "FABLE")
    } == {
        "HAIKU": "qwen3:4b",
        "SONNET": "qwen3:4b",
        "OPUS": "qwen3:32b",
        "FABLE": "qwen3:4b",
    }


def test_an_own_model_for_a_tier_is_what_the_alias_stands_for(tmp_path: Path) -> None:
    env = environment(tmp_path, {}, tiers={"haiku": "haiku", "sonnet": "claude-sonnet-4-5"})
    assert {k: v for k, v in env.items() if k.endswith("_MODEL")} == {
        "ANTHROPIC_DEFAULT_SONNET_MODEL": "claude-sonnet-4-5"
    }


@pytest.mark.parametrize(
    ("url", "spared"), [("http://127.0.0.1:80", "corp,127.0.0.1"), ("http://10.0.0.2:80", "corp")]
)
def test_a_server_on_this_machine_is_not_looked_for_behind_the_proxy(
    tmp_path: Path, url: str, spared: str
) -> None:
    assert (
        environment(tmp_path, {"HTTP_PROXY": "http://p", "NO_PROXY": "corp"}, base_url=url)["NO_PROXY"]
        == spared
    )
