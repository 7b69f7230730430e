"""The gate judges what the commit has, and nothing of what a worker left beside it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sizes import large
from tests.workers.worktree.repositories import MARKER, commit, git, hook, repository, write
from workers.gate import GateSettings, judge
from workers.verify import Verdict
from workers.worktree.commit import commit_work
from workers.worktree.lock import held
from workers.worktree.make import Site, equip, make_ready
from workers.worktree.remove import remove
from workers.worktree.repository import locate
from workers.worktree.set_aside import NotTheCommit, put_back, set_aside
from workers.worktree.settings import worktree_settings

SET_UP = """[worktree]
setup = ["mkdir -p deps/inner && echo lib > deps/inner/lib && echo x >> ../set-ups"]
copy = [".env"]
"""


@pytest.fixture
def tree(repo: Path, trees: Path) -> Path:
    """A worktree with dependencies that its set-up made, and a seed."""
    commit(repo, {".fleet.toml": SET_UP, ".gitignore": "*.log\n.env\ndeps/\nbuild/\n", "b.txt": "b\n"})
    write(repo, {".env": "key\n"})
    make_ready(
        repo, trees / "t1", branch="fleet/t1", base="main", settings=worktree_settings, marker_env=MARKER
    )
    return trees / "t1"


def gate(repo: Path, tree: Path, *commands: str, asking: bool = False) -> Verdict:
    def again() -> None:
        site = Site(locate(repo), tree, lock_fd)
        equip(site, worktree_settings(site.repository, "main"), MARKER, 60.0)

    with held(tree) as lock_fd:
        return judge(tree, GateSettings(commands, again, 60.0, commands if asking else ()), MARKER)


def laid_out(tree: Path) -> dict[str, str]:
    files = (path for path in tree.rglob("*") if path.is_file() and path.name != ".git")
    return {str(path.relative_to(tree)): path.read_text() for path in files}


def set_ups(tree: Path) -> int:
    return len((tree.parent / "set-ups").read_text().split())


@pytest.mark.parametrize(
    ("left", "asked"),
    [
        ("mkdir -p build && echo r > build/report.txt", "test -e build"),
        ("mkdir build", "test -e build"),
        ("echo l > run.log", "test -e run.log"),
        ("echo n > new.txt", "test -e new.txt"),
        ("ln -s /etc link.log", "test -L link.log"),
        ("echo m > deps/more", "test -e deps/more"),
        ("mkdir -p deps/z/y && echo m > deps/z/y/more", "test -e deps/z"),
        ("echo changed > deps/inner/lib", "grep changed deps/inner/lib"),
        ("rm deps/inner/lib", "! test -e deps/inner/lib"),
        ("rm -r deps", "! test -e deps"),
        ("echo other > .env", "grep other .env"),
        ("rm .env", "! test -e .env"),
        ("echo changed > a.txt", "grep changed a.txt"),
        ("rm a.txt", "! test -e a.txt"),
        ("rm a.txt && mkdir a.txt && echo in > a.txt/in.log", "test -d a.txt"),
        ("chmod +x a.txt", "test -x a.txt"),
        ("git update-index --assume-unchanged a.txt && echo changed > a.txt", "grep changed a.txt"),
        ("git update-index --skip-worktree a.txt && echo changed > a.txt", "grep changed a.txt"),
        ("git update-index --skip-worktree a.txt && rm a.txt", "! test -e a.txt"),
        ("git rm -q --cached a.txt && echo changed > a.txt", "grep changed a.txt"),
        ("mkdir -p build/x && echo r > build/x/y && chmod -R a-w build", "test -e build"),
    ],
)
def test_what_no_commit_has_opens_no_gate_and_is_back_afterwards(
    repo: Path, tree: Path, left: str, asked: str
) -> None:
    assert gate(repo, tree, "test -e deps/inner/lib && test -e .env && test -e a.txt").ok
    subprocess.run(["sh", "-c", left], cwd=tree, check=True)
    before = laid_out(tree)
    verdict = gate(repo, tree, asked)
    assert not verdict.ok and verdict.tree == git(tree, "rev-parse", "HEAD^{tree}")
    assert verdict.noticed or left == "mkdir build"
    after = laid_out(tree)
    assert {**after, **before} == after, (
        "what the session left is where it was; what the set-up made anew may stay"
    )
    assert [path.name for path in tree.parent.iterdir() if path.name.endswith(".aside")] == []


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (
            "test -s ./build/report.txt && test -e 'build/of  two.log'",
            ["build/report.txt", "build/of  two.log"],
        ),
        ("wc --files=build/report.txt; test -e build/report.txt", ["build/report.txt"]),
        ("cat build/report.txt a.txt; false", []),
        ("build/tool", []),
        ("test -d build", []),
        ("cat build/no-such ../t1/build/report.txt $PWD/build/report.txt", []),
        ("cat .env.log build/link.log", []),
        ("test -e build/report.txt 'and", []),
    ],
)
def test_ignored_files_are_asked_for_where_the_gate_opens_with_those_that_it_names(
    repo: Path, tree: Path, asked: str, found: list[str]
) -> None:
    write(tree, {"build/report.txt": "r\n", "build/of  two.log": "2\n", "build/tool": "#!/bin/sh\n"})
    (tree / "build/tool").chmod(0o755)
    (tree / "build/link.log").symlink_to("report.txt")
    before, head = laid_out(tree), git(tree, "rev-parse", "HEAD")
    verdict = gate(repo, tree, asked, asking=True)
    assert (verdict.ok, list(verdict.asked_for)) == (False, found), (
        "the verdict is on the commit all the same"
    )
    assert laid_out(tree) == before and git(tree, "rev-parse", "HEAD") == head
    assert list(gate(repo, tree, asked).asked_for) == [], "of the repository's own commands nobody asks"
    commit_work(tree, "work", though_ignored=verdict.asked_for)
    assert gate(repo, tree, asked).ok == bool(found)


def test_a_gate_finds_what_the_set_up_made_and_it_is_set_up_again_only_where_that_was_changed(
    repo: Path, tree: Path
) -> None:
    write(tree, {"build/report.txt": "r\n", "deps/inner/__pycache__/x.pyc": "c\n"})
    verdict = gate(repo, tree, "grep lib deps/inner/lib && grep key .env")
    assert verdict.ok and verdict.noticed == "set aside for the gate, as no commit has it: build"
    assert set_ups(tree) == 1
    write(tree, {"deps/inner/lib": "other\n"})
    (tree / ".env").unlink()
    assert gate(repo, tree, "grep lib deps/inner/lib && grep key .env").ok and set_ups(tree) == 2
    assert (tree / "deps/inner/lib").read_text() == "other\n"


def test_dependencies_that_the_session_changed_are_set_up_again_for_the_gate(repo: Path, trees: Path) -> None:
    setup = '[worktree]\nsetup = ["mkdir -p node_modules/lib && echo lib > node_modules/lib/main"]\n'
    commit(repo, {".fleet.toml": setup, ".gitignore": "node_modules/\n"})
    tree = trees / "t2"
    make_ready(repo, tree, branch="fleet/t2", base="main", settings=worktree_settings, marker_env=MARKER)
    write(tree, {"node_modules/lib/main": "patched\n", "node_modules/more/main": "more\n"})
    verdict = gate(repo, tree, "grep lib node_modules/lib/main && ! test -e node_modules/more")
    assert verdict.ok and "set up again" in verdict.noticed
    assert (tree / "node_modules/lib/main").read_text() == "patched\n"


def test_a_second_name_of_a_file_in_a_store_is_no_change(repo: Path, tree: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    os.link(tree / "deps/inner/lib", store)
    verdict = gate(repo, tree, "true")
    assert verdict.ok and not verdict.noticed and set_ups(tree) == 1


def test_what_a_hook_leaves_is_not_of_the_commit(repo: Path, tree: Path) -> None:
    hook(repo, "post-commit", "echo built > generated.txt; echo more >> a.txt")
    write(tree, {"b.txt": "changed\n"})
    commit_work(tree, "work")
    assert not gate(repo, tree, "test -e generated.txt").ok
    assert not gate(repo, tree, "grep more a.txt").ok
    assert gate(repo, tree, "grep changed b.txt").ok


def test_what_the_gate_makes_in_the_way_of_what_comes_back_loses(repo: Path, tree: Path) -> None:
    write(tree, {"build/report.txt": "mine\n", "a.txt": "mine\n"})
    assert gate(repo, tree, "mkdir build && echo gate > build/report.txt && rm a.txt && mkdir -p a.txt/x").ok
    assert (tree / "build/report.txt").read_text() == (tree / "a.txt").read_text() == "mine\n"


def test_a_submodule_is_judged_as_the_commit_names_it(repo: Path, trees: Path, tmp_path: Path) -> None:
    git(repo, "submodule", "--quiet", "add", str(repository(tmp_path / "lib")), "sub")
    git(repo, "commit", "--quiet", "-m", "sub")
    make_ready(
        repo, trees / "t2", branch="fleet/t2", base="main", settings=worktree_settings, marker_env=MARKER
    )
    tree = trees / "t2"
    write(tree, {"sub/a.txt": "changed\n", "sub/new.log": "n\n"})
    assert gate(repo, tree, "grep one sub/a.txt && ! test -e sub/new.log").ok
    assert (tree / "sub/a.txt").read_text() == "changed\n" and (tree / "sub/new.log").exists()
    commit(tree / "sub", {"a.txt": "changed\n"})
    with pytest.raises(NotTheCommit, match="git add sub"):
        gate(repo, tree, "true")


KILLED = """
import os, sys
from pathlib import Path
from workers.worktree.remove import remove
from workers.worktree.set_aside import put_back, set_aside
at, what, left = int(sys.argv[1]), sys.argv[2], [0]
def die(event, args):
    if event in ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.chmod", "subprocess.Popen", "shutil.rmtree"):
        left[0] += 1
        if left[0] == at:
            os._exit(9)
tree = Path(sys.argv[3])
sys.addaudithook(die)
if what == "gate":
    set_aside(tree); put_back(tree)
else:
    remove(Path(sys.argv[4]), tree, "refs/fleet/preserved/t1")
"""


def killed_at(step: int, what: str, tree: Path, repo: Path) -> bool:
    """False when it came to its end before that step."""
    words = [sys.executable, "-c", KILLED, str(step), what, str(tree), str(repo)]
    ended = subprocess.run(words, check=False, capture_output=True, text=True)
    assert ended.returncode in (0, 9), ended.stderr
    return ended.returncode == 9


@pytest.mark.parametrize("stride", [11, *large(1)])
def test_killed_at_any_step_of_the_gate_everything_is_put_back(repo: Path, tree: Path, stride: int) -> None:
    write(
        tree, {"build/report.txt": "r\n", "deps/inner/lib": "other\n", "a.txt": "changed\n", "x.log": "x\n"}
    )
    (tree / "b.txt").unlink()
    before, step = laid_out(tree), 1
    while killed_at(step, "gate", tree, repo):
        put_back(tree)
        assert laid_out(tree) == before, f"killed at step {step}"
        step += stride
    assert step > 20 and laid_out(tree) == before
    with held(tree):
        set_aside(tree)
    assert not (tree / "build").exists()
    commit_work(tree, "whoever uses it next puts it back")
    assert git(tree, "show", "HEAD:a.txt") == "changed" and (tree / "build/report.txt").exists()


@pytest.mark.parametrize("stride", [13, *large(1)])
def test_killed_at_any_step_a_removal_is_taken_up_again_and_loses_nothing(
    repo: Path, tree: Path, stride: int
) -> None:
    write(tree, {"build/report.txt": "r\n", "new.txt": "n\n", "deps/inner/lib": "other\n"})
    (tree / "deps").chmod(0o500)
    step = 1
    while killed_at(step, "remove", tree, repo):
        step += stride
    kept = remove(repo, tree, "refs/fleet/preserved/t1").preserved or git(
        repo, "rev-parse", "refs/fleet/preserved/t1"
    )
    listed = git(repo, "ls-tree", "-r", "--name-only", kept).split()
    assert {"build/report.txt", "new.txt", "deps/inner/lib"} <= set(listed) and ".env" not in listed
    assert not tree.exists() and str(tree) not in git(repo, "worktree", "list")
