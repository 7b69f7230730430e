"""Revising a task: every field in every stage, and what the engine then really does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, get_args

import pytest

from fleet.core import events
from fleet.core.decisions import TellWorker
from fleet.core.events import WordTaken
from fleet.core.idle import is_idle, stuck
from fleet.core.model import Host, Pause, TaskSpec
from fleet.core.model.lifecycles import TASK, TaskState
from fleet.core.rules.revising import TABLE, Stage, stage_of
from fleet.core.step import Refused
from fleet.core.wording import opening_text
from fleet.spoken.task_fields import FIELDS, WORDS
from tests.core.story import HOUR_MS, START_MS, Story, account, kinds, spec, started

STAGES: tuple[Stage, ...] = (*get_args(TaskState), "begun", "merging")
PAUSE = Pause("board:github", "moved to Blocked")
OTHER: dict[str, Any] = {
    "title": "Another title",
    "prompt": "do another thing",
    "priority": 4,
    "value": 12.0,
    "deadline_ms": START_MS + 5 * HOUR_MS,
    "tiers": ("opus",),
    "labels": ("gpu",),
    "paused": PAUSE,
    "verify": ("make check",),
    "allow_tools": ("Bash(make *)",),
    "max_turns": 7,
    "max_budget_usd": 50.0,
    "target": "develop",
    "repo": "/elsewhere",
    "key": "k",
    "after": ("t9",),
    "land": "branch",
    "project": "night",
    "kind": "judgement",
    "size": 3.0,
    "plan_tier": "opus",
    "subagent_tier": "haiku",
    "source": "card",
    "allow_empty": True,
    "review": "person",
}
"""Another value for each field than that of the stories' tasks."""

GOES_ON = {
    ("review", "review"): ("landing", ["LandWork"]),
    ("review", "landing"): ("review", []),
    ("verify", "review"): ("checking", ["CheckWork"]),
}
"""Where a revision has the task go on at once: its state then, and what is decided."""

DOC = Path(__file__).parents[2] / "docs" / "tasks.md"
COLUMNS = {
    "waiting, queued": ("waiting", "queued"),
    "queued again": ("begun",),
    "running": ("running",),
    "checked": ("checking",),
    "in review": ("review",),
    "waits for its merge": ("landing",),
    "is merged": ("merging",),
    "held": ("held",),
    "failed, cancelled": ("failed", "cancelled"),
}


def revise(story: Story, task: str = "t1", by: str = "a person", **changed: Any) -> list[Any]:
    named = replace(story.task(task).spec, **changed)
    return story.tell(events.TaskRevised, task=task, fields=tuple(changed), spec=named, by=by)


def in_stage(stage: Stage) -> Story:
    """A story with a task (`named`) in the stage. Before one that waits or is queued, or waits for its merge, there is
    another, t1."""
    story = Story(account("a"), account("b"))
    if stage in ("waiting", "queued"):
        story = Story()
        story.add(spec())
        story.add(spec(land="merge", after=("t1",) if stage == "waiting" else ()))
        return story
    if stage == "landing":
        story.add(spec(land="merge"))
        story.to_landing("t1.1")
        story.exit("t1.1")
    story.add(spec(land="merge", review="person" if stage == "review" else None))
    one = named(stage) + ".1"
    if stage == "cancelled":
        story.tell(events.CancelAsked, task="t1")
        story.start(one)
        story.exit(one)
        story.tell(events.WorktreeRemoved, task="t1", preserved=None)
        return story
    story.opened(one)
    if stage == "begun":
        story.tell(events.DrainAsked, on=True)
        story.exit(one, "died", 1)
    elif stage == "failed":
        story.end_turn("turns", one)
        story.exit(one)
    elif stage != "running":
        story.finish(one)
        if stage != "checking":
            story.check(attempt=one)
            story.exit(one)
        if stage in ("held", "landed"):
            story.landing("held" if stage == "held" else "landed")
    return story


def named(stage: Stage) -> str:
    return "t2" if stage in ("waiting", "queued", "landing") else "t1"


def next_attempt(story: Story, task: str, stage: Stage) -> str:
    """Lets the task go on until it has an attempt that began after now; gives its name."""
    before = story.task(task).attempts
    go_on(story, task, stage)
    assert story.task(task).attempts == before + 1
    return story.task(task).attempt or ""


def go_on(story: Story, task: str, stage: Stage) -> None:
    """Lets happen what brings a task from the stage to its next attempt. There is a host that has the labels."""
    story.tell(events.HostAdded, host=Host("gpu", 9, 10**12, START_MS, address="ssh://gpu", labels=("gpu",)))
    story.tell(events.HostSeen, host="gpu", workers_max=9, memory_free_bytes=10**12)
    GOING_ON[stage](story, task)
    if stage in ("held", "landing", "merging"):
        story.landing("conflict", task)


def _accounts_come(story: Story, _: str) -> None:
    story.tell(events.AccountAdded, account=account("a"))
    story.tell(events.AccountAdded, account=account("b"))


def _predecessor_lands(story: Story, task: str) -> None:
    _accounts_come(story, task)
    story.to_landing("t1.1")


def _drained_no_more(story: Story, _: str) -> None:
    story.tell(events.DrainAsked, on=False)
    story.wait(HOUR_MS)


def _check_fails(story: Story, task: str) -> None:
    story.exit(f"{task}.1")
    story.check(False, f"{task}.1")


GOING_ON: dict[Stage, Callable[[Story, str], object]] = {
    "waiting": _predecessor_lands,
    "queued": _accounts_come,
    "begun": _drained_no_more,
    "running": lambda story, task: story.limit(f"{task}.1"),
    "checking": _check_fails,
    "review": lambda story, task: story.tell(events.SendBackAsked, task=task, word="w", text="not so"),
    "landing": lambda story, task: story.landing("landed", "t1"),
    "merging": lambda story, task: None,
    "held": lambda story, task: story.tell(events.HeldSeen, task=task, free=True, landed=False),
    "failed": lambda story, task: story.tell(events.RetryAsked, task=task),
    "cancelled": lambda story, task: story.tell(events.RetryAsked, task=task),
}


def test_the_table_has_every_field_in_every_stage() -> None:
    assert set(STAGES) == {*TASK, "begun", "merging"}
    assert {name: set(row) for name, row in TABLE.items()} == {
        field.name: set(STAGES) for field in fields(TaskSpec)
    }
    assert set(OTHER) == set(TABLE) == {field.name for field in FIELDS}


def test_the_table_of_the_manual_says_the_same() -> None:
    head, _, *rows = [line for line in DOC.read_text().splitlines() if line.startswith("|")]
    columns = [COLUMNS[cell.strip()] for cell in head.strip("|").split("|")[1:]]
    told: dict[tuple[str, str], str] = {}
    for row in rows:
        names, *cells = [cell.strip() for cell in row.strip("|").split("|")]
        for stages, cell in zip(columns, cells, strict=True):
            told |= {(name, stage): cell for name in names.split(", ") for stage in stages}
    said = {"now": "now", "next attempt": "next"}
    assert told == {
        (WORDS[field.name], stage): said.get(TABLE[field.name][stage], "no")
        for field in FIELDS
        for stage in STAGES
        if not field.stays and stage != "landed"
    }


@pytest.mark.parametrize("stage", STAGES)
def test_each_story_is_in_its_stage(stage: Stage) -> None:
    assert stage_of(in_stage(stage).task(named(stage))) == stage


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("field", sorted(OTHER))
def test_a_field_is_revised_now_or_with_the_next_attempt_or_refused_as_the_table_says(
    field: str, stage: Stage
) -> None:
    story, task = in_stage(stage), named(stage)
    before, fleet = story.task(task), story.fleet
    said, other = TABLE[field][stage], OTHER[field]
    if (field, stage) == ("review", "review"):
        other = None
    if said not in ("now", "next attempt"):
        with pytest.raises(Refused) as refused:
            revise(story, task, **{field: other})
        assert task in str(refused.value) and "{" not in str(refused.value)
        assert story.fleet is fleet
        return
    decided = revise(story, task, **{field: other})
    after = story.task(task)
    assert after.spec == replace(before.spec, **{field: other})
    assert f"revised by a person: {'paused: moved to Blocked' if field == 'paused' else ''}" in story.notes()
    if field == "prompt":
        prompt_is_heard(story, task, stage, decided)
        return
    if (field, stage) in GOES_ON:
        assert (after.state, kinds(decided)) == GOES_ON[field, stage]
        return
    assert decided == [], "nothing is done to a worker"
    assert story.fleet.attempts == fleet.attempts, "an attempt under way is not disturbed"
    assert after.state == before.state
    if said == "now":
        takes_effect_now(story, task, field, stage)
    else:
        takes_effect_with_the_next_attempt(story, task, field, stage)


def takes_effect_now(story: Story, task: str, field: str, stage: Stage) -> None:
    """The queue holds it in the lane and at the rank that the revised fields give it (`broken` holds every step to
    that), or not at all while it is paused; what is read when it is needed is read from the task."""
    after = story.task(task)
    lanes = [lane for lane, ranks in story.fleet.queue.items() if after.rank in ranks]
    assert lanes == ([after.lane] if after.queues else [])
    if field == "paused":
        assert not after.queues
        assert PAUSE.why in story.why(task).summary
    elif field in ("priority", "value") and after.queues:
        assert story.fleet.queue[after.lane][0][3] == task, "it has come before the other one"
    elif field in ("tiers", "labels", "deadline_ms") and after.queues:
        assert story.fleet.queue[after.lane] == (after.rank,), "it has a lane of its own"
    elif field == "review" and stage in ("running", "checking"):
        if stage == "running":
            story.finish(f"{task}.1")
        story.check(attempt=f"{task}.1")
        assert story.task(task).state == "review", "its work is looked at before it lands"


def takes_effect_with_the_next_attempt(story: Story, task: str, field: str, stage: Stage) -> None:
    if field == "paused":
        ends = "its worker ends with this turn" if stage == "running" else "no further worker is started"
        assert f"; {ends}: paused by board:github" in story.why(task).summary
        attempts = story.task(task).attempts
        go_on(story, task, stage)
        assert (story.task(task).state, story.task(task).attempts) == ("queued", attempts)
        assert story.why(task).summary == "paused by board:github: moved to Blocked"
        return
    attempt = story.attempt(next_attempt(story, task, stage))
    after = story.task(task)
    assert getattr(after.spec, field) == OTHER[field]
    if field == "tiers":
        assert attempt.tier == "opus"
    elif field == "labels":
        assert attempt.host == "gpu"
    elif field == "max_budget_usd":
        assert after.budget_left_usd == 50.0 - after.spent_usd


def prompt_is_heard(story: Story, task: str, stage: Stage, decided: list[Any]) -> None:
    """A session at work is told, one that goes on is told in its opening, a new one begins with it: once."""
    if stage == "running":
        (told,) = decided
        assert isinstance(told, TellWorker) and told.text.endswith(OTHER["prompt"])
        return
    if stage == "checking":
        (told,) = story.check(attempt=f"{task}.1")
        assert isinstance(told, TellWorker) and told.text.endswith(OTHER["prompt"])
        return
    taken_back = started(decided)
    attempt = story.attempt(taken_back[0] if taken_back else next_attempt(story, task, stage))
    text = opening_text(story.task(task), attempt, resumed=attempt.resumes)
    assert text.count(OTHER["prompt"]) == 1
    assert attempt.resumes == (stage not in ("waiting", "queued"))
    assert ("has been revised" in text) == attempt.resumes


# --- paused ---


def test_a_paused_task_is_not_placed_says_why_and_goes_on_when_it_is_resumed() -> None:
    story = Story(account("a"))
    assert story.add(spec(paused=PAUSE)) == []
    why = story.why()
    assert (why.summary, why.stuck) == ("paused by board:github: moved to Blocked", True)
    assert why.advice == "fleet task resume t1"
    assert started(revise(story, paused=None)) == ["t1.1"]


def test_only_a_person_can_free_what_is_paused_and_what_waits_for_it() -> None:
    story = Story(account("a"))
    story.add(spec(key="x", paused=PAUSE), spec(after=("x",)))
    assert is_idle(story.fleet)
    assert [(e.task, e.advice) for e in stuck(story.fleet)] == [
        ("t1", "fleet task resume t1"),
        ("t2", "see: fleet why t1"),
    ]
    revise(story, paused=None)
    assert not is_idle(story.fleet)


def test_a_worker_at_work_goes_on_when_its_task_is_paused_and_its_work_lands() -> None:
    story = in_stage("running")
    assert revise(story, paused=PAUSE) == []
    story.finish()
    story.check()
    story.landing("landed")
    assert story.task().state == "landed"


def test_a_pause_stays_when_a_failed_task_is_tried_again() -> None:
    story = in_stage("failed")
    revise(story, paused=PAUSE)
    assert started(story.tell(events.RetryAsked, task="t1")) == []
    assert started(revise(story, paused=None)) == ["t1.2"]


# --- further ---


def test_a_task_that_failed_at_its_limit_of_turns_goes_on_with_a_higher_one() -> None:
    """As its failure says."""
    story = in_stage("failed")
    assert "raise it (fleet task edit --max-turns), then retry" in story.task().reason
    revise(story, max_turns=90)
    assert started(story.tell(events.RetryAsked, task="t1")) == ["t1.2"]
    assert story.task().spec.max_turns == 90


def test_a_deadline_that_is_put_off_is_in_time_again() -> None:
    story = Story()
    story.add(spec(deadline_ms=START_MS + 1))
    story.wait(HOUR_MS)
    assert story.task().late
    revise(story, deadline_ms=START_MS + 2 * HOUR_MS)
    assert not story.task().late
    story.wait(2 * HOUR_MS)
    assert story.task().late
    revise(story, deadline_ms=None)
    assert not story.task().late


def test_a_budget_below_what_it_has_cost_is_refused_with_that() -> None:
    story = in_stage("running")
    story.end_turn("finished")
    task = replace(story.task(), spent_usd=2.5)
    story.fleet = replace(story.fleet, tasks={**story.fleet.tasks, "t1": task})
    with pytest.raises(Refused, match=r"t1 has cost \$2.50 already"):
        revise(story, max_budget_usd=2.0)
    revise(story, max_budget_usd=3.0)
    assert story.task().budget_left_usd == 0.5


def test_all_fields_are_revised_or_none() -> None:
    story = in_stage("running")
    with pytest.raises(Refused, match="has begun from main"):
        revise(story, priority=9, target="develop")
    assert story.task().spec.priority == 0


def test_a_revision_that_changes_nothing_is_no_news() -> None:
    story = in_stage("landed")
    before = story.fleet
    told = len(story.decided)
    assert revise(story, priority=0, title="the task") == []
    assert (story.fleet, len(story.decided)) == (before, told)


def test_a_session_hears_a_revised_prompt_once_before_its_work_may_land() -> None:
    story = in_stage("running")
    (told,) = revise(story, prompt="do another thing")
    assert kinds(story.finish()) == []
    story.says("t1.1", WordTaken(told.word))
    assert story.task().words == ()
    assert kinds(story.finish()) == ["CheckWork"]


def test_what_is_not_a_line_is_refused_as_title_and_reason() -> None:
    story = in_stage("queued")
    with pytest.raises(Refused, match="the title has"):
        revise(story, title="a\nb")
    with pytest.raises(Refused, match="the reason has"):
        revise(story, paused=Pause("a person", "a\nb"))


def test_an_unknown_task_or_field_is_refused() -> None:
    with pytest.raises(Refused, match="there is no task t9"):
        Story().tell(events.TaskRevised, task="t9", fields=("title",), spec=spec())
    with pytest.raises(Refused, match="a task has no field colour"):
        in_stage("queued").tell(events.TaskRevised, task="t1", fields=("colour",), spec=spec())
