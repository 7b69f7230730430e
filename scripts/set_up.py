"""Makes `.venv` of this clone fit to run Fleet, or to test it. Standard library only; called by `fleet` and `test`.

Usage: set_up.py run|test. Does nothing when the stamp says that it is done. Safe to run twice at once: the second
waits for the first. A stamp is a copy of `pyproject.toml`, written last, so an interrupted set-up is done again.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMPS = VENV / "set-up"
PROJECT = ROOT / "pyproject.toml"
PYTHON_MIN = (3, 11)


class SetUpFailed(Exception):
    """A step of the set-up failed; the message says which and what to try."""


def main() -> int:
    purpose = sys.argv[1]
    try:
        with one_at_a_time():
            if is_done(purpose):
                (STAMPS / purpose).touch()
            else:
                set_up(purpose)
    except SetUpFailed as failed:
        say(str(failed))
        return 1
    return 0


@contextmanager
def one_at_a_time() -> Iterator[None]:
    VENV.mkdir(exist_ok=True)
    with (ROOT / ".venv" / ".set-up.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another set-up of this clone is running: waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def is_done(purpose: str) -> bool:
    """Keep in step with the quick check at the top of `scripts/fleet`."""
    stamps = (STAMPS / purpose, STAMPS / "root")
    if not all(stamp.exists() for stamp in stamps) or not (VENV / "bin" / "fleet").exists():
        return False
    if (STAMPS / "without-client").exists() and shutil.which("claude") is None:
        return False
    same_place = (STAMPS / "root").read_text() == f"{ROOT}\n"
    return same_place and (STAMPS / purpose).read_bytes() == PROJECT.read_bytes()


def set_up(purpose: str) -> None:
    make_venv()
    for_tests = purpose == "test" or (STAMPS / "test").exists()
    client = for_tests or shutil.which("claude") is None
    shutil.rmtree(STAMPS, ignore_errors=True)
    if for_tests:
        say("installing Fleet, the real client and the tools for its tests into .venv")
        pip("install", "--upgrade", "pip>=25.1")  # the first that knows dependency groups
        pip(
            "install",
            "--editable",
            f"{ROOT}[client,file-keyring,hosts,planning]",
            "--group",
            f"{PROJECT}:dev",
        )
    else:
        say(
            f"installing Fleet{' and the real client (170 MB)' if client else ''} into .venv: once, about a minute"
        )
        pip("install", "--editable", f"{ROOT}[{'client,' if client else ''}hosts,planning]")
    stamp(("run", "test") if for_tests else ("run",), client)
    say("set up")


def make_venv() -> None:
    """Makes a new environment unless a whole one of a fitting version is there; this clone may have been moved."""
    moved = (STAMPS / "root").exists() and (STAMPS / "root").read_text() != f"{ROOT}\n"
    fits = f"import sys, pip; sys.exit(sys.version_info < {PYTHON_MIN})"
    python = VENV / "bin" / "python"
    if (
        not moved
        and python.exists()
        and subprocess.run([python, "-c", fits], capture_output=True).returncode == 0
    ):
        return
    say(f"making .venv with Python {sys.version.split()[0]}")
    # Not --clear: the lock lies in it.
    for entry in VENV.iterdir():
        if entry.name != ".set-up.lock":
            shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
    run([sys.executable, "-m", "venv", str(VENV)], "python -m venv failed (Debian: apt install python3-venv)")


def pip(*arguments: str) -> None:
    command = [
        str(VENV / "bin" / "python"),
        "-m",
        "pip",
        "--quiet",
        "--disable-pip-version-check",
        *arguments,
    ]
    run(command, f"pip {arguments[0]} failed: is the package registry reachable? Then run this again")


def run(command: list[str], story: str) -> None:
    env = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    # Standard output belongs to the command that is being set up for.
    if (
        subprocess.run(command, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stdout=sys.stderr).returncode
        != 0
    ):
        raise SetUpFailed(story)


def stamp(purposes: tuple[str, ...], client: bool) -> None:
    STAMPS.mkdir()
    (STAMPS / "root").write_text(f"{ROOT}\n")
    if not client:
        (STAMPS / "without-client").touch()
    for purpose in purposes:
        (STAMPS / purpose).write_bytes(PROJECT.read_bytes())


def say(what: str) -> None:
    sys.stderr.write(f"fleet: {what}\n")


if __name__ == "__main__":
    sys.exit(main())
