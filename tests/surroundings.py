"""What all tests find around them: nothing of the person who runs them. A pytest plugin, switched on in pyproject.toml.

The home directory is an empty one, and settings of the person's programs that come by the environment are gone: a test
passes, or fails, whatever their `~/.gitconfig` says, and no test can find a login of theirs.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pytest

OF_THE_PERSON = ("ANTHROPIC_", "CLAUDE", "DBUS_", "FLEET_", "GIT_", "NODE_", "SSH_", "XDG_")
SETTINGS = (
    "CDPATH",
    "CLICOLOR_FORCE",
    "COLUMNS",
    "EDITOR",
    "FORCE_COLOR",
    "LINES",
    "NO_COLOR",
    "PAGER",
    "VISUAL",
)
KEPT = ("FLEET_TEST_", "NODE_EXTRA_CA_CERTS")


def without_the_person(environment: Mapping[str, str], home: Path) -> dict[str, str]:
    """The environment for tests. What pip has fetched, and the Pythons of pyenv, are still found."""
    kept = {
        name: value
        for name, value in environment.items()
        if name.startswith(KEPT) or not (name.startswith(OF_THE_PERSON) or name in SETTINGS)
    }
    theirs = Path.home()
    caches = Path(environment.get("XDG_CACHE_HOME") or theirs / ".cache")
    found = {"PIP_CACHE_DIR": str(caches / "pip"), "PYENV_ROOT": str(theirs / ".pyenv")}
    # Without it the bus of the session of whoever runs the tests would be found.
    nowhere = {"XDG_RUNTIME_DIR": str(home)}
    return found | kept | nowhere | {"HOME": str(home), "GIT_CONFIG_NOSYSTEM": "1"}


def pytest_configure(config: pytest.Config) -> None:
    # Processes of xdist get it from the one that starts them.
    if hasattr(config, "workerinput"):
        return
    home = Path(tempfile.mkdtemp(prefix="fleet-tests-home-"))
    config.add_cleanup(lambda: shutil.rmtree(home, ignore_errors=True))
    environment = without_the_person(os.environ, home)
    os.environ.clear()
    os.environ.update(environment)
