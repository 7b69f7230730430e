"""The far end as one file: a zip archive that any Python from 3.9 on runs with `-I -S`.

The same modules give the same bytes, so a host that has the file of this digest need not be sent it again.
"""

from __future__ import annotations

import hashlib
import io
import pkgutil
import zipfile
from dataclasses import dataclass
from functools import cache

TRAVELLING = (
    "workers/__init__.py",
    "workers/cgroups.py",
    "workers/children.py",
    "workers/command.py",
    "workers/environment.py",
    "workers/gate.py",
    "workers/port_blocks.py",
    "workers/git.py",
    "workers/git_commands.py",
    "workers/git_environment.py",
    "workers/histories.py",
    "workers/host.py",
    "workers/machine.py",
    "workers/messages.py",
    "workers/orders.py",
    "workers/plain_files.py",
    "workers/private.py",
    "workers/processes.py",
    "workers/spool.py",
    "workers/stillness.py",
    "workers/supervisor.py",
    "workers/trouble.py",
    "workers/verify.py",
    "workers/far/__init__.py",
    "workers/far/directory.py",
    "workers/far/errors.py",
    "workers/far/serving.py",
    "workers/far/frames.py",
    "workers/far/git_settings.py",
    "workers/far/probe.py",
    "workers/far/turn.py",
    "workers/far/watching.py",
    "workers/far/ops/__init__.py",
    "workers/far/ops/dry_runs.py",
    "workers/far/ops/mirrors.py",
    "workers/far/ops/runs.py",
    "workers/far/ops/sessions.py",
    "workers/far/ops/trees.py",
    "workers/pinned/__init__.py",
    "workers/pinned/bait.py",
    "workers/pinned/files.py",
    "workers/pinned/pins.py",
    "workers/pinned/proof.py",
    "workers/pinned/servers.py",
    "workers/sandbox/__init__.py",
    "workers/sandbox/bubblewrap.py",
    "workers/sandbox/cell.py",
    "workers/sandbox/confined.py",
    "workers/sandbox/denied.py",
    "workers/sandbox/gits_settings.py",
    "workers/sandbox/keyrings.py",
    "workers/sandbox/looked_up.py",
    "workers/sandbox/rooms.py",
    "workers/sandbox/toolchains.py",
    "workers/worktree/__init__.py",
    "workers/worktree/branch.py",
    "workers/worktree/checkouts.py",
    "workers/worktree/asked_for.py",
    "workers/worktree/commit.py",
    "workers/worktree/dead_locks.py",
    "workers/worktree/deleting.py",
    "workers/worktree/entry.py",
    "workers/worktree/filters.py",
    "workers/worktree/hooks.py",
    "workers/worktree/ignored_work.py",
    "workers/worktree/index_copy.py",
    "workers/worktree/inner_repositories.py",
    "workers/worktree/known_again.py",
    "workers/worktree/lock.py",
    "workers/worktree/make.py",
    "workers/worktree/mirrored.py",
    "workers/worktree/notes.py",
    "workers/worktree/picture.py",
    "workers/worktree/preserve.py",
    "workers/worktree/ready.py",
    "workers/worktree/remove.py",
    "workers/worktree/repository.py",
    "workers/worktree/restore.py",
    "workers/worktree/seed.py",
    "workers/worktree/set_aside.py",
    "workers/worktree/submodules.py",
    "workers/worktree/wanted.py",
)
"""Standard library only, and nothing newer than Python 3.9: pyproject.toml and tests/workers/remote hold them to it."""

_MAIN = b"""\
import sys

if sys.version_info < (3, 9):
    nonce = sys.argv[sys.argv.index("--nonce") + 1] if "--nonce" in sys.argv else "-"
    story = "its Python is %d.%d, and Fleet needs 3.9 or newer there: install one" % sys.version_info[:2]
    print('FLEET-FAR %s {"refused": "%s"}' % (nonce, story))
    sys.exit(3)

from workers.far.serving import main

main()
"""
_LONG_AGO = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Bundle:
    """The archive's bytes, and their SHA-256 in hexadecimal."""

    content: bytes
    digest: str

    @property
    def name(self) -> str:
        return f"far-{self.digest[:16]}.pyz"


@cache
def bundle() -> Bundle:
    """Pack the far end as this installation has it."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        _add(archive, "__main__.py", _MAIN)
        for path in TRAVELLING:
            source = pkgutil.get_data("workers", path.partition("/")[2])
            assert source is not None
            _add(archive, path, source)
    content = packed.getvalue()
    return Bundle(content, hashlib.sha256(content).hexdigest())


def _add(archive: zipfile.ZipFile, path: str, source: bytes) -> None:
    """Without the time and the mode of the file here: they would change the digest."""
    entry = zipfile.ZipInfo(path, _LONG_AGO)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o600 << 16
    archive.writestr(entry, source)
