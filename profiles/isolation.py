"""The environment one account's workers run in: only what is allowed from ours, and nothing of any other account.

An allow list, because the client knows more than seven hundred variables (`ANTHROPIC_*`, `CLAUDE_*`, each cloud's
own) and many of them choose another credential, another provider or another directory.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from profiles.profile import Profile
from workers.environment import allowed

SECRET_FD = 7
"""The descriptor on which the supervisor hands the credential over: above the three standard ones and the few that
shells use. The client closes it before it starts any tool: measured with 2.1.330."""

PLACEHOLDER = "local"
"""What to hand over for a local server that wants no credential: without any, the client 2.1.330 ends with "Not logged
in" and never calls the server. It arrives there as `x-api-key: local`."""

_SWITCHED_OFF: dict[str, str] = {
    "DISABLE_AUTOUPDATER": "1",
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "DISABLE_TELEMETRY": "1",
}

_ALIASES = ("haiku", "sonnet", "opus", "fable")


@dataclass(frozen=True, slots=True)
class Isolation:
    """What a worker of an account is started with.

    `secret_fd` is the descriptor on which the client will look for its credential, or None when it keeps its own login.
    """

    env: Mapping[str, str]
    secret_fd: int | None


def worker_environment(
    profile: Profile,
    config_dir: Path,
    parent: Mapping[str, str],
    *,
    run_marker: str,
    extra: Mapping[str, str] | None = None,
) -> Isolation:
    """As `environment_on`, for a client on this machine: makes `config_dir` there.

    Raises `PermissionError` when `config_dir` belongs to somebody else, so that no other user could plant a login.
    """
    make_private(config_dir)
    return environment_on(profile, config_dir, parent, run_marker=run_marker, extra=extra)


def environment_on(
    profile: Profile,
    config_dir: Path,
    parent: Mapping[str, str],
    *,
    run_marker: str,
    extra: Mapping[str, str] | None = None,
) -> Isolation:
    """The whole environment of a worker on the host that `parent` is the environment of and `config_dir` a private
    directory on: pass it as it is, add nothing from `os.environ`.

    `run_marker` becomes FLEET_RUN, by which leftovers are found. `extra` is for what belongs to the worktree (its
    ports). `CLAUDE_CODE_SUBPROCESS_ENV_SCRUB` is not set: client 2.1.330 then refuses to start without bubblewrap, and
    there is nothing to scrub, as the credential is in no variable.
    """
    env = allowed(parent, profile.pass_env)
    env |= _models(profile) | profile.extra_env | dict(extra or {}) | _SWITCHED_OFF
    env |= {"CLAUDE_CONFIG_DIR": str(config_dir.absolute()), "FLEET_RUN": run_marker}
    if profile.base_url is not None:
        env["ANTHROPIC_BASE_URL"] = profile.base_url
        env |= _direct_to_loopback(profile.base_url, env)
    if profile.login:
        return Isolation(env, None)
    env[_descriptor_variable(profile)] = str(SECRET_FD)
    return Isolation(env, SECRET_FD)


def person_environment(parent: Mapping[str, str], also: Iterable[str]) -> dict[str, str]:
    """The environment of a client that a person runs for themselves; `also` names what it needs more of `parent`."""
    return allowed(parent, also) | _SWITCHED_OFF


def make_private(directory: Path) -> None:
    """Makes `directory` (and its parents) readable by its owner only: the client may keep a login in it.

    Raises `PermissionError` when it belongs to somebody else, `NotADirectoryError` when something else is there.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    directory.chmod(0o700)


def _descriptor_variable(profile: Profile) -> str:
    kind = "OAUTH_TOKEN" if profile.kind == "subscription" else "API_KEY"
    return f"CLAUDE_CODE_{kind}_FILE_DESCRIPTOR"


def _models(profile: Profile) -> dict[str, str]:
    """What the client's aliases stand for here, as subagents and background calls name models by alias.

    A local server knows none of the aliases, so there each alias without a tier of its own is the weakest tier.
    """
    weakest = next(iter(profile.tiers.values()))
    other = dict.fromkeys(_ALIASES, weakest) if profile.kind == "local" else {}
    named = other | {
        tier: model for tier, model in profile.tiers.items() if tier in _ALIASES and tier != model
    }
    return {f"ANTHROPIC_DEFAULT_{alias.upper()}_MODEL": model for alias, model in named.items()}


def is_loopback(base_url: str | None) -> bool:
    """Whether the server is this machine's own."""
    host = urlsplit(base_url or "").hostname or ""
    return host in ("localhost", "::1") or host.startswith("127.")


def _direct_to_loopback(base_url: str, env: Mapping[str, str]) -> dict[str, str]:
    """A proxy can't reach this machine's own loopback: keep such a server out of its way."""
    if not is_loopback(base_url):
        return {}
    host = urlsplit(base_url).hostname or ""
    spared = ",".join(filter(None, [env.get("NO_PROXY") or env.get("no_proxy"), host]))
    return {"NO_PROXY": spared, "no_proxy": spared}
