"""Whose use a directory of the client tells, when a person says so."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fleet.cli import main
from fleet.history.ledger import DATABASE, Ledger
from fleet.history.reports.choice import Choice
from fleet.history.reports.uses import uses
from fleet.history.watching import latest
from fleet.service.scanning import scan_home
from fleet.views.history.statusline import line
from tests.history.writing import answer


def answered(config_dir: Path, name: str) -> None:
    """One answer in a session of its own."""
    path = config_dir / "projects" / "-r" / f"{name}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    record = answer(f"msg_{name}", f"req_{name}", uuid=f"u-{name}", session=name)
    path.write_text(json.dumps(record) + "\n")


@pytest.fixture
def around(tmp_path: Path) -> dict[str, str]:
    """One answer in the client's own default place."""
    answered(tmp_path / ".claude", "first")
    return {"HOME": str(tmp_path)}


def by_account(home: Path) -> dict[str, int]:
    with Ledger(home / DATABASE, read_only=True) as ledger:
        return {use.key: use.answers for use in uses(ledger.connection, "account", Choice())}


def test_what_was_read_before_and_what_comes_later_is_the_named_accounts(
    tmp_path: Path, around: dict[str, str]
) -> None:
    home, own = tmp_path / "home", tmp_path / ".claude"
    scan_home(home, (), around)
    assert by_account(home) == {"default": 1}
    scan_home(home, [str(own)], around, "work")
    assert by_account(home) == {"work": 1}
    answered(own, "second")
    found = scan_home(home, (), around)
    assert by_account(home) == {"work": 2}
    assert found["config_dirs"] == [{"path": str(own), "account": "work"}]


def test_a_directory_elsewhere_is_read_again_without_being_named_again(
    tmp_path: Path, around: dict[str, str]
) -> None:
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    answered(elsewhere, "third")
    scan_home(home, [str(elsewhere)], around, "side")
    found = scan_home(home, (), around)["config_dirs"]
    assert [one["account"] for one in found] == ["default", "side"]


def test_the_status_line_knows_it_too(tmp_path: Path, around: dict[str, str]) -> None:
    home = tmp_path / "home"
    scan_home(home, [str(tmp_path / ".claude")], around, "work")
    said = '{"rate_limits": {"five_hour": {"used_percentage": 40, "resets_at": 9999999999}}}'
    assert line(home, said, around).startswith("*work ")


def test_readings_that_only_this_directory_told_go_with_it(tmp_path: Path, around: dict[str, str]) -> None:
    home = tmp_path / "home"
    scan_home(home, (), around)
    line(home, '{"rate_limits": {"five_hour": {"used_percentage": 40, "resets_at": 9999999999}}}', around)
    scan_home(home, [str(tmp_path / ".claude")], around, "work")
    with Ledger(home / DATABASE, read_only=True) as ledger:
        assert [(one.account, one.bucket) for one in latest(ledger.connection)] == [("work", "five_hour")]


def test_a_directory_that_is_not_there_is_told_and_is_nobodys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FLEET_HOME", str(tmp_path / "home"))
    assert main(["history", "scan", "--config-dir", str(tmp_path / "typo"), "--account", "work"]) == 1
    assert "there is no directory" in capsys.readouterr().err


def test_an_account_without_a_directory_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FLEET_HOME", str(tmp_path / "home"))
    assert main(["history", "scan", "--account", "work"]) == 1
    assert "--config-dir" in capsys.readouterr().err
