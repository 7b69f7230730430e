"""What the log tells of a task: news, each once; its steps are in its history."""

from __future__ import annotations

from tests.core.story import HOUR_MS, Story, account, refusal, spec


def test_a_task_that_meets_nothing_unusual_takes_two_lines_of_the_fleets() -> None:
    """One when it starts, one when it has landed; the others are kept for its history."""
    story = Story(account("a"))
    story.add(spec(title="Count words", land="merge"))
    story.start()
    story.to_landing()
    story.landing("landed", commit="c" * 40)
    assert story.news()[1:] == [
        "added: Count words",
        "Count words: starts on a (sonnet)",
        "verified and landed on main as cccccccccccc",
    ]
    assert "worker runs on branch" in story.notes()
    assert "worth 1" in story.notes()


def test_a_dependant_says_what_it_had_waited_for() -> None:
    story = Story(account("a"))
    story.add(spec(title="Count", key="count", land="merge"), spec(title="Report", after=("count",)))
    story.start()
    story.to_landing()
    story.landing("landed", commit="c" * 40)
    story.exit()
    assert story.news()[-1] == "Report: starts on a (sonnet), as t1 has landed"


def test_a_limit_is_told_once_with_how_long_it_lasts() -> None:
    """Not again when its worker has ended, for which the move is the news."""
    story = Story(account("a"), account("b"))
    story.add(spec(title="Count"))
    story.start()
    story.limit(refused=refusal(resets_ms=story.fleet.now_ms + HOUR_MS))
    assert story.news()[-2:] == [
        "limit reached: five_hour refuses for 1 h 0 min still",
        "Count: moves from a to b, with its session (sonnet)",
    ]


def test_a_worker_that_dies_is_told_as_what_is_not_well() -> None:
    story = Story(account("a"))
    story.add()
    story.start()
    story.exit(cause="exited", code=3)
    assert "worker ended: crashed: exit code 3" in story.news()
