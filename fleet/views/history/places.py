"""Where the client keeps transcripts, and whose they are. Light: see `fleet.views.light.state`."""

from __future__ import annotations

import os

from fleet.history.ledger.paths import storable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Home = str | os.PathLike[str]

ACCOUNTS = "accounts"
"""Below the home: `Home.config_dir`'s parent, held to it by a test."""

DEFAULT = "default"
"""The label of what persons use in the client's own default places."""

_join = os.path.join


def default_dirs(home: Home, environ: Mapping[str, str]) -> Iterator[str]:
    """Of every account of the home, those that `CLAUDE_CONFIG_DIR` names (several with commas between, as ccusage takes
    it), and the client's own defaults; each that exists, once."""
    accounts = _join(os.fspath(home), ACCOUNTS)
    below = sorted(os.listdir(accounts)) if os.path.isdir(accounts) else []  # noqa: PTH112, PTH208
    named = (part.strip() for part in environ.get("CLAUDE_CONFIG_DIR", "").split(","))
    every = (
        *(_join(accounts, name) for name in below),
        *(os.path.expanduser(one) for one in named if one),  # noqa: PTH111
        *own_defaults(environ),
    )
    yield from dict.fromkeys(os.path.realpath(one) for one in every if os.path.isdir(one))  # noqa: PTH112


def own_defaults(environ: Mapping[str, str]) -> tuple[str, str]:
    """`~/.claude`, and where newer clients keep it."""
    user = environ.get("HOME") or os.path.expanduser("~")  # noqa: PTH111
    return _join(user, ".claude"), _join(environ.get("XDG_CONFIG_HOME") or _join(user, ".config"), "claude")


def label(
    home: Home, config_dir: str, environ: Mapping[str, str], owners: Mapping[str, str] | None = None
) -> str:
    """The account that a person has said (`owners`, of the ledger), or the one of the home whose directory it is;
    `default` for the client's own default places, else the directory's name."""
    real = os.path.realpath(config_dir)
    if owners and storable(real) in owners:
        return owners[storable(real)]
    accounts = os.path.realpath(_join(os.fspath(home), ACCOUNTS))
    parent, name = os.path.split(real)
    if parent == accounts:
        return name
    if real in {os.path.realpath(one) for one in own_defaults(environ)}:
        return DEFAULT
    return name.lstrip(".") or DEFAULT
