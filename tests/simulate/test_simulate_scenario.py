from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.simulate.cases import draw
from fleet.simulate.generate import FAMILIES, Shape, generate
from fleet.simulate.scenario import InvalidScenario, parse, read
from fleet.spoken.spans import span_ms, span_text
from tests.simulate.small import account, bucket, said, task

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"

PERSON = {
    "account": "b",
    "tier": "sonnet",
    "sessions": [{"begins": 0, "ends": 1}],
    "per_hour": 1,
    "work": 1,
}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"version": 2}, "version: input should be 1, not 2"),
        ({"tiers": []}, "tiers: must not be empty"),
        ({"acounts": []}, "acounts: there is no such key"),
        (
            {"accounts": [account("a", bucket(capacity=-1))]},
            "accounts[0].buckets[0].capacity: input should be greater than 0, not -1",
        ),
        ({"accounts": [account("a", bucket(length="5 ours"))]}, "accounts[0].buckets[0].length: must be a span"),
        ({"accounts": [account("a", bucket(start="soon"))]}, "accounts[0].buckets[0].start: "),
        (
            {"accounts": [account("a", bucket(used=0.5))]},
            "accounts[0].buckets[0].used: a window that begins with its first use has not been used",
        ),
        ({"accounts": [account("a"), account("a")]}, "accounts[1]: there is another “a”"),
        ({"accounts": [account("a", tiers=["opus"])]}, "accounts[0].tiers: no tier “opus” in tiers"),
        ({"tasks": [{"key": "x"}]}, "tasks[0].kind: is missing"),
        ({"tasks": [{"key": "x", "kind": "odd"}]}, "tasks[0].kind: no kind “odd” in kinds"),
        ({"tasks": [task("x", after=["y"]), task("y")]}, "tasks[0].after: no task “y” before it"),
        (
            {"tasks": [task("x", at="2h"), task("y", after=["x"])]},
            "tasks[1].after: “x” arrives later than the task that waits for it",
        ),
        ({"persons": [PERSON]}, "persons[0].account: no account “b”"),
        (
            {"reservations": [{"account": "a", "amount": 0.2, "spans": [{"begins": "2h", "ends": "1h"}]}]},
            "reservations[0].spans[0].ends: must be later than begins",
        ),
    ],
)  # fmt: skip
def test_what_is_off_is_named_by_table_and_key(change: dict[str, object], told: str) -> None:
    with pytest.raises(InvalidScenario) as caught:
        parse({**said(), **change})
    assert told in str(caught.value)


def test_all_that_is_off_is_told_at_once() -> None:
    with pytest.raises(InvalidScenario, match=r"(?s)tiers.*horizon|horizon.*tiers"):
        parse({**said(), "tiers": [], "horizon": "-"})


def test_a_file_that_is_no_toml_is_told_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "week.toml"
    path.write_text("version = = 1")
    with pytest.raises(InvalidScenario, match=r"week\.toml is not TOML.*line 1"):
        read(path)


def test_spans_are_read_as_people_write_them() -> None:
    assert span_ms("1d12h") == 36 * 3_600_000
    assert span_ms("1.5h") == 5_400_000
    assert span_ms(250) == 250


@given(st.integers(0, 10**12))
def test_a_span_that_is_written_is_read_as_the_same(ms: int) -> None:
    assert span_ms(span_text(ms)) == ms


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.toml")), ids=lambda path: path.stem)
def test_every_example_of_the_manual_can_be_read(path: Path) -> None:
    assert draw(read(path), 1).jobs


def test_a_stream_brings_as_many_tasks_as_it_says_at_the_hours_it_says() -> None:
    hours = [0] * 9 + [1] * 8 + [0] * 7
    stream = {"name": "s", "kind": "plain", "per_week": 700, "hours": hours}
    case = draw(parse(said(horizon="14d", streams=[stream])), 3)
    assert 1_300 < len(case.jobs) < 1_500
    assert {job.at_ms // 3_600_000 % 24 for job in case.jobs} == set(range(9, 17))


def test_true_costs_are_right_in_the_mean() -> None:
    stream = {"name": "s", "kind": "plain", "per_week": 20_000, "size": 1_000}
    case = draw(parse(said(horizon="7d", noise=0.5, streams=[stream])), 3)
    ways = [job.ways[0] for job in case.jobs]
    assert sum(way.work for way in ways) / sum(way.expected_work for way in ways) == pytest.approx(
        1.0, abs=0.02
    )


@pytest.mark.parametrize("family", FAMILIES)
def test_a_generated_scenario_has_the_load_and_the_shape_it_was_asked_for(family: str) -> None:
    shape = Shape(load=1.5, accounts=3, tiers=4, tasks=120, chained=0.3, due=0.4, persons=True)
    made = generate(family, 5, shape)  # type: ignore[arg-type]
    assert (len(made.accounts), len(made.tiers), len(made.tasks)) == (3, 4, 120)
    assert made.persons and made.reservations
    weights = {tier.name: tier.weight for tier in made.tiers}
    takes = 0.0
    for job in draw(made, 5).jobs:
        takes += min(w.expected_work * weights[w.tier] for w in job.ways if w.chance >= 0.5)
    gives = sum(
        a.buckets[1].capacity * (1.0 if a.buckets[1].start == "first-use" else 2.0 - a.buckets[1].used)
        for a in made.accounts
    )
    assert takes / gives == pytest.approx(1.5, rel=1e-6)
    assert parse(made.model_dump(mode="json")) == made
