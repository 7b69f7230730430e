"""git's own channel to a host that is in other hands (`tests/workers/evil_git.py`), by a real sshd: what home has not
asked for it does not get, and there is a bound to what it gets."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.small_disks import mounted
from tests.workers import evil_git
from tests.workers.link.conftest import Connect, Serve
from tests.workers.link.waiting import connected
from tests.workers.worktree.repositories import commit, git, repository, write
from workers.git import Git
from workers.remote import pumping, quarantine, transport
from workers.remote.away import HostAway, NotToBeTrusted
from workers.remote.lfs import bring_large_files
from workers.remote.link import Link
from workers.remote.mirror import Mirror, base_ref
from workers.remote.mirror_modules import bring_modules
from workers.remote.transport import TransferFailed

WORK = "refs/fleet/work/t1"
Take = Callable[..., "Taken"]


class Taken:
    """A host with a mirror of home's repository, in which a commit was made on top of home's."""

    def __init__(self, link: Link, repo: Path, tree: Path, bin_there: Path) -> None:
        self.link, self.repo, self.bin_there = link, repo, bin_there
        self.mirror = Mirror(link, repo)
        tip = git(repo, "rev-parse", "HEAD")
        self.mirror.send({base_ref("main"): tip})
        self.there = Path(self.mirror.path)
        git(self.there, "worktree", "add", "--quiet", "--detach", str(tree), tip)
        self.tree, self.tip = tree, tip
        self.made = commit(tree, {"b.txt": "there\n"}, "there")

    def falls_to(self, attack: str, target: str) -> None:
        """From now on somebody else answers for its git."""
        evil_git.install(self.bin_there, attack, target)

    def bring(self, made: str | None = None) -> None:
        self.mirror.bring({WORK: made or self.made})

    def refuses(self, what: str, made: str | None = None) -> None:
        """Home takes nothing, hangs up for good, and says why."""
        before = self.home()
        with pytest.raises(NotToBeTrusted, match="not to be trusted"):
            self.bring(made)
        assert what in self.link.state().distrusted and not self.link.state().connected
        assert self.home() == before

    def home(self) -> tuple[str, list[str]]:
        """What the repository at home has: references, and files of its own directory."""
        top = self.repo / ".git"
        files = sorted(str(path.relative_to(top)) for path in top.rglob("*") if path.is_file())
        return git(self.repo, "for-each-ref"), files


@pytest.fixture
def take(serve: Serve, connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Take:
    """A host that is taken over as soon as the commit was made there: `attack` then stands before its git."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")

    def taken(attack: str = "", repo: Path | None = None) -> Taken:
        bin_there = tmp_path / "bin"
        bin_there.mkdir()
        link = connect(
            serve(script=f'PATH={bin_there}:$PATH exec /bin/sh -c "$SSH_ORIGINAL_COMMAND"').reach()
        )
        connected(link)
        host = Taken(link, repo or repository(tmp_path / "repo"), tmp_path / "tree", bin_there)
        if attack:
            host.falls_to(attack, host.made)
        return host

    return taken


@pytest.mark.parametrize(
    ("attack", "bound", "story"),
    [
        ("pack", "PACK_BYTES_MAX", "more than 3000000 bytes for a fetch of commits"),
        ("greeting", "TALK_BYTES_MAX", "more than 3000000 bytes for a fetch of commits"),
        ("words", "WORDS_BYTES_MAX", "words of more than 3000000 bytes to a fetch of commits"),
    ],
)
def test_a_host_that_sends_without_end_is_cut_and_nothing_of_it_stays(
    take: Take, monkeypatch: pytest.MonkeyPatch, attack: str, bound: str, story: str
) -> None:
    host = take(attack)
    monkeypatch.setattr(transport, bound, 3_000_000)
    host.refuses(story)


@pytest.mark.large
def test_a_host_that_sends_50_gb_is_cut_at_4(take: Take) -> None:
    take("pack").refuses(f"more than {4 * 1024**3} bytes for a fetch of commits")


def test_a_disk_at_home_that_has_no_room_but_for_itself_waits_and_the_host_is_not_to_blame(
    take: Take, tmp_path: Path
) -> None:
    with mounted(tmp_path / "disk", 8_192) as disk:
        host = take("pack", repository(disk / "repo"))
        before = host.home()
        with pytest.raises(TransferFailed, match=r"no room for .* kept for this machine") as failed:
            host.bring()
        assert failed.value.of_the_host and not host.link.state().distrusted
        assert host.home() == before
        assert shutil.disk_usage(disk).free > 6_000_000, "what was cut off is still there"


def test_a_host_that_sends_a_byte_now_and_again_holds_nothing_for_ever(
    take: Take, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However much it sent at first. It is no more than away: its network may be so."""
    host = take("slow")
    before = host.home()
    monkeypatch.setattr(pumping, "STEP_S", 0.05)
    monkeypatch.setattr(pumping, "SLOW_S", 1.0)
    with pytest.raises(HostAway):
        host.bring()
    assert not host.link.state().distrusted and host.home() == before


@pytest.mark.parametrize("attack", ["less", "shallow"])
def test_commits_without_their_history_do_not_come_home(take: Take, attack: str) -> None:
    host = take()
    second = commit(host.tree, {"b.txt": "second\n"})
    host.falls_to(attack, second)
    before = host.home()
    with pytest.raises((NotToBeTrusted, TransferFailed)):
        host.bring(second)
    assert host.home() == before and not (host.repo / ".git" / "shallow").exists()


def test_references_tags_and_replacements_of_a_host_stay_there(take: Take) -> None:
    host = take()
    evil = commit(host.tree, {"b.txt": "evil\n"}, "evil")
    for ref in (
        "refs/heads/main",
        "refs/heads/release",
        "refs/tags/v1",
        "refs/remotes/origin/main",
        "refs/stash",
    ):
        git(host.there, "update-ref", ref, evil)
    git(host.there, "tag", "-a", "-m", "v2", "v2", host.made)
    git(host.there, "symbolic-ref", "HEAD", "refs/heads/release")
    git(host.there, "replace", host.made, evil)
    (host.there / "info").mkdir(exist_ok=True)
    (host.there / "info" / "grafts").write_text(f"{host.made}\n")
    (host.there / "objects" / "info").mkdir(exist_ok=True)
    refs, files = host.home()
    host.bring()
    now = dict(line.split("\t")[::-1] for line in host.home()[0].splitlines())
    assert now.pop(WORK).split() == [host.made, "commit"]
    assert now == dict(line.split("\t")[::-1] for line in refs.splitlines())
    new = set(host.home()[1]) - set(files)
    assert all(name.startswith("objects/") or name.endswith(WORK) for name in new), new
    assert (
        git(host.repo, "show", f"{WORK}:b.txt") == "there"
        and git(host.repo, "rev-list", "--count", WORK) == "2"
    )
    git(host.repo, "fsck", "--strict")


def test_home_names_only_its_own_references_to_a_transfer(take: Take) -> None:
    host = take()
    with pytest.raises(ValueError, match="refs/heads/main"):
        host.mirror.bring({"refs/heads/main": host.made})


def test_a_little_that_unfolds_to_more_than_a_disk_holds_does_not_come_home(
    take: Take, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quarantine, "LISTED_BYTES_MAX", 3_000_000)
    host = take()
    tree = git(host.tree, "rev-parse", "HEAD^{tree}")
    for _ in range(9):
        rows = "".join(f"040000 tree {tree}\td{n}\n" for n in range(10))
        tree = _mktree(host.tree, rows)
    host.refuses("a list of the files of", git(host.there, "commit-tree", "-m", "x", "-p", host.made, tree))


def test_one_file_of_zeros_many_times_does_not_come_home(take: Take) -> None:
    host = take()
    (host.tree / "zeros").write_bytes(bytes(20_000_000))
    blob = git(host.tree, "hash-object", "-w", "zeros")
    tree = _mktree(host.tree, "".join(f"100644 blob {blob}\tf{n}\n" for n in range(5_000)))
    made = git(host.there, "commit-tree", "-m", "x", "-p", host.made, tree)
    host.refuses("whose new files hold 100000000000 bytes", made)


def _mktree(directory: Path, rows: str) -> str:
    return Git(directory).run("mktree", stdin=rows.encode()).out


def test_what_is_no_commit_or_was_not_asked_for_does_not_come_home(take: Take) -> None:
    host = take()
    write(host.tree, {"x": "x\n"})
    host.refuses("as a commit, which it is not", git(host.tree, "hash-object", "-w", "x"))


def test_what_a_killed_home_left_of_a_transfer_is_cleared_by_the_next(take: Take) -> None:
    host = take()
    left = host.repo / ".git" / "objects" / "tmp_objdir-fleet-dead"
    left.mkdir()
    (left / "tmp_pack_x").write_bytes(bytes(1000))
    host.bring()
    assert not left.exists()


def pointer(size: int, oid: str = "a" * 64) -> str:
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {size}\n"


def test_large_files_that_fill_every_disk_do_not_come_home(take: Take) -> None:
    host = take()
    files = {f"f{n}.bin": pointer(10**9, f"{n:064x}") for n in range(100)}
    made = commit(host.tree, {".gitattributes": "*.bin filter=lfs\n", **files})
    host.bring(made)
    with pytest.raises(NotToBeTrusted, match="whose new large files hold 100000000000 bytes"):
        bring_large_files(host.mirror, made, host.tip)
    assert not (host.repo / ".git" / "lfs").exists()


def test_large_files_wait_for_a_disk_that_has_room_but_for_itself(take: Take, tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", 8_192) as disk:
        host = take(repo=repository(disk / "repo"))
        made = commit(
            host.tree,
            {
                ".gitattributes": "*.bin filter=lfs\n",
                "f.bin": pointer(5_000_000),
                "g.bin": pointer(5_000_000, "b" * 64),
            },
        )
        host.bring(made)
        with pytest.raises(OSError, match=r"no room for \d+ bytes from a host") as failed:
            bring_large_files(host.mirror, made, host.tip)
        assert failed.value.errno == errno.ENOSPC and not host.link.state().distrusted


def test_a_submodule_of_a_hosts_leads_to_no_other_repository_of_the_persons(
    take: Take, tmp_path: Path
) -> None:
    """Its path goes by a link of the person's checkout."""
    other = repository(tmp_path / "elsewhere" / "lib")
    repo = repository(tmp_path / "repo")
    (repo / "vendor").symlink_to(other.parent)
    commit(repo, {}, "a link")
    host = take(repo=repo)
    (host.tree / "vendor").unlink()
    repository(host.tree / "vendor" / "lib", {"l.txt": "evil\n"})
    git(host.tree, "-c", "advice.addEmbeddedRepo=false", "add", "vendor/lib")
    made = commit(host.tree, {".gitmodules": '[submodule "lib"]\n\tpath = vendor/lib\n\turl = ./lib\n'})
    before = git(other, "for-each-ref"), sorted(other.rglob("*"))
    host.bring(made)
    bring_modules(host.mirror, made)
    assert (git(other, "for-each-ref"), sorted(other.rglob("*"))) == before
