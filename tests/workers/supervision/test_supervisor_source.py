"""The supervisor can be sent as one file to a host that has nothing but Python 3.9."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.patience import PATIENCE_S
from tests.workers.supervision.yard import Yard
from workers import supervisor

SOURCE = Path(supervisor.__file__).read_text(encoding="utf-8")


def test_its_grammar_is_that_of_python_3_9() -> None:
    ast.parse(SOURCE, feature_version=(3, 9))


def test_it_imports_nothing_but_the_standard_library() -> None:
    roots = set()
    for node in ast.walk(ast.parse(SOURCE)):
        if isinstance(node, ast.Import):
            roots |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            roots.add((node.module or "").partition(".")[0])
    assert roots <= set(sys.stdlib_module_names)


def _python_3_9() -> str | None:
    """A real one; pyenv keeps it where its shims on the PATH do not always lead."""
    pyenv = sorted(Path(os.environ["PYENV_ROOT"]).glob("versions/3.9.*/bin/python3.9"))
    for candidate in (*map(str, pyenv), shutil.which("python3.9")):
        if (
            candidate
            and not subprocess.run([candidate, "-c", ""], check=False, capture_output=True).returncode
        ):
            return candidate
    return None


def test_a_real_python_3_9_runs_a_client_with_it(yard: Yard) -> None:
    python = _python_3_9()
    if python is None:
        pytest.skip("there is no Python 3.9 on this machine")
    run = yard.runs / "t1.1"
    (run / "orders").mkdir(parents=True)
    spec = yard.shell("cat <&7; read line; echo $line", secret_fd=7, first_lines=("hello",))
    (run / "spec.json").write_text(spec.to_json("t1.1", yard.host.marker("t1.1")))
    command = [python, "-I", "-S", supervisor.__file__, str(run)]
    subprocess.run(command, input=b"7\nsecret\n", check=True, timeout=PATIENCE_S)
    assert yard.exit()["code"] == 0
    assert yard.said() == [b"secret", b"hello"]
    assert (run / "supervisor.log").read_bytes() == b""


def test_its_invocation_returns_at_once_and_holds_none_of_the_askers_pipes(yard: Yard) -> None:
    """An ssh command ends only when nobody holds its output open any more."""
    run = yard.runs / "t1.1"
    (run / "orders").mkdir(parents=True)
    spec = yard.python("print('ready'); input()")
    (run / "spec.json").write_text(spec.to_json("t1.1", yard.host.marker("t1.1")))
    command = [sys.executable, "-I", "-S", supervisor.__file__, str(run)]
    subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=True, timeout=PATIENCE_S)
    yard.wait_said(b"ready")
    assert yard.host.alive("t1.1"), "its client waits for input that nobody gives"
