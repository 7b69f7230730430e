"""Where credentials are kept: the operating system's keyring, and nothing else unless the user asks for it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from profiles import secret_service
from profiles.errors import NoUsableKeyring
from profiles.patience import ANSWER_S_MAX, Patience

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend


MARK = ":home"
"""Stands beside the credentials of a home, so that its own keyring is known from others. No account is named so."""

_MARKED = "credentials of this home are kept here"


class Secrets(Protocol):
    """The credentials of one home's accounts, by account name. Every method may raise `NoUsableKeyring`."""

    def get(self, account: str) -> str | None:
        """The credential, or None when none is kept."""

    def put(self, account: str, secret: str) -> None:
        """Keeps it, in place of any earlier one."""

    def delete(self, account: str) -> None:
        """Forgets it. Nothing kept is no error, so that it can be done again."""

    def is_of_this_home(self) -> bool:
        """Whether this is where a credential of the home was once put: another session may reach another keyring."""

    def prove(self) -> None:
        """Raises `NoUsableKeyring` when a credential could not be put here now."""

    def end(self) -> None:
        """Whoever still waits for it waits no longer: the process ends."""


def kept_token(secrets: Secrets, account: str) -> str | None:
    """The credential of an account that was given one; None when it really is not there any more.

    Raises `NoUsableKeyring` when that can't be known: the keyring can't be reached, or the one that is reached has
    never had anything of this home. That says nothing of the account.
    """
    token = secrets.get(account)
    if token is None and not secrets.is_of_this_home():
        raise NoUsableKeyring(
            "the keyring that is reached from here has nothing of this home, so it is another one than that in which "
            f"the token of {account} was put"
        )
    return token


class MemorySecrets:
    """Credentials that last as long as the process, for the demo and for tests."""

    def __init__(self) -> None:
        self._kept: dict[str, str] = {}

    def get(self, account: str) -> str | None:
        return self._kept.get(account)

    def put(self, account: str, secret: str) -> None:
        self._kept[account] = secret

    def delete(self, account: str) -> None:
        self._kept.pop(account, None)

    def is_of_this_home(self) -> bool:
        return True

    def prove(self) -> None:
        """There is always room."""

    def end(self) -> None:
        """Nobody ever waits."""


class KeyringSecrets:
    """Credentials in the keyring of the operating system, under `fleet:<home id>`: two homes never meet.

    The user's configuration of `keyring` holds (PYTHON_KEYRING_BACKEND, keyringrc.cfg). Without one, only backends that
    `keyring` itself recommends are used: with `keyrings.alt` installed and no service running it would otherwise
    quietly write plain text.
    """

    def __init__(self, home_id: str, patience_s: float = ANSWER_S_MAX) -> None:
        self._service = f"fleet:{home_id}"
        self._opened: KeyringBackend | None = None
        self._patience = Patience(patience_s)

    def get(self, account: str) -> str | None:
        return self._patience.call(lambda: self._get(account))

    def put(self, account: str, secret: str) -> None:
        self._patience.call(lambda: self._put(account, secret))

    def delete(self, account: str) -> None:
        self._patience.call(lambda: self._delete(account))

    def is_of_this_home(self) -> bool:
        return self.get(MARK) is not None

    def prove(self) -> None:
        self.get(MARK)

    def end(self) -> None:
        self._patience.end()

    def _get(self, account: str) -> str | None:
        with _keyring_faults():
            try:
                return self._backend().get_password(self._service, account)
            except secret_service.vanished():
                return secret_service.read_unlisted(self._service, account)

    def _put(self, account: str, secret: str) -> None:
        with _keyring_faults():
            self._backend().set_password(self._service, account, secret)
            if self._backend().get_password(self._service, MARK) is None:
                self._backend().set_password(self._service, MARK, _MARKED)

    def _delete(self, account: str) -> None:
        from keyring.errors import PasswordDeleteError

        with _keyring_faults():
            if self._backend().get_password(self._service, account) is None:
                return
            try:
                self._backend().delete_password(self._service, account)
            except PasswordDeleteError:
                # Another process may have been first; if it is still there, the keyring refused.
                if self._backend().get_password(self._service, account) is not None:
                    raise

    def _backend(self) -> KeyringBackend:
        if self._opened is None:
            self._opened = _open_backend()
        return self._opened


def open_secrets(home_id: str, home: Path, environ: Mapping[str, str] | None = None) -> Secrets:
    """The keyring, or the encrypted file `home/secrets.sealed` when FLEET_KEYRING=encrypted-file asks for it.

    Opens nothing yet: a missing service or passphrase is raised as `NoUsableKeyring` by the first use, so commands
    that need no credential work without. Raises it at once for a FLEET_KEYRING it doesn't know.
    """
    environ = os.environ if environ is None else environ
    asked = environ.get("FLEET_KEYRING", "")
    if asked in ("", "system"):
        return KeyringSecrets(home_id)
    if asked == "encrypted-file":
        from profiles.sealed_file import SealedFileSecrets, passphrase_source

        return SealedFileSecrets(home / "secrets.sealed", passphrase_source(environ))
    raise NoUsableKeyring(f"FLEET_KEYRING is {asked!r}, and only 'system' or 'encrypted-file' is known")


def _open_backend() -> KeyringBackend:
    import keyring.backend
    import keyring.core
    from keyring.backends import fail, null
    from keyring.util import platform_

    configured = (
        "PYTHON_KEYRING_BACKEND" in os.environ or (platform_.config_root() / "keyringrc.cfg").exists()
    )
    try:
        if not configured:
            secret_service.find_session_bus()
            with suppress(KeyError):  # what it found before: a service that was away may be there by now
                keyring.backend.get_all_keyring.reset()
            keyring.core.init_backend(limit=keyring.core.recommended)
        backend = keyring.core.get_keyring()
    except (ImportError, AttributeError, ValueError, TypeError) as error:
        raise NoUsableKeyring(f"the configured keyring backend can't be loaded ({error})") from error
    if isinstance(backend, fail.Keyring):
        raise NoUsableKeyring("no keyring service is running on this machine, or none this session can reach")
    if isinstance(backend, null.Keyring):
        raise NoUsableKeyring("keyring is configured to keep nothing (keyring.backends.null)")
    return backend


@contextmanager
def _keyring_faults() -> Iterator[None]:
    """Turns what backends raise into `NoUsableKeyring`. Their errors name services and collections, never secrets."""
    from keyring.errors import KeyringError, KeyringLocked

    try:
        yield
    except NoUsableKeyring:
        raise
    except KeyringLocked as error:
        raise NoUsableKeyring(
            f"the keyring is locked, and there is nobody to unlock it here ({error})"
        ) from error
    except (KeyringError, RuntimeError, OSError, EOFError) as error:
        raise NoUsableKeyring(f"the keyring refused: {error}") from error
    except secret_service.faults() as error:
        raise NoUsableKeyring(f"the Secret Service refused: {error}") from error
    # A backend is anybody's code, and whatever it does is no verdict on an account. Its words may hold anything.
    except Exception as error:
        raise NoUsableKeyring(f"the keyring's backend failed with {type(error).__name__}") from error
