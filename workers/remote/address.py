"""How a host is reached: what a person writes, taken apart."""

from __future__ import annotations

import re
from dataclasses import dataclass

FORM = "ssh://user@host:port, where user@ and :port may be left out, or a Host of ~/.ssh/config"
_ADDRESS = re.compile(
    r"(?:ssh://)?(?:(?P<user>[^@/:\s]+)@)?(?:\[(?P<ipv6>[0-9A-Fa-f:.%\w]+)\]|(?P<host>[^@/:\s\[\]]+))(?::(?P<port>\d+))?/?"
)


class BadAddress(ValueError):
    """What a person wrote does not say how to reach a host."""


@dataclass(frozen=True)
class Reach:
    """How a host is reached.

    `name`: what the fleet calls it. `jump`: `[user@]host[:port]`, several with commas, the first is reached first.
    `identity`: the file of a private key. `directory`: where Fleet's files lie there. `client`: the path of the
    client there. What is None is found out by ~/.ssh/config and the usual defaults.
    """

    name: str
    host: str
    port: int | None = None
    user: str | None = None
    jump: str | None = None
    identity: str | None = None
    directory: str | None = None
    client: str | None = None

    @property
    def address(self) -> str:
        """`[user@]host[:port]`, as it was written."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{f'{self.user}@' if self.user else ''}{host}{f':{self.port}' if self.port else ''}"

    def directory_there(self, home_id: str) -> str:
        return self.directory or f"~/.fleet/{home_id}"


def parse(text: str) -> Reach:
    """A reach whose name is its host's. Raises BadAddress."""
    found = _ADDRESS.fullmatch(text.strip())
    if found is None:
        password = " A password is not for here: Fleet logs in with keys." if _has_password(text) else ""
        shown = "what was given" if password else repr(text)
        raise BadAddress(f"{shown} is no address of a host: write {FORM}.{password}")
    host, user, port = found["ipv6"] or found["host"], found["user"], found["port"]
    if host.startswith("-") or (user or "").startswith("-"):
        raise BadAddress(f"{text!r} is no address of a host: neither a host nor a user begins with a hyphen")
    if port is not None and not 0 < int(port) < 65536:
        raise BadAddress(f"{text!r} names port {port}, but ports are 1 to 65535")
    return Reach(name=host, host=host, port=int(port) if port else None, user=user)


def _has_password(text: str) -> bool:
    return re.search(r":[^@/]*@", text.removeprefix("ssh://")) is not None
