"""Real ssh servers on loopback, and the home directory of a person who logs in to them. Also for the bench."""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests.patience import PATIENCE_S, until
from workers.remote.address import Reach
from workers.supervisor import descendants, process_table

PLACES = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin:/usr/local/sbin"


class SshdMissing(Exception):
    """There is no OpenSSH server on this machine."""


def program(name: str) -> str:
    """Where the program is. Raises SshdMissing."""
    found = shutil.which(name, path=PLACES)
    if found is None:
        raise SshdMissing(f"{name} is not installed (Debian: apt install openssh-server openssh-client)")
    return found


def needs(*programs: str) -> None:
    """Skips the test where one of them isn't installed, unless FLEET_TEST_SSHD=required (as in CI)."""
    missing = [name for name in programs if shutil.which(name, path=PLACES) is None]
    if missing and os.environ.get("FLEET_TEST_SSHD") == "required":
        pytest.fail(f"not installed: {', '.join(missing)}; scripts/test installs it")
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}; scripts/test installs it")


def make_key(path: Path, comment: str = "") -> Path:
    """A new key pair without a passphrase; returns the private one's path."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    keygen("-q", "-t", "ed25519", "-N", "", "-C", comment or path.name, "-f", str(path))
    return path


def keygen(*words: str) -> str:
    done = subprocess.run([program("ssh-keygen"), *words], check=True, capture_output=True, text=True)
    return done.stdout


class Person:
    """Somebody's home directory with a key, which a test makes its HOME."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.identity = make_key(home / ".ssh" / "id_ed25519", "person")
        self.known_hosts = home / ".ssh" / "known_hosts"

    @property
    def public_key(self) -> str:
        return self.identity.with_suffix(".pub").read_text(encoding="ascii")

    def configure(self, text: str) -> None:
        (self.home / ".ssh" / "config").write_text(text, encoding="utf-8")


class Sshd:
    """One server with keys and a home directory of its own, which listens on `address`; the user is whoever runs the
    tests.

    `settings` are lines of sshd_config; the first of a name counts, so they come before ours. `environ` is added to
    that of its sessions.
    """

    def __init__(
        self,
        directory: Path,
        authorized: str,
        settings: Sequence[str] = (),
        environ: Mapping[str, str] | None = None,
        port: int = 0,
        address: str = "127.0.0.1",
    ) -> None:
        self.directory = directory
        self.address = address
        self.environ = environ or {}
        self.home = directory / "home"
        self.home.mkdir(parents=True)
        self.host_key = make_key(directory / "host_key")
        self.authorized = directory / "authorized_keys"
        self.authorized.write_text(authorized, encoding="ascii")
        self.settings = list(settings)
        self.port = port or free_port()
        self.machine: Sequence[str] = ()
        """What begins it on a machine of its own, of `tests/workers/nodes.py`."""
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None, "this sshd is not running"
        return self._process.pid

    @property
    def host_key_public(self) -> str:
        return " ".join(self.host_key.with_suffix(".pub").read_text(encoding="ascii").split()[:2])

    @property
    def known_hosts_line(self) -> str:
        return f"[{self.address}]:{self.port} {self.host_key_public}\n"

    def reach(self, name: str = "box", **changes: str | int | None) -> Reach:
        """How it is reached, with its directory in the server's own home."""
        made = Reach(name, self.address, self.port, getpass.getuser(), directory=str(self.home / "fleet"))
        return replace(made, **changes)  # type: ignore[arg-type]

    def through(self, script: str) -> None:
        """What every login runs instead of what it asked for, which is in SSH_ORIGINAL_COMMAND. Before `start`."""
        forced = self.directory / "forced"
        forced.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        forced.chmod(0o700)
        self.settings.append(f"ForceCommand {forced}")

    def command(self) -> list[str]:
        """What runs it in the foreground; its configuration is written."""
        config = self.directory / "sshd_config"
        config.write_text("\n".join([*self.settings, *self._own_settings()]) + "\n", encoding="utf-8")
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(
                mode=0o755, exist_ok=True
            )  # where a server of root's drops its privileges
        return [*self.machine, program("sshd"), "-D", "-e", "-f", str(config)]

    def start(self) -> None:
        with (self.directory / "log").open("ab") as log:
            self._process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self._wait_for_port()

    def _own_settings(self) -> list[str]:
        environ = {"HOME": str(self.home), **self.environ}
        return [
            f"Port {self.port}",
            f"ListenAddress {self.address}",
            f"HostKey {self.host_key}",
            f"AuthorizedKeysFile {self.authorized}",
            f"PidFile {self.directory / 'pid'}",
            "SetEnv " + " ".join(f'{name}="{value}"' for name, value in environ.items()),
            "PermitRootLogin yes",
            "PasswordAuthentication no",
            "KbdInteractiveAuthentication no",
            "UsePAM no",
            "StrictModes no",
            "LogLevel VERBOSE",
            # Of this one the last counts.
            *([] if any(line.startswith("MaxStartups") for line in self.settings) else ["MaxStartups 100"]),
        ]

    def _wait_for_port(self) -> None:
        assert self._process is not None

        def log() -> str:
            return (self.directory / "log").read_text(errors="replace")

        def listens(process: subprocess.Popen[bytes] = self._process) -> bool:
            with contextlib.suppress(OSError), socket.create_connection((self.address, self.port), 1.0):
                return True
            assert process.poll() is None, f"sshd ended: {log()}"
            return False

        until("sshd listens", listens, story=log)

    def stop(self) -> None:
        """End the server and what serves its connections. Workers under supervisors live on."""
        if self._process is None:
            return
        served = self.serving()
        self._process.terminate()
        _end(served)
        self._process.wait(PATIENCE_S)
        self._process = None

    def serving(self) -> list[int]:
        """The processes that serve the connections there are now: sshd's own, not what runs in them."""
        return [pid for pid in self._processes() if "sshd" in _name(pid)]

    def sessions(self) -> list[int]:
        """What runs in its connections, workers that have left them excepted."""
        return [pid for pid in self._processes() if "sshd" not in _name(pid)]

    def _processes(self) -> set[int]:
        return descendants(process_table(), self.pid)

    def cut(self) -> None:
        """Cut every connection, as when the host's network goes."""
        _end(self.serving())


def _end(pids: Sequence[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running(
    directory: Path,
    authorized: str,
    settings: Sequence[str] = (),
    environ: Mapping[str, str] | None = None,
    port: int = 0,
) -> Iterator[Sshd]:
    """A server that ends with the block. Raises SshdMissing."""
    server = Sshd(directory, authorized, settings, environ, port)
    try:
        server.start()
        yield server
    finally:
        server.stop()
