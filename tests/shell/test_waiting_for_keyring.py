"""When a keyring that could not be reached is asked again, and what its answer comes to."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from fleet.core.model import Account, Fleet
from fleet.ports import Lookup
from fleet.shell.veil import Veil, VeiledSecrets
from fleet.shell.waiting_for_keyring import PAUSE_S_MAX, KeyringReader, Waiting
from profiles.secrets import MemorySecrets


def fleet(unreached: str) -> Fleet:
    one = Account("a", "subscription", (("s", "s"),), 1, "a", added_ms=1, unreached=unreached)
    return Fleet(accounts={"a": one})


def test_it_is_asked_at_once_then_ever_more_seldom_and_anew_after_it_could_be_reached() -> None:
    waiting, asked = Waiting(), []
    for second in range(200):
        if waiting.due(fleet("away"), float(second)):
            asked.append(second)
            waiting.asked(float(second))
    pauses = [after - before for before, after in pairwise(asked)]
    assert asked[0] == 0 and pauses[:4] == [1, 2, 4, 8] and max(pauses) == PAUSE_S_MAX
    assert waiting.due(fleet(""), 200.0) == []
    assert waiting.due(fleet("away"), 200.0) == ["a"]


def test_each_account_has_its_own_answer_and_a_disk_that_takes_nothing_is_none(tmp_path: Path) -> None:
    secrets = MemorySecrets()
    secrets.put("there", "a token of twenty letters")
    reader = KeyringReader(VeiledSecrets(secrets, Veil()))
    assert reader(["there", "gone"]) == Lookup(found=("there",), missing=("gone",))
    veil = Veil(tmp_path / "veil")
    (tmp_path / "veil").mkdir()  # in the way of what would be kept
    looked = KeyringReader(VeiledSecrets(secrets, veil))(["there"])
    assert looked.found == () and "veil" in dict(looked.unreached)["there"]
