"""What Fleet itself reads and writes where a worker can: no link leads it out of that worker's room, no pipe holds it,
and nothing that one worker lays stops the work of another."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from tests.patience import PATIENCE_S
from tests.workers.sandbox.conftest import House
from tests.workers.sandbox.test_git_of_ours import all_that_fleet_does, fleets, outside
from tests.workers.worktree.repositories import MARKER, git
from workers.gate import GateSettings, judge
from workers.git import Git, GitError
from workers.sandbox.confined import confined, scratch
from workers.worktree.checkouts import checkouts, comes_back_to
from workers.worktree.deleting import delete, delete_below, give_back, move
from workers.worktree.doings import log
from workers.worktree.index_copy import copied
from workers.worktree.lock import held
from workers.worktree.remove import remove
from workers.worktree.seed import bring_copy
from workers.worktree.shared import changes, take_picture

__all__ = ["fleets"]
DEEP = "import os\nfor _ in range(3000):\n    os.mkdir('d')\n    os.chdir('d')\n"


def gate(house: House, command: str) -> None:
    with confined(house.rooms()), held(house.tree):
        judge(house.tree, GateSettings([command], lambda: None, PATIENCE_S), MARKER)


def test_what_a_gate_puts_back_is_looked_for_behind_no_link_that_the_gate_has_laid(fleets: House) -> None:
    """A file of the commit that the session had deleted goes again after the gate: not the person's of that name."""
    house = fleets
    house.write(house.tree / "d" / ".ssh", "a file")
    house.write(house.tree / "e" / "x.log", "ignored")
    git(house.tree, "add", "d")
    git(house.tree, "commit", "--quiet", "-m", "work")
    (house.tree / "d" / ".ssh").unlink()
    before = outside(house)
    gate(house, f"rm -rf d e; ln -s {house.person} d; ln -s {house.person} e")
    assert outside(house) == before
    assert (house.tree / "e" / "x.log").read_text() == "ignored"


@pytest.mark.parametrize(
    "does",
    [
        lambda tree, aside: delete_below(tree, "d/.ssh"),
        lambda tree, aside: move(tree, "d/.netrc", aside, "0"),
        lambda tree, aside: move(aside, "evil", tree, "d/.bash_profile"),
        lambda tree, aside: bring_copy(aside / "evil", tree, "d/.bash_profile"),
        lambda tree, aside: give_back(tree, "d/.ssh", 0o777),
    ],
    ids=["delete", "move out", "move in", "copy in", "mode"],
)
def test_a_link_that_is_laid_while_fleet_is_at_work_is_not_followed(
    house: House, does: Callable[[Path, Path], None]
) -> None:
    """As a process of the worker may lay it between two looks."""
    aside = house.root / "aside"
    house.write(aside / "evil", "evil")
    (house.tree / "d").symlink_to(house.person)
    (house.person / ".ssh").chmod(0o700)
    before = outside(house)
    with suppress(OSError):
        does(house.tree, aside)
    assert outside(house) | {str(aside / "evil"): b"evil"} == before
    assert (house.person / ".ssh").stat().st_mode & 0o777 == 0o700


def test_an_index_that_is_a_link_is_not_copied_to_where_its_worker_reads(house: House) -> None:
    admin = house.repo / ".git" / "worktrees" / "t1"
    house.run(f"ln -sf {house.person}/.ssh/id_ed25519 {admin}/index")
    with pytest.raises(OSError, match="no plain file"):
        copied(admin, admin / "copy")
    assert not (admin / "copy").exists()
    (admin / "index").unlink()
    (admin / "index").write_text("evil")
    (admin / "copy").symlink_to(house.person / ".bash_profile")
    with pytest.raises(FileExistsError):
        copied(admin, admin / "copy")
    assert not (house.person / ".bash_profile").exists()


def within_reason(does: Callable[[], object]) -> None:
    """Fails where it does not end; what it raises is for whoever asks."""
    failed: list[Exception] = []

    def work() -> None:
        try:
            does()
        except (GitError, OSError):
            return
        except Exception as error:  # noqa: BLE001 - told by the test
            failed.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(PATIENCE_S)
    assert not thread.is_alive(), "it waits for what nobody will ever write"
    assert not failed, failed


def test_a_pipe_where_fleet_reads_holds_nothing(fleets: House) -> None:
    house = fleets
    admin = house.repo / ".git" / "worktrees" / "t1"
    house.write(house.tree / "work.txt", "x")
    house.write(house.tree / "cache" / "x.log", "ignored")
    pipes = " ".join(
        f"{admin}/{name}" for name in ("fleet-removing", "fleet-kept-beside", "hooks/x", "info/x")
    )
    more = f"{admin}/pipe cache/CACHEDIR.TAG {admin}/BISECT_START"
    made = house.run(f"mkdir -p {admin}/hooks {admin}/info; mkfifo {pipes} {more}")
    assert made.returncode == 0, made
    assert comes_back_to(house.tree) == [] and log(admin / "pipe") == []

    def all_of_it() -> None:
        with confined(house.rooms()):
            all_that_fleet_does(house)

    within_reason(all_of_it)


def test_a_pipe_among_what_git_obeys_is_told(house: House) -> None:
    """No git is run for that: it would wait for it."""
    common = house.repo / ".git"
    before = take_picture(common)
    assert house.run(f"mkfifo {common}/shallow {common}/commondir").returncode == 0
    found: list[str] = []
    within_reason(lambda: found.extend(changes(before, take_picture(common))))
    assert found == ["commondir was added", "shallow no plain file was added"]


def test_what_a_worker_notes_in_no_known_letters_stops_no_other_work(fleets: House) -> None:
    """A landing looks who stands on its branch, in all worktrees."""
    house = fleets
    house.run(f"printf '\\377' > {house.repo}/.git/worktrees/t1/BISECT_START")
    assert house.neighbour in checkouts(Git(house.repo)).values()


def test_directories_of_thousands_of_levels_are_looked_through_and_removed(fleets: House) -> None:
    house = fleets
    admin = house.repo / ".git" / "worktrees" / "t1"
    house.write(house.tree / "deep.py", DEEP)
    deep = f"python3 {house.tree}/deep.py"
    made = house.run(f"mkdir x {admin}/modules; (cd x && {deep}); cd {admin}/modules && {deep}")
    assert made.returncode == 0, made
    take_picture(house.repo / ".git")
    with confined(house.rooms()):
        remove(house.repo, house.tree, "refs/fleet/preserved/t1")
    assert not house.tree.exists() and not admin.exists()


def test_what_a_command_of_the_work_leaves_in_its_own_directory_goes_however_deep_it_is(house: House) -> None:
    with scratch() as place:
        words = [*house.cell().before(place, house.tree), "sh", "-c", 'cd /tmp && python3 -c "$0"', DEEP]
        assert os.spawnvpe(os.P_WAIT, words[0], words, house.env) == 0
        assert (place / "d" / "d").is_dir()
    assert not place.exists()
    (house.root / "shut" / "in").mkdir(parents=True)
    (house.root / "shut").chmod(0o500)
    delete(house.root / "shut")
    assert not (house.root / "shut").exists()
