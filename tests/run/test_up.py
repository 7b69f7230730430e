"""How a coordinator that cannot go on ends: with words for its person."""

from __future__ import annotations

from typing import Any, cast

import pytest

from fleet.errors import NotDone
from fleet.run.up import _run
from fleet.shell.coordinator import Coordinator
from fleet.store.errors import StoreCorrupt


class Ending:
    """A coordinator whose tasks end so."""

    def __init__(self, *errors: Exception) -> None:
        self._errors = errors

    async def run(self) -> None:
        raise ExceptionGroup("tasks", [ExceptionGroup("of one", list(self._errors))])


def ends(*errors: Exception) -> None:
    _run(cast(Coordinator, cast(Any, Ending(*errors))))


@pytest.mark.parametrize(
    ("errors", "told"),
    [
        ((MemoryError(),), "no memory left for the coordinator.*Workers live on"),
        ((MemoryError(), StoreCorrupt("fleet.db is damaged")), "^fleet.db is damaged$"),
        ((StoreCorrupt("fleet.db is damaged"),), "^fleet.db is damaged$"),
    ],
)
def test_what_a_coordinator_cannot_help_is_told_in_words(errors: tuple[Exception, ...], told: str) -> None:
    with pytest.raises(NotDone, match=told):
        ends(*errors)


def test_a_fault_of_our_own_is_not_hidden_behind_it() -> None:
    with pytest.raises(ExceptionGroup):
        ends(MemoryError(), KeyError("t1"))
