"""Which host keys are trusted: the user's known_hosts files and the fleet's own, read strictly."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from workers.remote.address import Reach

if TYPE_CHECKING:
    from asyncssh import SSHKey, SSHKnownHosts

SSH_PORT = 22


@dataclass(frozen=True)
class HostKey:
    """A host's public key. `line` is how it stands in a known_hosts file, without a newline."""

    type: str
    fingerprint: str
    line: str


@dataclass(frozen=True)
class Known:
    """What known_hosts files say of one host; `places` are `file:line` of the keys that it must show."""

    keys: tuple[SSHKey, ...] = ()
    authorities: tuple[SSHKey, ...] = ()
    revoked: tuple[SSHKey, ...] = ()
    places: tuple[str, ...] = ()

    @property
    def is_nothing(self) -> bool:
        return not self.keys and not self.authorities

    def judge(self, key: SSHKey) -> Standing:
        """A revoked key counts as changed: it may not be accepted."""
        if key in self.revoked:
            return "changed"
        if key in self.keys:
            return "known"
        return "changed" if self.places else "unknown"


Standing = Literal["known", "unknown", "changed"]


class KnownHosts:
    """The lines of several known_hosts files. What is no line of one is ignored, as ssh does."""

    def __init__(self, files: Iterable[Path]) -> None:
        self._lines: list[tuple[str, SSHKnownHosts]] = []
        for file in dict.fromkeys(files):
            self._read(file)

    def _read(self, file: Path) -> None:
        from asyncssh import import_known_hosts

        try:
            text = file.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return
        for number, line in enumerate(text.splitlines(), 1):
            try:
                self._lines.append((f"{file}:{number}", import_known_hosts(line)))
            except ValueError:
                continue

    def find(self, host: str, port: int) -> Known:
        """What is known of exactly this port, or of the host whatever its port when that is nothing.

        Addresses are not looked up by what a name resolves to: that would trust the resolver.
        """
        anywhere = self._find(host)
        if port == SSH_PORT:
            return anywhere
        exact = self._find(f"[{host}]:{port}")
        revoked = exact.revoked + anywhere.revoked
        if exact.is_nothing:
            # The key of another port's server says nothing against this one, so no places.
            return Known(anywhere.keys, anywhere.authorities, revoked)
        return Known(exact.keys, exact.authorities, revoked, exact.places)

    def _find(self, pattern: str) -> Known:
        keys: list[SSHKey] = []
        authorities: list[SSHKey] = []
        revoked: list[SSHKey] = []
        places: list[str] = []
        for place, line in self._lines:
            plain, signing, bad, *_ = line.match(pattern, "", None)
            keys += plain
            authorities += signing
            revoked += bad
            places += [place] if plain else []
        return Known(tuple(keys), tuple(authorities), tuple(revoked), tuple(places))


def host_key(key: SSHKey, host: str, port: int) -> HostKey:
    """The key as a person and a known_hosts file know it."""
    public = key.export_public_key("openssh").decode("ascii").split()
    pattern = host if port == SSH_PORT else f"[{host}]:{port}"
    return HostKey(public[0], key.get_fingerprint("sha256"), f"{pattern} {public[0]} {public[1]}")


def accept(known_hosts: Path, reach: Reach, key: HostKey) -> None:
    """Trust this key from now on. Only after a person has compared its fingerprint."""
    known_hosts.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fd = os.open(known_hosts, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(fd, "r+b") as file:
        os.fchmod(fd, 0o600)
        said = file.read()
        gap = b"\n" if said and not said.endswith(b"\n") else b""
        if f"{key.line}\n".encode() not in said:
            file.write(gap + f"{key.line}\n".encode())


def algorithms(known: Known) -> Sequence[str]:
    """Which host keys to ask for: certificates where an authority is known, then the types of known keys, then all.

    Asking for a type that is not known would make a host with several keys look changed.
    """
    from asyncssh.public_key import get_default_certificate_algs, get_default_public_key_algs

    wanted: list[bytes] = list(get_default_certificate_algs()) if known.authorities else []
    for key in known.keys:
        wanted += key.sig_algorithms
    wanted += get_default_public_key_algs()
    return [algorithm.decode("ascii") for algorithm in dict.fromkeys(wanted)]
