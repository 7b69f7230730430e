"""The benchmark's history, small: with every trap in it, it comes to its true totals to the token, on every way that
much or little is taken in."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks.history.generate import CONFIG_DIRS, Size, generate
from benchmarks.history.truth import KINDS, Truth

from fleet.history.ledger import Ledger
from fleet.history.scan import ConfigDir, scan
from tests.history.writing import FlatPrices, sums_of_answers, sums_told


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Truth]:
    root = tmp_path_factory.mktemp("made")
    return root, generate(root, Size(files=60, lines=4_000, bytes=2_000_000), seed=11)


def check(ledger: Ledger, truth: Truth) -> None:
    for sums, key in ((truth.by_model, "model"), (truth.by_project, "project")):
        kinds = ", ".join(f"sum({kind})" for kind in ("answers", *KINDS))
        sql = f"SELECT text, {kinds} FROM quarters JOIN texts ON id = {key} GROUP BY text"
        assert {name: list(row) for name, *row in ledger.connection.execute(sql)} == sums
    assert sums_told(ledger) == sums_of_answers(ledger)


def dirs_of(root: Path) -> list[ConfigDir]:
    return [ConfigDir(str(root / name), name) for name in CONFIG_DIRS]


@pytest.mark.parametrize(
    "limits",
    [
        {},
        {"scan.scanning.LARGE_BYTES": 0, "scan.many.ALONE_BYTES": 0},
        {"scan.scanning.LARGE_BYTES": 0, "ledger.first_rows.MANY": 200},
    ],
    ids=["little", "much, by several processes", "more than fits in memory"],
)
def test_a_history_with_every_trap_is_exact(
    made: tuple[Path, Truth], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limits: dict[str, int]
) -> None:
    for name, limit in limits.items():
        monkeypatch.setattr(f"fleet.history.{name}", limit)
    root, truth = made
    with Ledger(tmp_path / "fleet.history.db") as ledger:
        result = scan(ledger, dirs_of(root), FlatPrices())
        check(ledger, truth)
    assert (result.broken, result.answers_new, result.files) == (truth.broken, truth.answers, truth.files)


def test_much_that_comes_to_a_ledger_with_something_in_it(
    made: tuple[Path, Truth], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fleet.history.scan.scanning.LARGE_BYTES", 0)
    root, truth = made
    with Ledger(tmp_path / "fleet.history.db") as ledger:
        scan(ledger, dirs_of(root)[:1], FlatPrices())
        scan(ledger, dirs_of(root), FlatPrices())
        check(ledger, truth)
