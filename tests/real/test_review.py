"""What a person decides about work, by the commands as the manual has them, with the real client."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet.double import Script
from tests.real.conftest import MakeHousehold
from tests.real.scripting import MERGE, job, prompt, runs, says, subscription, writes

pytestmark = pytest.mark.client

COMMENTS = "work.txt:1: “draft” says nothing\n  name it after what it gives\nwork.txt:1-2: and why twice?"


def heard(home: Path) -> Iterator[str]:
    """What sessions were told, message by message, as their transcripts have it."""
    for transcript in home.glob("accounts/*/projects/*/*.jsonl"):
        for line in transcript.read_text(encoding="utf-8").splitlines():
            message = json.loads(line).get("message") or {}
            content = message.get("content")
            if message.get("role") == "user" and isinstance(content, list):
                yield from (part["text"] for part in content if part.get("type") == "text")
            elif message.get("role") == "user" and isinstance(content, str):
                yield content


def test_reviewed_work_is_looked_at_sent_back_with_comments_and_lands_as_it_was_approved(
    household: MakeHousehold,
) -> None:
    """Its place is free and its dependant waits meanwhile; the comments reach the session word for word; a branch that
    moved is refused until its new commit is named, and verified before it lands; the next one is rejected."""
    script = Script(
        accounts=(subscription("first"),),
        tasks=(
            job(
                "work",
                writes("work.txt", "draft\n"),
                says("Done."),
                name_it_after=(writes("work.txt", "gives\n"), says("Mended.")),
            ),
            job("behind", writes("behind.txt", "b\n"), says("Done.")),
        ),
    )
    house = household(script)
    house.make_repo()
    house.add_account("first")
    (house.root / "comments").write_text(f"{COMMENTS}\n", encoding="utf-8")
    work = house.add_task(prompt("work"), *MERGE, "--review", "--verify", "test -s work.txt")
    behind = house.add_task(prompt("behind"), *MERGE, "--after", work, "--review")
    house.up_until_idle(code=1)
    assert (house.seen(work)["state"], house.seen(behind)["state"]) == ("review", "waiting")
    assert f"fleet task approve {work}" in house.fleet("why", work)
    assert house.fleet("task", "diff", work, "--name-only") == "work.txt\n"
    assert "+draft" in house.fleet("task", "diff", work).splitlines()
    tree = Path(house.fleet("task", "open", work, "--print").strip())
    assert (tree / "work.txt").read_text() == "draft\n"

    house.fleet("task", "send-back", work, "Not so.", "--comments", "comments")
    house.up_until_idle(code=1)
    assert (house.seen(work)["state"], len(house.seen(work)["attempts"])) == ("review", 2)
    (said,) = [text for text in heard(house.home) if "Not so." in text]
    assert said == f"Not so.\n\nComments on your work, by file and line:\n{COMMENTS}"

    (tree / "work.txt").write_text("gives more\n")
    house.git("-C", str(tree), "commit", "--quiet", "--all", "--message", "By hand")
    moved = house.git("-C", str(tree), "rev-parse", "HEAD").strip()
    refused = house.run("task", "approve", work)
    assert refused.returncode == 1 and f"fleet task approve {work} --commit {moved[:12]}" in refused.stderr
    house.fleet("task", "approve", work, "--commit", moved[:12])
    house.up_until_idle(code=1)
    assert house.seen(work)["state"] == "landed" and house.git("show", "main:work.txt") == "gives more\n"
    assert house.seen(behind)["state"] == "review"
    house.fleet("task", "reject", behind, "--reason", "not wanted")
    house.up_until_idle()
    assert house.seen(behind)["reason"] == "rejected by a person: not wanted"
    assert house.git("ls-tree", "--name-only", "main").split() == ["README.md", "work.txt"]


def test_what_is_paused_loses_no_turn_and_goes_on_with_its_session(household: MakeHousehold) -> None:
    """A task is paused in mid-turn: the turn ends, its check fails, and nothing more starts until it is resumed. A
    project and all work are paused by stopping their workers at once. What was left on its branch is merged later."""
    script = Script(
        accounts=(subscription("first"),),
        tasks=(
            job(
                "work",
                runs("touch ../../../../begun; while ! test -e ../../../../go; do sleep 0.05; done"),
                writes("work.txt", "wrong\n"),
                says("Done."),
                verification_failed=(writes("work.txt", "right\n"), says("Mended.")),
            ),
            job(
                "slow",
                runs("touch ../../../../slow; while ! test -e ../../../../on; do sleep 0.05; done"),
                writes("slow.txt", "s\n"),
                says("Done."),
            ),
        ),
    )
    house = household(script)
    house.make_repo()
    house.add_account("first")
    with house.coordinator():
        work = house.add_task(prompt("work"), *MERGE, "--verify", "grep right work.txt")
        house.wait_for((house.root / "begun").exists, "it never works")
        assert f"{work}.1  I run a command." in house.fleet("task", "logs", "--all")
        told = house.run("task", "pause", work, "--reason", "lunch").stderr
        assert f"{work}: paused (its worker ends with its turn); to go on: fleet task resume {work}" in told
        (house.root / "go").touch()
        house.wait_for(lambda: house.seen(work)["state"] == "queued", "it goes on though it is paused")
        house.wait_for(lambda: house.leftovers() == [], "its worker lives on")
        assert house.git("show", f"{house.seen(work)['branch']}:work.txt") == "wrong\n"
        assert "paused by a person: lunch" in house.fleet("why", work)
        house.fleet("task", "resume", work)
        house.wait_for_state(work, "landed")
        ends = [(one["reason"], one["session_id"]) for one in house.seen(work)["attempts"]]
        assert [reason for reason, _ in ends] == ["paused", "finished"] and len({s for _, s in ends}) == 1

        slow = house.add_task(prompt("slow"), "--target", "main", "--allow-tool", "Bash")
        house.wait_for((house.root / "slow").exists, "it never works")
        house.fleet("pause", "--project", str(house.repo), "--now")
        house.wait_for(lambda: house.seen(slow)["state"] == "queued", "its worker is not stopped")
        assert f"fleet resume --project {house.repo}" in house.fleet("why", slow)
        assert f"project {house.repo} is paused by a person" in house.fleet("status")
        house.fleet("pause", "--all", "--reason", "the bill")
        house.fleet("resume", "--project", str(house.repo))
        assert "the circuit breaker is open: the bill" in house.fleet("why", slow)
        (house.root / "on").touch()
        house.fleet("resume", "--all")
        house.wait_for_state(slow, "landed")
        assert house.git("ls-tree", "--name-only", "main").split() == ["README.md", "work.txt"]
        assert f"fleet task land {slow} --merge" in house.fleet("why", slow)
        assert f"{slow}: is merged into main" in house.run("task", "land", slow, "--merge").stderr
        house.wait_for(
            lambda: house.seen(slow)["land"] == "merge" and house.seen(slow)["state"] == "landed", ""
        )
    assert house.git("show", "main:work.txt") == "right\n" and house.git("show", "main:slow.txt") == "s\n"
