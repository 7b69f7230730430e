"""A database that is older than the world: a backup of the middle of the work is restored after all has landed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.real.household import Household
from tests.real.staging import answered, assert_landed, living, prompt, writes

pytestmark = pytest.mark.client


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Household]:
    names = ("checked", "waiting", "later", "afterwards")
    with living(tmp_path, *(writes(name, f"{name}.txt") for name in names)) as house:
        house.make_repo()
        house.add_account("work")
        yield house


def test_after_an_old_backup_nothing_is_done_or_named_a_second_time(house: Household) -> None:
    """The gate of the first task takes the backup: so that one is remembered as being checked, the other as waiting."""
    merge = ("--target", "main", "--land", "merge")
    copy = house.root / "old.db"
    take = f"cp {house.home}/fleet.db {copy}; cp {house.home}/fleet.db-wal {copy}-wal"
    house.add_task(prompt("checked"), *merge, "--verify", f"test -e {copy} || {{ {take}; }}")
    house.add_task(prompt("waiting"), *merge, "--after", "t1")
    house.up_until_idle()
    house.add_task(prompt("later"), *merge)
    house.up_until_idle()
    assert_landed(house, "t1", "t2", "t3")
    main, asked = house.git("rev-parse", "main"), len(house.double.requests)

    house.fleet("database", "restore", str(copy))
    assert {task["id"]: task["state"] for task in house.json("task", "list")} == {
        "t1": "checking",
        "t2": "waiting",
    }
    shutil.rmtree(house.home / "runs" / "t2.1")  # a run that is gone is no reason to do its work again
    log = house.up_until_idle()
    assert_landed(house, "t1", "t2")
    assert (house.git("rev-parse", "main"), len(house.double.requests)) == (main, asked)
    assert any("knows nothing of t3" in line["event"] for line in log), log
    assert house.add_task(prompt("afterwards"), *merge) == "t4"
    house.up_until_idle()
    assert_landed(house, "t4")
    assert_only_what_is_known_and_landed_is_cleaned_away(house)
    assert [one[0] for one in answered(house) if one[2] == 1] == ["checked", "waiting", "later", "afterwards"]


def assert_only_what_is_known_and_landed_is_cleaned_away(house: Household) -> None:
    """Beside a running coordinator, through its door."""
    main = house.git("rev-parse", "main")
    with house.coordinator():
        would = house.json("clean", "--older-than", "0", "--dry-run")
        assert house.json("clean", "--older-than", "0") == {**would, "dry_run": False}
        assert house.json("task", "list") == []
    assert would["tasks"] == ["t1", "t2", "t4"]
    assert {path.name for path in (house.home / "runs").iterdir() if path.is_dir()} == {"t3.1"}
    assert house.git("branch", "--list", "--format=%(refname:short)", "fleet/*").split() == [
        "fleet/t3-do-it-double-later"
    ]
    assert [one["why"] for one in would["kept"]] == ["this database does not know its task"]
    assert house.git("rev-parse", "main") == main
