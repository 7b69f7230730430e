"""The benchmark's history, small: with every trap in it, it comes to its true totals to the token."""

from __future__ import annotations

from pathlib import Path

from benchmarks.history.generate import CONFIG_DIRS, Size, generate
from benchmarks.history.truth import KINDS

from history.ledger import Ledger
from history.scan import ConfigDir, scan
from tests.history.writing import FlatPrices, sums_of_answers, sums_told


def test_a_history_with_every_trap_is_exact(tmp_path: Path) -> None:
    truth = generate(tmp_path, Size(files=80, lines=6_000, bytes=3_000_000), seed=11)
    dirs = [ConfigDir(str(tmp_path / name), name) for name in CONFIG_DIRS]
    with Ledger(tmp_path / "history.db") as ledger:
        result = scan(ledger, dirs, FlatPrices())
        for sums, key in ((truth.by_model, "model"), (truth.by_project, "project")):
            kinds = ", ".join(f"sum({kind})" for kind in ("answers", *KINDS))
            rows = ledger.connection.execute(
                f"SELECT text, {kinds} FROM quarters JOIN texts ON id = {key} GROUP BY text"
            ).fetchall()
            assert {name: list(row) for name, *row in rows} == sums
        assert sums_told(ledger) == sums_of_answers(ledger)
    assert (result.broken, result.answers_new, result.files) == (truth.broken, truth.answers, truth.files)
