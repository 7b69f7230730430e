"""From what persons used, as the ledger has it, to what each bucket keeps for them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import anyio
import pytest

from fleet.cli import main
from fleet.core.capacity.reserved import protected
from fleet.core.model import Bucket, Fleet
from fleet.core.model.policy import STRATEGIES, Policy
from fleet.core.model.protection import Protections
from fleet.errors import NotDone
from fleet.forecast import Series
from fleet.home import Home
from fleet.ports import NoForecast
from fleet.protection.forecaster import HomeForecaster
from fleet.spoken.zone import SystemZone
from fleet.views.forecast import forecast_of
from fleet.views.forecast_svg import svg
from fleet.views.past_forecasts import past_forecasts
from tests.core.story import account

HOUR_MS = 3_600_000
TUESDAY_17 = datetime(2026, 3, 31, 17, tzinfo=UTC)
"""An hour before the evening on which this person usually sits down."""


def test_an_evening_is_kept_before_it_comes_and_a_morning_is_not(home: Home, evenings: Path) -> None:
    evening = kept(home, evenings, TUESDAY_17)
    morning = kept(home, evenings, TUESDAY_17.replace(hour=6))
    assert evening > 0.03
    assert morning < evening / 4


def test_availability_first_keeps_more_than_throughput_first(home: Home, evenings: Path) -> None:
    careful, plain = (kept(home, evenings, TUESDAY_17, strategy=n) for n in (0, 1))
    assert careful > plain > 0.0


def test_it_falls_as_the_evening_passes_unused(home: Home, evenings: Path) -> None:
    fleet = fleet_at(TUESDAY_17, resets_in_h=5)
    seen = replace(fleet, protections=protections_of(home, evenings, fleet))
    bucket = seen.buckets["work/five_hour"]
    shares = [protected(replace(seen, now_ms=seen.now_ms + h * HOUR_MS), bucket) for h in (0, 2, 4)]
    assert shares[0] > shares[1] > shares[2]
    assert protected(replace(seen, now_ms=seen.now_ms + round(4.9 * HOUR_MS)), bucket) == 0.0


def test_a_window_that_will_begin_in_next_tuesdays_evening_keeps_its_part(home: Home, evenings: Path) -> None:
    fleet = fleet_at(TUESDAY_17, resets_in_h=5)
    fresh = protections_of(home, evenings, fleet).by_bucket["work/five_hour"]
    week = fleet.now_ms + 7 * 24 * HOUR_MS
    evening, night = (fresh.at(at, at, at + 5 * HOUR_MS) for at in (week, week + 7 * HOUR_MS))
    assert evening > 4 * night


def test_of_an_account_that_nobody_used_nothing_is_forecast(home: Home, evenings: Path) -> None:
    fleet = fleet_at(TUESDAY_17)
    idle = Bucket("idle", "five_hour", None, fleet.now_ms, "stream")
    both = replace(
        fleet,
        accounts={**fleet.accounts, "idle": account("idle")},
        buckets={**fleet.buckets, "idle/five_hour": idle},
    )
    assert "idle/five_hour" not in protections_of(home, evenings, both).by_bucket


def test_a_bucket_of_a_tier_that_the_person_does_not_use_keeps_nothing(home: Home, evenings: Path) -> None:
    fleet = fleet_at(TUESDAY_17)
    opus = Bucket("work", "seven_day_opus", "opus", fleet.now_ms, "stream")
    seen = protections_of(
        home, evenings, replace(fleet, buckets={**fleet.buckets, "work/seven_day_opus": opus})
    )
    assert set(seen.by_bucket) == {"work/five_hour"}


def test_a_ledger_that_cannot_be_read_is_told_and_keeps_what_is_kept(home: Home) -> None:
    home.make()
    (home.root / "fleet.history.db").write_bytes(
        b"no database at all, but long enough to be taken for one" * 9
    )
    with pytest.raises(NoForecast, match=r"history\.db"):
        anyio.run(HomeForecaster(home, {}), fleet_at(TUESDAY_17))


def test_a_ledger_that_is_damaged_where_no_scan_looks_is_told_too(home: Home, evenings: Path) -> None:
    assert kept(home, evenings, TUESDAY_17) > 0.0
    with closing(sqlite3.connect(home.root / "fleet.history.db")) as connection, connection:
        connection.execute("DROP TABLE quarters")
    with pytest.raises(NoForecast, match="quarters"):
        kept(home, evenings, TUESDAY_17)


def test_a_directory_with_modules_of_our_names_is_no_danger(
    home: Home, evenings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`fleet up` is started in people's repositories, and some of these have a `history` of their own."""
    for name in ("fleet.history.py", "fleet.py"):
        (tmp_path / name).write_text("raise SystemExit('not this one')\n")
    monkeypatch.chdir(tmp_path)
    assert kept(home, evenings, TUESDAY_17) > 0.0


def test_the_systems_clock_is_right_on_both_sides_of_a_change(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        zone = SystemZone()
        moments = [
            datetime(2026, month, day, tzinfo=UTC) for month, day in ((1, 1), (7, 1), (10, 25), (10, 26))
        ]
        offsets = [at.astimezone(zone).utcoffset() for at in moments]
        assert offsets == [timedelta(hours=h) for h in (1, 2, 2, 1)]
        assert offsets == [at.astimezone(ZoneInfo("Europe/Berlin")).utcoffset() for at in moments]
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture(scope="module")
def evenings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The user's directory of somebody who worked each Tuesday and Thursday from 18:00 to 22:00, half a year long, and
    whose directory of the client is that of the account `work`."""
    user = tmp_path_factory.mktemp("user")
    session = user / "work" / "projects" / "-repo" / "6f5c1a5e-0000-4000-8000-000000000000.jsonl"
    session.parent.mkdir(parents=True)
    session.write_text("".join(_answers()))
    return user


def _answers() -> Iterator[str]:
    first = datetime(2025, 10, 2, tzinfo=UTC)
    for day in range(180):
        date = first + timedelta(days=day)
        if date.weekday() in (1, 3):
            for quarter in range(16):
                yield _answer(date + timedelta(hours=18, minutes=15 * quarter + 5), f"{day}-{quarter}")


def _answer(at: datetime, name: str) -> str:
    usage = {
        "input_tokens": 2_000,
        "output_tokens": 4_000,
        "cache_creation_input_tokens": 9_000,
        "cache_read_input_tokens": 90_000,
    }
    record = {
        "type": "assistant",
        "uuid": f"u{name}",
        "sessionId": "6f5c1a5e-0000-4000-8000-000000000000",
        "timestamp": at.isoformat().replace("+00:00", "Z"),
        "cwd": "/repo",
        "requestId": f"req_{name}",
        "message": {"id": f"msg_{name}", "role": "assistant", "model": "claude-sonnet-4-5", "usage": usage},
    }
    return json.dumps(record) + "\n"


def fleet_at(at: datetime, *, resets_in_h: float | None = None, strategy: int = 1) -> Fleet:
    now_ms = round(at.timestamp() * 1000)
    resets_ms = None if resets_in_h is None else now_ms + round(resets_in_h * HOUR_MS)
    bucket = Bucket("work", "five_hour", None, now_ms, "stream", 0.0, resets_ms)
    return Fleet(
        now_ms=now_ms,
        accounts={"work": account("work")},
        buckets={"work/five_hour": bucket},
        policy=Policy(strategy=STRATEGIES[strategy]),
    )


def protections_of(home: Home, user: Path, fleet: Fleet) -> Protections:
    """As the coordinator gets it: scanned by the command, then forecast."""
    environ = {"HOME": str(user), "CLAUDE_CONFIG_DIR": str(user / "work")}
    return anyio.run(HomeForecaster(home, environ, UTC), fleet)


def scanned(home: Home, user: Path) -> None:
    protections_of(home, user, fleet_at(TUESDAY_17))


def kept(home: Home, user: Path, at: datetime, strategy: int = 1) -> float:
    fleet = fleet_at(at, resets_in_h=5, strategy=strategy)
    return protected(
        replace(fleet, protections=protections_of(home, user, fleet)), fleet.buckets["work/five_hour"]
    )


def test_the_forecast_tells_habits_distribution_and_how_well_it_did(home: Home, evenings: Path) -> None:
    scanned(home, evenings)
    found = forecast_of(home, None, 48, UTC, now_ms=round(TUESDAY_17.timestamp() * 1000))
    (work,) = found["accounts"]
    assert (
        work["account"] == "work" and "between 18:00 and 22:00 on Tuesdays and Thursdays" in work["in_words"]
    )
    by_hour = [hour["mean"] for hour in work["until"]]
    assert by_hour[0] < by_hour[4] / 4, "the evening begins in an hour and is over in five"
    assert abs(work["past"]["within"][0.9] - 0.9) < 0.15 and work["past"]["moments"] > 200
    levels = list(work["until"][4]["quantiles"].values())
    assert levels == sorted(levels) and levels[-1] > 0


def test_a_forecast_of_nothing_says_what_to_do(home: Home) -> None:
    with pytest.raises(NotDone, match="fleet history scan"):
        forecast_of(home, None, 24, UTC)


def test_use_of_long_ago_is_said_to_be_no_base_for_a_forecast(home: Home, evenings: Path) -> None:
    scanned(home, evenings)
    years_later = round((TUESDAY_17 + timedelta(days=1_000)).timestamp() * 1000)
    with pytest.raises(NotDone, match="too new or too old"):
        forecast_of(home, "work", 24, UTC, now_ms=years_later)


def test_the_band_chart_is_a_document_with_the_habits_in_words(home: Home, evenings: Path) -> None:
    scanned(home, evenings)
    found = forecast_of(home, "work", 24, UTC, now_ms=round(TUESDAY_17.timestamp() * 1000))
    drawn = ElementTree.fromstring(svg(found["accounts"][0]))
    names = [
        element.get("class") for element in drawn.iter() if element.tag.endswith(("polygon", "polyline"))
    ]
    assert names == ["b3", "b2", "b1", "middle"]
    assert any("Tuesdays and Thursdays" in (element.text or "") for element in drawn.iter())


def test_what_persons_will_ask_for_is_held_against_what_came_with_what_lies_on_a_quantile_split() -> None:
    """Nobody ever comes: each forecast is right, and each level is met as often as it says, not always."""
    begin_ms, end_ms = 0, 100 * 24 * HOUR_MS
    series = Series.of([(begin_ms, 1.0)], begin_ms, end_ms, UTC)
    found = past_forecasts(series, end_ms)
    assert found is not None and found.moments > 200
    assert all(0.0 < share <= 1.0 for share in found.within.values())
    assert past_forecasts(Series.of([(0, 1.0)], 0, 8 * 24 * HOUR_MS, UTC), 8 * 24 * HOUR_MS) is None


def test_use_that_counts_for_no_account_of_the_fleet_says_how_to_say_whose_it_is(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    session = tmp_path / "work" / "projects" / "-repo" / "s.jsonl"
    session.parent.mkdir(parents=True)
    now = datetime.now(UTC)
    session.write_text("".join(_answer(now - timedelta(days=day), str(day)) for day in range(1, 30)))
    scanned(home, tmp_path)
    monkeypatch.setenv("FLEET_HOME", str(home.root))
    assert main(["forecast"]) == 0
    assert "fleet history scan --config-dir DIR --account A" in capsys.readouterr().out
