"""Repositories as they are found: odd, dirty, hooked, in use. What is the person's own is never touched."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from fleet.double import Reaction, Task
from tests.real.household import Household
from tests.real.staging import answered, bash, journal, living, prompt, step, write, writes
from tests.sizes import large

pytestmark = pytest.mark.client

GREET = writes("greet", "hello.txt")
MERGE = ("--land", "merge", "--target", "main")


def wait_file(path: Path) -> str:
    """A command that goes on once `path` exists."""
    return f"until [ -e {path} ]; do sleep 0.05; done"


def commit_on_main(house: Household, name: str, text: str) -> None:
    """What a person does meanwhile: a commit on main, in their own checkout."""
    house.git("switch", "--quiet", "main")
    (house.repo / name).write_text(text)
    house.git("add", "--all")
    house.git("commit", "--quiet", "-m", f"My {name}")
    house.git("switch", "--quiet", "elsewhere")


def state_of_checkout(house: Household) -> tuple[str, str, str]:
    """The person's HEAD, index and files."""
    files = {p.name: p.read_bytes() for p in sorted(house.repo.iterdir()) if p.is_file()}
    return house.git("rev-parse", "HEAD"), house.git("ls-files", "--stage"), str(files)


def no_repository(house: Household) -> None:
    house.repo.mkdir()


def empty_repository(house: Household) -> None:
    house.repo.mkdir()
    house.git("init", "--quiet", "--initial-branch=main")


def detached(house: Household) -> None:
    house.make_repo()
    house.git("checkout", "--quiet", "--detach")


@pytest.mark.parametrize(
    ("make", "words", "said"),
    [
        (lambda house: None, (), "repo"),
        (no_repository, (), "not a git repository"),
        (empty_repository, (), "no commit yet"),
        (detached, (), "--target"),
        (Household.make_repo, ("--target", "nowhere"), "It has: elsewhere, main"),
    ],
    ids=["missing", "no repository", "empty", "detached", "no such target"],
)
def test_a_repository_that_cannot_be_used_is_refused_when_the_task_is_added(
    tmp_path: Path, make: Callable[[Household], object], words: tuple[str, ...], said: str
) -> None:
    with living(tmp_path, GREET) as house:
        make(house)
        ended = house.run("task", "add", prompt("greet"), "--repo", str(house.repo), *words)
        assert ended.returncode == 1 and ended.stdout == ""
        assert said in ended.stderr and str(house.repo) in ended.stderr and "Traceback" not in ended.stderr
        assert house.json("task", "list") == []


@pytest.mark.large
def test_a_dirty_checkout_with_a_branch_called_fleet_is_worked_beside_and_left_as_it_was(
    tmp_path: Path,
) -> None:
    """`refs/heads/fleet` makes `fleet/t1-…` impossible: the branch gets a name nearby."""
    with living(tmp_path, GREET) as house:
        house.make_repo()
        house.git("branch", "fleet")
        (house.repo / "README.md").write_text("I am in the middle of something.\n")
        (house.repo / "staged.txt").write_text("staged\n")
        house.git("add", "staged.txt")
        before = state_of_checkout(house)
        house.add_account("work")
        added = house.run("task", "add", prompt("greet"), "--repo", str(house.repo), *MERGE)
        assert "uncommitted changes" in added.stderr and added.stdout == "t1\n"
        house.up_until_idle()
        assert house.task("t1")["branch"].startswith("fleet-t1-")
        assert house.git("show", "main:README.md") == "A sample.\n"
        assert house.git("show", "main:hello.txt") == "hello.txt of greet\n"
        assert state_of_checkout(house) == before


def test_a_bare_repository_is_worked_on_and_landed_in(tmp_path: Path) -> None:
    with living(tmp_path, GREET) as house:
        house.make_repo()
        bare = tmp_path / "bare.git"
        house.git("clone", "--quiet", "--bare", str(house.repo), str(bare))
        house.add_account("work")
        house.fleet("task", "add", prompt("greet"), "--repo", str(bare), *MERGE)
        house.up_until_idle()
        assert house.git("--git-dir", str(bare), "show", "main:hello.txt") == "hello.txt of greet\n"


@pytest.mark.parametrize("person", ["merges as advised", *large("switches elsewhere")])
def test_a_target_that_is_checked_out_is_held_until_the_person_has_acted(tmp_path: Path, person: str) -> None:
    """Their HEAD, index and files stay as they were; `why` and the summary give the command; then it lands."""
    with living(tmp_path, GREET) as house:
        house.make_repo(checked_out="main")
        (house.repo / "draft.txt").write_text("mine\n")
        before = state_of_checkout(house)
        house.add_account("work")
        task = house.add_task(prompt("greet"), *MERGE)
        ended = house.run("up", "--until-idle")
        assert ended.returncode == 1
        assert house.task(task)["state"] == "held"
        assert state_of_checkout(house) == before
        command = house.json("why", task)["advice"].partition("run: ")[2].splitlines()[0]
        assert command.startswith(f"git -C {house.repo} merge") and command in ended.stdout
        assert command in house.fleet("why", task)
        if person == "merges as advised":
            subprocess.run(command.split(), env=house.env, check=True, capture_output=True)
            assert (house.repo / "hello.txt").exists()
        else:
            house.git("switch", "--quiet", "--create", "elsewhere")
        house.up_until_idle()
        assert house.task(task)["state"] == "landed"
        assert house.git("show", "main:hello.txt") == "hello.txt of greet\n"
        assert (house.repo / "draft.txt").read_text() == "mine\n"


@pytest.mark.large
def test_a_hook_that_refuses_the_commit_is_work_for_the_session(tmp_path: Path) -> None:
    mend = Reaction(
        "tabs are not allowed", (step("I mend it.", write("hello.txt", "no tab\n")), step("Mended."))
    )
    tabs = Task("tabs", (step("I write.", write("hello.txt", "a\ttab\n")), step("Done.")), reactions=(mend,))
    with living(tmp_path, tabs) as house:
        house.make_repo()
        hook = house.repo / ".git" / "hooks" / "pre-commit"
        hook.write_text(
            "#!/bin/sh\n! git grep --cached -qP '\\t' || { echo 'tabs are not allowed'; exit 1; }\n"
        )
        hook.chmod(0o755)
        house.add_account("work")
        task = house.add_task(prompt("tabs"), *MERGE)
        house.up_until_idle()
        assert len(house.task(task)["attempts"]) == 1, "it went back to the running session"
        assert house.git("show", "main:hello.txt") == "no tab\n"


def test_submodules_are_there_to_work_in_and_to_land_with(tmp_path: Path) -> None:
    look = Task("look", (step("I look.", bash("cp lib/lib.txt copy.txt")), step("Done.")))
    with living(tmp_path, look) as house:
        house.make_repo(checked_out="main")
        library = tmp_path / "library"
        house.git("clone", "--quiet", str(house.repo), str(library))
        (library / "lib.txt").write_text("from the library\n")
        for words in (
            ("add", "--all"),
            ("-c", "user.name=T", "-c", "user.email=t@t", "commit", "-qm", "Library"),
        ):
            house.git("-C", str(library), *words)
        house.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(library), "lib")
        house.git("commit", "--quiet", "-m", "Use the library")
        house.git("switch", "--quiet", "--create", "elsewhere")
        house.add_account("work")
        house.add_task(
            prompt("look"), *MERGE, "--allow-tool", "Bash", "--verify", "test -s lib/lib.txt -a -s copy.txt"
        )
        house.up_until_idle()
        assert house.git("show", "main:copy.txt") == "from the library\n"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ('[worktree]\nsetup = ["echo no compiler here; exit 3"]\n', "no compiler here"),
        *large(('[worktree]\nset_up = ["true"]\n', "set_up"), ("[worktree\n", "not valid TOML")),
    ],
    ids=["setup fails", "unknown key", "no TOML"],
)
def test_wrong_settings_of_a_repository_fail_its_tasks_with_the_reason_and_retry_takes_the_mended_ones(
    tmp_path: Path, settings: str, said: str
) -> None:
    with living(tmp_path, GREET) as house:
        house.make_repo({".fleet.toml": settings})
        house.add_account("work")
        task = house.add_task(prompt("greet"), *MERGE)
        ended = house.run("up", "--until-idle")
        assert ended.returncode == 1 and said in ended.stdout
        shown = house.task(task)
        assert shown["state"] == "failed" and said in shown["reason"] and ".fleet.toml" in shown["reason"]
        assert answered(house) == [], "nothing was spent"
        commit_on_main(house, ".fleet.toml", "")
        house.fleet("task", "retry", task)
        house.up_until_idle()
        assert house.task(task)["state"] == "landed"


def test_a_conflict_goes_back_to_the_session_as_work_and_lands_then(tmp_path: Path) -> None:
    go = tmp_path / "go"
    resolve = bash("git merge main; printf 'both\\n' > shared.txt; git add shared.txt; git commit -qm Merge")
    reaction = Reaction("conflicts with main", (step("I merge.", resolve), step("Merged.")))
    mine = Task(
        "mine",
        (
            step("I write.", write("shared.txt", "the task's\n")),
            step("I wait.", bash(wait_file(go))),
            step("Done."),
        ),
        reactions=(reaction,),
    )
    with living(tmp_path, mine) as house:
        house.make_repo()
        house.add_account("work")
        task = house.add_task(prompt("mine"), *MERGE, "--allow-tool", "Bash")
        with house.coordinator():
            house.wait_for(lambda: len(answered(house)) >= 2, "it does not wait")
            commit_on_main(house, "shared.txt", "the person's\n")
            go.touch()
            shown = house.wait_for_state(task, "landed", "failed")
        assert shown["state"] == "landed", shown["reason"]
        assert house.git("show", "main:shared.txt") == "both\n"
        assert len({a["session_id"] for a in shown["attempts"]}) == 1
        assert any("merging met a conflict" in line for line in journal(house, task))


@pytest.mark.large
def test_work_that_only_fails_once_merged_goes_back_to_the_session(tmp_path: Path) -> None:
    go = tmp_path / "go"
    reaction = Reaction("does not pass verification", (step("I see.", write("good.txt")), step("Mended.")))
    alone = Task(
        "alone",
        (step("I wait.", bash(wait_file(go))), step("I write.", write("a.txt")), step("Done.")),
        reactions=(reaction,),
    )
    with living(tmp_path, alone) as house:
        house.make_repo()
        house.add_account("work")
        gate = "test ! -e needs-good.txt || test -e good.txt || { echo good.txt is needed; exit 1; }"
        task = house.add_task(prompt("alone"), *MERGE, "--allow-tool", "Bash", "--verify", gate)
        with house.coordinator():
            house.wait_for(lambda: answered(house), "it does not wait")
            commit_on_main(house, "needs-good.txt", "")
            go.touch()
            house.wait_for_state(task, "landed", "failed")
        assert house.task(task)["state"] == "landed"
        assert {"good.txt", "needs-good.txt", "a.txt"} <= set(
            house.git("ls-tree", "--name-only", "main").split()
        )


@pytest.mark.large
def test_two_tasks_land_in_one_target_one_after_the_other(tmp_path: Path) -> None:
    """The gate of the second runs on what the first has landed, never beside it."""
    book = tmp_path / "book"
    gate = f'case "$PWD" in */landing-*) echo begin >> {book}; ls *.txt >> {book}; sleep 0.3; echo end >> {book};; esac'
    with living(tmp_path, writes("red", "red.txt"), writes("blue", "blue.txt")) as house:
        house.make_repo()
        house.add_account("work")
        house.add_account("side")
        for name in ("red", "blue"):
            house.add_task(prompt(name), *MERGE, "--verify", gate)
        house.up_until_idle()
        written = [line for line in book.read_text().split() if line in ("begin", "end")]
        assert written == ["begin", "end", "begin", "end"]
        assert book.read_text().split("begin")[2].split()[:2] == ["blue.txt", "red.txt"]


def test_uncommitted_work_of_a_cancelled_task_is_kept_under_a_ref(tmp_path: Path) -> None:
    slow = Task(
        "slow",
        (
            step("First.", write("half.txt")),
            step("Slow.", bash("until false; do sleep 0.2; done")),
            step("Done."),
        ),
    )
    with living(tmp_path, slow, GREET) as house:
        house.make_repo()
        house.add_account("work", "--concurrency", "2")
        task = house.add_task(prompt("slow"), *MERGE, "--allow-tool", "Bash")
        with house.coordinator():
            house.wait_for(lambda: len(answered(house)) >= 2, "it never wrote anything")
            house.fleet("task", "cancel", task)
            house.wait_for(lambda: house.task(task)["worktree"]["state"] == "removed", "its worktree stays")
        kept = next(w for w in house.json("worktree", "list") if w["task"] == task)["preserved"]
        assert kept.startswith("refs/fleet/")
        assert house.git("show", f"{kept}:half.txt") == "text\n"
        assert house.leftovers() == []
        house.fleet("task", "retry", task)
        house.fleet("task", "cancel", task)


def test_a_task_cancelled_while_its_merge_is_verified_does_not_land_and_leaves_nothing_running(
    tmp_path: Path,
) -> None:
    at_it = tmp_path / "at-it"
    gate = f"case $PWD in */landing-*) touch {at_it}; sleep 300;; esac"
    with living(tmp_path, GREET) as house:
        house.make_repo()
        house.add_account("work")
        before = house.git("rev-parse", "refs/heads/main")
        task = house.add_task(prompt("greet"), *MERGE, "--verify", gate)
        with house.coordinator():
            house.wait_for(at_it.exists, "its merge was never verified")
            house.fleet("task", "cancel", task)
            house.wait_for_state(task, "cancelled")
        assert any("being broken off" in line["text"] for line in house.task(task)["history"])
        assert house.git("rev-parse", "refs/heads/main") == before
        assert house.leftovers() == []


@pytest.mark.large
def test_prune_takes_only_what_has_ended_and_keeps_what_was_not_committed(tmp_path: Path) -> None:
    with living(tmp_path, GREET) as house:
        house.make_repo()
        house.add_account("work")
        failed = house.add_task(prompt("greet"), *MERGE, "--verify", "no-such-command-here")
        house.up_until_idle(code=1)
        shown = house.task(failed)
        assert shown["state"] == "failed" and "not found" in shown["reason"], shown["reason"]
        assert house.run("task", "show", failed).stdout.count("no-such-command-here") >= 1
        assert "main" in house.git("branch", "--list", "main") and "hello" not in house.git("ls-tree", "main")
        worktree = Path(shown["worktree"]["path"])
        (worktree / "loose.txt").write_text("loose\n")
        held = house.add_task(prompt("greet"), "--after", failed)
        house.fleet("worktree", "prune")
        house.up_until_idle(code=1)
        assert not worktree.exists() and house.task(held)["state"] == "waiting"
        kept = next(w for w in house.json("worktree", "list") if w["task"] == failed)["preserved"]
        assert house.git("show", f"{kept}:loose.txt") == "loose\n"


@pytest.mark.large
def test_settings_that_a_worker_breaks_go_back_to_it(tmp_path: Path) -> None:
    mend = Reaction(
        "unknown key 'verify.comands'", (step("I mend it.", write(".fleet.toml", "")), step("Mended."))
    )
    wrong = write(".fleet.toml", '[verify]\ncomands = ["true"]\n')
    task = Task("settings", (step("I write.", wrong), step("Done.")), reactions=(mend,))
    with living(tmp_path, task) as house:
        house.make_repo()
        house.add_account("work")
        house.add_task(prompt("settings"), *MERGE)
        house.up_until_idle()
        assert house.git("show", "main:.fleet.toml") == ""


def test_a_worktree_that_is_gone_is_made_anew_and_one_that_git_has_lost_keeps_all_that_lies_there(
    tmp_path: Path,
) -> None:
    """What had been committed lands; that the rest is lost is told, where it is."""
    go = tmp_path / "go"
    tasks = [
        Task(
            name,
            (
                step("I commit.", bash(f"echo kept > {name}.txt; git add {name}.txt; git commit -qm Kept")),
                step("I wait.", bash(f"echo loose > {name}.loose; {wait_file(go)}")),
                step("Done."),
            ),
        )
        for name in ("gone", "lost")
    ]
    with living(tmp_path, *tasks) as house:
        house.make_repo()
        house.add_account("work")
        gone, lost = (
            house.add_task(prompt(name), *MERGE, "--allow-tool", "Bash") for name in ("gone", "lost")
        )
        with house.coordinator():
            house.wait_for(lambda: len(answered(house)) >= 4, "they never ran")
            shutil.rmtree(house.task(gone)["worktree"]["path"])
            shutil.rmtree(house.repo / ".git" / "worktrees" / lost)
            go.touch()
            for task in (gone, lost):
                house.wait_for_state(task, "landed")
        told = {task: [line["text"] for line in house.task(task)["history"]] for task in (gone, lost)}
        assert any(
            "was gone, with all that was in no commit: made anew from its branch" in text
            for text in told[gone]
        )
        assert any("git had lost its worktree" in text for text in told[lost])
        assert house.git("show", "main:gone.txt", "main:lost.txt", "main:lost.loose") == "kept\nkept\nloose\n"


def test_a_repository_that_vanishes_is_said_and_ends_nothing_else(tmp_path: Path) -> None:
    go = tmp_path / "go"
    slow = Task("slow", (step("I wait.", bash(wait_file(go))), step("Done.")))
    with living(tmp_path, slow) as house:
        house.make_repo()
        house.add_account("work")
        task = house.add_task(prompt("slow"), *MERGE, "--allow-tool", "Bash", "--allow-empty")
        with house.coordinator():
            house.wait_for(lambda: answered(house), "it never ran")
            house.repo.rename(tmp_path / "moved away")
            go.touch()
            house.wait_for(lambda: str(house.repo) in (house.root / "up.log").read_text(), "nobody says so")
            (tmp_path / "moved away").rename(house.repo)
            house.wait_for_state(task, "landed")
