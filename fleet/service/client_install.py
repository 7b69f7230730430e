"""`fleet client install`: a client for Fleet alone, from the wheel of claude-agent-sdk.

pip fetches it from the index that the person has set up, so proxies, mirrors and certificates are theirs; it is a
dependency of Fleet's, as environments made by uv have none. Nothing of the wheel is run before its hash has matched.
"""

from __future__ import annotations

import fcntl
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from fleet.errors import NotDone
from workers.client import probe

WHEEL = "claude-agent-sdk"
STAGING = ".new-"
KEPT = 2
"""Versions that stay: a coordinator that runs goes on with the one that it began with."""

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class InstalledClient:
    path: Path
    version: probe.Version
    new: bool
    """Whether it was not there before."""


def install(root: Path, tell: Tell) -> InstalledClient:
    """Installs the newest below `root`; safe twice at once, and to be interrupted. Raises NotDone."""
    with _alone(root, tell):
        version, sha256 = _newest()
        binary = root / version / "claude"
        if new := not binary.exists():
            tell(f"fetching the client of {WHEEL} {version} (about 170 MB)")
            _fetch(root, version, sha256)
            for old in probe.installed_versions(root)[:-KEPT]:
                shutil.rmtree(old)
        return InstalledClient(binary, _checked(binary), new)


@contextmanager
def _alone(root: Path, tell: Tell) -> Iterator[None]:
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (root / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            tell("another installation is running: waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        for left in root.glob(f"{STAGING}*"):  # by one that was killed
            shutil.rmtree(left)
        yield


def _newest() -> tuple[str, str]:
    """Its version, and the hash that the index gives for this platform's wheel."""
    said = _pip("--dry-run", "--ignore-installed", "--report", "-", WHEEL)
    try:
        (found,) = json.loads(said)["install"]
        return found["metadata"]["version"], found["download_info"]["archive_info"]["hashes"]["sha256"]
    except (ValueError, KeyError, TypeError) as unread:
        raise NotDone(
            f"the index gives no SHA-256 for {WHEEL}, so what it sends could not be checked: nothing was installed"
        ) from unread


def _fetch(root: Path, version: str, sha256: str) -> None:
    with TemporaryDirectory(prefix=STAGING, dir=root) as made:
        staging = Path(made)
        wanted = staging / "wanted.txt"
        wanted.write_text(f"{WHEEL}=={version} --hash=sha256:{sha256}\n")
        _pip(
            "--require-hashes",
            "--no-compile",
            "--target",
            str(staging / "wheel"),
            "--requirement",
            str(wanted),
        )
        binary = staging / "wheel" / probe.BUNDLED
        if not binary.is_file():
            raise NotDone(f"{WHEEL} {version} has no client for this platform: nothing was installed")
        binary.chmod(0o755)
        _checked(binary)
        ready = staging / "ready"
        ready.mkdir()
        binary.rename(ready / "claude")
        ready.rename(root / version)


def _checked(binary: Path) -> probe.Version:
    try:
        return probe.version(probe.ClientBinary(binary, "installed"))
    except probe.ClientError as failed:
        raise NotDone(str(failed)) from failed


def _pip(*arguments: str) -> str:
    """What `pip install` prints. Only wheels, so that no code of the package is run; a person's own settings that
    name another place to install to are overruled."""
    command: list[Any] = [sys.executable, "-I", "-m", "pip", "--quiet", "--no-input", "install"]
    command += ["--no-deps", "--no-user", "--only-binary=:all:", *arguments]
    ended = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if ended.returncode != 0:
        raise NotDone(f"pip could not fetch {WHEEL}: {_reason(ended.stderr)}. Nothing was installed")
    return ended.stdout


def _reason(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    return (errors or lines or ["it said nothing"])[-1].rstrip(".")
