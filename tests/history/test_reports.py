"""What was used, by time and place: every answer in exactly one row, by the clock of the person."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.history.reports.blocks import blocks
from fleet.history.reports.choice import Choice
from fleet.history.reports.heatmap import heatmap
from fleet.history.reports.spans import spans
from fleet.history.reports.tasks import task_uses
from fleet.history.reports.uses import BY_TIME, BY_WHAT, Unpriced, total, unpriced, uses
from tests.history.ledgers import Made, Where, ms

HOUR_MS = 3_600_000
ALL = Choice()

ZONES = ["Europe/Berlin", "Australia/Lord_Howe", "Asia/Kathmandu", "America/St_Johns", "Asia/Beirut", "UTC"]


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return Made(tmp_path)


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", "2026-03-29", 23),
        ("Europe/Berlin", "2026-10-25", 25),
        ("Europe/Berlin", "2026-11-22", 24),
        ("Australia/Lord_Howe", "2026-10-04", 23.5),
        ("Australia/Lord_Howe", "2026-04-05", 24.5),
        ("Asia/Kathmandu", "2026-11-22", 24),
        ("Asia/Beirut", "2026-03-29", 23),  # there midnight itself is skipped
    ],
)
def test_a_day_is_as_long_as_its_clock_says(zone: str, day: str, hours: float, made: Made) -> None:
    at = ZoneInfo(zone)
    begin = ms(f"{day}T12:00", zone) // 900_000
    ((key, first, after),) = spans("day", begin, begin, at)
    assert key == day
    assert (after - first) / 4 == hours
    with made:
        for quarter in range(first - 2, after + 2):
            made.answer(quarter * 900_000)
    counted = {row.key: row.answers for row in uses(made.connection, "day", ALL, at)}
    assert counted[day] == hours * 4
    assert sorted(counted.values())[:2] == [2, 2]


def test_midnight_divides_days_to_the_millisecond(made: Made) -> None:
    midnight = ms("2026-11-22T00:00", "Asia/Kathmandu")
    with made:
        made.answer(midnight - 1)
        made.answer(midnight)
    found = uses(made.connection, "day", ALL, ZoneInfo("Asia/Kathmandu"))
    assert [(row.key, row.answers) for row in found] == [("2026-11-21", 1), ("2026-11-22", 1)]


def test_weeks_are_those_of_iso_and_months_those_of_the_calendar(made: Made) -> None:
    with made:
        for day in ("2026-12-31", "2027-01-03", "2027-01-04", "2027-02-28"):
            made.answer(ms(f"{day}T12:00"))
    utc = ZoneInfo("UTC")
    weeks = [(row.key, row.answers) for row in uses(made.connection, "week", ALL, utc)]
    assert weeks == [("2026-W53", 2), ("2027-W01", 1), ("2027-W08", 1)]
    months = [(row.key, row.answers) for row in uses(made.connection, "month", ALL, utc)]
    assert months == [("2026-12", 1), ("2027-01", 2), ("2027-02", 1)]


WHERES = st.builds(
    Where,
    account=st.sampled_from(["work", "side"]),
    project=st.sampled_from(["/src/app", "/src/app/lib", "/src/other", ""]),
    model=st.sampled_from(["claude-sonnet-5", "house-model"]),
    session=st.sampled_from(["s1", "s2", "s3"]),
    task=st.sampled_from(["", "", "t1"]),
)
YEAR = st.integers(ms("2026-01-01T00:00"), ms("2026-12-31T00:00"))


@settings(max_examples=30)
@given(
    answers=st.lists(st.tuples(YEAR, WHERES, st.none() | st.floats(0, 9)), min_size=1, max_size=20),
    zone=st.sampled_from(ZONES),
    since=st.none() | YEAR,
    until=st.none() | YEAR,
)
def test_every_report_counts_each_chosen_answer_once(
    answers: list[tuple[int, Where, float | None]],
    zone: str,
    since: int | None,
    until: int | None,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    made = Made(tmp_path_factory.mktemp("ledger"))
    since = None if since is None else since - since % 900_000
    until = None if until is None else until - until % 900_000
    with made:
        for at_ms, where, usd in answers:
            made.answer(at_ms, where, usd=usd)
    inside = [
        usd
        for at_ms, _, usd in answers
        if (since is None or at_ms >= since) and (until is None or at_ms < until)
    ]
    for by in (*BY_TIME, *BY_WHAT):
        found = total(uses(made.connection, by, Choice(since, until), ZoneInfo(zone)))
        assert (found.answers, found.tokens) == (len(inside), 15 * len(inside)), by
        assert found.unpriced == inside.count(None)
        known = [usd for usd in inside if usd is not None]
        assert found.cost_usd == (pytest.approx(sum(known)) if known else None)


def test_what_has_no_price_has_no_cost_and_is_named(made: Made) -> None:
    strange = Where(model="house-model", tier="")
    with made:
        made.answer(ms("2026-11-22T10:00"), usd=0.5)
        made.answer(ms("2026-11-22T10:00"), strange, usd=None, times=2)
        made.answer(ms("2026-11-23T10:00"), strange, usd=None)
        made.answer(ms("2026-11-24T10:00"), usd=0.0)
    costs = [row.cost_usd for row in uses(made.connection, "day", ALL, ZoneInfo("UTC"))]
    assert costs == [0.5, None, 0.0], "unknown is not zero, and zero is not unknown"
    assert unpriced(made.connection, ALL) == [Unpriced("house-model", 3, 45)]
    assert unpriced(made.connection, Choice(since_ms=ms("2026-11-24T00:00"))) == []


def test_what_a_local_server_answered_has_no_cost_and_wants_no_price(made: Made) -> None:
    """Whatever the list says of its model; a row with other work beside it has the cost of that, whole."""
    at, choice = ms("2026-11-22T10:00"), Choice(unbilled=("box",))
    with made:
        made.answer(at, Where(account="box", session="s2", project="/src/box", task="t1"), usd=2.0)
        made.answer(at, Where(account="box", session="s2", model="house", tier=""), usd=None)
        made.answer(at, Where(account="work"), usd=0.5)
    for by in (*BY_TIME, *BY_WHAT):
        found = total(uses(made.connection, by, choice, ZoneInfo("UTC")))
        assert (found.answers, found.cost_usd, found.unpriced) == (3, 0.5, 0), by
    (mixed,) = uses(made.connection, "day", choice, ZoneInfo("UTC"))
    of = {row.key: row.cost_usd for row in uses(made.connection, "account", choice)}
    assert mixed.cost_usd == 0.5 and of == {"work": 0.5, "box": None}
    assert unpriced(made.connection, choice) == []
    assert {one.account: one.use.cost_usd for one in blocks(made.connection, choice, at)} == of
    assert [one.use.cost_usd for one in task_uses(made.connection, choice)] == [None]
    assert sum(map(sum, heatmap(made.connection, choice, "cost").cells)) == 0.5


def test_a_report_can_be_of_a_part(made: Made) -> None:
    at = ms("2026-11-22T10:00")
    with made:
        made.answer(at)
        made.answer(at, Where(account="side", session="s2"), times=2)
        made.answer(at, Where(project="/src/app/lib", session="s3"), times=4)
        made.answer(at, Where(project="/src/application", session="s4"), times=8)
        made.answer(at, Where(model="claude-opus-5", tier="opus", session="s5"), times=16)
        made.answer(at, Where(task="t1", session="s6"), times=32)

    def counted(choice: Choice) -> int:
        found = {total(uses(made.connection, by, choice)).answers for by in (*BY_TIME, *BY_WHAT)}
        assert len(found) == 1
        return found.pop()

    assert counted(Choice(account="side")) == 2
    assert counted(Choice(project="/src/app")) == 1 + 2 + 4 + 16 + 32
    assert counted(Choice(project="/src/app/")) == counted(Choice(project="/src/app"))
    assert counted(Choice(project="lib")) == 4
    assert counted(Choice(model="opus")) == counted(Choice(model="claude-opus-5")) == 16
    assert counted(Choice(fleet=True)) == 32
    assert counted(Choice(fleet=False, project="app", account="work")) == 1 + 16
    assert counted(Choice(project="none")) == counted(Choice(account="none")) == 0


def test_an_empty_ledger_has_no_rows(made: Made) -> None:
    for by in (*BY_TIME, *BY_WHAT):
        assert uses(made.connection, by, ALL) == []
    assert blocks(made.connection, ALL, 0) == [] == task_uses(made.connection, ALL)


def test_a_block_begins_at_the_full_hour_of_its_first_answer_and_lasts_five(made: Made) -> None:
    """Half past nine opens 9 to 14 o'clock; the next answer after that opens a block of its own."""
    with made:
        for clock in ("09:30", "13:59", "14:00", "18:59", "23:10"):
            made.answer(ms(f"2026-11-22T{clock}"))
        made.answer(ms("2026-11-22T12:00"), Where(account="side", session="s2"))
    now = ms("2026-11-22T23:30")
    found = blocks(made.connection, ALL, now)
    assert [(one.account, one.begins_ms, one.use.answers) for one in found] == [
        ("work", ms("2026-11-22T09:00"), 2),
        ("side", ms("2026-11-22T12:00"), 1),
        ("work", ms("2026-11-22T14:00"), 2),
        ("work", ms("2026-11-22T23:00"), 1),
    ]
    assert all(one.ends_ms - one.begins_ms == 5 * HOUR_MS for one in found)
    assert [one.gap_ms for one in found if one.account == "work"] == [0, 0, 4 * HOUR_MS]
    assert [one.active for one in found] == [False, False, False, True]
    late = blocks(made.connection, Choice(since_ms=ms("2026-11-22T18:00"), account="work"), now)
    assert [one.begins_ms for one in late] == [ms("2026-11-22T14:00"), ms("2026-11-22T23:00")]


def test_each_task_is_told_by_tier_and_a_persons_own_use_is_not(made: Made) -> None:
    opus = Where(model="claude-opus-5", tier="opus", task="t1")
    with made:
        made.answer(ms("2026-11-22T10:00"), Where(task="t1"), times=3)
        made.answer(ms("2026-11-22T11:00"), opus)
        made.answer(ms("2026-11-22T09:00"), Where(session="own"))
    found = [(one.task, one.tier, one.attempts, one.use.answers) for one in task_uses(made.connection, ALL)]
    assert found == [("t1", "sonnet", 1, 3), ("t1", "opus", 1, 1)]
    assert [one.tier for one in task_uses(made.connection, Choice(model="opus"))] == ["opus"]
