"""Makes an environment of this clone fit to run Fleet, or to test it: `scripts/fleet`, `scripts/test`. Stdlib only.

Usage: set_up.py run|test|wheel|newest|oldest. `run` and `test` make `.venv` from `requirements.lock`: what is wanted is
read from `pyproject.toml`; which release of it, and the hashes of its files, from the lock. `wheel` builds the wheel
and installs it, as locked, in an environment of its own. `newest` and `oldest` make environments for tests with the
newest and the lowest versions that `pyproject.toml` allows.

Does nothing when the stamp says that it is done. Safe to run twice at once: the second waits for the first. A stamp is
a digest of `pyproject.toml` and the lock, written last, so an interrupted set-up is done again.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PROJECT = ROOT / "pyproject.toml"
LOCK = ROOT / "requirements.lock"
PYTHON_MIN = (3, 11)
DIST = ROOT / "dist"
ENVIRONMENTS = {
    "run": ".venv",
    "test": ".venv",
    "wheel": ".venv-wheel",
    "newest": ".venv-newest",
    "oldest": ".venv-oldest",
}
MADE_FROM = "# made from: "
"""The line of the lock that says which requirements it was made from."""

Requirements = dict[str, Any]


class SetUpFailed(Exception):
    """A step of the set-up failed; the message says which and what to try."""


class Environment:
    """A virtual environment of this clone, with the stamps of what was done in it."""

    def __init__(self, directory: str) -> None:
        self.path = ROOT / directory
        self.stamps = self.path / "set-up"
        self.python = self.path / "bin" / "python"

    def make(self, anew: bool = False) -> None:
        """Makes a new one unless a whole one is there, and the clone was not moved."""
        moved = (self.stamps / "root").exists() and (self.stamps / "root").read_text() != f"{ROOT}\n"
        fits = f"import sys, pip; sys.exit(sys.version_info < {PYTHON_MIN})"
        if (
            not (anew or moved)
            and self.python.exists()
            and subprocess.run([self.python, "-c", fits], capture_output=True).returncode == 0
        ):
            return
        say(f"making {self.path.name} with Python {sys.version.split()[0]}")
        # Not --clear: the lock of the set-up lies in it.
        for entry in self.path.iterdir():
            if entry.name != ".set-up.lock":
                shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
        make = [sys.executable, "-m", "venv", str(self.path)]
        run(make, "python -m venv failed (Debian: apt install python3-venv)")

    def pip(self, *arguments: str) -> None:
        command = [str(self.python), "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
        run(command, f"pip {arguments[0]} failed: is the package registry reachable? Then run this again")

    def install_locked(self, wanted: Sequence[str]) -> None:
        """Installs these requirements and what they need: only what the lock holds, only files with its hashes."""
        # Older releases of pip, as a new environment has them, take no hashes from constraints.
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as only_pip:
            only_pip.write(locked("pip"))
            only_pip.flush()
            self.pip("install", "--require-hashes", "--requirement", only_pip.name)
        self.pip("install", "--require-hashes", "--constraint", str(LOCK), *wanted)

    def install_fleet(self) -> None:
        """Fleet itself, as this clone has it, on what is installed already."""
        self.pip("install", "--no-deps", "--no-build-isolation", "--editable", str(ROOT))
        self.pip("check")

    def stamp(self, purposes: Sequence[str], client: bool) -> None:
        self.stamps.mkdir()
        (self.stamps / "root").write_text(f"{ROOT}\n")
        if not client:
            (self.stamps / "without-client").touch()
        for purpose in purposes:
            (self.stamps / purpose).write_text(digest_of_files())


def main() -> int:
    purpose = sys.argv[1]
    environment = Environment(ENVIRONMENTS[purpose])
    try:
        with one_at_a_time(environment):
            if is_done(environment, purpose):
                (environment.stamps / purpose).touch()
            else:
                HOW[purpose](environment, purpose)
    except SetUpFailed as failed:
        say(str(failed))
        return 1
    return 0


@contextmanager
def one_at_a_time(environment: Environment) -> Iterator[None]:
    environment.path.mkdir(exist_ok=True)
    with (environment.path / ".set-up.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another set-up of this clone is running: waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def is_done(environment: Environment, purpose: str) -> bool:
    """Keep in step with the quick check at the top of `scripts/fleet`. Only what the lock holds stays as it is."""
    stamps = (environment.stamps / purpose, environment.stamps / "root")
    if not all(stamp.exists() for stamp in stamps):
        return False
    if not (environment.path / "bin" / "fleet").exists():
        return False
    if (environment.stamps / "without-client").exists() and shutil.which("claude") is None:
        return False
    same_place = (environment.stamps / "root").read_text() == f"{ROOT}\n"
    return same_place and (environment.stamps / purpose).read_text() == digest_of_files()


def set_up(environment: Environment, purpose: str) -> None:
    project = requirements()
    if not lock_fits(project):
        raise SetUpFailed(
            f"{LOCK.name} was made from other requirements than {PROJECT.name} has: run scripts/lock"
        )
    for_tests = purpose == "test" or (environment.stamps / "test").exists()
    client = for_tests or shutil.which("claude") is None
    what = (
        "Fleet, the real client and the tools for its tests"
        if for_tests
        else "Fleet and the real client (170 MB)"
    )
    say(f"installing {what if client else 'Fleet'} into {environment.path.name}: once, about a minute")
    environment.make()
    shutil.rmtree(environment.stamps, ignore_errors=True)
    environment.install_locked(for_testing(project) if for_tests else for_running(project, client))
    environment.install_fleet()
    environment.stamp(("run", "test") if for_tests else ("run",), client)
    say("set up")


def set_up_beside(environment: Environment, purpose: str) -> None:
    project = requirements()
    say(
        f"installing the {purpose} versions of all that Fleet and its tests need into {environment.path.name}"
    )
    environment.make(anew=True)
    environment.pip("install", "--upgrade", "pip")
    wanted = for_testing(project)
    if purpose == "oldest":
        wanted = ["--requirement", str(lowest(environment, wanted))]
    environment.pip("install", *wanted)
    environment.install_fleet()


def set_up_wheel(environment: Environment, purpose: str) -> None:
    """Builds the wheel with what `test` installed; installs it where no tool for tests is."""
    shutil.rmtree(DIST, ignore_errors=True)
    for_tests = Environment(ENVIRONMENTS["test"])
    for_tests.pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(DIST), str(ROOT))
    (wheel,) = DIST.glob("*.whl")
    environment.make(anew=True)
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    environment.install_locked([f"{wheel.name.partition('-')[0]} @ {wheel.as_uri()}#sha256={digest}"])


HOW = {"run": set_up, "test": set_up, "wheel": set_up_wheel, "newest": set_up_beside, "oldest": set_up_beside}


def lowest(environment: Environment, wanted: Sequence[str]) -> Path:
    """A file of pins: the lowest version allowed of each requirement, and the newest of what those need."""
    resolved = environment.path / "lowest.txt"
    with tempfile.NamedTemporaryFile("w", suffix=".in") as asked:
        asked.write("\n".join(wanted))
        asked.flush()
        compile_pins = [
            str(uv()),
            "pip",
            "compile",
            "--quiet",
            "--no-config",
            "--resolution",
            "lowest-direct",
        ]
        compile_pins += ["--python", str(environment.python), "--output-file", str(resolved), asked.name]
        run(compile_pins, "the lowest versions allowed do not fit together: see above")
    return resolved


def uv() -> Path:
    """The resolver that makes the lock, in an environment of its own: as locked, or its newest if that fails."""
    environment = Environment(".venv-uv")
    environment.path.mkdir(exist_ok=True)
    environment.make()
    if LOCK.exists() and locked("uv"):
        environment.install_locked(["uv"])
    else:
        environment.pip("install", "uv")
    return environment.path / "bin" / "uv"


def requirements() -> Requirements:
    """What `pyproject.toml` asks for: all that the lock depends on."""
    project = tomllib.loads(PROJECT.read_text())
    return {
        "python": project["project"]["requires-python"],
        "build": project["build-system"]["requires"],
        "base": project["project"]["dependencies"],
        "extras": project["project"]["optional-dependencies"],
        "groups": project["dependency-groups"],
    }


def for_running(project: Requirements, client: bool) -> list[str]:
    return [*project["build"], *project["base"], *(project["extras"]["client"] if client else [])]


def for_testing(project: Requirements) -> list[str]:
    extras = [one for extra in project["extras"].values() for one in extra]
    return [*project["build"], *project["base"], *extras, *project["groups"]["dev"]]


def lock_fits(project: Requirements) -> bool:
    """Whether the lock was made from these requirements."""
    return LOCK.exists() and f"{MADE_FROM}{digest_of(project)}\n" in LOCK.read_text()


def digest_of(project: Requirements) -> str:
    return hashlib.sha256(json.dumps(project, sort_keys=True).encode()).hexdigest()


def digest_of_files() -> str:
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in (PROJECT, LOCK))).hexdigest()


def locked(name: str) -> str:
    """The entry of a package in the lock, its hashes included; empty when there is no such entry."""
    entry: list[str] = []
    for line in LOCK.read_text().splitlines(keepends=True):
        if line.startswith(f"{name}==") or (entry and line.startswith(" ")):
            entry.append(line)
        elif entry:
            break
    return "".join(entry)


def run(command: list[str], story: str) -> None:
    env = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    # uv, like pip, believes whom the machine believes: a company's own certificates are there.
    env.setdefault("UV_SYSTEM_CERTS", "1")
    # Standard output belongs to the command that is being set up for.
    ended = subprocess.run(command, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stdout=sys.stderr)
    if ended.returncode != 0:
        raise SetUpFailed(story)


def say(what: str) -> None:
    sys.stderr.write(f"fleet: {what}\n")


if __name__ == "__main__":
    sys.exit(main())
