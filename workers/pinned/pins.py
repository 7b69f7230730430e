"""What a client is told in a place that no repository, and no file of an account's directory, can overrule. Travels.

The client takes `env`, hooks and commands that print credentials from `.claude/settings.json`, without a question when
nobody sits there (docs/client-facts.md, "Pinned"). `--settings` outranks all of those files, name by name. So what a
worker's environment says is said there again, what redirects or runs something is said there to be nothing, and every
further name that a file sets (`files.named`) is, too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

DEFAULT_BASE_URL = "https://api.anthropic.com"
"""Said outright where an account has no address of its own: what is left unsaid a file could say."""

MANAGED: Mapping[str, str] = {"CLAUDE_CODE_PROVIDER_MANAGED_BY_HOST": "1"}
"""The client's own word for "whoever started me says whom I ask and with what" (its documentation of environment
variables): it then leaves out of every settings file what it knows to redirect, and whatever its environment has
already, also when a file changes while it runs. For a credential on a pipe only: it also stops looking for a login that
it keeps itself."""

SWITCHES: Mapping[str, Any] = {
    "disableAllHooks": True,
    "disableSkillShellExecution": True,
    "apiKeyHelper": "",
    "proxyAuthHelper": "",
    "awsAuthRefresh": "",
    "awsCredentialExport": "",
    "gcpAuthRefresh": "",
    "otelHeadersHelper": "",
    "processWrapper": "",
    "cleanupPeriodDays": 3650,
}
"""Settings that run a command, or (the last) delete the transcripts of which sessions are resumed. **One value that
the client does not accept, and it drops all of them without a word**: `proof` tries each version."""

_REDIRECTS = """
HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY http_proxy https_proxy all_proxy no_proxy
CLAUDE_CODE_HTTP_PROXY CLAUDE_CODE_HTTPS_PROXY CLAUDE_CODE_PROXY_RESOLVES_HOSTS
NPM_CONFIG_PROXY NPM_CONFIG_HTTP_PROXY NPM_CONFIG_HTTPS_PROXY
ANTHROPIC_UNIX_SOCKET CLAUDE_CODE_RUNNER_MODEL_SOCKET CLAUDE_CODE_API_BASE_URL CLAUDE_CODE_CUSTOM_OAUTH_URL
CLAUDE_CODE_MEMORY_API_BASE_URL CLAUDE_CODE_MEMORY_API_TOKEN CLAUDE_CODE_GB_BASE_URL
_CLAUDE_CODE_ASSUME_FIRST_PARTY_BASE_URL
CLAUDE_CODE_USE_BEDROCK CLAUDE_CODE_USE_VERTEX CLAUDE_CODE_USE_FOUNDRY CLAUDE_CODE_USE_MANTLE CLAUDE_CODE_USE_GATEWAY
CLAUDE_CODE_USE_ANTHROPIC_AWS CLAUDE_CODE_USE_ANTHROPIC_GOOGLE_CLOUD
ANTHROPIC_BEDROCK_BASE_URL ANTHROPIC_BEDROCK_MANTLE_BASE_URL ANTHROPIC_VERTEX_BASE_URL ANTHROPIC_FOUNDRY_BASE_URL
ANTHROPIC_AWS_BASE_URL ANTHROPIC_GOOGLE_CLOUD_BASE_URL ANTHROPIC_FOUNDRY_RESOURCE
CLAUDE_CODE_PROVIDER_MANAGED_BY_HOST
ANTHROPIC_CUSTOM_HEADERS ANTHROPIC_AUTH_TOKEN ANTHROPIC_API_KEY ANTHROPIC_PROFILE ANTHROPIC_CONFIG_DIR
CLAUDE_CODE_OAUTH_TOKEN CLAUDE_CODE_OAUTH_REFRESH_TOKEN CLAUDE_CODE_HOST_CREDS_FILE CLAUDE_CODE_HOST_AUTH_ENV_VAR
"""
_TRUST = "NODE_EXTRA_CA_CERTS NODE_TLS_REJECT_UNAUTHORIZED NODE_OPTIONS CLAUDE_CODE_CERT_STORE CLAUDE_CODE_CLIENT_CERT"
_TELEMETRY = """
CLAUDE_CODE_ENABLE_TELEMETRY OTEL_METRICS_EXPORTER OTEL_LOGS_EXPORTER OTEL_TRACES_EXPORTER OTEL_EXPORTER_OTLP_ENDPOINT
OTEL_EXPORTER_OTLP_HEADERS OTEL_LOG_USER_PROMPTS OTEL_LOG_RAW_API_BODIES BETA_TRACING_ENDPOINT
"""
_RUNS = """
BASH_ENV ENV SHELL LD_PRELOAD DYLD_INSERT_LIBRARIES CLAUDE_ENV_FILE CLAUDE_CODE_SHELL CLAUDE_CODE_SHELL_PREFIX
CLAUDE_CODE_PROCESS_WRAPPER CLAUDE_CODE_PLUGIN_SEED_DIR
"""
BLANK: tuple[str, ...] = tuple(f"{_REDIRECTS} {_TRUST} {_TELEMETRY} {_RUNS}".split())
"""Empty means unset for each of these, to the client and to the programs that it starts. `SSL_CERT_FILE` and `GIT_*`
are not among them, as an empty one breaks TLS and git: they are blanked where a file sets them."""

_BOUNDS = """
BASH_DEFAULT_TIMEOUT_MS BASH_MAX_TIMEOUT_MS BASH_MAX_OUTPUT_LENGTH CLAUDE_CODE_MAX_OUTPUT_TOKENS MAX_THINKING_TOKENS
CLAUDE_CODE_FILE_READ_MAX_OUTPUT_TOKENS CLAUDE_BASH_MAINTAIN_PROJECT_WORKING_DIR CI NO_COLOR FORCE_COLOR NODE_ENV
RUST_BACKTRACE PYTHONUNBUFFERED PYTHONDONTWRITEBYTECODE
"""
HARMLESS = frozenset(_BOUNDS.split())
"""What a repository may set: bounds of the client's tools, and words for its own. All else of `env` in a settings file
is blanked, so that a name of a client to come is, too. An account's --env sets more."""

_DESCRIPTOR = re.compile(r"_FILE_DESCRIPTOR$")
_WITH_PASSWORD = re.compile(r"://[^/\s]*@")


class PinsContradicted(Exception):
    """A settings file sets a variable whose value here may stand in no argument; the message names it."""


@dataclass(frozen=True)
class Pinned:
    """What is added to a client's command line, and its whole environment."""

    arguments: tuple[str, ...]
    env: Mapping[str, str]


def pinned(env: Mapping[str, str], named: Iterable[str], *, own_login: bool) -> Pinned:
    """A client of the environment `env`, where settings files set the variables `named`. `own_login`: it keeps its
    login itself. Raises PinsContradicted."""
    whole = {**env, **({} if own_login else MANAGED)}
    return Pinned(tuple(pin(whole, named)), whole)


def pin(env: Mapping[str, str], named: Iterable[str] = ()) -> list[str]:
    """The arguments with which a client of the environment `env` is started: as the last ones before a prompt or a
    subcommand. `named` are the variables that settings files set where it runs.

    Raises PinsContradicted.
    """
    return ["--settings", json.dumps(settings(env, named), sort_keys=True), "--strict-mcp-config"]


def settings(env: Mapping[str, str], named: Iterable[str] = ()) -> dict[str, Any]:
    """As `pin`: the settings themselves."""
    named = set(named) - HARMLESS
    withheld = {name for name, value in env.items() if _WITH_PASSWORD.search(value)}
    if contradicted := sorted(withheld & named):
        raise PinsContradicted(
            f"a settings file of the client sets {', '.join(contradicted)}, which is set for this account too, with a "
            "password in it: remove it from .claude/settings.json and .claude/settings.local.json of the repository, "
            "and from the account's own settings.json and .claude.json"
        )
    blank = dict.fromkeys(sorted({*BLANK, *named}), "")
    said = {name: value for name, value in env.items() if not _DESCRIPTOR.search(name)}
    # zsh reads its files there: the home, unless something else is said. An empty one would mean the root.
    unless_said = {"ANTHROPIC_BASE_URL": DEFAULT_BASE_URL, "ZDOTDIR": env.get("HOME", "")}
    pinned = {**blank, **unless_said, **said}
    return {**SWITCHES, "env": {name: value for name, value in pinned.items() if name not in withheld}}
