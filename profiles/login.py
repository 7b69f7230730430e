"""The client's own login, kept by the client itself in one account's directory.

Fleet starts the client's login and asks the client whether one is there. It never copies or refreshes what the client
stored, and looks at it only to see whether two directories hold the same: refresh tokens are single-use, and a second
copy revokes both (facts: "Credentials").
"""

from __future__ import annotations

import filecmp
import json
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from profiles.isolation import person_environment, worker_environment
from profiles.profile import InvalidProfile, Profile

_FOR_A_BROWSER = (
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "XAUTHORITY",
    "XDG_RUNTIME_DIR",
    "DBUS_SESSION_BUS_ADDRESS",
    "BROWSER",
)
STATUS_SECONDS_MAX = 30.0
_STORED = ".credentials.json"

Pin = Callable[[Mapping[str, str]], Sequence[str]]
"""Makes the arguments that keep a client of this environment from the orders of files in the account's directory."""


class LoginUnknown(RuntimeError):
    """The client couldn't be asked whether it is logged in; the message says what it did instead."""


@dataclass(frozen=True, slots=True)
class ClientCommand:
    """A command for a person at a terminal: run it with exactly this environment."""

    argv: tuple[str, ...]
    env: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class LoginState:
    """What the client says about the login in an account's directory. Whatever it doesn't say is None."""

    logged_in: bool
    method: str | None = None
    email: str | None = None
    organisation: str | None = None
    plan: str | None = None
    organisation_id: str | None = None

    def is_of(self, other: LoginState) -> bool:
        """Whether both are known to be logins of one person to one organisation."""
        mine = (self.method, self.email, self.organisation_id)
        return None not in mine and mine == (other.method, other.email, other.organisation_id)


def login_command(
    client: Path, profile: Profile, config_dir: Path, parent: Mapping[str, str], pin: Pin
) -> ClientCommand:
    """The client's own `auth login` in the account's own directory, for its kind of account.

    Has the variables that open a browser, which workers don't get: here a person sits in front of it.
    Raises `InvalidProfile` for a local account.
    """
    if profile.kind == "local":
        raise InvalidProfile(f"account {profile.name} is a local server: there is nothing to log in to")
    kind = "--claudeai" if profile.kind == "subscription" else "--console"
    env = _environment(profile, config_dir, parent, browser=True)
    return ClientCommand((str(client), *pin(env), "auth", "login", kind), env)


def person_command(client: Path, words: Sequence[str], parent: Mapping[str, str]) -> ClientCommand:
    """The client as the person's own, in their own directory. It sees no credential of another account, provider or
    session that `parent` may hold: `setup-token` must ask the person who they are."""
    return ClientCommand(
        (str(client), *words), person_environment(parent, (*_FOR_A_BROWSER, "CLAUDE_CONFIG_DIR"))
    )


def login_state(
    client: Path, profile: Profile, config_dir: Path, parent: Mapping[str, str], pin: Pin
) -> LoginState:
    """Asks the client (about 0.4 s, offline) whether a login is kept in `config_dir`.

    Only that: whether it still works shows at the first request.

    Raises `LoginUnknown` when the client can't be started, hangs, or answers something else than its JSON.
    """
    env = _environment(profile, config_dir, parent, browser=False)
    try:
        asked = subprocess.run(
            [str(client), *pin(env), "auth", "status", "--json"],
            env=env,
            cwd=config_dir,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=STATUS_SECONDS_MAX,
        )
    except OSError as error:
        raise LoginUnknown(f"the client {client} could not be started: {error.strerror}") from error
    except subprocess.TimeoutExpired:
        raise LoginUnknown(f"{client} auth status gave no answer in {STATUS_SECONDS_MAX:.0f} s") from None
    return _read_status(asked.stdout, f"{client} auth status (exit code {asked.returncode})")


def share_a_login(one: Path, other: Path) -> bool:
    """Whether two directories are one, or what the client has stored in one was copied to the other (on Linux; on macOS
    it lies in the keychain)."""
    try:
        return one.samefile(other) or filecmp.cmp(one / _STORED, other / _STORED, shallow=False)
    except OSError:
        return False  # one of them has none


def _environment(
    profile: Profile, config_dir: Path, parent: Mapping[str, str], *, browser: bool
) -> dict[str, str]:
    kept = profile.model_copy(update={"login": True})
    env = dict(worker_environment(kept, config_dir, parent, run_marker=f"login-{profile.name}").env)
    if browser:
        env |= {name: parent[name] for name in _FOR_A_BROWSER if name in parent}
    return env


def _read_status(text: str, source: str) -> LoginState:
    try:
        said: Any = json.loads(text)
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict) or not isinstance(said.get("loggedIn"), bool):
        raise LoginUnknown(
            f"{source} did not say whether there is a login: is the client too old? Update it."
        )
    return LoginState(
        logged_in=said["loggedIn"],
        method=_text(said.get("authMethod")),
        email=_text(said.get("email")),
        organisation=_text(said.get("orgName")),
        plan=_text(said.get("subscriptionType")),
        organisation_id=_text(said.get("orgId")),
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
