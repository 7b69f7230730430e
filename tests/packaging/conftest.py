"""The built wheel: as `scripts/test` built and installed it, or built here when these tests run alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.patience import PATIENCE_S

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    built = os.environ.get("FLEET_TEST_WHEEL")
    directory = Path(built) if built else tmp_path_factory.mktemp("dist")
    if not built:
        build = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", str(directory), str(ROOT)]
        subprocess.run(build, check=True, capture_output=True, timeout=PATIENCE_S)
    (found,) = directory.glob("*.whl")
    return found


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The environment the wheel is installed in, and nothing else but what it asks for."""
    made = os.environ.get("FLEET_TEST_WHEEL_VENV")
    if made:
        return Path(made)
    venv = tmp_path_factory.mktemp("installed") / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True, timeout=PATIENCE_S)
    pip = [str(venv / "bin" / "python"), "-m", "pip", "--quiet", "install", str(wheel)]
    subprocess.run(pip, check=True, timeout=PATIENCE_S)
    return venv
