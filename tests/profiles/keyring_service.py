"""A real Secret Service (gnome-keyring on a session bus of its own) for as long as a test needs it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.patience import PATIENCE_S, until

BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:path={bus}</listen><policy context="default">
<allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>
"""
"""A session's bus, without services that it would start by itself."""

PROGRAMS = ("dbus-run-session", "gnome-keyring-daemon")


@contextmanager
def keyring_service(home: Path, passphrase: str | None, bus: Path | None = None) -> Iterator[dict[str, str]]:
    """The environment in which a started service is reached; unlocked with `passphrase`, or locked when that is None.
    Its bus listens at the socket `bus`, where one is named.

    Skips the test where the programs aren't installed, unless FLEET_TEST_KEYRING=required (as in CI).
    """
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if missing and os.environ.get("FLEET_TEST_KEYRING") == "required":
        pytest.fail(f"not installed: {', '.join(missing)} (apt install gnome-keyring dbus)")
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)} (apt install gnome-keyring dbus)")
    home.mkdir(parents=True, exist_ok=True)
    env = {"PATH": os.environ["PATH"], "HOME": str(home), "XDG_RUNTIME_DIR": str(home)}
    unlock = "--unlock" if passphrase is not None else ""
    script = f'echo "$DBUS_SESSION_BUS_ADDRESS"; exec gnome-keyring-daemon --foreground {unlock} --components=secrets'
    session = ["dbus-run-session", "--"]
    if bus is not None:
        (home / "bus.conf").write_text(BUS.format(bus=bus))
        session = ["dbus-run-session", f"--config-file={home / 'bus.conf'}", "--"]
    with subprocess.Popen(
        [*session, "sh", "-c", script],
        env=env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    ) as running:
        try:
            assert running.stdin is not None and running.stdout is not None
            address = running.stdout.readline().strip()
            running.stdin.write(f"{passphrase or ''}\n")
            running.stdin.close()
            env["DBUS_SESSION_BUS_ADDRESS"] = address
            _wait_for_its_name(env)
            yield env
        finally:
            os.killpg(running.pid, signal.SIGTERM)


_LOCKING = """
import sys
from jeepney import DBusAddress, new_method_call
from jeepney.io.blocking import open_dbus_connection
bus = open_dbus_connection()
kept = "/org/freedesktop/secrets/aliases/default"
def call(interface, method, signature, *words):
    at = DBusAddress("/org/freedesktop/secrets", "org.freedesktop.secrets", interface)
    answer = bus.send_and_get_reply(new_method_call(at, method, signature, words))
    assert answer.header.message_type.name == "method_return", answer.body
    return answer.body
if sys.argv[1:]:
    session = call("org.freedesktop.Secret.Service", "OpenSession", "sv", "plain", ("s", ""))[1]
    asked = (kept, (session, b"", f"{sys.argv[1]}\\n".encode(), "text/plain"))
    inner = "org.gnome.keyring.InternalUnsupportedGuiltRiddenInterface"
    call(inner, "UnlockWithMasterPassword", "o(oayays)", *asked)
else:
    call("org.freedesktop.Secret.Service", "Lock", "ao", [kept])
"""


def lock(env: Mapping[str, str]) -> None:
    """Locks the running service of `env`, as a screen saver does."""
    subprocess.run([sys.executable, "-c", _LOCKING], env=env, check=True)


def unlock(env: Mapping[str, str], passphrase: str) -> None:
    """As its person does, at the prompt."""
    subprocess.run([sys.executable, "-c", _LOCKING, passphrase], env=env, check=True)


def _wait_for_its_name(env: dict[str, str]) -> None:
    ask = ["dbus-send", "--session", "--print-reply", "--dest=org.freedesktop.DBus", "/"]
    ask += ["org.freedesktop.DBus.NameHasOwner", "string:org.freedesktop.secrets"]

    def has_it() -> bool:
        asked = subprocess.run(ask, env=env, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
        return "true" in asked.stdout

    until("gnome-keyring-daemon takes its name on the bus", has_it)
