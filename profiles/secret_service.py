"""What Linux's Secret Service needs beyond what `keyring` and its library do with it."""

from __future__ import annotations

import os
import stat
import sys
from contextlib import closing, suppress
from pathlib import Path

Faults = tuple[type[BaseException], ...]

BUS = "DBUS_SESSION_BUS_ADDRESS"


def find_session_bus() -> None:
    """Names the bus of the user's session where nobody has: cron and services are started without that, although the
    keyring can be reached on it. It lies where systemd puts it ($XDG_RUNTIME_DIR/bus, sd_bus_open_user(3))."""
    if sys.platform != "linux" or BUS in os.environ:
        return
    bus = Path(os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}") / "bus"
    with suppress(OSError):
        found = bus.lstat()
        if stat.S_ISSOCK(found.st_mode) and found.st_uid == os.getuid():
            os.environ[BUS] = f"unix:path={bus}"


def faults() -> Faults:
    """Errors of its library that `keyring` lets through; elsewhere that library isn't installed."""
    try:
        from jeepney.wrappers import DBusErrorResponse  # type: ignore[import-untyped]
        from secretstorage.exceptions import SecretStorageException
    except ImportError:
        return ()
    return (SecretStorageException, DBusErrorResponse)


def vanished() -> Faults:
    """What its library raises for an item that was found, but can't be asked ("Item does not exist")."""
    try:
        from secretstorage.exceptions import ItemNotFoundException
    except ImportError:
        return ()
    return (ItemNotFoundException,)


def read_unlisted(service: str, username: str) -> str | None:
    """A secret that the service finds but has no object for; None when it has none.

    Two sessions of one user have a gnome-keyring each, over one file. What the one adds, the other finds (it reads the
    file again) but never lists, so that all that is asked of the item itself fails with UnknownObject (measured with
    gnome-keyring 42.1). Its `GetSecrets` gives it all the same. The secret travels over the user's own bus unencrypted:
    whoever can listen there may ask for it, too.
    """
    from secretstorage import dbus_init
    from secretstorage.defines import SS_PATH
    from secretstorage.util import SERVICE_IFACE, DBusAddressWrapper

    with closing(dbus_init()) as connection:
        keyring = DBusAddressWrapper(SS_PATH, SERVICE_IFACE, connection)
        _, session = keyring.call("OpenSession", "sv", "plain", ("s", ""))
        unlocked, _ = keyring.call("SearchItems", "a{ss}", {"service": service, "username": username})
        (secrets,) = keyring.call("GetSecrets", "aoo", unlocked, session)
        return next((bytes(value).decode() for _, _, value, _ in secrets.values()), None)
