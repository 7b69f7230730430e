"""How this Fleet was installed, so that advice names a command that works there."""

from __future__ import annotations

import json
import shlex
import sys
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

NAME = "fleet-coordinator"


def mend_command() -> str:
    """The command that installs this Fleet anew, with all that it needs."""
    prefix = Path(sys.prefix)
    # uv writes the first into the environment of each tool, pipx the second into that of each application.
    if (prefix / "uv-receipt.toml").exists():
        return f"uv tool upgrade --reinstall {NAME}"
    if (prefix / "pipx_metadata.json").exists():
        return f"pipx reinstall {NAME}"
    source, editable = _source()
    if editable and prefix == Path(source) / ".venv" and (Path(source) / "scripts" / "set_up.py").exists():
        return (
            shlex.join(["rm", "-r", str(prefix / "set-up")]) + "; " + shlex.join([f"{source}/scripts/fleet"])
        )
    what = ["--editable", source] if editable else [source]
    if find_spec("pip") is None:
        return shlex.join(["uv", "pip", "install", "--python", sys.executable, "--reinstall", *what])
    return shlex.join([sys.executable, "-m", "pip", "install", "--force-reinstall", *what])


def not_whole(library: str) -> str:
    """What to tell when a library that every installation has cannot be imported."""
    return (
        f"{library} cannot be imported, so this installation of Fleet is not whole; mend it: {mend_command()}"
    )


def _source() -> tuple[str, bool]:
    """What to install from, and whether the code is used where it lies (PEP 610)."""
    try:
        said = json.loads(_ours().read_text("direct_url.json") or "{}")
    except (PackageNotFoundError, ValueError):
        return NAME, False
    url = urlsplit(said.get("url", ""))
    if url.scheme != "file":
        return NAME, False
    return unquote(url.path), bool(said.get("dir_info", {}).get("editable"))


def _ours() -> Distribution:
    return distribution(NAME)
