"""How this Fleet was installed, so that advice names a command that works there."""

from __future__ import annotations

import csv
import json
import re
import shlex
import sys
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import new as new_hash
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

NAME = "fleet-coordinator"
COMMON_NAMES = ("workers", "profiles")
"""Top-level packages of ours whose names another distribution may have, too: an installer lets it write over our files,
and takes them along when it is removed."""

_NO_MEMORY = re.compile(
    r"failed to map segment|[Cc]annot (allocate|apply additional) memory|cannot create shared object"
)
"""What the dynamic linker says where there is no memory for a library, or no room for it in the address space."""


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


def not_whole(library: str, failed: ImportError | MemoryError) -> str:
    """What to tell when a library that every installation has cannot be imported: it is not there, or the machine had
    no memory for it."""
    said = next((line for line in _lines(failed) if _NO_MEMORY.search(line)), "")
    if said or isinstance(failed, MemoryError):
        return (
            f"{library} could not be loaded, as there is no memory for it ({said or 'MemoryError'}): end something "
            "that uses much, or raise the limit (`ulimit -v`)"
        )
    return (
        f"{library} cannot be imported, so this installation of Fleet is not whole; mend it: {mend_command()}"
    )


def _lines(failed: BaseException | None) -> Iterator[str]:
    """What it says, and what it was raised from: an older numpy tells the linker's words only there."""
    while failed is not None:
        yield from str(failed).splitlines()
        failed = failed.__cause__ or failed.__context__


def replaced() -> list[str]:
    """What of this installation is not as it was installed, or is gone: by file, or by package where one of ours is
    found somewhere else. Code that is used where it lies may change, but lies together."""
    root = Path(__file__).parents[1]
    apart = [name for name in COMMON_NAMES if not _lies_in(root, name)]
    if apart:
        return apart
    try:
        files = list(_recorded(_ours()))
    except PackageNotFoundError:
        return []
    return sorted(file.name for file in files if file.name.endswith(".py") and not file.is_as_installed())


def missing() -> list[str]:
    """Which of the libraries that this Fleet asks for are not there, or have lost a file. By name."""
    try:
        wanted = _ours().requires or []
    except PackageNotFoundError:
        return []
    names = (re.split(r"[^\w.-]", one)[0] for one in wanted if "extra ==" not in one)
    return sorted(name for name in names if not _is_whole(name))


def _is_whole(library: str) -> bool:
    try:
        files = list(_recorded(distribution(library)))
    except PackageNotFoundError:
        return False
    return all(file.path.exists() for file in files if file.path.suffix in (".py", ".so"))


def _lies_in(root: Path, package: str) -> bool:
    found = find_spec(package)
    return found is not None and found.origin is not None and Path(found.origin).parents[1] == root


@dataclass(frozen=True)
class _Recorded:
    """A file of an installation: its name there, where it lies, and `algorithm=hash`, empty where there is none."""

    name: str
    path: Path
    hash: str

    def is_as_installed(self) -> bool:
        algorithm, _, wanted = self.hash.partition("=")
        if not wanted:
            return True
        try:
            digest = new_hash(algorithm, self.path.read_bytes()).digest()
        except OSError:
            return False
        return urlsafe_b64encode(digest).rstrip(b"=").decode() == wanted


def _recorded(found: Distribution) -> Iterator[_Recorded]:
    """The files that were installed, whether or not they are still there (PEP 376, PEP 627): `Distribution.files`
    leaves out those that are gone, from Python 3.12 on."""
    for name, hashed, *_ in csv.reader((found.read_text("RECORD") or "").splitlines()):
        yield _Recorded(name, Path(str(found.locate_file(name))), hashed)


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
