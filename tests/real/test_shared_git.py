"""What a worker plants in what all worktrees share is told, and holds; hooks see nothing of a person."""

from __future__ import annotations

import pytest

from fleet.double import Script, Step, ToolCall
from tests.real.conftest import MakeHousehold
from tests.real.scripting import MERGE, job, prompt, runs, says, subscription, writes

pytestmark = pytest.mark.client

PLANT = (
    "d=$(git rev-parse --git-common-dir)/hooks; mkdir -p $d; "
    "printf '#!/bin/sh\\ntouch %s\\n' \"$HOME/planted-ran\" > $d/reference-transaction; "
    "chmod +x $d/reference-transaction"
)


def test_a_planted_hook_holds_all_work_of_the_repository_until_a_person_has_looked(
    household: MakeHousehold,
) -> None:
    """`why` names it and what to do; it never runs; with the hook gone everything lands by itself."""
    plants = job("plants", writes("a.txt", "a\n"), runs(PLANT), says("Done."))
    follows = job("follows", writes("b.txt", "b\n"), says("Done."))
    house = household(Script(accounts=(subscription("first"),), tasks=(plants, follows)))
    house.make_repo()
    house.add_account("first")
    first = house.add_task(prompt("plants"), *MERGE)
    second = house.add_task(prompt("follows"), *MERGE, "--after", first)
    with house.coordinator():
        house.wait_for(
            lambda: "hooks/reference-transaction was added" in house.fleet("why", first), "nobody was told"
        )
        why = house.fleet("why", first)
        assert "fleet project allow" in why
        assert house.seen(first)["state"] == "checking" and house.seen(second)["state"] == "waiting"
        (house.repo / ".git" / "hooks" / "reference-transaction").unlink()
        for task in (first, second):
            house.wait_for_state(task, "landed")
    assert not (house.root / "planted-ran").exists()


def test_a_person_may_allow_what_changed(household: MakeHousehold) -> None:
    sets = job("sets", writes("a.txt", "a\n"), runs("git config core.commentChar %"), says("Done."))
    house = household(Script(accounts=(subscription("first"),), tasks=(sets,)))
    house.make_repo()
    house.add_account("first")
    task = house.add_task(prompt("sets"), *MERGE)
    with house.coordinator():
        house.wait_for(lambda: "core.commentchar was added" in house.fleet("why", task), "nobody was told")
        assert "config core.commentchar was added" in house.fleet(
            "project", "allow", str(house.repo), "--yes"
        )
        house.wait_for_state(task, "landed")


def test_hooks_setup_and_verification_see_nothing_of_the_persons_environment(
    household: MakeHousehold,
) -> None:
    """The repository's own hooks have their say, with what a worker may have of the environment."""
    job_ = job("works", writes("a.txt", "a\n"), says("Done."))
    house = household(Script(accounts=(subscription("first"),), tasks=(job_,)))
    seen = house.root / "seen"
    house.make_repo({".fleet.toml": f'[worktree]\nsetup = ["env >> {seen}"]\n', ".gitignore": "/x\n"})
    for name in ("pre-commit", "post-checkout", "reference-transaction", "commit-msg"):
        hook = house.repo / ".git" / "hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\necho {name}=ran >> {seen}; env >> {seen}\n")
        hook.chmod(0o755)
    house.add_account("first")
    task = house.add_task(
        prompt("works"), *MERGE, "--verify", f"echo verification=ran >> {seen}; env >> {seen}"
    )
    seen.unlink(missing_ok=True)
    house.extra_env |= {
        "SSH_AUTH_SOCK": "/the/persons/agent",
        "DBUS_SESSION_BUS_ADDRESS": "unix:path=/the/persons/bus",
        "MY_PERSONAL_TOKEN": "planted",
        "AWS_SECRET_ACCESS_KEY": "planted",
    }
    house.up_until_idle()
    assert house.task(task)["state"] == "landed"
    said = seen.read_text()
    for ran in ("pre-commit=ran", "post-checkout=ran", "reference-transaction=ran", "verification=ran"):
        assert ran in said
    for secret in ("/the/persons/", "planted", "MY_PERSONAL_TOKEN", "AWS_SECRET_ACCESS_KEY"):
        assert secret not in said


AGENT = "---\nname: apart\ndescription: works apart\nisolation: worktree\n---\nDo it.\n"


def calls(tool: str, **given: str) -> Step:
    return Step(text=f"I use {tool}.", tools=(ToolCall(tool, given),))


def test_a_worker_moves_nothing_of_the_persons_and_stays_in_its_worktree(household: MakeHousehold) -> None:
    """It commits on the target, removes a branch, and tries each of its client's ways out: all is as it was, what an
    agent did in a worktree apart is kept, and its own work lands by way of the gate."""
    asked = {"description": "sub", "prompt": prompt("inner")}
    roams = job(
        "roams",
        calls("EnterWorktree", name="side"),
        calls("Agent", **asked, isolation="worktree", subagent_type="general-purpose"),
        calls("Agent", **asked, subagent_type="apart"),
        runs("git checkout -q main && echo mine > mine.txt && git add -A && git commit -qm straight"),
        runs("git branch -D persons"),
        says("Done."),
    )
    inner = job("inner", runs("echo sub > sub.txt; git add -A; git commit -qm apart"), says("Sub done."))
    house = household(Script(accounts=(subscription("first"),), tasks=(roams, inner)))
    house.make_repo({"README.md": "A sample.\n", ".claude/agents/apart.md": AGENT})
    house.git("branch", "persons")
    house.add_account("first")
    task = house.add_task(prompt("roams"), *MERGE)
    house.up_until_idle()
    told = "\n".join(entry["text"] for entry in house.task(task)["history"])
    assert house.task(task)["state"] == "landed" and "mine.txt" in house.git("ls-tree", "--name-only", "main")
    assert "its session moved the branch main" in told and "its session removed the branch persons" in told
    assert "fleet: land" in house.git("reflog", "main").splitlines()[0]
    assert "persons" in house.git("branch") and "worktree-" not in house.git("branch")
    assert not list(house.repo.glob(".claude/worktrees/*"))
    (kept,) = house.git("for-each-ref", "--format=%(refname)", "refs/fleet/kept/*/worktrees/*").split()
    assert "apart" in house.git("log", "-1", "--format=%s", kept) and kept in told
