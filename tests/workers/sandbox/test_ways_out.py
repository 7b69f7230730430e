"""Ways out of a cell that its own words do not name: by links, namespaces, the kernel's files, a process that flees."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.patience import until
from tests.workers.sandbox.conftest import House
from workers.command import run_shell
from workers.sandbox.confined import confined

GIT = "$(git rev-parse --path-format=absolute --git-common-dir)"
CORES = "/proc/sys/kernel/core_pattern"
WAYS = {
    "a hard link to what is only read": f"ln {GIT}/config mine && echo '[core]' >> mine",
    "a hard link to a key": "ln ~/.ssh/id_ed25519 mine",
    "a name in place of the repository's": f"mv {GIT} {GIT}.old",
    "a name in place of the worktree's": 'cd .. && mv t1 t3 && mkdir t1 && echo "gitdir: /" > t1/.git',
    "another directory over the hooks": f"mv {GIT}/hooks {GIT}/h && mkdir {GIT}/hooks && touch {GIT}/hooks/planted",
    "what is sealed, mounted anew": f"unshare -Urm sh -c 'mount -o remount,rw,bind {GIT}/hooks; touch {GIT}/hooks/x'",
    "what is sealed, taken away": f"unshare -Urm sh -c 'umount {GIT}/hooks; touch {GIT}/hooks/x'",
    "what is hidden, taken away": "unshare -Urm sh -c 'umount ~; cat ~/.netrc && touch mine'",
    "another's root": "cat /proc/1/root/$HOME/.netrc || cat /proc/1/cwd/../t2/.git && touch mine",
    "a program for the cores of all": f"cat {CORES} > is; cat is > {CORES} && touch mine",
    "what the kernel does for all": "test -w /proc/sysrq-trigger && touch mine",
    "the machine's cgroups": "mkdir /sys/fs/cgroup/walls && touch mine",
    "a terminal": "echo hello > /dev/tty && touch mine",
    "a disk": "mknod mine b 7 0",
    "the memory of the first process": "printf x | dd of=/proc/1/mem bs=1 seek=4096 conv=notrunc && touch mine",
    "all processes": "kill -KILL -1; true",
    "a submodule whose update is a command": (
        "git config -f .gitmodules submodule.x.path x; git config -f .gitmodules submodule.x.url ./; "
        "git config -f .gitmodules submodule.x.update '!touch ../mine'; git submodule update --init; false"
    ),
    "settings of another worktree": f"echo '[core]' > {GIT}/worktrees/t2/config.worktree && touch mine",
    "another's index": f"rm {GIT}/worktrees/t2/index && touch mine",
}


def _outside(house: House) -> dict[str, str]:
    """What lies in the person's home and the repository, but for what is the worktree's own."""
    git = house.repo / ".git"
    found = {}
    for folder in (
        house.person / ".ssh",
        git / "hooks",
        git / "info",
        git / "worktrees" / "t2",
        house.neighbour,
    ):
        for path in sorted(folder.rglob("*")):
            found[str(path)] = (
                f"{path.stat().st_mode} {path.read_bytes()!r}" if path.is_file() else "directory"
            )
    for path in (git / "config", git / "HEAD", house.person / ".netrc", house.tree / ".git"):
        found[str(path)] = f"{path.stat().st_mode} {path.read_bytes()!r}"
    found["worktrees"] = repr(sorted(house.tree.parent.iterdir()))
    return found


@pytest.mark.parametrize("way", WAYS)
def test_no_other_way_leads_out(house: House, way: str) -> None:
    if "unshare" in WAYS[way] and shutil.which("unshare") is None:
        pytest.skip("there is no unshare")
    was = _outside(house)
    ended = house.run(WAYS[way])
    assert _outside(house) == was, ended
    assert not (house.tree / "mine").exists(), ended
    assert house.run("git status --porcelain && touch works").returncode == 0


def test_what_flees_a_command_ends_with_it(house: House) -> None:
    """In a session of its own, with another name, deaf to signals; and it holds nothing up."""
    flees = "(trap '' TERM HUP INT; exec setsid sh -c 'echo $$ > began; while :; do sleep 0.05; date > lives; done') &"
    with confined(house.rooms()):
        ended = run_shell(
            f"{flees} until test -s began; do sleep 0.02; done", cwd=house.tree, env=house.env, timeout_s=60
        )
    assert ended.code == 0, ended
    (house.tree / "lives").unlink(missing_ok=True)

    def living() -> list[str]:
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and entry.name != str(os.getpid()):
                try:
                    if (entry / "cwd").readlink() == house.tree:
                        found.append(entry.name)
                except OSError:
                    continue
        return found

    until("something of the command still runs", lambda: not living())
    assert not (house.tree / "lives").exists()
