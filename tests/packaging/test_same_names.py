"""What became of an installation: two of our packages have names that others may use, too, and libraries may go."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

from tests.patience import PATIENCE_S


def replaced(site: Path, python: Path) -> list[str]:
    return found("replaced", site, python)


def found(what: str, site: Path, python: Path) -> list[str]:
    """What the installation in `site` finds of itself, with what it needs from the environment of `python`."""
    program = (
        f"import sys; sys.path.insert(0, {str(site)!r}); from fleet.installed import {what}; print(*{what}())"
    )
    told = subprocess.run([python, "-I", "-c", program], capture_output=True, text=True, check=True)
    return told.stdout.split()


def test_the_doctor_notices_files_that_another_package_wrote_over_or_took_along(
    wheel: Path, installed: Path, tmp_path: Path
) -> None:
    site = tmp_path / "site"
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "install", "--no-deps"]
    install = [*pip, "--no-index", "--upgrade", "--target", str(site)]
    subprocess.run([*install, str(wheel)], check=True, timeout=PATIENCE_S)
    python = installed / "bin" / "python"
    assert replaced(site, python) == []

    foreign = tmp_path / "somebody-1.0-py3-none-any.whl"
    info = "somebody-1.0.dist-info"
    with zipfile.ZipFile(foreign, "w") as made:
        made.writestr("workers/__init__.py", "theirs = True\n")
        made.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: somebody\nVersion: 1.0\n")
        made.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        made.writestr(f"{info}/RECORD", "workers/__init__.py,,\n")
    with zipfile.ZipFile(foreign) as made:
        made.extractall(site)
    assert replaced(site, python) == ["workers/__init__.py"]

    (site / "workers" / "__init__.py").unlink()
    assert "workers" in replaced(site, python)[0]


def test_the_doctor_names_each_library_of_which_a_file_is_gone(installed: Path, tmp_path: Path) -> None:
    python = installed / "bin" / "python"
    assert found("missing", tmp_path, python) == []
    # Found before the one of the environment, and without the file that it says it has.
    lost = tmp_path / "highspy-1.16.0.dist-info"
    lost.mkdir()
    (lost / "METADATA").write_text("Metadata-Version: 2.1\nName: highspy\nVersion: 1.16.0\n")
    (lost / "RECORD").write_text("highspy/__init__.py,,\n")
    assert found("missing", tmp_path, python) == ["highspy"]
