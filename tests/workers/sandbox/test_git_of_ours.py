"""The git that Fleet runs for a worker's work, with the real one: nothing that the worker left runs outside of its
room, or is followed out of it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from tests.patience import PATIENCE_S
from tests.workers.sandbox.conftest import House
from tests.workers.worktree.repositories import MARKER, commit, git, hook, of_target
from workers.gate import GateSettings, judge
from workers.git import Git, GitError
from workers.landing import Landed, land
from workers.sandbox.confined import confined
from workers.verify import verify
from workers.worktree.commit import commit_work
from workers.worktree.ignored_work import BYTES_MAX
from workers.worktree.lock import held
from workers.worktree.make import Made, make_ready
from workers.worktree.remove import remove
from workers.worktree.wanted import WorktreeSettings

EVIL = "#!/bin/sh\ntouch {person}/PWNED {root}/PWNED {neighbour}/PWNED\ncat\n"
HOOKS = ("pre-commit", "prepare-commit-msg", "commit-msg", "post-commit", "pre-merge-commit", "post-merge")
MORE_HOOKS = ("post-checkout", "reference-transaction", "post-index-change")


@pytest.fixture
def fleets(house: House, monkeypatch: pytest.MonkeyPatch) -> House:
    """Fleet's git runs as this process, for that person."""
    for name, value in house.env.items():
        monkeypatch.setenv(name, value)
    house.write(house.person / ".bashrc", "true\n")
    return house


def outside(house: House) -> dict[str, bytes]:
    """All that lies beside the worker's room: the person's files, the fleet's, the neighbour's worktree."""
    files = [path for path in house.root.rglob("*") if path.is_file() and not path.is_symlink()]
    rooms = (
        house.repo / ".git",
        house.tree,
        house.fleet / "kept",
        house.root / "tmp",
        house.root / "scratch",
    )
    ours = ("landing", ".lock", "t1.kept-", "kept/")
    return {
        str(path): path.read_bytes()
        for path in files
        if not any(room in path.parents for room in rooms) and not any(part in str(path) for part in ours)
    }


def evil_programs(house: House, *places: str) -> None:
    for place in places:
        path = house.tree / place
        house.write(path, EVIL.format(person=house.person, root=house.root, neighbour=house.neighbour))
        path.chmod(0o755)


def all_that_fleet_does(house: House) -> None:
    """From the end of a turn to the end of its worktree; what an attack breaks is refused."""
    with suppress(GitError, OSError):
        commit_work(house.tree, "work", branch="t1")
    with suppress(GitError, OSError), held(house.tree):
        judge(house.tree, GateSettings(["true"], lambda: None, PATIENCE_S), MARKER)
    with suppress(GitError, OSError):
        landed(house)
    with suppress(GitError, OSError):
        remove(house.repo, house.tree, "refs/fleet/preserved/t1")
    with suppress(GitError, OSError):
        make_again(house)


def landed(house: House) -> object:
    return land(
        house.repo,
        branch="t1",
        target="main",
        landing_path=house.tree.with_name("landing"),
        messages=["land"],
        verify=lambda path: verify(["true"], path, MARKER, PATIENCE_S),
        settings=of_target,
        verified_ref="refs/fleet/verified/t1",
        marker_env=MARKER,
    )


def make_again(house: House) -> Made:
    return make_ready(
        house.repo,
        house.tree,
        branch="t1",
        base="main",
        settings=lambda *_: WorktreeSettings(),
        marker_env=MARKER,
    )


def hooks_in_the_tree(house: House) -> None:
    git(house.repo, "config", "core.hooksPath", ".husky")
    evil_programs(house, *(f".husky/{name}" for name in (*HOOKS, *MORE_HOOKS)))
    house.write(house.tree / "work.txt", "x")


def programs_in_the_tree(house: House) -> None:
    for key in ("filter.x.clean", "filter.x.smudge", "filter.y.process", "merge.x.driver", "diff.x.textconv"):
        git(house.repo, "config", key, f"./tools/{key}")
    evil_programs(house, "tools/filter.x.clean", "tools/filter.x.smudge", "tools/filter.y.process")
    evil_programs(house, "tools/merge.x.driver", "tools/diff.x.textconv")
    house.write(house.tree / ".gitattributes", "* filter=x merge=x diff=x\n*.y filter=y\n")
    house.write(house.tree / "a.txt", "theirs\n")
    house.write(house.tree / "b.y", "theirs\n")
    commit(house.repo, {"a.txt": "ours\n"})


def an_inner_repository(house: House) -> None:
    inner = house.tree / "inner"
    git(house.tree, "init", "--quiet", str(inner))
    evil_programs(house, "evil", *(f"inner/.git/hooks/{name}" for name in (*HOOKS, *MORE_HOOKS)))
    for key in (
        "core.fsmonitor",
        "filter.x.clean",
        "filter.x.smudge",
        "core.sshCommand",
        "uploadpack.packObjectsHook",
    ):
        git(inner, "config", key, str(house.tree / "evil"))
    house.write(inner / ".gitattributes", "* filter=x\n")
    house.write(inner / "b.txt", "b\n")


def a_tracked_inner_repository(house: House) -> None:
    """Made one of files that the commit has, and led to another git directory."""
    house.write(house.tree / "part" / "b.txt", "b\n")
    git(house.tree, "add", "part")
    git(house.tree, "commit", "--quiet", "-m", "part")
    an_inner_repository(house)
    (house.tree / "part" / ".git").write_text(f"gitdir: {house.tree}/inner/.git\n")


def an_inner_repository_elsewhere(house: House) -> None:
    inner = house.tree / "inner"
    git(house.tree, "init", "--quiet", str(inner))
    git(inner, "config", "core.worktree", str(house.person / ".ssh"))


def links_out_of_gits_directory(house: House) -> None:
    """By which git would write where they lead."""
    common = house.repo / ".git"
    admin = common / "worktrees" / "t1"
    house.write(house.tree / "work.txt", "x")
    logs = f"logs/refs/heads/t1 logs/refs/heads/main {admin}/logs/HEAD"
    house.run(
        f"cd {common}; for log in {logs}; do mkdir -p $(dirname $log); ln -sf {house.person}/.bashrc $log; done; "
        f"ln -s {house.person}/planted refs/fleet; ln -s {house.person}/planted logs/refs/fleet; "
        f"for n in $(seq 0 255); do ln -s {house.person}/planted objects/$(printf %02x $n); done"
    )
    (house.person / "planted").mkdir()
    (house.person / "planted" / "kept.txt").write_text("the person's")


def an_index_elsewhere(house: House) -> None:
    """A file of that name is a shell's, and an index has the worker's words in it."""
    admin = house.repo / ".git" / "worktrees" / "t1"
    house.write(house.tree / "work.txt", "x")
    house.run(f"ln -sf {house.person}/.bash_profile {admin}/index")


def notes_of_fleets_elsewhere(house: House) -> None:
    admin = house.repo / ".git" / "worktrees" / "t1"
    house.write(house.tree / "work.txt", "x")
    house.write(house.tree / "build" / "out.log", "ignored")
    names = ("fleet-picture.json.tmp", "fleet-ready.json.tmp", "fleet-kept-beside", "fleet-seeds.tar")
    house.run(
        "; ".join(
            f"rm -f {admin}/{name}; ln -s {house.person}/.bash_profile {admin}/{name}" for name in names
        )
    )


def moved_out(house: House) -> None:
    """What is too much for git is moved beside the worktree, not where a worker says."""
    house.write(house.tree / "cache" / "evil.desktop", "Exec=evil\n")
    with (house.tree / "cache" / "much.bin").open("wb") as much:
        much.truncate(BYTES_MAX + 1)
    house.run(f"printf {house.person}/autostart > {house.repo}/.git/worktrees/t1/fleet-kept-beside")


def a_cache_that_leads_out(house: House) -> None:
    """The project's own cache, where the next cell is to see it."""
    house.run(
        f"cd {house.fleet}/kept/app; rm -rf ./{house.person}/.npm; ln -s {house.person}/planted ./{house.person}/.npm"
    )
    house.run("mkdir -p ~/.npm; echo x > ~/.npm/x")


def all_programs(house: House) -> None:
    """They do not disturb each other."""
    a_cache_that_leads_out(house)
    a_tracked_inner_repository(house)
    programs_in_the_tree(house)
    hooks_in_the_tree(house)


def all_notes(house: House) -> None:
    notes_of_fleets_elsewhere(house)
    moved_out(house)


ATTACKS = [
    all_programs,
    an_inner_repository_elsewhere,
    links_out_of_gits_directory,
    an_index_elsewhere,
    all_notes,
]


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_nothing_of_a_worker_runs_or_writes_beside_its_room(
    fleets: House, attack: Callable[[House], None]
) -> None:
    attack(fleets)
    before = outside(fleets)
    assert not any("PWNED" in path for path in before), "the test itself ran it"
    with confined(fleets.rooms()):
        all_that_fleet_does(fleets)
    after = outside(fleets)
    kept = git(fleets.repo, "rev-list", "--all", "--objects", check=False)
    assert "id_ed25519" not in kept, "a key became a file of the work"
    assert after == before, {path for path in {*before, *after} if before.get(path) != after.get(path)}


def test_work_is_committed_judged_landed_and_removed_as_without(fleets: House) -> None:
    """With the person's own hooks, which see what a worker sees, their own ignored files and who they are."""
    house = fleets
    house.write(house.person / ".config" / "ignored", "*.mine\n")
    house.write(
        house.person / ".gitconfig",
        "[user]\nname = Bob\nemail = b@c.d\n[core]\nexcludesFile = ~/.config/ignored\n"
        '[url "https://bob:s3cret@example.org/"]\ninsteadOf = https://example.org/\n',
    )
    hook(
        house.repo,
        "commit-msg",
        f"cat {house.person}/.ssh/id_ed25519 {house.person}/.gitconfig; echo hooked >> $1",
    )
    house.write(house.tree / "work.txt", "x")
    house.write(house.tree / "not.mine", "x")
    with confined(house.rooms()):
        made = commit_work(house.tree, "work", branch="t1")
        git(house.repo, "checkout", "--quiet", "--detach")
        assert isinstance(landed(house), Landed)
        removed = remove(house.repo, house.tree, "refs/fleet/preserved/t1")
    assert made == git(house.repo, "rev-parse", "main") and removed.preserved is not None
    assert git(house.repo, "diff", "--name-only", "main", removed.preserved) == "not.mine"
    assert git(house.repo, "show", "--format=%B", "--name-only", "main").split() == [
        "work",
        "hooked",
        "work.txt",
    ]
    assert not house.tree.exists()


def test_git_that_only_reads_pays_for_no_cell(fleets: House, monkeypatch: pytest.MonkeyPatch) -> None:
    refusing = fleets.root / "bwrap"
    fleets.write(refusing, "#!/bin/sh\necho 'bwrap: No space left on device' >&2; exit 1\n")
    refusing.chmod(0o755)
    with confined(fleets.rooms(str(refusing))):
        assert Git(fleets.tree).commit_of("HEAD") == Git(fleets.repo).commit_of("main")
        with pytest.raises(GitError, match="No space"):
            Git(fleets.tree).run("add", "--all")
        with pytest.raises(GitError, match="No space"):
            Git(fleets.repo).run("update-ref", "refs/heads/x", "HEAD")
        assert not (Path(fleets.repo) / ".git" / "refs" / "heads" / "x").exists()


def test_git_in_a_repository_follows_no_link_to_what_all_processes_share(fleets: House) -> None:
    """/dev/shm and the like."""
    shared = Path(tempfile.mkdtemp(dir="/dev/shm", prefix="fleet-test-"))
    try:
        place = fleets.repo / ".git" / "refs" / "fleet" / "kept"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(shared)
        with confined(fleets.rooms()), pytest.raises(GitError):
            Git(fleets.repo).run("update-ref", "refs/fleet/kept/planted", "HEAD")
        assert not list(shared.iterdir())
    finally:
        shutil.rmtree(shared)
