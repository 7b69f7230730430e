"""Several machines on one: each with an id, a boot, a host name and processes of its own, and disks that they share.

Their locks are shared too, as they have one kernel; `own_locks` lays a file's lock where each has another, as over NFS
with `local_lock`. Only root may make one.
"""

from __future__ import annotations

import shutil
import subprocess
import uuid
from pathlib import Path

import pytest

from tests.workers.sshd import Sshd
from workers.machine import Machine

LOCKS = "locks"


def node(directory: Path, name: str, shared: Path | None = None) -> list[str]:
    """What begins a command on a machine of this name, which is that of `directory` each time; without processes of its
    own: those of a command end with it. Skips where none can be made."""
    for file in ("machine-id", "boot_id"):
        if not (directory / file).exists():
            directory.mkdir(parents=True, exist_ok=True)
            ident = str(uuid.uuid4())
            (directory / file).write_text(f"{ident if file == 'boot_id' else ident.replace('-', '')}\n")
    script = [
        f"echo {name} > /proc/sys/kernel/hostname",
        f"mount --bind {directory}/machine-id /etc/machine-id",
        f"mount --bind {directory}/boot_id /proc/sys/kernel/random/boot_id",
    ]
    if shared is not None:
        (directory / LOCKS).mkdir(exist_ok=True)
        script.append(f"mount --bind {directory}/{LOCKS} {shared}/{LOCKS}")
    words = ["unshare", "--mount", "--uts", "sh", "-ec", "; ".join([*script, 'exec "$@"']), "sh"]
    if shutil.which("unshare") is None or subprocess.run([*words, "true"], capture_output=True).returncode:
        pytest.skip("machines of their own can only be made by root, in namespaces")
    return words


def is_now(directory: Path, name: str) -> Machine:
    """As it says of itself."""
    ident, boot = (
        (directory / file).read_text().strip().replace("-", "") for file in ("machine-id", "boot_id")
    )
    return Machine(ident, boot, name)


def reboot(directory: Path) -> None:
    (directory / "boot_id").unlink()


def own_locks(shared: Path, *files: str) -> None:
    """These files below `shared`, which are not there yet, are another one on each node."""
    (shared / LOCKS).mkdir(parents=True, exist_ok=True)
    for file in files:
        (shared / file).parent.mkdir(parents=True, exist_ok=True)
        (shared / file).symlink_to(shared / LOCKS / file.replace("/", "-"))


class Node(Sshd):
    """A login node: the server of one machine, whose users' home directories `shared` are those of others, too."""

    def __init__(self, directory: Path, authorized: str, shared: Path, key_of: Sshd | None = None) -> None:
        """It shows the host key of `key_of`, as nodes behind one name do."""
        super().__init__(directory, authorized)
        self.home = shared
        shared.mkdir(parents=True, exist_ok=True)
        if key_of is not None:
            for end in ("", ".pub"):
                shutil.copy(f"{key_of.host_key}{end}", f"{self.host_key}{end}")

    def command(self) -> list[str]:
        begin = node(self.directory, self.directory.name, self.home)
        processes = ["--pid", "--fork", "--kill-child", "--mount-proc"]
        return [begin[0], *processes, *begin[1:], *super().command()]
