"""Following the spools of living workers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fleet.core.events import Answered, Fact, Spooled, TurnEnded, WindowsRead, WordTaken
from fleet.core.model import Account, Attempt, Fleet
from fleet.shell import following
from fleet.shell.facts import Listener, folded, is_urgent
from fleet.shell.following import Following
from tests.shell.spools import TIERS, as_lines, records, write
from tests.workers.client import recordings
from workers.client import listen

ACCOUNT = Account(
    name="work",
    kind="subscription",
    tiers=tuple(TIERS.items()),
    concurrency=4,
    pool="account:work",
    added_ms=0,
)


def living(attempt_id: str, offset: int = 0) -> Attempt:
    return Attempt(
        id=attempt_id,
        task=attempt_id.partition(".")[0],
        number=1,
        account="work",
        tier="sonnet",
        model="sonnet",
        host="local",
        session_id="",
        started_ms=0,
        state="running",
        began=True,
        offset=offset,
    )


def fleet_of(*attempts: Attempt) -> Fleet:
    return Fleet(accounts={"work": ACCOUNT}, attempts={a.id: a for a in attempts})


class Hearer:
    """Follows a runs directory and keeps what it is told."""

    def __init__(self, runs: Path, ahead_ms: int = 0) -> None:
        self.said: list[tuple[str, listen.Message]] = []
        self.lost: list[tuple[str, str]] = []
        self.following = Following(
            runs,
            lambda attempt, line: self.said.append((attempt, line)),
            lambda attempt, error: self.lost.append((attempt, str(error))),
            lambda attempt: ahead_ms,
        )

    def poll(self) -> list[Spooled]:
        return self.following.poll(5)


@pytest.fixture
def hearer(tmp_path: Path) -> Iterator[Hearer]:
    made = Hearer(tmp_path)
    yield made
    made.following.close()


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Facts are not gathered: each poll gives what it has read."""
    monkeypatch.setattr(following, "GATHER_S", 0.0)


FINISHED = as_lines(records("finished"))
CALM = next(
    n
    for n, _ in enumerate(FINISHED)
    if any(map(is_urgent, Listener(TIERS).hear(records("finished")[:n]).facts))
)
"""How many records of `finished` pass before something waits for what follows."""


def test_facts_that_nothing_waits_for_are_gathered_and_urgent_ones_come_at_once(
    tmp_path: Path, hearer: Hearer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With an endless time of gathering, only the turn's end brings the facts, and then all of them, in one event."""
    monkeypatch.setattr(following, "GATHER_S", 1e9)
    hearer.following.sync(fleet_of(living("t1.1")))
    for line in FINISHED[: CALM - 1]:
        write(tmp_path, "t1.1", [line])
        assert hearer.poll() == []
        assert not hearer.following.is_read_up("t1.1")
    write(tmp_path, "t1.1", FINISHED[CALM - 1 : CALM])
    (event,) = hearer.poll()
    assert (event.attempt, event.start, event.end) == ("t1.1", 0, sum(map(len, FINISHED[:CALM])))
    assert any(isinstance(fact, TurnEnded) for fact in event.facts)
    assert any(isinstance(fact, WordTaken) for fact in event.facts)
    assert hearer.following.is_read_up("t1.1")


@pytest.mark.parametrize("ahead_ms", [600_000, -600_000])
def test_what_a_host_heard_of_windows_is_dated_by_our_clock(
    tmp_path: Path, at_once: None, ahead_ms: int
) -> None:
    """Else the readings of a host whose clock is ten minutes off would outrank those of another, or never count."""
    told: list[list[int]] = []
    for folder, off_ms in (("in step", 0), ("off", ahead_ms)):
        hearer = Hearer(tmp_path / folder, off_ms)
        hearer.following.sync(fleet_of(living("t1.1")))
        write(tmp_path / folder, "t1.1", FINISHED)
        facts = [fact for event in hearer.poll() for fact in event.facts]
        told.append([fact.at_ms for fact in facts if isinstance(fact, WindowsRead)])
        hearer.following.close()
    in_step, off = told
    assert in_step and off == [at_ms - ahead_ms for at_ms in in_step]


def test_a_refusal_does_not_wait_for_the_turns_end(
    tmp_path: Path, hearer: Hearer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "GATHER_S", 1e9)
    hearer.following.sync(fleet_of(living("t1.1")))
    for line in as_lines(records("limited_five_hour")):
        write(tmp_path, "t1.1", [line])
        for event in hearer.poll():
            last = event.facts[-1]
            assert isinstance(last, WindowsRead)
            assert any(reading.refused for reading in last.readings)
            return
    pytest.fail("the refusal was not told at all")


@pytest.mark.usefixtures("at_once")
def test_the_offsets_of_events_follow_each_other_without_a_gap(tmp_path: Path, hearer: Hearer) -> None:
    hearer.following.sync(fleet_of(living("t1.1")))
    events: list[Spooled] = []
    for line in FINISHED:
        write(tmp_path, "t1.1", [line])
        events += hearer.poll()
    assert [event.start for event in events] == [0, *(event.end for event in events[:-1])]
    assert events[-1].end == (tmp_path / "t1.1" / "spool").stat().st_size


def rest_of(name: str, cut: int) -> list[Fact]:
    """What a listener that was never interrupted hears after `cut` records."""
    listener = Listener(TIERS)
    listener.hear(records(name)[:cut])
    return list(folded(listener.hear(records(name)[cut:]).facts))


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("name", recordings.NAMES)
def test_a_worker_is_adopted_from_any_committed_offset(tmp_path: Path, name: str) -> None:
    """The coordinator was killed after any record, the worker has said everything since: what the next coordinator
    hears are exactly the facts of what was not committed, no more and no less."""
    spooled = as_lines(records(name))
    write(tmp_path, "t1.1", spooled)
    for cut in range(len(spooled) + 1):
        hearer = Hearer(tmp_path)
        offset = sum(map(len, spooled[:cut]))
        hearer.following.sync(fleet_of(living("t1.1", offset)))
        events = hearer.poll()
        hearer.following.close()
        assert [fact for event in events for fact in event.facts] == rest_of(name, cut)
        assert [event.start for event in events] == ([offset] if cut < len(spooled) else [])
        assert hearer.lost == []


@pytest.mark.usefixtures("at_once")
def test_what_was_shown_before_a_restart_is_not_shown_again(tmp_path: Path, hearer: Hearer) -> None:
    write(tmp_path, "t1.1", FINISHED)
    hearer.following.sync(fleet_of(living("t1.1", sum(map(len, FINISHED)))))
    assert hearer.poll() == []
    assert hearer.said == []


@pytest.mark.usefixtures("at_once")
def test_a_worker_whose_start_is_not_reported_yet_is_not_followed(tmp_path: Path, hearer: Hearer) -> None:
    """Its first facts may not be applied before the worker is known to run."""
    write(tmp_path, "t1.1", FINISHED)
    hearer.following.sync(fleet_of(replace(living("t1.1"), state="starting", began=False)))
    assert hearer.poll() == []
    hearer.following.sync(fleet_of(living("t1.1")))
    assert len(hearer.poll()) == 1


@pytest.mark.usefixtures("at_once")
def test_an_ended_attempt_is_forgotten_with_what_was_read_of_it(
    tmp_path: Path, hearer: Hearer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "GATHER_S", 1e9)
    hearer.following.sync(fleet_of(living("t1.1"), living("t2.1")))
    write(tmp_path, "t1.1", FINISHED[: CALM - 1])
    write(tmp_path, "t2.1", FINISHED[: CALM - 1])
    hearer.poll()
    hearer.following.sync(fleet_of(living("t2.1")))
    assert list(hearer.following.followed) == ["t2.1"]
    monkeypatch.setattr(following, "GATHER_S", 0.0)
    assert [event.attempt for event in hearer.poll()] == ["t2.1"]


@pytest.mark.usefixtures("at_once")
def test_a_spool_that_was_replaced_is_reported_and_the_others_go_on(tmp_path: Path, hearer: Hearer) -> None:
    write(tmp_path, "t1.1", FINISHED[:3])
    hearer.following.sync(fleet_of(living("t1.1", 10**6), living("t2.1")))
    write(tmp_path, "t2.1", FINISHED)
    assert [event.attempt for event in hearer.poll()] == ["t2.1"]
    ((attempt, story),) = hearer.lost
    assert attempt == "t1.1"
    assert "was read up to byte 1000000" in story


@pytest.mark.usefixtures("at_once")
def test_a_spool_that_vanished_before_a_restart_is_reported(tmp_path: Path, hearer: Hearer) -> None:
    hearer.following.sync(fleet_of(living("t1.1", 100)))
    hearer.poll()
    ((attempt, story),) = hearer.lost
    assert attempt == "t1.1"
    assert "there is no file" in story


@pytest.mark.usefixtures("at_once")
def test_a_line_that_is_half_written_waits_for_its_other_half(tmp_path: Path, hearer: Hearer) -> None:
    hearer.following.sync(fleet_of(living("t1.1")))
    answer = next(n for n, line in enumerate(FINISHED) if b'"type":"assistant"' in line)
    write(tmp_path, "t1.1", [*FINISHED[:answer], FINISHED[answer][:100]])
    facts = [fact for event in hearer.poll() for fact in event.facts]
    assert not any(isinstance(fact, Answered) for fact in facts)
    write(tmp_path, "t1.1", [FINISHED[answer][100:]])
    (event,) = hearer.poll()
    assert any(isinstance(fact, Answered) for fact in event.facts)


def test_a_copy_that_lost_its_end_with_this_machines_power_is_followed_once_it_is_whole_again(
    hearer: Hearer, tmp_path: Path
) -> None:
    """What was applied is not applied again, and the attempt does not count as lost meanwhile."""
    spooled = as_lines(records("finished"))
    whole = b"".join(spooled)
    offset = len(b"".join(spooled[:4]))
    elsewhere = replace(living("t1.1", offset), host="box")
    for held in ([], spooled[:2]):
        write(tmp_path, "t1.1", held)
        hearer.following.sync(fleet_of(elsewhere))
        assert (hearer.poll(), hearer.lost) == ([], [])
    write(tmp_path, "t1.1", spooled[2:])
    hearer.following.sync(fleet_of(elsewhere))
    (heard,) = hearer.poll()
    assert (heard.start, heard.end) == (offset, len(whole))


def test_readings_of_a_host_whose_clock_is_off_are_dated_by_ours(tmp_path: Path) -> None:
    """Ten minutes ahead: by its own clock a reading would outrank all that are made here until then."""
    write(tmp_path, "t1.1", as_lines(records("finished")))
    dated = []
    for ahead_ms in (0, 600_000):
        ahead = dict.fromkeys(["t1.1"], ahead_ms)
        told = Following(tmp_path, lambda *_: None, lambda *_: None, ahead.__getitem__)
        told.sync(fleet_of(living("t1.1")))
        (heard,) = told.poll(5)
        dated.append([fact.at_ms for fact in heard.facts if isinstance(fact, WindowsRead)])
        told.close()
    assert dated[0] and [at - 600_000 for at in dated[0]] == dated[1]
