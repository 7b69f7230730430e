"""The transition tables, and the diagrams of them in the docs."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleet.core.model.lifecycles import TABLES, TASK_ENDS, IllegalTransition, check_transition
from scripts.draw_lifecycles import drawn

DOC = Path(__file__).parents[2] / "docs" / "lifecycles.md"


def test_every_target_in_a_table_is_a_state_of_it() -> None:
    for table in TABLES.values():
        assert set().union(*table.values()) <= set(table)


def test_every_state_can_be_reached_and_what_has_landed_moves_only_to_be_merged_after_all() -> None:
    for name, table in TABLES.items():
        reached = {next(iter(table))}
        for _ in table:
            reached |= {target for state in reached for target in table[state]}
        assert reached == set(table), name
    assert TABLES["task"]["landed"] == {"landing", "review", "queued"}
    assert set(TABLES["task"]) > TASK_ENDS


def test_an_illegal_transition_tells_the_story() -> None:
    with pytest.raises(IllegalTransition) as broke:
        check_transition("attempt", "t7.1", "ended", "running", "e9")
    assert str(broke.value) == (
        "attempt t7.1 cannot go from ended to running (cause: e9); from ended it may go to nothing: it is final"
    )


def test_staying_is_no_transition() -> None:
    check_transition("task", "t7", "landed", "landed", "e9")


def test_the_docs_show_the_tables_as_they_are() -> None:
    """Run scripts/draw_lifecycles.py after a change of the tables."""
    assert DOC.read_text() == drawn()
