"""A fresh clone sets itself up: once, also when asked twice at once, and then stays out of the way.

Installs from the package registry, as a new user does. A stand-in for `claude` on the PATH spares it the real client.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.patience import PATIENCE_S

ROOT = Path(__file__).parents[2]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The files of this checkout that belong to the project, in another place and without its environment."""
    here = tmp_path / "a clone"
    here.mkdir()
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    for name in filter(None, names):
        source, copy = ROOT / name, here / name
        if source.is_file():
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(source.read_bytes())
            copy.chmod(source.stat().st_mode)
    return here


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "claude").write_text("#!/bin/sh\n")
    (tools / "claude").chmod(0o755)
    (tools / "python3").symlink_to(Path(sys.executable).resolve())
    # What is never imported need not be compiled.
    return {"PATH": f"{tools}:/usr/bin:/bin", "HOME": str(tmp_path / "home"), "PIP_NO_COMPILE": "1"}


@pytest.mark.large
def test_a_fresh_clone_sets_itself_up_once_and_again_only_when_the_lock_changed(
    clone: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    command = [str(clone / "scripts" / "fleet"), "--help"]
    start = {
        "cwd": tmp_path,
        "env": environment,
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
        "text": True,
    }
    both = [subprocess.Popen(command, **start) for _ in range(2)]  # type: ignore[call-overload]
    said = [process.communicate(timeout=PATIENCE_S) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert ["usage: fleet" in out for out, _ in said] == [True, True]
    assert sum("installing Fleet" in err for _, err in said) == 1, "the second waits for the first"

    no_registry = environment | {
        "PIP_INDEX_URL": "http://127.0.0.1:9",
        "PIP_CACHE_DIR": str(tmp_path / "empty"),
    }
    again = subprocess.run(
        command, cwd=tmp_path, env=no_registry, capture_output=True, text=True, timeout=PATIENCE_S
    )
    assert (again.returncode, again.stderr) == (0, ""), "nothing is installed again"
    written = {path.name for path in clone.iterdir()} - {path.name for path in ROOT.iterdir()}
    assert written <= {".venv"}

    pins = set(re.findall(r"^[a-z0-9-]+==\S+", (clone / "requirements.lock").read_text(), re.MULTILINE))
    listing = [str(clone / ".venv" / "bin" / "python"), "-m", "pip", "list", "--format=freeze"]
    listed = subprocess.run(listing, check=True, capture_output=True, text=True).stdout.split()
    installed = {
        one.lower().replace("_", "-").replace(".", "-", one.partition("==")[0].count(".")) for one in listed
    }
    assert {
        one for one in installed - pins if not one.startswith(("fleet-coordinator", "setuptools"))
    } == set()

    with (clone / "requirements.lock").open("a") as lock:
        lock.write("# changed\n")
    changed = subprocess.run(
        command, cwd=tmp_path, env=no_registry, capture_output=True, text=True, timeout=PATIENCE_S
    )
    assert changed.returncode == 0
    assert "installing Fleet into .venv" in changed.stderr


def test_a_requirement_that_the_lock_was_not_made_from_is_told_before_anything_is_installed(
    clone: Path, environment: dict[str, str]
) -> None:
    project = clone / "pyproject.toml"
    project.write_text(project.read_text().replace('"anyio>=', '"anyio!=4.9.0,>='))
    told = subprocess.run(
        [clone / "scripts" / "fleet", "--help"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert (told.returncode, told.stdout) == (1, "")
    assert "run scripts/lock" in told.stderr
    assert not (clone / ".venv" / "bin").exists()


def test_the_lock_names_no_registry_and_gives_every_release_hashes() -> None:
    """Where packages come from is each machine's own setting; what they are is not."""
    text = (ROOT / "requirements.lock").read_text()
    assert not re.findall(r"://|^-|@", text, re.MULTILINE)
    entries = re.findall(r"^[a-z].*(?:\n    .*)*", text, re.MULTILINE)
    assert len(entries) > 50
    assert [entry for entry in entries if "--hash=sha256:" not in entry] == []


def test_without_a_fitting_python_it_says_what_to_install(clone: Path, tmp_path: Path) -> None:
    """The PATH has what a shell needs, and no Python at all."""
    tools = tmp_path / "bare"
    tools.mkdir()
    for name in ("sh", "dirname", "readlink", "cmp"):
        (tools / name).symlink_to(Path("/usr/bin") / name if name != "sh" else "/bin/sh")
    env = {"PATH": str(tools), "HOME": str(tmp_path)}
    told = subprocess.run(
        ["/bin/sh", clone / "scripts" / "fleet", "status"], env=env, capture_output=True, text=True
    )
    assert told.returncode == 1
    assert "no Python 3.11" in told.stderr
    assert told.stdout == ""
