"""The encrypted file keyring, for machines without a Secret Service and only when the user asks for it.

One file of JSON: a random salt and all credentials sealed together with AES-256-GCM, under a key that Argon2id makes
from the passphrase (RFC 9106, second recommended option: 3 passes, 4 lanes, 64 MiB; about 0.1 s). Salt and format are
authenticated too, so any changed byte is refused. Primitives are those of `cryptography`, as `keyrings.alt` doesn't
authenticate and `keyrings.cryptfile` has had no release since 2022.
"""

from __future__ import annotations

import base64
import binascii
import fcntl
import getpass
import json
import os
import stat
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from profiles.errors import NoUsableKeyring

PASSPHRASE_LENGTH_MIN = 8
_FORMAT = "fleet-sealed-secrets-1"
_SALT_BYTES = 16
_NONCE_BYTES = 12
_KEY_BYTES = 32

# OpenSSL counts the threads of Argon2 for the whole process and forgets the count when one derivation is done, so one
# that runs beside it waits for a thread of its own for ever.
_DERIVING = threading.Lock()

PassphraseSource = Callable[[bool], str]
"""Asked for the passphrase; True when the file is new, so that a typed one is confirmed."""


class SealedFileSecrets:
    """Credentials in one encrypted file, mode 0600. Safe between processes and threads: writers take turns.

    The passphrase is asked for once per process, at the first use.
    """

    def __init__(self, path: Path, passphrase: PassphraseSource) -> None:
        self._path = path
        self._passphrase = passphrase
        self._typed: str | None = None
        self._key: tuple[bytes, bytes] | None = None

    def get(self, account: str) -> str | None:
        return self._open().get(account)

    def put(self, account: str, secret: str) -> None:
        with self._turn():
            self._seal(self._open() | {account: secret})

    def delete(self, account: str) -> None:
        with self._turn():
            kept = self._open()
            if kept.pop(account, None) is not None:
                self._seal(kept)

    def is_of_this_home(self) -> bool:
        """The file lies in the home, and is made with the first credential."""
        return self._path.exists()

    def prove(self) -> None:
        if not self._path.exists():
            self._passphrase(False)
        self._open()

    def end(self) -> None:
        """A file is not waited for."""

    def _open(self) -> dict[str, str]:
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        try:
            raw = self._path.read_bytes()
        except FileNotFoundError:
            return {}
        except OSError as failed:
            raise NoUsableKeyring(f"{self._path} can't be read ({failed.strerror})") from failed
        salt, nonce, sealed = self._parts(raw)
        try:
            kept = json.loads(AESGCM(self._key_for(salt, new=False)).decrypt(nonce, sealed, _header(salt)))
        except InvalidTag:
            self._typed = self._key = None
            raise NoUsableKeyring(
                f"{self._path} does not open: the passphrase is not the one it was sealed with, or the file was changed"
            ) from None
        return {str(account): str(secret) for account, secret in kept.items()}

    def _parts(self, raw: bytes) -> tuple[bytes, bytes, bytes]:
        try:
            document = json.loads(raw)
            if document["format"] != _FORMAT:
                raise NoUsableKeyring(f"{self._path} is of a format that this version doesn't know")
            salt, nonce, sealed = (
                base64.b64decode(document[k], validate=True) for k in ("salt", "nonce", "sealed")
            )
        except (ValueError, KeyError, TypeError, binascii.Error) as error:
            raise NoUsableKeyring(
                f"{self._path} is damaged: restore it, or remove it and add the accounts again"
            ) from error
        if len(salt) != _SALT_BYTES or len(nonce) != _NONCE_BYTES:
            raise NoUsableKeyring(
                f"{self._path} is damaged: restore it, or remove it and add the accounts again"
            )
        return salt, nonce, sealed

    def _seal(self, kept: Mapping[str, str]) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        salt = self._key[0] if self._key else os.urandom(_SALT_BYTES)
        nonce = os.urandom(_NONCE_BYTES)
        key = self._key_for(salt, new=True)
        sealed = AESGCM(key).encrypt(nonce, json.dumps(kept).encode(), _header(salt))
        document = {"format": _FORMAT, "salt": _text(salt), "nonce": _text(nonce), "sealed": _text(sealed)}
        _replace(self._path, json.dumps(document).encode() + b"\n")

    def _key_for(self, salt: bytes, *, new: bool) -> bytes:
        with _DERIVING:  # also asks only once when several threads want it first
            known = self._key
            if known is None or known[0] != salt:
                if self._typed is None:
                    self._typed = self._passphrase(new)
                self._key = known = (salt, _derive(self._typed, salt))
            return known[1]

    @contextmanager
    def _turn(self) -> Iterator[None]:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(self._path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)


def passphrase_source(environ: Mapping[str, str]) -> PassphraseSource:
    """Reads FLEET_KEYRING_PASSPHRASE_FILE, or asks at the terminal. Never takes it from a variable itself.

    The source raises `NoUsableKeyring` for a file that others may read, that is empty, or when there is no terminal.
    """
    named = environ.get("FLEET_KEYRING_PASSPHRASE_FILE")
    return (lambda new: _from_file(Path(named))) if named else _from_terminal


def _from_file(path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            mode = os.fstat(file.fileno()).st_mode
            passphrase = file.readline().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise NoUsableKeyring(f"FLEET_KEYRING_PASSPHRASE_FILE {path} can't be read ({error})") from error
    # Pipes (as of `<(pass show fleet)`) have no permissions of their own to judge.
    if stat.S_ISREG(mode) and mode & 0o077:
        raise NoUsableKeyring(f"FLEET_KEYRING_PASSPHRASE_FILE {path} can be read by others: chmod 600 it")
    return _long_enough(passphrase, f"the first line of {path}")


def _from_terminal(new: bool) -> str:
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError as error:
        raise NoUsableKeyring(
            "the encrypted file needs a passphrase and there is no terminal: set FLEET_KEYRING_PASSPHRASE_FILE"
        ) from error
    passphrase = _long_enough(getpass.getpass("Passphrase of fleet's keyring file: "), "the passphrase")
    if new and getpass.getpass("Once more, as the file is new: ") != passphrase:
        raise NoUsableKeyring("the two passphrases differ: nothing was written")
    return passphrase


def _long_enough(passphrase: str, what: str) -> str:
    if len(passphrase) < PASSPHRASE_LENGTH_MIN:
        raise NoUsableKeyring(f"{what} is shorter than {PASSPHRASE_LENGTH_MIN} characters")
    return passphrase


def _derive(passphrase: str, salt: bytes) -> bytes:
    from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

    return Argon2id(salt=salt, length=_KEY_BYTES, iterations=3, lanes=4, memory_cost=64 * 1024).derive(
        passphrase.encode()
    )


def _header(salt: bytes) -> bytes:
    return _FORMAT.encode() + salt


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _replace(path: Path, content: bytes) -> None:
    """Whole or not at all, even on a full disk; `mkstemp` makes it 0600."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
