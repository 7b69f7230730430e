"""What a user installs is whole, and holds nothing else."""

from __future__ import annotations

import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("fleet", "profiles", "workers")


def test_the_wheel_holds_every_file_of_its_packages_and_nothing_else(wheel: Path) -> None:
    kept = ["git", "ls-files", "--", *PACKAGES]
    wanted = set(
        subprocess.run(kept, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    )
    there = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert sorted(wanted - there) == []
    assert {name.split("/")[0] for name in there} == set(PACKAGES)


def test_the_installed_command_speaks_from_an_empty_directory(installed: Path, tmp_path: Path) -> None:
    env = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    told = subprocess.run(
        [installed / "bin" / "fleet", "--help"], cwd=tmp_path, env=env, capture_output=True, text=True
    )
    assert (told.returncode, told.stderr) == (0, "")
    assert "usage: fleet" in told.stdout
    assert list(tmp_path.iterdir()) == [], "asking for help must not leave anything behind"


def test_everything_it_needs_to_start_comes_with_it(installed: Path, tmp_path: Path) -> None:
    """Each module is imported from the installed wheel, without the development tools."""
    program = (
        "import importlib, pkgutil\n"
        f"for top in {PACKAGES}:\n"
        "    package = importlib.import_module(top)\n"
        "    assert 'site-packages' in package.__path__[0], package.__path__\n"
        "    for module in pkgutil.walk_packages(package.__path__, top + '.'):\n"
        "        if not module.name.endswith('__main__'):\n"
        "            importlib.import_module(module.name)\n"
    )
    command = [str(installed / "bin" / "python"), "-W", "error", "-c", program]
    env = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    told = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)
    assert (told.returncode, told.stderr) == (0, "")


def test_the_supervisor_alone_starts_on_a_python_without_any_package(wheel: Path, tmp_path: Path) -> None:
    """It is sent to hosts as one file."""
    alone = tmp_path / "supervisor.py"
    alone.write_bytes(zipfile.ZipFile(wheel).read("workers/supervisor.py"))
    program = f"import runpy; runpy.run_path({str(alone)!r}, run_name='sent')"
    told = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, cwd=tmp_path
    )
    assert (told.returncode, told.stderr) == (0, "")


def test_it_needs_nothing_newer_than_the_python_that_it_asks_for() -> None:
    """vermin looks at grammar, modules, functions and their arguments; mypy checks as that version. A classifier names
    only what the tests were run with."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    oldest = project["project"]["requires-python"].removeprefix(">=")
    assert project["tool"]["mypy"]["python_version"] == oldest
    words = [
        str(Path(sys.executable).with_name("vermin")),
        f"--target={oldest}-",
        "--no-tips",
        "--violations",
    ]
    found = subprocess.run([*words, *PACKAGES], cwd=ROOT, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout
