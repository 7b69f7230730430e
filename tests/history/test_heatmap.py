"""The hours of the week, by the person's clock, in text and pictures."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import pytest

from fleet.history.reports import pictures
from fleet.history.reports.choice import Choice
from fleet.history.reports.heatmap import Heatmap, heatmap
from tests.history.ledgers import Made, ms

ALL = Choice()
SUNDAY = 6


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return Made(tmp_path)


def test_both_hours_of_a_clock_that_goes_back_count_for_the_same_hour(made: Made) -> None:
    berlin = "Europe/Berlin"
    with made:
        for at in ("2026-10-25T02:30", "2026-10-25T02:30*", "2026-10-25T03:00", "2026-11-01T02:00"):
            made.answer(ms(at, berlin))
    found = heatmap(made.connection, ALL, "answers", ZoneInfo(berlin))
    assert (found.cells[SUNDAY][2], found.cells[SUNDAY][3], found.most) == (3, 1, 3)
    assert (found.first, found.last) == ("2026-10-25", "2026-11-01")
    assert sum(map(sum, found.cells)) == 4


def test_a_zone_off_by_quarters_has_hours_of_its_own(made: Made) -> None:
    with made:
        made.answer(ms("2026-11-22T08:14"))
        made.answer(ms("2026-11-22T08:15"))
    found = heatmap(made.connection, ALL, "answers", ZoneInfo("Asia/Kathmandu"))
    assert found.cells[SUNDAY][13:15] == (1, 1)


@pytest.mark.parametrize(
    ("measure", "amount"), [("answers", 1), ("tokens", 15), ("work", 23.25), ("cost", 2.5)]
)
def test_it_is_of_what_is_asked_for(measure: str, amount: float, made: Made) -> None:
    """Work: 1 + 5·2 + 1.25·3 + 2·4 + 0.1·5."""
    with made:
        made.answer(ms("2026-11-22T08:00"), usd=2.5)
    assert heatmap(made.connection, ALL, measure, ZoneInfo("UTC")).most == pytest.approx(amount)


def drawn(**hours: float) -> Heatmap:
    row = tuple(hours.get(f"h{hour}", 0.0) for hour in range(24))
    return Heatmap("work", (row, *[(0.0,) * 24] * 6), "2026-11-16", "2026-11-22")


def test_the_terminal_shows_two_characters_an_hour_and_darker_for_more() -> None:
    head, monday, tuesday, *_ = pictures.terminal(drawn(h0=1.0, h1=100.0, h23=25.0))
    assert head.split() == ["0", "3", "6", "9", "12", "15", "18", "21"]
    assert monday.startswith("Mon  ░░██") and monday.endswith("▓▓") and len(monday) == 5 + 48
    assert tuesday == "Tue"


def test_pictures_are_sound_documents_that_tell_every_hour() -> None:
    found = drawn(h9=1234.0)
    root = ElementTree.fromstring(pictures.svg(found, "Europe/Berlin"))
    titles = [one.text for one in root.iter("{http://www.w3.org/2000/svg}title")]
    assert len(titles) == 1 + 7 * 24
    assert titles[0] == "Work by hour of the week, 2026-11-16 to 2026-11-22, Europe/Berlin"
    assert "Mon 09:00: 1,234 work units" in titles
    page = pictures.html(found, "<here>")
    assert page.startswith("<!doctype html>") and "&lt;here&gt;" in page and "<here>" not in page
    assert "<td>1,234</td>" in page


def test_without_any_use_it_is_empty(made: Made) -> None:
    found = heatmap(made.connection, ALL)
    assert (found.most, found.first) == (0, "")
    assert list(pictures.terminal(found))[1:] == ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
    assert "nothing was used" in pictures.svg(found, "UTC")
