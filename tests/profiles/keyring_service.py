"""A real Secret Service (gnome-keyring on a session bus of its own) for as long as a test needs it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
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


def _wait_for_its_name(env: dict[str, str]) -> None:
    ask = ["dbus-send", "--session", "--print-reply", "--dest=org.freedesktop.DBus", "/"]
    ask += ["org.freedesktop.DBus.NameHasOwner", "string:org.freedesktop.secrets"]

    def has_it() -> bool:
        asked = subprocess.run(ask, env=env, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
        return "true" in asked.stdout

    until("gnome-keyring-daemon takes its name on the bus", has_it)
