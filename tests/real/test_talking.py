"""What persons and failed checks say reaches the session that does the work."""

from __future__ import annotations

import pytest

from fleet.double import Script
from tests.patience import PATIENCE_S
from tests.real.conftest import MakeHousehold
from tests.real.scripting import job, played, prompt, runs, says, subscription, writes

pytestmark = pytest.mark.client


def test_words_reach_a_session_that_works_and_one_that_is_verified(household: MakeHousehold) -> None:
    """What is said mid-turn is heard mid-turn; what is said during verification is worked on before it lands."""
    script = Script(
        accounts=(subscription("first"),),
        tasks=(
            job(
                "work",
                runs("touch begun; while ! test -e said; do sleep 0.05; done; rm said begun"),
                writes("work.txt", "w\n"),
                says("Done."),
                please_sign_it=(writes("signature.txt", "signed\n"),),
                and_date_it=(writes("date.txt", "today\n"), says("Dated.")),
            ),
        ),
    )
    house = household(script)
    house.make_repo()
    house.add_account("first")
    gate = house.root / "gate"
    with house.coordinator():
        task = house.add_task(
            *(prompt("work"), "--target", "main", "--land", "merge", "--allow-tool", "Bash"),
            *("--verify", f"while ! test -e {gate}; do sleep 0.05; done"),
        )
        follower = house.begin("task", "logs", task, "-f")
        house.wait_for(lambda: house.seen(task)["worktree"] and house.seen(task)["worktree"]["path"], "")
        worktree = house.root / house.seen(task)["worktree"]["path"]
        house.wait_for((worktree / "begun").exists, "the tool never ran")
        house.fleet("task", "say", task, "Please sign it as well.")
        spool = house.home / "runs" / f"{task}.1" / "spool"
        house.wait_for(lambda: b'"queued"' in spool.read_bytes(), "the client never heard it")
        (worktree / "said").touch()
        house.wait_for_state(task, "checking")
        assert house.seen(task)["words"] == []
        house.fleet("task", "say", task, "And date it.")
        gate.touch()
        house.wait_for_state(task, "landed")

    assert house.git("ls-tree", "--name-only", "main").split() == [
        *("README.md", "date.txt", "signature.txt", "work.txt"),
    ]
    assert len(house.seen(task)["attempts"]) == 1
    parts = [part for part, _ in played(house.double.turns, "work")]
    assert parts.index("on please sign it") < len(parts) - 1 - parts[::-1].index("work"), "heard mid-turn"
    # Whoever followed the log saw all of it, and its end.
    followed = follower.communicate(timeout=PATIENCE_S)[0]
    assert "I write signature.txt." in followed and "Dated." in followed
    assert followed.endswith(f"── {task} is landed ──\n") and followed == house.fleet("task", "logs", task)

    refused = house.run("task", "say", task, "One more thing.")
    assert refused.returncode == 1 and f"{task} has landed" in refused.stderr
    assert "fleet task add" in refused.stderr and "retry" not in refused.stderr


@pytest.mark.large
def test_an_interrupt_and_another_tier_reach_the_running_session(household: MakeHousehold) -> None:
    """A person breaks off a tool that would run for ever; the same worker goes on as told, with the other model."""
    script = Script(
        accounts=(subscription("first"),),
        tasks=(
            job(
                "work",
                runs("touch begun; while :; do sleep 0.05; done"),
                stop_that=(writes("other.txt", "other\n"), says("Done the other way.")),
            ),
        ),
    )
    house = household(script)
    house.make_repo()
    house.add_account("first")
    with house.coordinator():
        task = house.add_task(
            *(prompt("work"), "--target", "main", "--land", "merge", "--allow-tool", "Bash")
        )
        house.wait_for(lambda: house.seen(task)["worktree"] and house.seen(task)["worktree"]["path"], "")
        begun = house.root / house.seen(task)["worktree"]["path"] / "begun"
        house.wait_for(begun.exists, "the tool never ran")
        begun.unlink()
        house.fleet("task", "say", task, "Stop that, do it the other way.", "--interrupt", "--tier", "opus")
        house.wait_for_state(task, "landed")
        refused = house.run("task", "say", task, "Once more.", "--tier", "sonnet")
        assert refused.returncode == 1 and "has landed" in refused.stderr

    assert house.git("show", "main:other.txt") == "other\n"
    (attempt,) = house.seen(task)["attempts"]
    assert (attempt["tier"], attempt["reason"]) == ("opus", "finished")
    models = [r.model or "" for r in house.double.turns if r.task == "work"]
    assert "sonnet" in models[0] and "opus" in models[-1]
    assert house.leftovers() == []


def test_a_failed_verification_goes_back_to_the_session_a_bounded_number_of_times(
    household: MakeHousehold,
) -> None:
    """One task mends what its check found, in the same worker; one never does, fails, and `up` says so with exit 1."""
    script = Script(
        accounts=(subscription("first"), subscription("second")),
        tasks=(
            job(
                "mending",
                writes("a.txt", "wrong\n"),
                says("Done."),
                verification_failed=(writes("a.txt", "right\n"), says("Mended.")),
            ),
            job(
                "hopeless",
                writes("h.txt", "wrong\n"),
                says("Done."),
                verification_failed=(says("I do not see what is wrong."),),
            ),
            job("behind", says("Never begins.")),
        ),
    )
    house = household(script)
    house.make_repo()
    house.add_account("first")
    house.add_account("second")
    merge = ("--target", "main", "--land", "merge")
    mending = house.add_task(prompt("mending"), *merge, "--verify", "grep right a.txt")
    hopeless = house.add_task(prompt("hopeless"), *merge, "--verify", "echo 'h.txt is wrong'; exit 4")
    behind = house.add_task(prompt("behind"), "--after", hopeless)
    ended = house.run("up", "--until-idle", "--log-format", "json")

    assert ended.returncode == 1
    assert "3 tasks: 1 failed, 1 landed, 1 waiting" in ended.stdout
    assert (
        f"{hopeless} failed: verification failed 4 times" in ended.stdout and "h.txt is wrong" in ended.stdout
    )
    assert f"{behind} waiting: waits for {hopeless} (failed) to land" in ended.stdout
    mended = house.seen(mending)
    assert mended["state"] == "landed" and len(mended["attempts"]) == 1
    assert house.git("show", "main:a.txt") == "right\n"
    failed = house.seen(hopeless)
    assert failed["state"] == "failed" and len(failed["attempts"]) == 1
    # Its work is kept where the person can look at it.
    assert house.git("show", f"{failed['branch']}:h.txt") == "wrong\n"
    assert house.leftovers() == []


def test_a_cancelled_task_keeps_its_work_and_goes_on_when_tried_again(household: MakeHousehold) -> None:
    """Cancelling stops a worker and its tools at once and loses nothing; `retry` takes up session and work."""
    script = Script(
        accounts=(subscription("first"),),
        tasks=(
            job(
                "work",
                writes("draft.txt", "draft\n"),
                runs("test -e ../../../../go || sleep 60"),
                writes("final.txt", "final\n"),
                says("Done."),
            ),
            job("other", says("Never begins.")),
        ),
    )
    house = household(script)
    house.make_repo()
    house.add_account("first")
    with house.coordinator("--workers", "1"):
        task = house.add_task(prompt("work"), "--target", "main", "--land", "merge", "--allow-tool", "Bash")
        other = house.add_task(prompt("other"))
        house.double.wait_for(lambda log: any(r.step == 1 for r in log), PATIENCE_S)
        house.fleet("task", "cancel", other)
        house.fleet("task", "cancel", task)
        cancelled = house.seen(task)
        assert cancelled["state"] == "cancelled" and house.seen(other)["state"] == "cancelled"
        house.wait_for(lambda: house.seen(task)["worktree"]["state"] == "removed", "the worktree stays")
        house.wait_for(lambda: house.leftovers() == [], "processes stay")
        preserved = house.seen(task)["worktree"]["preserved"]
        assert house.git("show", f"{preserved}:draft.txt") == "draft\n"

        (house.root / "go").touch()
        house.fleet("task", "retry", task)
        house.wait_for_state(task, "landed")

    landed = house.seen(task)
    assert [a["reason"] for a in landed["attempts"]] == ["cancelled", "finished"]
    assert len({a["session_id"] for a in landed["attempts"]}) == 1
    assert house.git("ls-tree", "--name-only", "main").split() == ["README.md", "draft.txt", "final.txt"]
    assert house.seen(other)["attempts"] == []


def test_limits_of_a_task_end_it_and_denied_tools_are_told(household: MakeHousehold) -> None:
    """`--max-turns` fails a task with what to do; retried, its session goes on. A denied tool is logged."""
    script = Script(
        accounts=(subscription("first"),),
        tasks=(
            job("long", *(writes(f"{n}.txt", "x\n") for n in range(3)), says("Done.")),
            job("denied", runs("curl --version"), says("I was not allowed to.")),
        ),
    )
    house = household(script)
    house.make_repo()
    house.add_account("first")
    long = house.add_task(prompt("long"), "--max-turns", "2", "--target", "main", "--land", "merge")
    denied = house.add_task(prompt("denied"), "--allow-empty")
    log = house.up_until_idle(code=1)

    assert house.seen(long)["state"] == "failed" and "--max-turns" in house.seen(long)["reason"]
    assert house.seen(denied)["state"] == "landed"
    assert any(line.get("task") == denied and "--allow-tool" in line["event"] for line in log)

    house.fleet("task", "retry", long)
    house.up_until_idle()
    landed = house.seen(long)
    assert landed["state"] == "landed" and len({a["session_id"] for a in landed["attempts"]}) == 1
    assert house.git("ls-tree", "--name-only", "main").split() == ["0.txt", "1.txt", "2.txt", "README.md"]
