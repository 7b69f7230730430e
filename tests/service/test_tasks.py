"""Tasks from a command line and from files."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from fleet.core.events import HostAdded, ProjectSet
from fleet.core.model import Host, TaskSpec
from fleet.core.model.policy import Project
from fleet.errors import NotDone
from fleet.home import Home
from fleet.service import revising, tasks
from fleet.service.repositories import MANY
from fleet.service.requests import submit
from fleet.shell.stamp import stamp
from fleet.spoken.task_fields import FIELDS
from fleet.views.light import state
from fleet.views.snapshot import snapshot
from tests.processes_started import processes_started
from tests.service.repositories import git, repository

NOW = datetime(2026, 11, 22, 18, 30, tzinfo=UTC)


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    return repository(tmp_path / "clock")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "tasks.toml"
    path.write_text(text)
    return path


def add(home: Home, **values: Any) -> tasks.Added:
    request = tasks.make_request({"prompt": "Turn the clock", **values}, "fleet task add")
    return tasks.add(home, [request], NOW)


@pytest.mark.parametrize(
    ("text", "story"),
    [
        ("prompt = ", "is not valid TOML"),
        ("prompt = " + "[" * 3_000, "is not valid TOML"),
        ("", "there is no [[task]]"),
        ("[task]\nprompt = 'x'", "there is no [[task]]"),
        ("[[tasks]]\nprompt = 'x'", "unknown key 'tasks'"),
        ("task = [1]", "task 1 is 1, not a table"),
        ("defaults = 3\n[[task]]\nprompt = 'x'", "[defaults] is 3, not a table"),
        ("[[task]]\nprompt = 'x'\n[[task]]\ntitle = 'y'", "task 2: prompt: Field required"),
        ("[[task]]\nprompt = 'x'\nteir = 'opus'", "task 1: teir: Extra inputs"),
        ("[[task]]\nprompt = ' '", "task 1: prompt: must not be empty"),
        ("[[task]]\nprompt = 'x'\nland = 'moon'", "task 1: land: "),
        ("[[task]]\nprompt = 'x'\npriority = 'high'", "task 1: priority: "),
        ("[[task]]\nprompt = 'x'\nmax_turns = 0", "task 1: max_turns: "),
        ("[[task]]\nprompt = 'x'\nmax_budget_usd = inf", "task 1: max_budget_usd: "),
        ("[[task]]\nprompt = 'x'\ntier = ''", "task 1: tier: must name a tier"),
        ("[[task]]\nprompt = 'x'\nrepo = '~nosuch/y'", "no such user's home"),
        ("[[task]]\nprompt = 'x'\nproject = './nowhere'", "nowhere"),
        ("[[task]]\nprompt = 'x'\nproject = \"a\\u001fb\"", "task 1: project: must be a name"),
        ("[[task]]\nprompt = 'x'\ntier = 'auto,opus'", "task 1: tier: auto stands alone"),
        ("[[task]]\nprompt = 'x'\nkind = 'hard work'", "task 1: kind: must be one word"),
        ("[[task]]\nprompt = 'x'\nsource = 'a card'", "task 1: source: must be one word"),
        ("[[task]]\nprompt = 'x'\nsize = 'XXL'", "task 1: size: "),
        ("[[task]]\nprompt = 'x'\nsize = 0", "task 1: size: "),
        ("[[task]]\nprompt = 'x'\nvalue = -1.0", "task 1: value: "),
        ("[[task]]\nprompt = 'x'\nlabel = 'big disk'", "task 1: label: a label must be one word"),
        ("[[task]]\nprompt = 'x'\nlabel = ['a,b']", "task 1: label: a label must be one word"),
        ("[defaults]\ntier = 7\n[[task]]\nprompt = 'x'", "task 1: tier: "),
    ],
)
def test_a_file_that_is_off_is_refused_naming_file_table_and_key(
    tmp_path: Path, text: str, story: str
) -> None:
    path = file(tmp_path, text)
    with pytest.raises(NotDone) as refused:
        tasks.read_file(path)
    assert story in str(refused.value)
    assert str(path) in str(refused.value) or "nosuch" in story or "user's home" in story


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotDone, match=r"none\.toml cannot be read: No such file"):
        tasks.read_file(tmp_path / "none.toml")
    (tmp_path / "latin.toml").write_bytes(b"[[task]]\nprompt = '\xe9'\n")
    with pytest.raises(NotDone, match=r"latin\.toml is not valid TOML"):
        tasks.read_file(tmp_path / "latin.toml")


def test_defaults_are_shared_and_each_task_may_differ(tmp_path: Path, repo: Path, home: Home) -> None:
    """A relative repository is relative to the file; ids of the file may be used in `after`."""
    path = file(
        tmp_path,
        """
        [defaults]
        repo = "clock"
        tier = "sonnet, opus"
        verify = "make test"
        [[task]]
        id = "base"
        prompt = "First"
        [[task]]
        prompt = "Second"
        after = "base"
        tier = ["haiku"]
        verify = ["a", "b"]
        priority = 3
        deadline = "2h"
        """,
    )
    assert tasks.add(home, tasks.read_file(path), NOW).ids == ("t1", "t2")
    first, second = (state.task(home.root, f"t{n}") for n in (1, 2))
    assert (first["repo"], first["tiers"], first["verify"]) == (str(repo), ["sonnet", "opus"], ["make test"])
    assert (second["tiers"], second["verify"], second["priority"]) == (["haiku"], ["a", "b"], 3)
    assert (first["state"], second["state"], second["after"]) == ("queued", "waiting", ["t1"])
    assert second["deadline"] == "2026-11-22T20:30:00.000Z"


def test_what_is_left_out_has_its_default(home: Home, repo: Path) -> None:
    add(home, repo=str(repo))
    made = state.task(home.root, "t1")
    assert (made["tiers"], made["land"], made["priority"], made["target"]) == (
        ["sonnet"],
        "branch",
        0,
        "main",
    )
    assert (made["title"], made["deadline"], made["max_turns"]) == ("Turn the clock", None, None)


def test_a_long_prompt_gives_a_short_title_of_its_first_line(home: Home, repo: Path) -> None:
    add(home, repo=str(repo), prompt="\n  " + "long " * 30 + "\nsecond line")
    title = state.task(home.root, "t1")["title"]
    assert len(title) <= 60
    assert title.endswith("long…")


def test_a_repository_is_found_from_a_directory_inside_it(home: Home, repo: Path) -> None:
    (repo / "src").mkdir()
    add(home, repo=str(repo / "src"))
    assert state.task(home.root, "t1")["repo"] == str(repo)


def test_uncommitted_changes_are_warned_of(home: Home, repo: Path) -> None:
    (repo / "clock.txt").write_text("12:01\n")
    warning, *_ = add(home, repo=str(repo)).warnings
    assert "has uncommitted changes; workers start from main as committed" in warning


def test_who_adds_a_task_is_told_what_its_repository_wants_to_run(home: Home, repo: Path) -> None:
    (repo / ".fleet.toml").write_text('[verify]\ncommands = ["make test"]\n')
    git(repo, "add", "--all")
    git(repo, "commit", "--quiet", "--message", "Ask")
    *_, told = add(home, repo=str(repo)).warnings
    assert "wants to run `make test`" in told and f"fleet project allow {repo}" in told


def test_a_checked_out_target_of_a_merge_is_warned_of(home: Home, repo: Path) -> None:
    """The person is told before the work is done, not only when it waits to land."""
    warning, *_ = add(home, repo=str(repo), land="merge").warnings
    assert f"main is checked out at {repo} and is never moved under you" in warning
    git(repo, "switch", "--quiet", "--create", "mine")
    again = add(home, repo=str(repo), land="merge", target="main").warnings
    assert not any("checked out" in warning for warning in again)


@pytest.mark.parametrize(
    ("values", "story"),
    [
        ({"target": "nowhere"}, "nowhere"),
        ({"deadline": "soon"}, "'soon' is no time"),
        ({"after": ("t9",)}, "waits for t9, but there is no such task"),
        ({"allow_tool": ("",)}, ""),
    ],
)
def test_what_cannot_be_added_adds_nothing(
    home: Home, repo: Path, values: dict[str, Any], story: str
) -> None:
    with pytest.raises(NotDone) as refused:
        add(home, repo=str(repo), **values)
    assert story in str(refused.value)
    assert list(state.tasks(home.root)) == []


def test_of_many_none_is_added_when_one_is_off(home: Home, repo: Path, tmp_path: Path) -> None:
    good = tasks.make_request({"prompt": "x", "repo": str(repo)}, "")
    bad = tasks.make_request({"prompt": "x", "repo": str(tmp_path)}, "")
    with pytest.raises(NotDone):
        tasks.add(home, [good, bad], NOW)
    assert list(state.tasks(home.root)) == []


def test_of_many_the_one_that_cannot_be_added_is_named(home: Home, repo: Path, tmp_path: Path) -> None:
    def refusal(**values: Any) -> str:
        asked = [{"prompt": "Fine"}, {"prompt": "Turn the clock", **values}, {"prompt": "Fine, too"}]
        requests = [tasks.make_request({"repo": str(repo), **one}, "") for one in asked]
        with pytest.raises(NotDone) as refused:
            tasks.add(home, requests, NOW)
        return str(refused.value)

    (tmp_path / "empty").mkdir()
    named = "task 2 (“Turn the clock”): "
    assert refusal(target="nowhere").startswith(f"{named}{repo} has no branch 'nowhere'. It has: main.")
    assert refusal(repo=str(tmp_path / "empty")).startswith(f"{named}{tmp_path / 'empty'} is not a git")
    assert refusal(deadline="soon").startswith(f"{named}'soon' is no time")
    assert refusal(allow_tool=("Bash(x",)).startswith(f"{named}'Bash(x' is not one tool rule")
    assert refusal(project="./nowhere").startswith(f"{named}")
    assert list(state.tasks(home.root)) == []


def test_a_repository_is_read_with_as_many_git_commands_for_many_tasks_as_for_one(
    home: Home, repo: Path, tmp_path: Path
) -> None:
    """Whatever their targets: a process for each of ten thousand tasks takes minutes."""
    other = repository(tmp_path / "other")
    for number in range(40):
        git(other, "branch", f"b{number}")
    for one in (repo, other):
        git(one, "worktree", "add", "--quiet", "-b", "side", str(tmp_path / f"{one.name}-side"))

    def commands(count: int) -> int:
        asked = [
            {"repo": str((repo, other)[n % 2]), "land": "merge", "project": str(repo)}
            | ({"target": f"b{n // 2}"} if n % 2 else {})
            for n in range(count)
        ]
        requests = [tasks.make_request({"prompt": "x", **one}, "") for one in asked]
        with processes_started() as started:
            assert len(tasks.add(home, requests, NOW).ids) == count
        return len(started)

    assert commands(80) == commands(2) > 0


def test_of_many_repositories_only_the_changes_in_them_take_a_process_each(
    home: Home, tmp_path: Path
) -> None:
    """Their branches and checkouts are read within this process: six commands for each would take minutes."""
    repositories = [repository(tmp_path / f"r{n}") for n in range(MANY)]
    (repositories[1] / "below").mkdir()
    paths = [*map(str, repositories), str(repositories[1] / "below")]
    asked = [tasks.make_request({"prompt": "x", "repo": path, "land": "merge"}, "") for path in paths]
    with processes_started() as started:
        added = tasks.add(home, asked, NOW)
    git_commands = [words[2:4] for words in started if words[0] == "git"]
    assert sorted(git_commands) == sorted((str(repo), "status") for repo in repositories)
    assert [warning.split(" is checked out at ")[0] for warning in added.warnings[:MANY]] == ["main"] * MANY
    assert state.task(home.root, added.ids[-1])["repo"] == str(repositories[1])


def test_one_repository_is_no_reason_to_import_gitpython(home: Home, repo: Path) -> None:
    """It takes longer than git's answers."""
    script = "import sys; from fleet.cli import main; code = main(sys.argv[1:]); sys.exit('git' in sys.modules or code)"
    environment = {"PATH": os.environ["PATH"], "HOME": str(home.root), "FLEET_HOME": str(home.root)}
    for words in (["task", "add", "x", "--repo", str(repo)], ["project", "set", str(repo)], ["task", "list"]):
        subprocess.run([sys.executable, "-c", script, *words], env=environment, check=True, cwd=Path.cwd())


def test_a_circle_is_refused_and_shown(home: Home, repo: Path, tmp_path: Path) -> None:
    path = file(
        tmp_path,
        '[defaults]\nrepo = "clock"\n[[task]]\nid = "a"\nprompt = "x"\nafter = "b"\n'
        '[[task]]\nid = "b"\nprompt = "y"\nafter = "a"\n',
    )
    with pytest.raises(NotDone, match="in a circle: a → b → a"):
        tasks.add(home, tasks.read_file(path), NOW)


def test_a_directory_that_is_no_repository_is_named(home: Home, tmp_path: Path) -> None:
    with pytest.raises(NotDone) as refused:
        add(home, repo=str(tmp_path))
    assert str(tmp_path) in str(refused.value)


def test_what_a_task_is_like_reaches_the_queue(home: Home, repo: Path) -> None:
    more = {"kind": "judgement", "size": "xl", "value": 3.5, "project": "clocks", "tier": "auto"}
    (task_id,) = add(home, repo=str(repo), **more, plan="opus", subagents="haiku", label=["gpu", "gpu"]).ids
    spec = snapshot(home).tasks[task_id].spec
    assert (spec.kind, spec.size, spec.worth, spec.project_name) == ("judgement", 4.0, 3.5, "clocks")
    assert (spec.tiers, spec.plan_tier, spec.subagent_tier) == (("auto",), "opus", "haiku")
    assert spec.labels == ("gpu",)
    shown = state.task(home.root, task_id)
    assert (shown["kind"], shown["size"], shown["plan"], shown["tiers"]) == (
        "judgement",
        4.0,
        "opus",
        ["auto"],
    )


def test_a_project_with_tiers_lets_the_engine_choose_among_them_unless_a_task_names_its_own(
    home: Home, repo: Path
) -> None:
    submit(home, ProjectSet(**stamp(), project=Project(str(repo), tiers=("haiku", "opus"))))
    ids = [add(home, repo=str(repo), **more).ids[0] for more in ({}, {"tier": "opus"}, {"project": "other"})]
    assert [snapshot(home).tasks[i].spec.tiers for i in ids] == [("auto",), ("opus",), ("sonnet",)]


def test_a_project_may_be_named_by_its_repository(home: Home, repo: Path, tmp_path: Path) -> None:
    (repo / "below").mkdir()
    (task_id,) = add(home, repo=str(repo), project=str(repo / "below")).ids
    assert snapshot(home).tasks[task_id].spec.project == str(repo)
    asked = file(tmp_path, "[[task]]\nprompt = 'x'\nrepo = 'clock'\nproject = './clock'")
    assert tasks.read_file(asked)[0].project == str(repo)


def test_a_planning_tier_that_no_account_has_is_noted_and_auto_is_none(home: Home, repo: Path) -> None:
    added = add(home, repo=str(repo), tier="auto", plan="fable")
    assert added.warnings == ("no account has the tier fable now (fleet account add)",)


def test_a_label_that_no_host_has_is_noted_when_a_task_is_added(home: Home, repo: Path) -> None:
    """Only a note: the host may come later."""
    box = Host("box", 4, address="ssh://box", labels=("gpu", "arm"))
    submit(home, HostAdded(**stamp(), host=box))
    assert add(home, repo=str(repo), tier="auto", label="gpu").warnings == ()
    assert add(home, repo=str(repo), tier="auto", label=["gpu", "linux"]).warnings == (
        "no host has all the labels gpu, linux now (fleet host list)",
    )


def test_a_source_that_asks_again_is_answered_with_the_task_that_is_there(home: Home, repo: Path) -> None:
    first = add(home, repo=str(repo), source="board:github#12")
    again = add(home, repo=str(repo), source="board:github#12", title="Another")
    assert (first.ids, first.there, again.ids, again.there) == (("t1",), (), ("t1",), ("t1",))
    assert "board:github#12 has asked for t1 already: no second task was added" in again.warnings
    assert [(t["id"], t["title"]) for t in state.tasks(home.root)] == [("t1", "Turn the clock")]
    assert state.task(home.root, "t1")["source"] == "board:github#12"


def test_two_tasks_of_one_source_in_one_file_are_one(home: Home, repo: Path, tmp_path: Path) -> None:
    one = "[[task]]\nprompt = 'x'\nsource = 'card'\n"
    text = f"[defaults]\nrepo = '{repo}'\n{one}{one}[[task]]\nprompt = 'y'"
    added = tasks.add(home, tasks.read_file(file(tmp_path, text)), NOW)
    assert (added.ids, added.there) == (("t1", "t1", "t2"), ())
    assert "card has asked for t1 already: no second task was added" in added.warnings


def test_a_source_for_all_tasks_of_a_file_is_refused(tmp_path: Path) -> None:
    """It would leave one task of them."""
    with pytest.raises(NotDone, match=r"\[defaults\] has a source"):
        tasks.read_file(file(tmp_path, "[defaults]\nsource = 'card'\n[[task]]\nprompt = 'x'"))


def edit(home: Home, **said: Any) -> revising.Edited:
    edited = revising.edit_each(home, ["t1"], said, NOW)["t1"]
    if isinstance(edited, NotDone):
        raise edited
    return edited


def test_a_task_is_revised_in_the_words_it_was_added_with(home: Home, repo: Path) -> None:
    git(repo, "branch", "develop")
    add(home, repo=str(repo))
    edited = edit(
        home,
        title="Another",
        tier="sonnet,opus",
        priority="4",
        deadline="2h",
        value="2.5",
        max_turns="9",
        verify=["make test"],
        label=["gpu"],
        target="develop",
        prompt="Turn it back",
        paused="not now",
        allow_empty=True,
    )
    shown = state.task(home.root, "t1")
    assert [shown[name] for name in ("title", "tiers", "priority", "value", "max_turns", "target")] == [
        *("Another", ["sonnet", "opus"], 4, 2.5, 9, "develop"),
    ]
    assert [shown[name] for name in ("verify", "labels", "prompt", "deadline", "paused")] == [
        *(["make test"], ["gpu"], "Turn it back", "2026-11-22T20:30:00.000Z"),
        {"by": "a person", "why": "not now", "until": None},
    ]
    assert shown["allow_empty"] is True and edit(home, allow_empty=False).now == ("allow_empty",)
    assert set(edited.next_attempt) == {"prompt", "verify", "max_turns"}
    assert set(edited.now) == {
        *("title", "tier", "priority", "deadline", "value", "label", "target", "paused", "allow_empty")
    }
    assert "no host has the label gpu now (fleet host list)" in edited.warnings


def test_what_was_asked_for_is_taken_away_again_and_what_is_not_named_stays(home: Home, repo: Path) -> None:
    add(
        home,
        repo=str(repo),
        title="Clock",
        deadline="2h",
        label=["gpu"],
        tier="opus",
        priority=3,
        paused="no",
    )
    edited = edit(home, deadline=None, label=None, tier=None, title=None, paused=None)
    shown = state.task(home.root, "t1")
    assert (shown["deadline"], shown["labels"], shown["tiers"], shown["paused"]) == (
        *(None, [], ["sonnet"], None),
    )
    assert (shown["title"], shown["priority"]) == ("Turn the clock", 3)
    assert (edited.now, edited.next_attempt) == (("title", "tier", "deadline", "label", "paused"), ())


def test_a_revision_in_wrong_words_or_of_no_task_or_to_no_branch_is_refused(home: Home, repo: Path) -> None:
    with pytest.raises(NotDone, match="there is no task t1"):
        edit(home, title="x")
    add(home, repo=str(repo))
    for said, why in (
        ({"priority": "high"}, "fleet task edit: priority: "),
        ({"deadline": "soon"}, "soon"),
        ({"target": "nowhere"}, "nowhere"),
        ({"allow_tool": ["Bash(("]}, "Bash"),
        ({"paused": " "}, "must not be empty"),
        ({"colour": "red"}, "colour"),
    ):
        with pytest.raises(NotDone, match=why):
            edit(home, **said)


def test_a_task_whose_repository_is_gone_can_be_paused(home: Home, repo: Path) -> None:
    add(home, repo=str(repo))
    repo.rename(repo.with_name("elsewhere"))
    assert edit(home, paused="its repository is gone").now == ("paused",)


def test_each_field_that_can_be_asked_for_is_one_of_the_list_of_fields() -> None:
    assert set(tasks.TaskRequest.model_fields) == {field.word for field in FIELDS}
    assert {field.name for field in fields(TaskSpec)} == {field.name for field in FIELDS}
