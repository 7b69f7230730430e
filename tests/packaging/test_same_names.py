"""Two of our packages have names that others may use, too."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

from tests.patience import PATIENCE_S


def replaced(site: Path, python: Path) -> list[str]:
    """What the installation in `site` finds of itself, with what it needs from the environment of `python`."""
    program = f"import sys; sys.path.insert(0, {str(site)!r}); from fleet.installed import replaced; print(*replaced())"
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
