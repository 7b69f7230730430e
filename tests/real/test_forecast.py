"""The usage history at real work: what a person usually uses is kept for them, and what the fleet ran is told apart."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fleet.double import Script, Window
from tests.real.conftest import MakeHousehold
from tests.real.household import Household
from tests.real.scripting import job, prompt, says, subscription, writes
from tests.real.staging import journal

pytestmark = pytest.mark.client

DAYS = 60
QUARTER = timedelta(minutes=15)


def used_around_the_clock(config_dir: Path) -> int:
    """A person who has worked every quarter of an hour for two months, more than a window holds. Returns how many
    answers that makes."""
    session = "6f5c1a5e-0000-4000-8000-000000000000"
    path = config_dir / "projects" / "-own-work" / f"{session}.jsonl"
    path.parent.mkdir(parents=True)
    first = datetime.now(UTC) - timedelta(days=DAYS)
    count = DAYS * 24 * 4
    with path.open("w") as transcript:
        for n in range(count):
            at = first + n * QUARTER
            usage = {"input_tokens": 100_000, "output_tokens": 200_000}
            message = {"id": f"msg_{n}", "role": "assistant", "model": "claude-sonnet-4-5", "usage": usage}
            record = {
                "type": "assistant",
                "uuid": f"u{n}",
                "requestId": f"req_{n}",
                "sessionId": session,
                "timestamp": at.isoformat().replace("+00:00", "Z"),
                "cwd": "/own/work",
                "message": message,
            }
            transcript.write(json.dumps(record) + "\n")
    return count


def told(house: Household) -> str:
    return "\n".join(journal(house))


def test_what_a_person_usually_uses_is_kept_until_they_say_otherwise(household: MakeHousehold) -> None:
    """`fleet up` reads the transcripts by itself; log, plan, why and forecast say what is kept; and what the fleet then
    runs is no own use."""
    script = Script(
        (subscription("first", Window("five_hour", utilization=0.3)),),
        (job("a", writes("a.txt", "a\n"), says("a is done.")),),
    )
    house = household(script)
    house.forecasts = True
    house.make_repo()
    house.add_account("first")
    answers = used_around_the_clock(house.home / "accounts" / "first")
    house.fleet("account", "verify", "first")
    with house.coordinator():
        house.wait_for(
            lambda: "five_hour of first keeps 100% for its person by the forecast" in told(house),
            "the forecast keeps the window",
        )
        task = house.add_task(prompt("a"))
        (considered,) = house.json("why", task)["considered"]
        assert re.search(r"beside what is kept \((9\d|100)%\)", considered["why"])
        assert house.seen(task)["state"] == "queued"
        plan = house.json("plan")
        (bucket,) = [one for one in plan["buckets"] if one["bucket"] == "five_hour"]
        assert bucket["reserved"] == bucket["forecast"]["kept"] > 0.9
        assert "is kept for you by the forecast" in house.fleet("plan")
        (first,) = house.json("forecast")["accounts"]
        assert first["account"] == "first" and first["known"] == "enough"
        house.fleet("reserve", "auto", "off")
        house.wait_for_state(task, "landed")

    house.fleet("history", "scan")
    own = house.json("history", "--by", "account", "--own")
    assert [(row["key"], row["answers"]) for row in own] == [("first", answers)]
    (ran,) = house.json("history", "--by", "account", "--fleet")
    assert ran["key"] == "first" and ran["answers"] >= 2
    (of_task,) = house.json("history", "tasks")
    assert of_task["task"] == task
