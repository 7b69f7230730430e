"""Worktrees, mirrors and large files on a host, asked of a packed far end; the code goes there by plain git here."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import socket
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.own_home import HOME_ID
from tests.patience import until
from tests.workers.remote.far_process import Far
from tests.workers.supervision.yard import is_gone
from tests.workers.worktree.repositories import commit, git, hook, repository, show, write
from workers import processes
from workers.git import GitError, GitFailed
from workers.port_blocks import PORTS_PER_WORKTREE
from workers.worktree.commit import HookRefused, WorkUnfinished
from workers.worktree.make import SetupFailed, WorktreeRefused
from workers.worktree.wanted import SettingsWrong

BRANCH = "fleet/t1-fix"
MARKER = {"FLEET_RUN": f"t1.1@{HOME_ID}"}
IDENTITY = {
    f"GIT_{role}_{part}": value
    for role in ("AUTHOR", "COMMITTER")
    for part, value in (("NAME", "Ann"), ("EMAIL", "ann@example.org"))
}


@dataclass
class Tree:
    """A repository at home, its mirror on the host, and where a worktree of it goes."""

    far: Far
    repo: Path
    root: Path

    @property
    def mirror(self) -> Path:
        return self.root / "mirrors" / "repo-1.git"

    @property
    def path(self) -> Path:
        return self.root / "worktrees" / "repo-1" / "t1"

    def send(self, *refspecs: str) -> str:
        """Push to the mirror; returns home's main."""
        self.far.call("mirror", name="repo-1")
        git(self.repo, "push", "--quiet", str(self.mirror), *(refspecs or ("main:refs/fleet/incoming/t1",)))
        return git(self.repo, "rev-parse", "main")

    def prepare(self, blob: bytes = b"", **wanted: Any) -> dict[str, Any]:
        head = git(self.repo, "rev-parse", "main")
        asked: dict[str, Any] = {
            "branch": BRANCH,
            "tip": head,
            "base_commit": head,
            "preserved": None,
            "ports": [20000, 20010],
        }
        asked |= {"marker_env": MARKER, "setup": [], "setup_timeout_s": 30.0}
        return self.ask("prepare", blob, mirror="repo-1", **{**asked, **wanted})

    def ask(self, op: str, blob: bytes = b"", **args: Any) -> dict[str, Any]:
        return self.far.call(op, blob, path=str(self.path), **args)

    def tip(self) -> str:
        return git(self.mirror, "rev-parse", f"refs/heads/{BRANCH}")


@pytest.fixture
def tree(far: Far, root: Path, tmp_path: Path) -> Tree:
    return Tree(far, repository(tmp_path / "repo"), root)


def test_a_mirror_is_made_once_and_takes_what_is_pushed(tree: Tree) -> None:
    assert tree.far.call("mirror", name="repo-1") == {"path": str(tree.mirror), "made": True}
    assert tree.far.call("mirror", name="repo-1")["made"] is False
    head = tree.send()
    assert tree.far.call("refs", mirror="repo-1", prefixes=["refs/fleet/incoming"]) == {
        "refs": {"refs/fleet/incoming/t1": head}
    }
    tree.far.call("mirror_config", mirror="repo-1", set={"user.name": "Ann"})
    assert git(tree.mirror, "config", "user.name") == "Ann"
    with pytest.raises(ValueError, match="cannot be the name of a directory"):
        tree.far.call("mirror", name="../x")


def test_a_worktree_is_made_with_its_files_and_its_setup_and_found_again(tree: Tree) -> None:
    head = tree.send()
    assert tree.ask("ready", mirror="repo-1") == {"made": None}
    made = tree.prepare(setup=["echo port $FLEET_PORT run $FLEET_RUN", "pwd"])
    assert made["setup_output"] == f"port 20000 run {MARKER['FLEET_RUN']}\n{tree.path}\n"
    assert (made["branch"], made["base_commit"], made["launched"]) == (BRANCH, head, None)
    assert (tree.path / "a.txt").read_text() == "one\n" and git(
        tree.path, "branch", "--show-current"
    ) == BRANCH
    assert tree.prepare(setup=["false"]) == made
    assert tree.ask("ready", mirror="repo-1")["made"]["branch"] == BRANCH
    standing = {"path": str(tree.path), "task": "t1", "mirror": "repo-1", "branch": BRANCH}
    assert tree.far.call("worktrees") == {"worktrees": [standing]}


def test_ports_are_tried_on_the_host_and_kept_for_its_worktree(tree: Tree) -> None:
    first = tree.ask("ports")["first"]
    other = tree.far.call("ports", path=f"{tree.path}-other")["first"]
    assert first is not None and other is not None and other != first == tree.ask("ports")["first"]
    with socket.socket() as server:
        server.bind(("127.0.0.1", other + PORTS_PER_WORKTREE + 3))
        third = tree.far.call("ports", path=f"{tree.path}-third")["first"]
    assert third not in (first, other, other + PORTS_PER_WORKTREE)


def test_a_setup_that_fails_crosses_as_such_and_can_be_repeated(tree: Tree) -> None:
    tree.send()
    with pytest.raises(SetupFailed, match="no compiler here") as failed:
        tree.prepare(setup=["echo no compiler here; exit 3"])
    assert (failed.value.code, failed.value.of_the_host) == (3, False)
    assert tree.ask("ready", mirror="repo-1") == {"made": None}
    write(tree.path, {"half.txt": "half-done\n"})
    assert tree.prepare(setup=["true"])["branch"] == BRANCH
    kept = git(tree.mirror, "for-each-ref", "--format=%(refname)", "refs/fleet/preserved").splitlines()
    assert len(kept) == 1 and show(tree.mirror, kept[0], "half.txt") == "half-done"


def test_the_branch_is_where_home_has_it_and_what_only_the_host_had_is_kept(tree: Tree) -> None:
    tree.send()
    tree.prepare()
    only_here = commit(tree.path, {"here.txt": "h"})
    tree.ask("remove", mirror="repo-1", ref="refs/fleet/preserved/t1")
    head = commit(tree.repo, {"home.txt": "h"})
    tree.send()
    tree.prepare(tip=head)
    assert tree.tip() == head == git(tree.path, "rev-parse", "HEAD")
    kept = git(tree.mirror, "for-each-ref", "--format=%(objectname)", "refs/fleet/preserved").splitlines()
    assert only_here in kept


def test_a_commit_the_mirror_lacks_is_told_of(tree: Tree) -> None:
    tree.send()
    with pytest.raises(WorktreeRefused, match="has no commit 123"):
        tree.prepare(tip="1234567890" * 4)


def test_a_path_outside_of_the_directory_is_refused(tree: Tree, tmp_path: Path) -> None:
    tree.send()
    for path in (tmp_path / "mine", tree.root / "worktrees" / "x" / ".." / ".."):
        with pytest.raises(ValueError, match="no place for a worktree"):
            tree.far.call("snapshot", path=str(path), ref="refs/fleet/x", ignored=False)


def test_ignored_files_come_along_and_others_do_not(tree: Tree) -> None:
    def packed(name: str, content: bytes) -> bytes:
        with io.BytesIO() as file:
            with tarfile.open(fileobj=file, mode="w") as archive:
                entry = tarfile.TarInfo(name)
                entry.size, entry.mode = len(content), 0o640
                archive.addfile(entry, io.BytesIO(content))
            return file.getvalue()

    tree.send()
    with pytest.raises(SettingsWrong, match=r"'b.txt' is not ignored"):
        tree.prepare(packed("b.txt", b"x"))
    with pytest.raises(SettingsWrong, match="leads out"):
        tree.prepare(packed("../x.log", b"x"))
    tree.prepare(packed("cache/x/data", b"warm"), setup=["cat cache/x/data"])
    assert (tree.path / "cache/x/data").stat().st_mode & 0o777 == 0o640


def test_work_is_committed_in_the_users_name_with_hooks_heard(tree: Tree) -> None:
    tree.send()
    tree.prepare()
    write(tree.path, {"new.txt": "new\n"})
    hook(tree.path, "pre-commit", "echo not like this; exit 1")
    words = doing(tree)
    with pytest.raises(HookRefused, match="not like this"):
        tree.ask("commit", **words)
    hook(tree.path, "pre-commit", "exit 0")
    made = tree.ask("commit", **words)
    assert made["commit"] == made["head"] == tree.tip()
    assert git(tree.mirror, "log", "-1", "--format=%an %ce", BRANCH) == "Ann ann@example.org"
    nothing = {"remade": False, "ignored": "", "noticed": ""}
    assert tree.ask("commit", **words) == {"commit": None, "head": tree.tip(), **nothing}
    git(tree.path, "checkout", "--quiet", "--detach", "HEAD~1")
    commit(tree.path, {"aside.txt": "aside"})
    with pytest.raises(WorkUnfinished, match="beside the task's branch"):
        tree.ask("commit", **words)


def doing(tree: Tree) -> dict[str, Any]:
    base = git(tree.path, "rev-parse", "HEAD")
    told = {"message": "Do it", "branch": BRANCH, "base_commit": base, "tip": base, "identity": IDENTITY}
    return {"mirror": tree.mirror.stem, **told}


def test_a_worktree_that_its_session_has_deleted_is_made_anew_from_its_branch(tree: Tree) -> None:
    tree.send()
    tree.prepare()
    words, tip = doing(tree), commit(tree.path, {"done.txt": "done"})
    shutil.rmtree(tree.path)
    found = tree.ask("commit", **words)
    assert (found["commit"], found["head"], found["remade"]) == (None, tip, True)
    assert "was gone" in found["noticed"] and (tree.path / "done.txt").exists()
    assert tree.ask("commit", **words)["remade"] is False


def test_a_worktree_whose_mirror_was_deleted_hangs_on_the_next_one_with_its_files(tree: Tree) -> None:
    """Its commits are gone with the mirror, but not what lies there; what was taken of it can be brought home."""
    tree.send()
    tree.prepare()
    words = doing(tree)
    commit(tree.path, {"done.txt": "done"})
    write(tree.path, {"loose.txt": "loose"})
    shutil.rmtree(tree.mirror)
    with pytest.raises(GitError):
        tree.ask("commit", **words)
    with pytest.raises(GitError):
        tree.ask("snapshot", ref="refs/fleet/checkpoints/t1", ignored=False)
    asked: dict[str, Any] = {"mirror": "repo-1", "branch": BRANCH, "tip": tree.send()}
    assert "git had lost its worktree" in tree.ask("hang_again", **asked)["told"]
    assert tree.ask("hang_again", **asked)["told"] == ""
    found = tree.ask("commit", **words)
    assert found["remade"] and "git had lost its worktree" in found["noticed"]
    assert (show(tree.mirror, BRANCH, "done.txt"), show(tree.mirror, BRANCH, "loose.txt")) == (
        "done",
        "loose",
    )


def test_a_checkpoint_can_be_laid_into_a_worktree_made_anew(tree: Tree) -> None:
    """Also the second one: checkpoints do not hang on one another."""
    ref = "refs/fleet/checkpoints/t1"
    tree.send()
    tree.prepare()
    done = commit(tree.path, {"done.txt": "done"})
    assert tree.ask("snapshot", ref=ref, ignored=False) == {
        "head": done,
        "branch": BRANCH,
        "branch_tip": done,
        "kept": None,
    }
    write(tree.path, {"loose.txt": "first\n"})
    first = tree.ask("snapshot", ref=ref, ignored=False)["kept"]
    assert tree.ask("snapshot", ref=ref, ignored=False)["kept"] == first
    write(tree.path, {"loose.txt": "second\n"})
    git(tree.path, "add", "loose.txt")
    write(tree.path, {"loose.txt": "third\n"})
    last = tree.ask("snapshot", ref=ref, ignored=False)["kept"]
    assert last != first
    assert show(tree.mirror, ref, "loose.txt") == "third"
    git(tree.repo, "fetch", "--quiet", str(tree.mirror), f"{BRANCH}:{BRANCH}", f"{ref}:{ref}")
    tree.ask("remove", mirror="repo-1", ref="refs/fleet/preserved/t1")
    made = tree.prepare(tip=done, preserved=last)
    assert "was brought back" in made["setup_output"]
    assert (tree.path / "loose.txt").read_text() == "third\n"
    git(tree.path, "clean", "--quiet", "-fd")
    assert tree.ask("snapshot", ref=ref, ignored=False)["kept"] is None
    assert not git(tree.mirror, "for-each-ref", ref)


def test_a_removal_preserves_and_tells_where_the_branch_was(tree: Tree) -> None:
    tree.send()
    tree.prepare()
    tip = commit(tree.path, {"done.txt": "done"})
    write(tree.path, {"loose.txt": "loose\n"})
    ref = "refs/fleet/preserved/t1"
    assert tree.ask("preserve", ref=ref)["commit"]
    removed = tree.ask("remove", mirror="repo-1", ref=ref)
    assert (removed["branch"], removed["branch_tip"]) == (BRANCH, tip)
    assert show(tree.mirror, removed["preserved"], "loose.txt") == "loose"
    assert not tree.path.exists() and tree.far.call("worktrees") == {"worktrees": []}
    again = tree.ask("remove", mirror="repo-1", ref=ref)
    assert again == {"preserved": None, "kept_at": None, "branch": None, "branch_tip": None}


def test_a_verification_runs_while_other_requests_are_answered(tree: Tree) -> None:
    tree.send()
    tree.prepare()
    gate = tree.root / "mirrors" / "repo-1.git" / "gate"  # in its room, and nothing of the work
    os.mkfifo(gate)
    words: dict[str, Any] = {
        "env": {"FLEET_RUN": f"check@{HOME_ID}"},
        "timeout_s": 60.0,
        "setup": [],
        "setup_timeout_s": 60.0,
        "log": "t1.1.log",
        "path": str(tree.path),
    }
    asked = tree.far.ask("verify", commands=["echo begun", f"cat '{gate}'; exit 4"], **words)
    until("it runs", lambda: processes.find(f"check@{HOME_ID}"))
    assert tree.far.call("ping") and tree.ask("ready", mirror="repo-1")["made"]
    gate.write_text("shut\n")
    verdict = tree.far.answer(asked).header["ok"]
    assert (verdict["ok"], verdict["code"], verdict["output_tail"]) == (False, 4, "shut\n")
    assert "begun" in (tree.root / "checks/t1.1.log").read_text()


def three_of(marker: str) -> set[int]:
    """The processes that carry the marker, once they are three: the shell and its two commands; and its sandbox."""
    found = processes.find(marker)
    return found if len(found) >= 3 else set()


def test_a_far_end_that_ends_takes_its_verifications_along(tree: Tree) -> None:
    """Nobody would hear their answer, and home asks again."""
    tree.send()
    tree.prepare()
    marker = f"orphan@{HOME_ID}"
    tree.far.ask(
        "verify",
        path=str(tree.path),
        commands=["sleep 1000 & sleep 1000; true"],
        env={"FLEET_RUN": marker},
        timeout_s=900.0,
        setup=[],
        setup_timeout_s=60.0,
        log="l",
    )
    running = until("it runs", lambda: three_of(marker))
    assert tree.far.hang_up() == 0
    until("all of it is gone", lambda: all(is_gone(pid) for pid in running))


def test_large_files_come_in_pieces_and_only_whole(tree: Tree) -> None:
    tree.far.call("mirror", name="repo-1")
    content = os.urandom(300_000)
    oid = hashlib.sha256(content).hexdigest()
    named: dict[str, Any] = {"mirror": "repo-1", "oid": oid}
    assert tree.far.call("lfs_have", mirror="repo-1", oids=[oid]) == {"missing": [oid]}
    tree.far.call("lfs_put", content[:1000], **named, offset=0, last=False)
    with pytest.raises(ValueError, match="does not follow the 1000"):
        tree.far.call("lfs_put", content[2000:], **named, offset=2000, last=True)
    with pytest.raises(ValueError, match="send it again"):
        tree.far.call("lfs_put", content[1001:], **named, offset=1000, last=True)
    tree.far.call("lfs_put", content[:200_000], **named, offset=0, last=False)
    tree.far.call("lfs_put", content[200_000:], **named, offset=200_000, last=True)
    assert tree.far.call("lfs_have", mirror="repo-1", oids=[oid]) == {"missing": []}
    got = tree.far.answer(tree.far.ask("lfs_get", **named, offset=100_000, length=200_000))
    assert got.blob == content[100_000:] and got.header["ok"] == {"size": 300_000}
    with pytest.raises(FileNotFoundError):
        tree.far.call("lfs_get", mirror="repo-1", oid="0" * 64, offset=0, length=1)
    with pytest.raises(ValueError, match="no id of a large file"):
        tree.far.call("lfs_have", mirror="repo-1", oids=["../../x"])


def test_git_that_fails_there_fails_here_with_its_words(tree: Tree) -> None:
    with pytest.raises(GitFailed, match="cannot change to") as failed:
        tree.far.call("refs", mirror="none", prefixes=["refs/"])
    assert failed.value.code == 128 and failed.value.command[0] == "for-each-ref"
