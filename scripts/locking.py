"""Makes `requirements.lock`: one release of each package, with the hashes of its files. Called by `scripts/lock`.

The lock holds for every platform and every Python from the lowest that is supported on. It names no registry: where
packages come from is each machine's own setting. uv resolves it; pip installs it, as that comes with Python. Without
`--upgrade`, releases that are in the lock and still fit are kept.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from set_up import LOCK, MADE_FROM, PROJECT, SetUpFailed, digest_of, requirements, run, say, uv

HEAD = """\
# One release of each package that Fleet, its build and its tests need, with the hashes of its files. scripts/lock makes
# it, scripts/set_up.py installs from it: as constraints, so that who only runs Fleet gets only what that needs.
"""


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/lock", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--upgrade", action="store_true", help="take the newest release of everything")
    upgrade = parser.parse_args().upgrade
    try:
        make(upgrade)
    except SetUpFailed as failed:
        say(str(failed))
        return 1
    return 0


def make(upgrade: bool) -> None:
    project = requirements()
    lowest_python = project["python"].removeprefix(">=")
    with tempfile.TemporaryDirectory() as directory:
        resolved = Path(directory) / "resolved"
        if LOCK.exists():
            resolved.write_text(LOCK.read_text())
        build = Path(directory) / "build.in"
        build.write_text("\n".join(project["build"]))
        command = [str(uv()), "pip", "compile", "--quiet", "--universal", "--generate-hashes", "--no-header"]
        command += ["--no-annotate", "--python-version", lowest_python, "--output-file", str(resolved)]
        command += ["--all-extras", *(f"--group={group}" for group in project["groups"])]
        command += ["--upgrade"] if upgrade else []
        run([*command, str(PROJECT), str(build)], "nothing fits these requirements: see above")
        LOCK.write_text(f"{HEAD}{MADE_FROM}{digest_of(project)}\n{resolved.read_text()}")
    say(f"made {LOCK.name}")


if __name__ == "__main__":
    sys.exit(main())
