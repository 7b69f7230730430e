"""What a person is told of a command that the sandbox kept from something, and what they are never offered."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.patience import PATIENCE_S
from tests.workers.sandbox.conftest import House
from workers.sandbox.cell import Cell, Needs
from workers.sandbox.confined import confined
from workers.sandbox.rooms import Rooms
from workers.verify import verify


@dataclass(frozen=True)
class OfProject:
    """The cells of what a coordinator knows the project of."""

    rooms: Rooms

    def of_commands(self, directory: Path) -> Cell:
        return self.rooms.room(directory, Needs("an app"))

    def of_git(self, directory: Path, *, only_reads: bool) -> None:
        raise AssertionError("no git runs here")


def output_of(house: House, command: str, monkeypatch: pytest.MonkeyPatch) -> str:
    for name, value in house.env.items():
        monkeypatch.setenv(name, value)
    with confined(OfProject(house.rooms())):
        return verify([command], house.tree, {}, PATIENCE_S).output_tail


@pytest.mark.parametrize(
    "command",
    [
        "cat {path}",
        "ls {path}",
        "cd {path}/..; cat {path}",
        "/usr/bin/env python3 -c 'open(\"{path}\")'",
        "echo \"Error: ENOENT: no such file or directory, open '{path}'\"; exit 1",
        "echo 'open {path}: no such file or directory'; exit 1",
        "echo 'error: could not find `{path}`: No such file or directory (os error 2)'; exit 1",
    ],
)
def test_what_is_hidden_is_named_with_the_command_that_shows_it(
    house: House, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = house.person / "data" / "set.csv"
    house.write(data, "1,2\n")
    said = output_of(house, command.format(path=data), monkeypatch)
    assert said.endswith(f"fleet project set 'an app' --sandbox-read {data}]"), said


@pytest.mark.parametrize(
    "command",
    [
        "echo x > {path}/new",
        "mkdir {path}/new",
        "echo \"EROFS: read-only file system, open '{path}/new'\"; exit 1",
        "echo \"OSError: [Errno 30] Read-only file system: '{path}/new'\"; exit 1",
    ],
)
def test_what_may_not_be_written_is_named_with_the_command_that_lets_it(
    house: House, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hooks = house.repo / ".git" / "hooks"
    said = output_of(house, command.format(path=hooks), monkeypatch)
    assert said.endswith(f"--sandbox-write {hooks}]"), said


def test_keys_and_the_fleets_own_are_never_offered(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor what git obeys of a repository, nor what is not there outside either."""
    places = [house.person / ".ssh" / "id_ed25519", house.fleet / "fleet.db", house.person / ".netrc"]
    attacks = [f"cat {path}" for path in places]
    for attack in (*attacks, f"echo x >> {house.repo}/.git/config", f"echo x >> {house.fleet}/fleet.db"):
        said = output_of(house, attack, monkeypatch)
        assert "--sandbox" not in said and "on purpose" in said, said
    gone = output_of(house, f"cat {house.person}/nothing; cat {house.tree}/nothing", monkeypatch)
    assert "sandbox" not in gone, gone


def test_what_is_denied_without_a_name_is_told_all_the_same(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A relative path, and git, which says nothing of the index that it may not put in its place."""
    said = output_of(house, f"cd {house.repo}/.git/hooks && echo x > new", monkeypatch)
    assert "(`sh: 1: cannot create new: Read-only file system`)" in said and "--sandbox-write" in said, said
    said = output_of(house, f"cd {house.repo} && echo x > x && git add x", monkeypatch)
    assert f"[sandbox: {house.repo}/.git is the person's own, and its index" in said, said


def test_the_verdict_says_what_was_denied_at_the_last_and_not_what_was_missed_on_the_way(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program may look for a file, complain, and go on; then the work itself fails."""
    for name, value in house.env.items():
        monkeypatch.setenv(name, value)
    data = house.person / "data" / "set.csv"
    house.write(data, "1,2\n")
    with confined(OfProject(house.rooms())):
        shut = verify([f"cat {data}"], house.tree, {}, PATIENCE_S)
        by_itself = verify([f"cat {data}; seq 20; false"], house.tree, {}, PATIENCE_S)
    assert [f"--sandbox-read {data}" in one for one in shut.denied] == [True], shut
    assert not by_itself.denied and "--sandbox-read" in by_itself.output_tail, by_itself


def test_a_command_that_succeeds_or_fails_by_itself_tells_of_no_sandbox(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert output_of(house, f"cat {house.person}/.ssh/id_ed25519 || true", monkeypatch).count("\n") == 1
    assert output_of(house, "echo 'No such file or directory'; false", monkeypatch).count("\n") == 1


def test_a_sandbox_that_cannot_be_made_is_no_verdict(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    refusing = house.root / "bwrap"
    house.write(refusing, "#!/bin/sh\necho 'bwrap: No space left on device' >&2; exit 1\n")
    refusing.chmod(0o755)
    with confined(house.rooms(str(refusing))), pytest.raises(OSError, match="No space"):
        verify(["true"], house.tree, {}, PATIENCE_S)
