"""Which machine this is. Travels.

A name is not enough: behind one there may be several login nodes with a home directory in common, whose locks end at
each node's own kernel; and one machine may have several names. So who starts a worker notes where, and nobody who
stands on another machine may say that it is gone.

Sources: machine-id(5); random(4) of Linux for `boot_id`; ioreg(8) and `kern.bootsessionuuid` of macOS.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

PATIENCE_S = 5.0
_UUID = re.compile(r"[0-9A-Fa-f]{8}-?(?:[0-9A-Fa-f]{4}-?){3}[0-9A-Fa-f]{12}")
_ID_FILES = ("etc/machine-id", "var/lib/dbus/machine-id", "etc/hostid")
_OF_MACOS = "IOPlatformUUID"


@dataclass(frozen=True)
class Machine:
    """`id` outlives a reboot, `boot` does not; None where the system has no such thing. `name` is its host name."""

    id: str | None
    boot: str | None
    name: str

    def is_another_than(self, other: Machine) -> bool:
        """Whether the two may both be running. Not so for one machine before and after a reboot.

        A kernel that has not been booted anew is the same, whatever it is called: so are containers on it, unless all
        that they have of their own differs. Clones of a machine, and containers of one image, have an id in common; a
        host name then tells them apart.
        """
        named_alike = self.name == other.name
        if self.id and other.id and self.id != other.id:
            return not (_alike(self.boot, other.boot) and named_alike)
        if self.boot and other.boot:
            return self.boot != other.boot and not named_alike
        return not (_alike(self.id, other.id) or named_alike)

    def beside(self, other: Machine) -> str:
        """Its name, told apart from another's that is called alike."""
        return (
            self.name if self.name != other.name else f"{self.name} (machine-id {(self.id or 'unknown')[:8]})"
        )

    def text(self) -> str:
        return json.dumps(asdict(self))


def _alike(one: str | None, other: str | None) -> bool:
    """Both known, and the same."""
    return bool(one) and one == other


def read(text: str | None) -> Machine | None:
    """What `Machine.text` has written; None for anything else, as from a fleet that noted none yet."""
    try:
        said = json.loads(text or "")
        return Machine(_word(said["id"]), _word(said["boot"]), str(said["name"]))
    except (ValueError, KeyError, TypeError):
        return None


def _word(said: object) -> str | None:
    return said if isinstance(said, str) and said else None


@cache
def this_machine(system: Path = Path("/")) -> Machine:
    if sys.platform == "darwin":
        ident = _uuid_in(
            _said("/usr/sbin/ioreg", "-rd1", "-c", "IOPlatformExpertDevice").partition(_OF_MACOS)[2]
        )
        boot = _uuid_in(_said("/usr/sbin/sysctl", "-n", "kern.bootsessionuuid"))
    else:
        found = (_uuid_in(_text(system / file)) for file in _ID_FILES)
        ident = next((one for one in found if one), None)
        boot = _uuid_in(_text(system / "proc/sys/kernel/random/boot_id"))
    return Machine(ident, boot, os.uname().nodename)


def _uuid_in(text: str) -> str | None:
    """An image that has not been booted yet says `uninitialized`, or nothing."""
    found = _UUID.search(text)
    return found.group().replace("-", "").lower() if found and set(found.group()) - set("0-") else None


def _said(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False).stdout
    except (OSError, subprocess.SubprocessError):
        return ""


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
