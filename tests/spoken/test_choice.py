"""Which tasks a person means."""

from __future__ import annotations

from typing import get_args

import pytest

from fleet.core.model.lifecycles import TaskState
from fleet.spoken.choice import STATES, UnknownIds, ids_of, one_id

THERE = ("t1", "t2", "t5", "t10")


@pytest.mark.parametrize(
    ("words", "ids"),
    [
        (["t7"], ("t7",)),
        (["7", "T7", "t07"], ("t7",)),
        (["t2", "t1"], ("t2", "t1")),
        (["t2..t9"], ("t2", "t5")),
        (["2..10", "t1"], ("t2", "t5", "t10", "t1")),
        (["t3..t4"], ()),
        (["banana"], ("banana",)),
        (["t", "-1", "t" + "9" * 40], ("t", "-1", "t" + "9" * 40)),
    ],
)
def test_ids_are_read_as_they_are_said_and_each_once(words: list[str], ids: tuple[str, ...]) -> None:
    assert ids_of(words, THERE) == ids


@pytest.mark.parametrize("word", ["t5..t2", "t1..", "..", "a..b", "t1..t2..t3", "1..99999999"])
def test_what_is_no_range_is_refused(word: str) -> None:
    with pytest.raises(UnknownIds, match="is no range of tasks"):
        ids_of([word], THERE)


def test_the_states_that_can_be_asked_for_are_those_that_a_task_can_have_and_two_parts_of_them() -> None:
    assert set(STATES) == {*get_args(TaskState), "paused", "on-branch"}
    assert one_id("t1") == "t1"
