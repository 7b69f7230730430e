"""Without asyncssh a fleet of this machine alone works, and whoever wants another one is told what to install."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

WITHOUT = """
import sys
sys.modules["asyncssh"] = None
from pathlib import Path
from workers.remote.address import parse
from workers.remote.link import Link
from workers.remote.offered_keys import offered
from workers.remote.refusals import CannotConnect
link = Link(parse("box"), home_id="home", runs=Path("runs"), known_hosts=Path("known_hosts"))
link.open()
print(link.wait(0), link.state().lasting, link.state().why)
try:
    offered(parse("box"), Path("known_hosts"))
except CannotConnect as missing:
    print(missing)
"""


def test_what_is_missing_is_told(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WITHOUT]
    root = str(Path(__file__).parents[3])
    said = subprocess.run(
        command, env={"PYTHONPATH": root}, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    first, second = said.stdout.splitlines()
    assert first == f"False True {second}"
    assert "asyncssh cannot be imported, so this installation of Fleet is not whole" in second
