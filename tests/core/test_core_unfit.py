"""A host whose git refuses a repository eats no queue: its tasks go elsewhere, and it is tried again with pauses."""

from __future__ import annotations

from typing import Any

from fleet.core import events
from fleet.core.decisions import Decision
from fleet.core.model import Settings, Unfit
from fleet.store.codec import decode, encode
from tests.core.far_story import FarStory, far
from tests.core.story import spec, started

FIRST_MS = Settings().backoff_first_ms * 5 // 4
SAYS = "fatal: cannot use bare repository"


def refused(story: FarStory, attempt: str, gist: str = SAYS, **more: Any) -> list[Decision]:
    said = {"fault": "unfit", "detail": f"host says: {SAYS}", "gist": gist, "lasting": bool(gist)}
    return story.tell(events.StartFailed, attempt=attempt, **{**said, **more})


def unfit(story: FarStory, host: str = "x") -> list[Unfit]:
    return list(story.fleet.hosts[host].unfit)


def until_due(story: FarStory, host: str = "x") -> list[Decision]:
    return story.wait(unfit(story, host)[0].again_ms - story.now_ms)


def test_one_bad_host_beside_a_good_one_fails_no_task_and_is_given_no_more_of_the_repository() -> None:
    story = FarStory(far("x"), far("y", workers_max=0))
    story.add(*[spec() for _ in range(4)])
    placed = sorted(story.fleet.attempts)
    story.seen("y", workers_max=9)
    assert {story.host_of(attempt) for attempt in placed} == {"x"}
    for attempt in placed:
        refused(story, attempt)
    assert len(story.fleet.attempts) == 4 and {a.host for a in story.fleet.attempts.values()} == {"y"}
    assert {task.state for task in story.fleet.tasks.values()} == {"running"}
    assert (story.task().faults, story.task().host_faults, unfit(story)[0].times) == (0, 0, 1)
    assert sum("is given no work of /repo" in line for line in story.news()) == 1
    assert decode(type(story.fleet.hosts["x"]), encode(story.fleet.hosts["x"])) == story.fleet.hosts["x"]


def test_another_repository_goes_to_the_host_as_before() -> None:
    story = FarStory(far("x"))
    story.add()
    assert started(refused(story, "t1.1")) == []
    assert started(story.add(spec(repo="/other"))) == ["t2.1"]


def test_it_is_tried_again_with_growing_pauses_by_one_worker_at_a_time_until_its_git_takes_it() -> None:
    story = FarStory(far("x"))
    story.add(spec(), spec())
    for attempt in sorted(story.fleet.attempts):
        refused(story, attempt)
    assert "tried again in" in story.why().summary and SAYS in story.why().summary
    assert started(story.wait(Settings().backoff_first_ms - 1)) == []
    first, again = unfit(story)[0], started(until_due(story))
    assert again == ["t1.2"]
    refused(story, "t1.2")
    second = unfit(story)[0]
    assert second.times == 2 and second.again_ms - story.now_ms > first.again_ms - first.since_ms
    (trial,) = started(until_due(story))
    assert "being tried again" in story.why("t2" if trial.startswith("t1") else "t1").summary
    assert len(started(story.start(trial))) == 1
    assert unfit(story) == [] and "its git takes /repo again" in story.notes()


def test_a_verification_by_a_person_has_it_tried_at_once() -> None:
    story = FarStory(far("x"))
    story.add()
    refused(story, "t1.1")
    assert started(story.tell(events.HostVerified, name="x")) == ["t1.2"]


def test_a_verification_that_tried_the_repository_decides_by_what_came_of_it() -> None:
    story = FarStory(far("x"))
    story.add(spec(), spec(repo="/other"))
    refused(story, "t1.1")
    refused(story, "t2.1")
    still = (("/other", "fatal: no such moon"),)
    assert started(story.tell(events.HostVerified, name="x", fit=("/repo",), refused=still)) == ["t1.2"]
    assert [(one.repo, one.why, one.times) for one in unfit(story)] == [("/other", "fatal: no such moon", 1)]
    assert "no such moon" in story.why("t2").summary and "tried again in" in story.why("t2").summary
    assert (story.task().refused_on, len(story.task("t2").refused_on)) == ((), 1)


def troubled(story: FarStory, task: str = "t1", effect: str = "d9", **more: Any) -> list[Decision]:
    said = {"story": f"the verification: {SAYS}", "host": "x"}
    return story.tell(events.PerformFailed, task=task, effect=effect, **{**said, **more})


def test_a_host_that_keeps_work_is_unfit_until_it_gives_it_home_and_nothing_more_is_placed_there() -> None:
    story = FarStory(far("x"))
    story.add()
    story.opened()
    story.finish()
    troubled(story)
    assert story.task().state == "checking" and "d9" in str(story.task().trouble)
    why = story.why().summary
    assert SAYS in why and "its work is kept on host x meanwhile" in why
    assert started(story.add()) == []
    assert started(until_due(story)) == [] and "the work of t1, which lies there" in story.why("t2").summary
    assert started(story.tell(events.PerformWentWell, task="t1", effect="d9")) == ["t2.1"]
    assert (unfit(story), story.task().trouble) == ([], None)


def test_what_a_host_keeps_for_good_is_a_persons_matter_and_a_verification_lifts_it() -> None:
    story = FarStory(far("x", labels=("gpu",)))
    story.add(spec(labels=("gpu",)))
    story.opened()
    story.finish()
    assert [type(one).__name__ for one in troubled(story, lasting=True)] == ["StopWorker"]
    story.exit()
    story.add(spec(labels=("gpu",)))
    for task in ("t1", "t2"):
        assert story.why(task).stuck and "fleet host verify x" in story.why(task).advice
    assert started(story.tell(events.HostVerified, name="x", fit=("/repo",))) == ["t2.1"]
    assert "fleet host verify x" in story.why().advice, "that of t1 is tried on all the same"


def test_a_worker_whose_checkpoints_its_host_keeps_goes_on_and_what_starts_beside_it_lifts_nothing() -> None:
    story = FarStory(far("x"))
    story.add(spec(), spec())
    story.opened()
    troubled(story, effect="checkpoint of t1.1")
    assert story.attempt("t1.1").state == "running" and not story.why().stuck
    story.start("t2.1")
    assert len(unfit(story)) == 1
    story.tell(events.PerformWentWell, task="t1", effect="checkpoint of t1.1")
    assert unfit(story) == []


def test_a_task_fails_when_a_second_host_says_the_same_and_not_when_it_says_another_thing() -> None:
    for other, state in ((SAYS, "failed"), ("fatal: no space", "queued"), ("", "queued")):
        story = FarStory(far("x"), far("y", workers_max=0))
        story.add()
        story.seen("y", workers_max=9)
        assert started(refused(story, "t1.1")) == ["t1.2"]
        refused(story, "t1.2", other)
        assert story.task().state == state, other
    story = FarStory(far("x"))
    story.add()
    for n in range(1, 9):
        refused(story, f"t1.{n}")
        until_due(story)
    assert story.task().state == "running"


def test_what_home_says_fails_the_task_at_once() -> None:
    story = FarStory(here=9)
    story.add()
    story.tell(events.StartFailed, attempt="t1.1", fault="repository", detail="no such commit")
    assert story.task().state == "failed"


def test_a_host_that_goes_on_refusing_is_a_persons_matter_where_there_is_no_other() -> None:
    story = FarStory(far("x", labels=("gpu",)))
    story.add(spec(labels=("gpu",)))
    for n in range(1, Settings().faults_max + 1):
        assert not story.why().stuck
        refused(story, f"t1.{n}")
        if n < Settings().faults_max:
            until_due(story)
    assert story.why().stuck and "fleet host verify x" in story.why().advice
    passing = FarStory(far("x", labels=("gpu",)))
    passing.add(spec(labels=("gpu",)))
    for n in range(1, Settings().faults_max + 1):
        refused(passing, f"t1.{n}", "")
        until_due(passing)
    assert not passing.why().stuck


def test_work_that_lies_on_an_unfit_host_waits_for_it_and_is_not_done_twice() -> None:
    story = FarStory(far("x"), far("y", workers_max=0))
    story.add()
    story.opened()
    story.put_back()
    story.seen("y", workers_max=9)
    assert started(refused(story, "t1.2")) == []
    assert (story.tree().state, story.tree().host) == ("ready", "x")
    assert "its work lies on host x, whose git refuses the repository" in story.why().summary
    assert started(until_due(story)) == ["t1.3"]
    assert story.host_of("t1.3") == "x"


def test_a_host_that_does_not_give_work_back_is_the_one_that_is_unfit() -> None:
    story = FarStory(far("x", workers_max=1))
    story.add()
    story.opened()
    story.tell(events.HostAdded, host=far("y", workers_max=9))
    story.seen("y")
    story.seen("x", workers_max=0)
    story.put_back()
    assert started(story.wait(Settings().move_patience_ms)) == ["t1.2"]
    assert (story.host_of("t1.2"), story.tree().moves_from) == ("y", "x")
    refused(story, "t1.2", refused_by="x")
    assert (len(unfit(story, "x")), unfit(story, "y")) == (1, [])
    assert story.task().state == "queued"
    assert "x" in (story.tree().host, story.tree().moves_from)


def test_a_host_that_nothing_gets_to_is_suspected_with_its_words_and_the_task_goes_elsewhere() -> None:
    story = FarStory(far("x"), far("y", workers_max=0))
    story.add()
    story.seen("y", workers_max=9)
    why = "it opens no second channel"
    assert started(story.tell(events.StartFailed, attempt="t1.1", fault="no_way", detail=why)) == ["t1.2"]
    host = story.fleet.hosts["x"]
    assert (host.state, host.problem, story.host_of("t1.2")) == ("suspected", why, "y")
    assert story.task().host_faults == 0
    story.seen("x")
    assert story.fleet.hosts["x"].state == "ready"
