"""The ways to install that README names, from the wheel: each gives all of Fleet, and advice that fits it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Installed:
    bin: Path
    python: Path
    home: Path

    def environment(self) -> dict[str, str]:
        """A new user's: nothing of this machine's but what reaches the package index."""
        return {**reaching_the_index(), "PATH": f"{self.bin}:/usr/bin:/bin", "HOME": str(self.home)}

    def run(self, *words: str, timeout: int = 120) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["fleet", *words],
            env=self.environment(),
            cwd=self.home,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def plans(self) -> None:
        ended = self.run("plan", "--json")
        assert (ended.returncode, ended.stderr) == (0, "")
        assert json.loads(ended.stdout)["planned"] == []

    def advice(self) -> str:
        """What it tells when a library is missing."""
        ask = [
            str(self.python),
            "-P",
            "-c",
            "from fleet.installed import mend_command; print(mend_command())",
        ]
        return subprocess.run(
            ask, env=self.environment(), cwd=self.home, capture_output=True, text=True, check=True
        ).stdout.strip()

    def follows(self, advice: str) -> None:
        """Runs the command that was advised, after a library has gone, and plans again."""
        find = [str(self.python), "-P", "-c", "import highspy; print(highspy.__path__[0])"]
        place = Path(subprocess.run(find, capture_output=True, text=True, check=True).stdout.strip())
        place.rename(place.with_name("gone"))
        assert "mend it: " + advice in json.loads(self.run("plan", "--json").stdout)["notice"]
        mended = subprocess.run(
            ["sh", "-c", advice], env=self.environment(), cwd=self.home, capture_output=True, text=True
        )
        assert mended.returncode == 0, mended.stderr
        assert json.loads(self.run("plan", "--json").stdout)["notice"] == ""


def reaching_the_index() -> dict[str, str]:
    wanted = ("PIP_", "UV_", "SSL_", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
    return {name: value for name, value in os.environ.items() if name.upper().startswith(wanted)}


@pytest.fixture(scope="session")
def installers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """uv and pipx, from the package index."""
    venv = tmp_path_factory.mktemp("installers")
    subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True, timeout=300)
    pip = [str(venv / "bin" / "python"), "-m", "pip", "--quiet", "install", "uv", "pipx"]
    subprocess.run(pip, check=True, timeout=600)
    return venv / "bin"


def installed_by(command: list[str], installers: Path, home: Path, environment: str) -> Installed:
    env = {**reaching_the_index(), "PATH": f"{installers}:/usr/bin:/bin", "HOME": str(home)}
    ended = subprocess.run(
        command, env=env, cwd=home, capture_output=True, text=True, timeout=900, check=False
    )
    assert ended.returncode == 0, ended.stderr
    (home / ".local" / "bin" / "uv").symlink_to(installers / "uv")
    (home / ".local" / "bin" / "pipx").symlink_to(installers / "pipx")
    return Installed(home / ".local" / "bin", home / environment / "bin" / "python", home)


@pytest.mark.large
def test_pip_in_an_environment_gives_all_of_it(installed: Path, tmp_path: Path) -> None:
    fleet = Installed(installed / "bin", installed / "bin" / "python", tmp_path)
    fleet.plans()
    assert fleet.advice().startswith(f"{installed / 'bin' / 'python'} -m pip install --force-reinstall ")


@pytest.mark.large
@pytest.mark.client
def test_uv_tool_install_gives_all_of_it_the_demo_included(
    wheel: Path, installers: Path, tmp_path: Path
) -> None:
    command = ["uv", "tool", "install", "--python", sys.executable, str(wheel)]
    fleet = installed_by(command, installers, tmp_path, ".local/share/uv/tools/fleet-coordinator")
    fleet.plans()
    fetched = fleet.run("client", "install", timeout=600)
    assert fetched.returncode == 0, fetched.stderr
    assert "(Claude Code)" in fleet.run("client", "--version").stdout
    shown = fleet.run("up", "--demo", timeout=300)
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert fleet.advice() == "uv tool upgrade --reinstall fleet-coordinator"
    fleet.follows(fleet.advice())


@pytest.mark.large
def test_pipx_install_gives_all_of_it(wheel: Path, installers: Path, tmp_path: Path) -> None:
    command = ["pipx", "install", "--python", sys.executable, str(wheel)]
    fleet = installed_by(command, installers, tmp_path, ".local/share/pipx/venvs/fleet-coordinator")
    fleet.plans()
    assert fleet.advice() == "pipx reinstall fleet-coordinator"
    fleet.follows(fleet.advice())
