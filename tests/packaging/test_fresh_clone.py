"""A fresh clone sets itself up: once, also when asked twice at once, and then stays out of the way.

Installs from the package registry, as a new user does. A stand-in for `claude` on the PATH spares it the real client.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

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
    return {"PATH": f"{tools}:/usr/bin:/bin", "HOME": str(tmp_path / "home")}


def test_a_fresh_clone_sets_itself_up_once_and_is_then_quick_and_quiet(
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
    said = [process.communicate(timeout=300) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert ["usage: fleet" in out for out, _ in said] == [True, True]
    assert sum("installing Fleet" in err for _, err in said) == 1, "the second waits for the first"

    no_registry = environment | {
        "PIP_INDEX_URL": "http://127.0.0.1:9",
        "PIP_CACHE_DIR": str(tmp_path / "empty"),
    }
    again = subprocess.run(command, cwd=tmp_path, env=no_registry, capture_output=True, text=True, timeout=60)
    assert (again.returncode, again.stderr) == (0, ""), "nothing is installed again"
    written = {path.name for path in clone.iterdir()} - {path.name for path in ROOT.iterdir()}
    assert written <= {".venv"}


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
