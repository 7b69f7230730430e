"""A keyring that can't be reached keeps work waiting, and nobody has to call the accounts back."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from fleet.double import Script
from fleet.views.light import state
from tests.profiles.keyring_service import keyring_service, lock, unlock
from tests.real.conftest import MakeHousehold
from tests.real.scripting import job, prompt, says, subscription, writes

pytestmark = [pytest.mark.client, pytest.mark.keyring]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no session bus")
def test_a_coordinator_that_cron_starts_waits_for_the_keyring_and_then_does_its_work(
    household: MakeHousehold,
) -> None:
    """Its account is never quarantined: it says what it waits for, and goes on when there is a keyring. The same where
    that is locked under it, and unlocked."""
    house = household(
        Script(
            accounts=(subscription("first"),),
            tasks=tuple(job(name, writes(f"{name}.txt", "a\n"), says("Done.")) for name in ("work", "more")),
        )
    )
    house.make_repo()
    runtime, theirs = house.root / "run", house.root / "theirs"
    runtime.mkdir()
    house.without.add("PYTHON_KEYRING_BACKEND")
    house.extra_env["XDG_RUNTIME_DIR"] = str(runtime)
    with keyring_service(theirs, "pw", bus=runtime / "bus"):
        house.add_account("first")
    (runtime / "bus").unlink(missing_ok=True)

    def first() -> dict[str, Any]:
        return state.account(house.home, "first")

    with house.coordinator():
        task = house.add_task(prompt("work"), "--target", "main", "--land", "merge")
        house.wait_for(lambda: first()["state"] == "waiting", "it does not wait")
        assert "no keyring service is running" in first()["reason"]
        assert "waits for the credential of first" in house.json("why", task)["summary"]
        with keyring_service(theirs, "pw", bus=runtime / "bus") as env:
            house.wait_for_state(task, "landed")
            assert first()["reason"] == ""
            lock(env)
            more = house.add_task(prompt("more"), "--target", "main", "--land", "merge")
            house.wait_for(lambda: "the keyring is locked" in first()["reason"], "it does not wait")
            unlock(env, "pw")
            house.wait_for_state(more, "landed")
            assert first()["state"] == "ready"
    assert [a["reason"] for a in house.seen(task)["attempts"]] == ["keyring", "finished"]
