"""What `fleet doctor` finds, and what it says to do."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fleet.home import Home
from fleet.run.doctor import examine
from fleet.shell import homelock
from workers.remote.fitness import Finding


def findings(home: Home) -> dict[str, Finding]:
    environ = {"PATH": os.environ["PATH"], "FLEET_CLIENT": str(home.root / "no-such-client")}
    return {finding.what: finding for finding in examine(home, environ)}


@pytest.fixture(autouse=True)
def no_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLEET_KEYRING", "nonsense")


def test_a_new_home_is_well_but_for_what_is_missing(tmp_path: Path) -> None:
    """Every check is made, whatever the others found; an unused keyring is no error yet."""
    found = findings(Home(tmp_path / "home"))
    assert {"git", "client", "home", "disk", "memory", "coordinator", "database", "keyring"} <= set(found)
    assert found["git"].grade == found["home"].grade == found["database"].grade == "ok"
    assert found["client"].grade == "error"
    assert "no-such-client" in found["client"].story
    assert found["keyring"].grade == "warning"
    assert found["coordinator"].story == "not running (fleet up)"
    assert (found["accounts"].grade, "fleet account add" in found["accounts"].advice) == ("warning", True)


def test_a_missing_git_is_an_error_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    git = findings(Home(tmp_path / "home"))["git"]
    assert (git.grade, "install" in git.advice) == ("error", True)


def test_a_sandbox_is_found_or_its_cure_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Home(tmp_path / "home")
    assert findings(home)["sandbox"].grade == "ok" or "bubblewrap" in findings(home)["sandbox"].advice
    monkeypatch.setenv("PATH", str(tmp_path))
    sandbox = findings(home)["sandbox"]
    assert (sandbox.grade, "workers run as you" in sandbox.story) == ("warning", True)
    assert "apt-get install bubblewrap" in sandbox.advice


def test_a_home_that_others_can_read_is_closed_to_them(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.make()
    home.database.touch()
    home.root.chmod(0o755)
    assert findings(home)["home"].grade == "ok"
    assert home.root.stat().st_mode & 0o777 == 0o700


def test_a_directory_made_beforehand_becomes_a_private_home(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir(mode=0o755)
    Home(tmp_path / "home").make()
    assert (tmp_path / "home").stat().st_mode & 0o777 == 0o700


def test_a_new_file_system_of_its_own_becomes_a_private_home(tmp_path: Path) -> None:
    (tmp_path / "home" / "lost+found").mkdir(parents=True)
    (tmp_path / "home").chmod(0o755)
    Home(tmp_path / "home").make()
    assert (tmp_path / "home").stat().st_mode & 0o777 == 0o700


def test_a_directory_with_other_things_that_others_can_read_is_no_home_and_stays_as_it_is(
    tmp_path: Path,
) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o755)
    (shared / "photo.jpg").touch()
    found = findings(Home(shared))["home"]
    assert (found.grade, "chmod 700" in str(found)) == ("error", True)
    assert shared.stat().st_mode & 0o777 == 0o755


def test_a_home_that_cannot_be_a_directory_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    found = findings(Home(tmp_path / "home" / "below"))["home"]
    assert (found.grade, found.advice) == ("error", "name another FLEET_HOME")


def test_a_running_coordinator_is_named(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    with homelock.hold(home, "/there/s"):
        assert findings(home)["coordinator"].story == f"process {os.getpid()}"
