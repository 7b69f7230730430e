"""Git's own transfer over a raw channel: nothing of the user's repository is touched but what is named."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.sandboxes import bubblewrap
from tests.workers.mirror.wires import Wires
from tests.workers.worktree.repositories import commit, git, hook, repository
from workers.git import Git
from workers.remote.away import HostAway
from workers.remote.transport import TransferFailed, fetch, push

INCOMING = "refs/fleet/incoming/t1"
HOME_REF = "refs/fleet/there/t1"


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    path = tmp_path / "it's a mirror.git"
    path.mkdir()
    git(path, "init", "--quiet", "--bare", "-b", "main")
    return path


@pytest.fixture
def wires() -> Wires:
    return Wires()


def send(repo: Path, wires: Wires, mirror: Path, commit: str) -> None:
    push(Git(repo), wires, str(mirror), [f"{commit}:{INCOMING}"])


def work_there(mirror: Path, base: str, text: str = "there\n") -> str:
    """A commit on a branch of the mirror, made in a worktree of it."""
    tree = mirror.parent / f"tree-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
    git(mirror, "worktree", "add", "--quiet", "--detach", str(tree), base)
    return commit(tree, {"b.txt": text}, "there")


def state(repo: Path) -> dict[str, bytes]:
    """All of a repository's own directory but its objects and references."""
    top = repo / ".git"
    left_out = ("objects", "refs")
    files = [
        path for path in top.rglob("*") if path.is_file() and path.relative_to(top).parts[0] not in left_out
    ]
    return {str(path): path.read_bytes() for path in files}


def test_commits_go_there_and_come_back(repo: Path, wires: Wires, mirror: Path) -> None:
    first = git(repo, "rev-parse", "HEAD")
    send(repo, wires, mirror, first)
    assert git(mirror, "rev-parse", INCOMING) == first
    made = work_there(mirror, first)
    fetch(Git(repo), wires, str(mirror), {HOME_REF: made})
    assert git(repo, "rev-parse", HOME_REF) == made
    git(repo, "fsck", "--strict")


def test_only_what_is_missing_travels(repo: Path, wires: Wires, mirror: Path) -> None:
    big = commit(repo, {"big.bin": os.urandom(300_000).hex()})
    send(repo, wires, mirror, big)
    assert wires.sent > 300_000
    before = wires.sent
    send(repo, wires, mirror, commit(repo, {"a.txt": "two\n"}))
    assert wires.sent - before < 2_000


def test_nothing_else_of_the_users_repository_is_touched(repo: Path, wires: Wires, mirror: Path) -> None:
    for name in ("pre-push", "reference-transaction", "post-update"):
        hook(repo, name, "exit 1")
    git(repo, "config", "remote.pushDefault", "nowhere")
    git(repo, "config", "push.followTags", "true")
    git(repo, "config", "push.pushOption", "ci.skip")
    git(repo, "config", "push.gpgSign", "true")
    git(repo, "config", "push.recurseSubmodules", "check")
    git(repo, "config", "fetch.prune", "true")
    git(repo, "config", "protocol.allow", "never")
    git(repo, "-c", "core.hooksPath=/dev/null", "tag", "-a", "-m", "v1", "v1")
    (repo / ".git" / "FETCH_HEAD").write_text("the user's\n")
    before = state(repo)
    first = git(repo, "rev-parse", "HEAD")
    send(repo, wires, mirror, first)
    made = work_there(mirror, first)
    git(mirror, "tag", "-a", "-m", "there", "there", made)
    fetch(Git(repo), wires, str(mirror), {HOME_REF: made})
    assert state(repo) == before
    assert git(mirror, "for-each-ref", "--format=%(refname)", "refs/tags", "refs/fleet").split() == [
        INCOMING,
        "refs/tags/there",
    ]
    refs = git(repo, "for-each-ref", "--format=%(refname)").split()
    assert refs == [HOME_REF, "refs/heads/main", "refs/tags/v1"]


def test_a_list_of_allowed_protocols_in_the_environment_is_kept_and_does_not_forbid_ours(
    repo: Path, wires: Wires, mirror: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_ALLOW_PROTOCOL", "https:ssh")
    send(repo, wires, mirror, git(repo, "rev-parse", "HEAD"))


def test_a_reference_that_went_elsewhere_is_moved_all_the_same(
    repo: Path, wires: Wires, mirror: Path, tmp_path: Path
) -> None:
    (tmp_path / "home" / "gitconfig").write_text(
        "[receive]\ndenyNonFastForwards = true\nfsckObjects = true\n"
    )
    first = git(repo, "rev-parse", "HEAD")
    send(repo, wires, mirror, commit(repo, {"a.txt": "two\n"}))
    send(repo, wires, mirror, first)
    assert git(mirror, "rev-parse", INCOMING) == first


@pytest.mark.parametrize("verb", ["push", "fetch"])
def test_a_wire_that_breaks_anywhere_is_a_host_that_is_away(
    repo: Path, wires: Wires, mirror: Path, verb: str
) -> None:
    """Wherever it breaks: never the repository's fault, nothing torn, and the same call later succeeds."""
    first = commit(repo, {"noise.txt": os.urandom(2_000).hex()})
    made = first
    if verb == "fetch":
        send(repo, wires, mirror, first)
        made = work_there(mirror, first, os.urandom(2_000).hex())

    def transfer() -> None:
        if verb == "push":
            send(repo, wires, mirror, made)
        else:
            fetch(Git(repo), wires, str(mirror), {HOME_REF: made})

    done = 0
    for bytes_left in (
        0,
        1,
        3,
        4,
        5,
        40,
        150,
        190,
        200,
        250,
        300,
        400,
        600,
        1_000,
        2_000,
        2_300,
        2_500,
        3_000,
    ):
        wires.cut_after = bytes_left
        try:
            transfer()
            done += 1
        except HostAway as away:
            assert away.host == "there"
        git(repo, "fsck", "--strict", "--connectivity-only")
        git(mirror, "fsck", "--strict", "--connectivity-only")
    assert done < 18
    wires.cut_after = None
    transfer()
    place, ref = (mirror, INCOMING) if verb == "push" else (repo, HOME_REF)
    assert git(place, "rev-parse", ref) == made


def test_a_mirror_that_is_gone_is_told_apart_from_a_broken_wire(
    repo: Path, wires: Wires, tmp_path: Path
) -> None:
    gone = tmp_path / "gone.git"
    with pytest.raises(TransferFailed, match=f"host there.*no repository at {gone}"):
        send(repo, wires, gone, "HEAD")
    with pytest.raises(TransferFailed, match=f"host there.*no repository at {gone}"):
        fetch(Git(repo), wires, str(gone), {HOME_REF: "1" * 40})


def test_no_git_there_is_said(
    repo: Path, wires: Wires, mirror: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "sh").symlink_to("/bin/sh")
    plain = wires.channel
    monkeypatch.setattr(
        wires, "channel", lambda command, intake: plain(f"PATH={tmp_path}/bin; {command}", intake)
    )
    with pytest.raises(TransferFailed, match="no git on the PATH there"):
        send(repo, wires, mirror, "HEAD")


def test_a_commit_that_the_host_does_not_have_is_no_broken_wire(
    repo: Path, wires: Wires, mirror: Path
) -> None:
    send(repo, wires, mirror, "HEAD")
    with pytest.raises(TransferFailed, match=f"(not our ref|no such remote ref) {'1' * 40}"):
        fetch(Git(repo), wires, str(mirror), {HOME_REF: "1" * 40})


def test_a_shallow_clone_has_a_shallow_mirror(repo: Path, wires: Wires, mirror: Path, tmp_path: Path) -> None:
    for number in range(3):
        commit(repo, {"a.txt": f"{number}\n"})
    shallow = tmp_path / "shallow"
    git(tmp_path, "clone", "--quiet", "--depth=1", repo.as_uri(), str(shallow))
    tip = git(shallow, "rev-parse", "HEAD")
    send(shallow, wires, mirror, tip)
    assert git(mirror, "rev-list", "--count", INCOMING) == "1"
    made = work_there(mirror, tip)
    fetch(Git(shallow), wires, str(mirror), {HOME_REF: made})
    assert git(shallow, "rev-list", "--count", HOME_REF) == "2"


def test_a_clone_that_is_no_longer_shallow_gets_work_from_a_mirror_that_is(
    repo: Path, wires: Wires, mirror: Path, tmp_path: Path
) -> None:
    for number in range(3):
        commit(repo, {"a.txt": f"{number}\n"})
    shallow = tmp_path / "shallow"
    git(tmp_path, "clone", "--quiet", "--depth=1", repo.as_uri(), str(shallow))
    tip = git(shallow, "rev-parse", "HEAD")
    send(shallow, wires, mirror, tip)
    made = work_there(mirror, tip)
    git(shallow, "fetch", "--quiet", "--unshallow")
    fetch(Git(shallow), wires, str(mirror), {HOME_REF: made})
    assert git(shallow, "rev-list", "--count", HOME_REF) == "5"
    send(shallow, wires, mirror, commit(shallow, {"a.txt": "more\n"}))


def test_a_partial_clone_brings_what_it_lacks_from_where_it_promised(
    repo: Path, wires: Wires, mirror: Path, tmp_path: Path
) -> None:
    git(repo, "config", "uploadpack.allowFilter", "true")
    git(repo, "config", "uploadpack.allowAnySHA1InWant", "true")
    commit(repo, {"a.txt": "two\n"})
    partial = tmp_path / "partial"
    git(tmp_path, "clone", "--quiet", "--no-checkout", "--filter=blob:none", repo.as_uri(), str(partial))
    send(partial, wires, mirror, git(partial, "rev-parse", "HEAD"))
    git(mirror, "fsck", "--strict")
    made = work_there(mirror, INCOMING)
    fetch(Git(partial), wires, str(mirror), {HOME_REF: made})
    assert git(partial, "show", f"{HOME_REF}:b.txt") == "there"


def test_a_partial_clone_whose_promise_is_broken_is_a_clear_error(
    repo: Path, wires: Wires, mirror: Path, tmp_path: Path
) -> None:
    git(repo, "config", "uploadpack.allowFilter", "true")
    partial = tmp_path / "partial"
    git(tmp_path, "clone", "--quiet", "--no-checkout", "--filter=blob:none", repo.as_uri(), str(partial))
    repo.rename(tmp_path / "moved")
    with pytest.raises(TransferFailed, match=r"promis|does not appear to be a git repository"):
        send(partial, wires, mirror, git(partial, "rev-parse", "HEAD"))
    assert git(mirror, "for-each-ref") == ""


def test_two_transfers_at_once_do_not_meet(repo: Path, wires: Wires, mirror: Path) -> None:
    tip = commit(repo, {"noise.txt": os.urandom(20_000).hex()})
    specs = [f"{tip}:refs/fleet/incoming/t{number}" for number in range(6)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda spec: push(Git(repo), wires, str(mirror), [spec]), specs))
    assert len(git(mirror, "for-each-ref").splitlines()) == 6


def test_another_gits_lock_is_waited_for(repo: Path, wires: Wires, mirror: Path) -> None:
    tip = git(repo, "rev-parse", "HEAD")
    send(repo, wires, mirror, tip)
    lock = repo / ".git" / f"{HOME_REF}.lock"
    lock.parent.mkdir(parents=True)
    lock.touch()
    with ThreadPoolExecutor(1) as pool:
        fetched = pool.submit(fetch, Git(repo), wires, str(mirror), {HOME_REF: tip})
        while not wires.opened or list(repo.glob(".git/objects/tmp_objdir-*")):
            assert not fetched.done()
            time.sleep(0.01)
        lock.unlink()
        fetched.result()
    assert git(repo, "rev-parse", HOME_REF) == tip


@contextmanager
def small_disk(path: Path) -> Iterator[Path]:
    """A file system of half a megabyte; only root may make one."""
    path.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(path)]
    if subprocess.run(words, capture_output=True, check=False).returncode != 0:
        pytest.skip("a small file system can only be mounted by root")
    try:
        yield path
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)


def send_until_told(repo: Path, wires: Wires, mirror: Path, commit: str) -> None:
    """What the other end says before it hangs up may be lost when more is just being written to it: then it looks like
    a broken wire, and is tried again."""
    for _ in range(20):
        with suppress(HostAway):
            send(repo, wires, mirror, commit)


@pytest.mark.parametrize("files", [1, 150])
def test_a_full_disk_there_is_the_hosts_fault(repo: Path, wires: Wires, tmp_path: Path, files: int) -> None:
    big = commit(repo, {f"{n}.txt": os.urandom(600_000 // files).hex() for n in range(files)})
    with small_disk(tmp_path / "disk") as disk:
        git(disk, "init", "--quiet", "--bare", "--template=", "m.git")
        with pytest.raises(TransferFailed, match=r"(?s)to host there: .*remote: .*No space left") as failed:
            send_until_told(repo, wires, disk / "m.git", big)
        assert failed.value.of_the_host and git(disk / "m.git", "for-each-ref") == ""


@pytest.mark.parametrize("files", [1, 150])
def test_a_full_disk_here_is_no_broken_wire(
    repo: Path, wires: Wires, mirror: Path, tmp_path: Path, files: int
) -> None:
    send(repo, wires, mirror, "HEAD")
    big = commit(repo, {f"{n}.txt": os.urandom(600_000 // files).hex() for n in range(files)})
    send(repo, wires, mirror, big)
    with small_disk(tmp_path / "disk") as disk:
        other = repository(disk / "repo")
        with pytest.raises(
            TransferFailed, match=r"(?s)from host there: .*(no room for|No space left)"
        ) as failed:
            fetch(Git(other), wires, str(mirror), {HOME_REF: big})
        assert failed.value.of_the_host and git(other, "for-each-ref", "refs/fleet") == ""


def test_a_bare_repository_is_served_as_well(tmp_path: Path, wires: Wires, mirror: Path) -> None:
    source = repository(tmp_path / "source")
    git(tmp_path, "clone", "--quiet", "--bare", str(source), str(tmp_path / "bare.git"))
    send(tmp_path / "bare.git", wires, mirror, git(source, "rev-parse", "HEAD"))


@pytest.mark.parametrize("place", ["refs/fleet", "logs/refs/fleet", "objects/pack"])
def test_what_is_sent_follows_no_link_that_a_worker_has_laid_in_the_mirror(
    repo: Path, wires: Wires, mirror: Path, tmp_path: Path, place: str
) -> None:
    wires.bubblewrap = bubblewrap()
    send(repo, wires, mirror, "HEAD")
    assert git(mirror, "rev-parse", INCOMING) == git(repo, "rev-parse", "HEAD")
    git(mirror, "config", "core.logAllRefUpdates", "always")
    git(mirror, "config", "receive.unpackLimit", "1")
    outside = tmp_path / "outside"
    outside.mkdir()
    shutil.rmtree(mirror / place, ignore_errors=True)
    (mirror / place).parent.mkdir(parents=True, exist_ok=True)
    (mirror / place).symlink_to(outside)
    with suppress(TransferFailed, HostAway):
        send(repo, wires, mirror, commit(repo, {"a.txt": "more\n"}))
    assert list(outside.iterdir()) == []
