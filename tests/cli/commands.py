"""`fleet` as a person or a script runs it: a process of its own, in a home of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from tests.patience import PATIENCE_S
from tests.warm import run_fleet


@dataclass(frozen=True)
class Shell:
    home: Path

    def environment(self) -> dict[str, str]:
        """Nothing of this machine's user: no keyring, no login, no settings of git."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home.parent),
            "FLEET_HOME": str(self.home),
            "FLEET_CLIENT": str(self.home.parent / "no-such-client"),
            "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "PYTHONWARNINGS": "error",
        }

    def fleet(
        self, *words: str, stdin: str | IO[bytes] = "", options: tuple[str, ...] = ()
    ) -> subprocess.CompletedProcess[str]:
        """`stdin` is what it reads there, or the file that it reads; `options` are those of a Python started anew."""
        if not options:
            return run_fleet(words, self.environment(), self.home.parent, stdin, PATIENCE_S)
        given: dict[str, Any] = {"input": stdin} if isinstance(stdin, str) else {"stdin": stdin}
        return subprocess.run(
            [sys.executable, *options, "-m", "fleet.cli", *words],
            env=self.environment(),
            cwd=self.home.parent,
            **given,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )

    def piped(self, line: str) -> subprocess.CompletedProcess[str]:
        """A shell's own line, in which `fleet` is the command."""
        script = f'fleet() {{ "{sys.executable}" -m fleet.cli "$@"; }}; {line}'
        return subprocess.run(
            ["sh", "-c", script],
            env=self.environment(),
            cwd=self.home.parent,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
