"""The keys that a login offers, in the order in which ssh does: those of the agent that are named, its others, files.

One that cannot be used is passed over with the reason, whatever is wrong with it: a file that is no key, has a
passphrase or may be read by others, an agent that is gone or hangs. Needs asyncssh.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import asyncssh
from asyncssh.public_key import get_public_key_algs

from workers.remote import loop
from workers.remote.ssh_settings import SshSettings

LIST_S = 5.0
SIGN_S = 25.0
"""So long may an agent take: a person may have to touch a key."""
KEY_BYTES_MAX = 1 << 20
_OPENSSH = "OPENSSH PRIVATE KEY-----"
_CERTIFIED = "-cert-v01@openssh.com"
_USUAL = ("id_rsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk", "id_xmss", "id_dsa")
"""Names that ssh looks for though nobody has named them."""


@dataclass(frozen=True)
class Offer:
    """A key as it is offered; `label` is how a person knows it."""

    pair: asyncssh.SSHKeyPair
    label: str


@dataclass(frozen=True)
class KeyFile:
    """What one file of an identity gives. `problem`: why it cannot be used itself, with the cure; the agent may have
    its private key all the same."""

    path: str
    private: asyncssh.SSHKey | None = None
    public: asyncssh.SSHKey | None = None
    certificates: tuple[asyncssh.SSHCertificate, ...] = ()
    problem: str = ""


class _Unusable(Exception):
    """The file is not to be used; the message says why."""


# --- files ---


def _read_key(path: str) -> KeyFile:
    """Never waits: a pipe is no key. Raises nothing."""
    private, public, problem = None, None, ""
    try:
        data = _content(path, is_private=True)
        private, public, problem = _parsed(path, data)
    except FileNotFoundError:
        problem = "" if Path(path).name in _USUAL else f"there is no file {path}"
    except OSError as failed:
        problem = f"{path} cannot be read: {failed.strerror}"
    except _Unusable as unusable:
        problem = str(unusable)
    if private is None and path.endswith(".pub"):
        beside = _read_key(path.removesuffix(".pub"))
        private = beside.private
        problem = beside.problem if Path(beside.path).exists() else problem
    if private is None:
        public = _public(f"{path}.pub") or public
    certificates = _certificates(f"{path}-cert.pub", f"{path.removesuffix('.pub')}-cert.pub")
    return KeyFile(path, private, private.convert_to_public() if private else public, certificates, problem)


def _content(path: str, is_private: bool = False) -> bytes:
    """Raises OSError and _Unusable."""
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(fd, "rb") as file:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise _Unusable(f"{path} is no file but {_kind(status.st_mode)}")
        data = file.read(KEY_BYTES_MAX)
    mode = stat.S_IMODE(status.st_mode)
    if is_private and b"PRIVATE KEY" in data and status.st_uid == os.getuid() and mode & 0o077:
        raise _Unusable(
            f"{path} may be read by others (mode {mode:04o}), so ssh takes it for no secret: `chmod 600 {path}`"
        )
    return data


def _kind(mode: int) -> str:
    return "a directory" if stat.S_ISDIR(mode) else "a pipe" if stat.S_ISFIFO(mode) else "something else"


def _parsed(path: str, data: bytes) -> tuple[asyncssh.SSHKey | None, asyncssh.SSHKey | None, str]:
    """The private key, the public one where there is no private, and what is wrong."""
    try:
        return asyncssh.import_private_key(data), None, ""
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError) as failed:
        if b"PRIVATE KEY" in data and (
            "passphrase" in str(failed).lower() or isinstance(failed, asyncssh.KeyEncryptionError)
        ):
            return (
                None,
                _public_within(data),
                f"{path} has a passphrase: put it into the agent (`ssh-add {path}`)",
            )
    except ValueError as failed:
        return None, None, f"{path} is no key: {failed}"
    with suppress(ValueError):
        public = asyncssh.import_public_key(data)
        return None, public, f"{path} is a public key, and no agent has its private one: `ssh-add` that"
    return None, None, f"{path} is no key that can be read here"


def _public_within(data: bytes) -> asyncssh.SSHKey | None:
    """OpenSSH's own files have the public key beside the private one, in the clear (its PROTOCOL.key)."""
    text = data.decode("ascii", "replace")
    if _OPENSSH not in text:
        return None
    try:
        body = base64.b64decode(text.split(_OPENSSH)[1].split("-----")[0])
        rest = body.removeprefix(b"openssh-key-v1\0")
        for _ in range(3):  # the cipher, how its key is derived, and with what
            rest = rest[4 + int.from_bytes(rest[:4], "big") :]
        blob = rest[8 : 8 + int.from_bytes(rest[4:8], "big")]
        kind = blob[4 : 4 + int.from_bytes(blob[:4], "big")]
        return asyncssh.import_public_key(kind + b" " + base64.b64encode(blob))
    except (ValueError, IndexError, binascii.Error):
        return None


def _public(path: str) -> asyncssh.SSHKey | None:
    with suppress(OSError, ValueError, _Unusable):
        return asyncssh.import_public_key(_content(path))
    return None


def _certificates(*paths: str) -> tuple[asyncssh.SSHCertificate, ...]:
    found = []
    for path in dict.fromkeys(paths):
        with suppress(OSError, ValueError, _Unusable):
            found.append(asyncssh.import_certificate(_content(path)))
    return tuple(found)


# --- the agent ---


class _Agent(asyncssh.SSHAgentClient):
    """A person's agent. Once it has not answered in time it is asked no more: `problem` says so."""

    def __init__(self, path: str, clock: asyncio.Timeout | None) -> None:
        super().__init__(path)
        self.path, self.clock, self.problem = path, clock, ""

    async def keys(self) -> list[asyncssh.SSHKeyPair]:
        """Those that it has; none when it cannot be asked."""
        try:
            async with self._patience(LIST_S):
                return list(await self.get_keys())
        except TimeoutError:
            self._hangs(LIST_S)
        except ValueError as failed:
            self.problem = f"the agent at {self.path} cannot be used: {failed} (`ssh-add -l` tries it)"
        return []

    async def sign(self, key_blob: bytes, data: bytes, flags: int = 0) -> bytes:
        """Raises ValueError, after which asyncssh offers the next key."""
        if self.problem:
            raise ValueError(self.problem)
        try:
            async with self._patience(SIGN_S):
                return await super().sign(key_blob, data, flags)
        except TimeoutError:
            self._hangs(SIGN_S)
            raise ValueError(self.problem) from None

    def _patience(self, seconds: float) -> asyncio.Timeout:
        """What the agent takes is no time of the host's."""
        if self.clock is not None and (until := self.clock.when()) is not None:
            self.clock.reschedule(until + seconds)
        return asyncio.timeout(seconds)

    def _hangs(self, seconds: float) -> None:
        self.problem = (
            f"the agent at {self.path} does not answer (for {seconds:.0f} s): does it wait for you? See with "
            "`ssh-add -l`, and start it anew, or turn it off for this host (IdentityAgent none in ~/.ssh/config)"
        )
        self.close()


# --- what is offered ---


class Offers:
    """The keys of one login, each handed out once. `offered` and `problems` are for a person."""

    def __init__(
        self, settings: SshSettings, named: str | None, clock: asyncio.Timeout | None = None
    ) -> None:
        """`named` is the file that a person has named for this host: then its others are not tried, for servers hang up
        after a few."""
        self._settings, self._named = settings, named
        self._agent = _Agent(settings.agent, clock) if settings.agent else None
        self._waiting: Iterator[Offer] | None = None
        self._problems: dict[str, str] = {}
        self.offered: list[str] = []

    @property
    def problems(self) -> list[str]:
        hangs = [self._agent.problem] if self._agent and self._agent.problem else []
        return [*hangs, *self._problems.values()]

    async def next(self) -> asyncssh.SSHKeyPair | None:
        if self._waiting is None:
            self._waiting = iter(await self._gathered())
        offer = next(self._waiting, None)
        if offer is None:
            return None
        self.offered.append(offer.label)
        return offer.pair

    def close(self) -> None:
        if self._agent is not None:
            self._agent.close()

    async def _gathered(self) -> list[Offer]:
        paths = (self._named,) if self._named else self._settings.identities
        files, said = await loop.aside(
            lambda: ([_read_key(path) for path in paths], _certificates(*self._settings.certificates))
        )
        held = await self._agent.keys() if self._agent is not None else []
        names = {file.public.public_data: file.path for file in files if file.public is not None}
        certificates = [*said, *(one for file in files for one in file.certificates)]
        only = self._settings.identities_only or (self._named is not None and bool(names))
        of_agent = [_of_agent(key) for key in held if key.public_data in names]
        others = [] if only else [_of_agent(key) for key in held if key.public_data not in names]
        there = {key.public_data for key in held}
        self._problems = {
            file.path: file.problem
            for file in files
            if file.problem and not (file.public is not None and file.public.public_data in there)
        }
        own = [
            Offer(pair, file.path)
            for file in files
            if file.private is not None and file.public is not None and file.public.public_data not in there
            for pair in asyncssh.load_keypairs(file.private)
        ]
        offers = [*self._certified(certificates, files, held), *of_agent, *others, *own]
        return [offer for offer in offers if self._allows(offer.pair)]

    def _certified(
        self,
        certificates: list[asyncssh.SSHCertificate],
        files: list[KeyFile],
        held: list[asyncssh.SSHKeyPair],
    ) -> Iterator[Offer]:
        """Certificates with the key that each is of, from the agent or a file. Each is offered once."""
        agents = {key.public_data: key for key in held}
        privates = {
            file.public.public_data: (file.path, file.private)
            for file in files
            if file.public and file.private
        }
        for certificate in {one.public_data: one for one in certificates}.values():
            key = certificate.key.public_data
            if self._agent is not None and key in agents:
                of = agents[key]
                pair = asyncssh.SSHAgentKeyPair(
                    self._agent, of.key_algorithm, key, of.get_comment_bytes() or b""
                )
                pair.set_certificate(certificate)
                yield Offer(pair, f"a certificate of {_of_agent(of).label}")
            elif key in privates:
                path, private = privates[key]
                made = asyncssh.load_keypairs([(private, certificate)])
                yield from (Offer(one, f"a certificate of {path}") for one in made if one.has_cert)

    def _allows(self, pair: asyncssh.SSHKeyPair) -> bool:
        allowed = self._settings.algorithms.get("pubkeyacceptedalgorithms")
        if allowed is None:
            return True
        names = [name.decode().removesuffix("@openssh.com") for name in pair.sig_algorithms]
        own = [
            f"{name}{_CERTIFIED if pair.has_cert else suffix}"
            for name in names
            for suffix in ("", "@openssh.com")
        ]
        return any(name in allowed for name in own)


def _of_agent(pair: asyncssh.SSHKeyPair) -> Offer:
    return Offer(pair, f"{pair.get_comment(errors='replace') or pair.get_algorithm()} of the agent")


def signature_algorithms(allowed: tuple[str, ...]) -> list[str]:
    """Those of the allowed ones that asyncssh can sign by."""
    plain = {name.replace(_CERTIFIED, suffix) for name in allowed for suffix in ("", "@openssh.com")}
    return [name.decode() for name in get_public_key_algs() if name.decode() in plain]
