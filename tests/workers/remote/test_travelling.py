"""What travels to hosts is the standard library only, of a Python as old as 3.9."""

from __future__ import annotations

import ast
import io
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.patience import PATIENCE_S
from tests.workers.remote.far_process import command, greeting, reached
from tests.workers.supervision.yard import Yard
from tests.workers.worktree.repositories import git, repository
from workers.orders import Close, Say
from workers.remote.bundle import TRAVELLING, bundle

ROOT = Path(__file__).parents[3]


def modules() -> set[str]:
    """By their dotted names."""
    return {path.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for path in TRAVELLING}


def imported(path: str) -> set[str]:
    """Every module that is imported anywhere in that file, also by `from package import module`."""
    names = set()
    for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module is not None
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            names |= (inner & modules()) or {node.module}
    return names


@pytest.mark.parametrize("path", TRAVELLING)
def test_it_imports_the_standard_library_and_what_travels_too(path: str) -> None:
    strangers = {
        name
        for name in imported(path)
        if name not in modules() and name.partition(".")[0] not in sys.stdlib_module_names
    }
    assert not strangers


def test_it_needs_nothing_newer_than_python_3_9() -> None:
    """Vermin looks at grammar, modules, functions and their arguments."""
    words = [str(Path(sys.executable).with_name("vermin")), "--target=3.9-", "--no-tips", "--violations"]
    found = subprocess.run([*words, *TRAVELLING], cwd=ROOT, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout


def test_the_contract_in_pyproject_names_just_these_modules() -> None:
    """import-linter holds them to the standard library on every commit."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (named,) = (one for one in contracts if one["name"] == "What travels is the standard library only")
    leaves = {module for module in modules() if f"{module.replace('.', '/')}.py" in TRAVELLING}
    assert set(named["source_modules"]) == leaves


def test_the_archive_has_nothing_else(archive: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(bundle().content)) as packed:
        assert packed.namelist() == ["__main__.py", *TRAVELLING]
    assert archive.read_bytes() == bundle().content


def version_of(python: Path) -> tuple[int, int] | None:
    """None when it does not run."""
    words = [str(python), "-c", "import sys; print(*sys.version_info[:2])"]
    try:
        said = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    except OSError:
        return None
    numbers = re.fullmatch(r"(\d+) (\d+)\n", said.stdout)
    return None if said.returncode or numbers is None else (int(numbers[1]), int(numbers[2]))


def pythons() -> dict[tuple[int, int], Path]:
    """One of each version on this machine, the one that runs this test among them."""
    places = [Path(place) for place in os.environ["PATH"].split(":")]
    places += sorted(Path(os.environ["PYENV_ROOT"]).glob("versions/*/bin"))
    candidates = [path for place in places for path in sorted(place.glob("python3*"))]
    named = [
        path
        for path in candidates
        if re.fullmatch(r"python3(\.\d+)?", path.name) and os.access(path, os.X_OK)
    ]
    found = {version: path for path in named if (version := version_of(path)) is not None}
    return found | {sys.version_info[:2]: Path(sys.executable)}


PYTHONS = pythons()


@pytest.mark.parametrize("version", sorted(version for version in PYTHONS if version >= (3, 9)))
def test_a_real_python_does_all_of_a_tasks_work_with_it(
    version: tuple[int, int], archive: Path, root: Path, tmp_path: Path, runs_there: Yard
) -> None:
    repo = repository(tmp_path / "repo")
    head = git(repo, "rev-parse", "HEAD")
    path = str(root / "worktrees" / "repo" / "t1")
    with reached(command(archive, root, python=str(PYTHONS[version]))) as far:
        assert far.facts["python"].startswith(f"{version[0]}.{version[1]}.")
        git(repo, "push", "--quiet", far.call("mirror", name="repo")["path"], "main:refs/fleet/incoming/t1")
        made = far.call(
            "prepare",
            mirror="repo",
            path=path,
            branch="fleet/t1",
            tip=head,
            base_commit=head,
            preserved=None,
            ports=None,
            marker_env={},
            setup=["echo ready"],
            setup_timeout_s=60.0,
        )
        assert made["setup_output"] == "ready\n"
        far.call("watch", attempts={"t1.1": 0})
        spec = runs_there.shell(
            "read word; cat <&7; echo $word > made.txt; read end; echo end", cwd=path, secret_fd=7
        )
        text = spec.to_json("t1.1", runs_there.host.marker("t1.1"))
        far.call("launch", b"secret", attempt="t1.1", spec=text, has_secret=True)
        for order in (Say("say-1", "hello"), Close("close-1")):
            far.call("order", attempt="t1.1", order_id=order.id, text=order.to_json())
        far.listen(lambda: b'"exit"' in far.spool("t1.1"), "the end")
        assert b" secretend\n" in far.spool("t1.1")
        runs_there.exit()
        assert far.call("sweep", attempt="t1.1") == {"pids": []}
        assert far.call("snapshot", path=path, ref="refs/fleet/checkpoints/t1", ignored=False)["kept"]
        identity = {
            "GIT_AUTHOR_NAME": "A",
            "GIT_AUTHOR_EMAIL": "a@x",
            "GIT_COMMITTER_NAME": "A",
            "GIT_COMMITTER_EMAIL": "a@x",
        }
        told: Any = {"message": "Made", "branch": "fleet/t1", "base_commit": head, "identity": identity}
        tip = far.call("commit", mirror="repo", path=path, **told)["commit"]
        asked: Any = {"setup": [], "env": {}, "timeout_s": 60.0, "setup_timeout_s": 60.0, "log": "t1.log"}
        verdict = far.call("verify", path=path, commands=["grep hello made.txt"], **asked)
        assert verdict["ok"], verdict
        assert (
            far.call("remove", mirror="repo", path=path, ref="refs/fleet/preserved/t1")["branch_tip"] == tip
        )
        session = "0b0e6d1c-7a33-4f0a-9a4e-5a2f0d3c1b2a"
        files = [{"path": f"-x/{session}.jsonl", "offset": 0, "length": 2}]
        far.call("session_write", b"a\n", account="work", session_id=session, files=files)
        assert far.call("session_have", account="work", session_id=session)["files"]
        assert far.hang_up() == 0


@pytest.mark.parametrize("version", sorted(version for version in PYTHONS if version < (3, 9)))
def test_a_python_that_is_too_old_says_so(version: tuple[int, int], archive: Path, root: Path) -> None:
    words = command(archive, root, python=str(PYTHONS[version]))
    ended = subprocess.run(
        words, stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE_S, check=False
    )
    assert ended.returncode == 3
    assert greeting(ended.stdout)["refused"].startswith(f"its Python is {version[0]}.{version[1]}, and")
