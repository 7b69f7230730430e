"""Makes a release ready, for `scripts/release`: builds sdist and wheel, checks the name and the description, and writes
a bill of materials. Publishes nothing. Standard library only: build, twine and cyclonedx-bom run from an environment
that goes when it ends.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

ROOT = Path(__file__).resolve().parent.parent
RELEASE = ROOT / "release"
WHEEL_VENV = ROOT / ".venv-wheel"
"""Fleet as locked, with nothing for its development: set_up.py makes it."""
INDEX = "https://pypi.org/pypi/{}/json"
INDEX_S_MAX = 20.0
TOOLS = ("build", "twine", "cyclonedx-bom")


class Failed(Exception):
    """The release cannot be made; the message says why."""


def main() -> int:
    try:
        release()
    except Failed as failed:
        say(str(failed))
        return 1
    return 0


def release() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    name, version = project["name"], project["version"]
    commit = clean_commit()
    say(f"{name} {version}, commit {commit}")
    say(name_on_the_index(name, version, project))
    shutil.rmtree(RELEASE, ignore_errors=True)
    RELEASE.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as made:
        venv = Path(made) / "tools"
        run([sys.executable, "-m", "venv", str(venv)], "python -m venv failed")
        tool = venv / "bin"
        run(
            [str(tool / "python"), "-m", "pip", "install", "--quiet", *TOOLS],
            "the tools could not be fetched",
        )
        run([str(tool / "python"), "-m", "build", "--outdir", str(RELEASE), str(ROOT)], "the build failed")
        files = sorted(str(file) for file in RELEASE.iterdir())
        run([str(tool / "twine"), "check", "--strict", *files], "twine refuses it")
        bill = RELEASE / f"{name}-{version}.cdx.json"
        write_bill(tool, bill)
        say(f"{bill.name}: {len(json.loads(bill.read_text())['components'])} packages")
    say("ready, and nothing was published:")
    for file in (*files, str(bill)):
        say(f"  {file}")
    say("To publish, after scripts/test --all:")
    say(f"  git tag -s v{version} {commit} && git push origin v{version}")
    say(f"  uvx twine upload {' '.join(files)}")
    say(f"  and add {bill.name} to the release's page")


def write_bill(tool: Path, bill: Path) -> None:
    """CycloneDX, of what a plain install gives in the versions of the lock."""
    set_up = [sys.executable, str(ROOT / "scripts" / "set_up.py"), "wheel"]
    run(set_up, "the locked packages could not be installed")
    command = [str(tool / "cyclonedx-py"), "environment", "--pyproject", str(ROOT / "pyproject.toml")]
    command += ["--output-format", "JSON", "--output-reproducible", "--output-file", str(bill)]
    command.append(str(WHEEL_VENV / "bin" / "python"))
    run(command, "the bill of materials could not be made")


def clean_commit() -> str:
    """The commit that is built. Raises Failed when the files are not as committed."""
    if said("git", "status", "--porcelain"):
        raise Failed("there are uncommitted changes: commit them, so that the release is a commit")
    return said("git", "rev-parse", "HEAD")


def name_on_the_index(name: str, version: str, project: dict[str, object]) -> str:
    """What the package index knows of the name. Raises Failed when the version is there, or the name is another's."""
    try:
        with urlopen(INDEX.format(name), timeout=INDEX_S_MAX) as answer:
            found = json.load(answer)
    except HTTPError as refused:
        if refused.code == 404:
            return f"the name {name} is free on PyPI"
        return f"PyPI could not be asked for the name {name} ({refused}): look before you publish"
    except (URLError, TimeoutError, ValueError) as failed:
        return f"PyPI could not be asked for the name {name} ({failed}): look before you publish"
    if version in found["releases"]:
        raise Failed(f"{name} {version} is on PyPI already: raise the version in pyproject.toml")
    if found["info"]["summary"] != project["description"]:
        raise Failed(
            f"{name} on PyPI is another project ({found['info']['summary']!r}): choose another name in pyproject.toml"
        )
    return f"{name} is on PyPI, its last version {found['info']['version']}"


def said(*command: str) -> str:
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()


def run(command: list[str], story: str) -> None:
    env = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "PYTHONHOME")}
    ended = subprocess.run(
        command, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    if ended.returncode != 0:
        raise Failed(f"{story}:\n{ended.stdout}{ended.stderr}")


def say(what: str) -> None:
    sys.stdout.write(f"{what}\n")


if __name__ == "__main__":
    sys.exit(main())
