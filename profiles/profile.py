"""What the user tells us about one account: how it is paid for, where it is reached, which model serves which tier."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

Kind = Literal["subscription", "api-key", "local"]

Spend = Literal["free", "when-needed", "never"]
"""When the account takes work: as any other; only what no account that is `free` can do in time; nothing."""

DEFAULT_TIERS: Mapping[str, str] = {"haiku": "haiku", "sonnet": "sonnet", "opus": "opus", "fable": "fable"}
"""Tier → model name, weakest first. The names are the client's own aliases, so a new model needs no change here."""

DEFAULT_CONCURRENCY: Mapping[Kind, int] = {"subscription": 4, "api-key": 4, "local": 1}
"""Workers at once. Readings come only with answers, so each further worker on one bucket overshoots its limit a
little more and costs about 180 MB (facts: "Getting the real client"); a local server answers one at a time anyway."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_CARRIES_SECRETS = re.compile(
    r"(^|_)(TOKEN|KEY|APIKEY|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIALS?|AUTH|AUTHORIZATION|HEADERS)(_|$)"
)
_OURS = re.compile(
    r"FLEET_|DBUS_|CLAUDE_CODE_(USE_|REMOTE)|CLAUDE_(CONFIG_DIR|SECURESTORAGE)"
    r"|ANTHROPIC_(BASE_URL|CONFIG_DIR|PROFILE|UNIX_SOCKET)"
)


class InvalidProfile(ValueError):
    """An account's settings can't be used; the message says which one and what would be accepted, never a value
    that may hold a secret."""


class Profile(BaseModel):
    """The settings of one account. Holds no secret: the credential is in the keyring, or in the client's own login.

    Build it with `make_profile`, which raises `InvalidProfile` with a sentence for a person.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: str
    kind: Kind
    base_url: str | None = None
    """Where the Messages API is spoken; None is the client's own default. Required for `local`."""
    tiers: dict[str, str] = Field(default_factory=dict)
    """Tier → model name as the client's `--model` takes it, weakest tier first."""
    concurrency: Annotated[int, Field(ge=1, le=1000)] = 0
    """Workers at once on this account; left out, the kind's default."""
    spend: Spend | None = None
    """Left out, as is usual for the kind: what is billed for each token only `when-needed`, all else `free`."""
    organisation: str | None = None
    """Two profiles that name the same organisation draw on the same buckets."""
    login: bool = False
    """The client keeps its own login in the account's directory; nothing is in the keyring."""
    extra_env: dict[str, str] = Field(default_factory=dict)
    """Further variables for this account's workers, never secret."""
    pass_env: tuple[str, ...] = ()
    """Further variables to take over from the coordinator's own environment, never secret."""

    @property
    def pool(self) -> str:
        """What the account's buckets belong to: its organisation if it names one, else the account alone."""
        return f"organisation:{self.organisation}" if self.organisation else f"account:{self.name}"

    @model_validator(mode="before")
    @classmethod
    def _defaults_of_the_kind(cls, given: object) -> object:
        if not isinstance(given, Mapping) or given.get("kind") not in DEFAULT_CONCURRENCY:
            return given
        kind: Kind = given["kind"]
        defaults: dict[str, object] = {"concurrency": DEFAULT_CONCURRENCY[kind]}
        if kind != "local":
            defaults["tiers"] = dict(DEFAULT_TIERS)
        return defaults | {key: value for key, value in given.items() if value is not None}

    @field_validator("name", "organisation")
    @classmethod
    def _safe_name(cls, name: str | None) -> str | None:
        if name is not None and not _NAME.fullmatch(name):
            raise ValueError(
                f"{name!r} can't be a name: use 1 to 64 letters, digits, '.', '_', '-', first a letter or digit"
            )
        return name

    @field_validator("base_url")
    @classmethod
    def _reachable(cls, url: str | None) -> str | None:
        return None if url is None else _check_base_url(url)

    @field_validator("tiers")
    @classmethod
    def _tiers_named(cls, tiers: dict[str, str]) -> dict[str, str]:
        for tier, model in tiers.items():
            _check_tier(tier, model)
        return tiers

    @field_validator("extra_env")
    @classmethod
    def _harmless_values(cls, env: dict[str, str]) -> dict[str, str]:
        for name, value in env.items():
            _check_variable(name)
            if "sk-ant-" in value or "\0" in value:
                raise ValueError(f"the value of {name} is not allowed here: credentials go to the keyring")
        return env

    @field_validator("pass_env")
    @classmethod
    def _harmless_names(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            _check_variable(name)
        return names

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        if not self.tiers:
            raise ValueError(
                "no tier is known: say which model serves which tier, e.g. --tier-map local=qwen3-coder:30b"
            )
        if self.kind == "local" and self.base_url is None:
            raise ValueError(
                "a local account needs --base-url, the address of its server, e.g. http://127.0.0.1:8080"
            )
        if self.kind == "local" and self.login:
            raise ValueError("a local account has no login: leave out --login")
        return self


def make_profile(**settings: object) -> Profile:
    """The profile of these settings; a setting that is None counts as left out.

    Raises `InvalidProfile`, with everything that is wrong in one message.
    """
    try:
        return Profile.model_validate({key: value for key, value in settings.items() if value is not None})
    except ValidationError as error:
        raise InvalidProfile(_story(error)) from None


def _check_base_url(url: str) -> str:
    """The address without a trailing slash. Raises `InvalidProfile` when the client couldn't use it, or when it holds a
    password (addresses are shown and stored)."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable or any(c.isspace() or not c.isprintable() for c in url):
        raise InvalidProfile(
            "the base URL must be an http:// or https:// address with a host and a valid port"
        )
    if "@" in parts.netloc:
        raise InvalidProfile(
            "the base URL holds a user name or password: put the credential in the keyring instead"
        )
    if parts.query or parts.fragment:
        raise InvalidProfile("the base URL must end with its path: leave out '?…' and '#…'")
    return url.rstrip("/")


def parse_tier_map(text: str) -> dict[str, str]:
    """`"sonnet=claude-sonnet-4-5,opus=claude-opus-4-5"` → tier → model, in the order given (weakest first).

    Raises `InvalidProfile` naming the entry that isn't `TIER=MODEL`, or the tier that is given twice.
    """
    tiers: dict[str, str] = {}
    for entry in (part.strip() for part in text.split(",")):
        if not entry:
            continue
        tier, equals, model = (piece.strip() for piece in entry.partition("="))
        if not equals:
            raise InvalidProfile(
                f"the tier map has {entry!r}, which isn't TIER=MODEL (example: sonnet=claude-sonnet-4-5)"
            )
        if tier in tiers:
            raise InvalidProfile(f"the tier map names tier {tier!r} twice")
        _check_tier(tier, model)
        tiers[tier] = model
    if not tiers:
        raise InvalidProfile("the tier map is empty: write TIER=MODEL[,TIER=MODEL…]")
    return tiers


def _check_tier(tier: str, model: str) -> None:
    if not _NAME.fullmatch(tier):
        raise InvalidProfile(f"{tier!r} can't be a tier's name: use letters, digits, '.', '_' or '-'")
    # A leading dash would be read as an option of the client.
    if not model or model.startswith("-") or any(c.isspace() or not c.isprintable() for c in model):
        raise InvalidProfile(f"tier {tier!r} needs a model name without blanks, got {model!r}")


def _check_variable(name: str) -> None:
    if not _VARIABLE.fullmatch(name):
        raise ValueError(f"{name!r} can't be the name of an environment variable")
    if (
        name == "SSH_AUTH_SOCK"
    ):  # a path, not a secret: whoever passes it on lets workers act as them on other machines
        return
    if _OURS.match(name.upper()) or _CARRIES_SECRETS.search(name.upper()):
        raise ValueError(
            f"{name} can't be set for an account: fleet sets it itself, or it would carry a credential"
        )


def _story(error: ValidationError) -> str:
    found = []
    for problem in error.errors(include_url=False, include_input=False, include_context=False):
        where = ".".join(str(step) for step in problem["loc"])
        what = problem["msg"].removeprefix("Value error, ")
        found.append(f"{where}: {what}" if where else what)
    return "; ".join(found)
