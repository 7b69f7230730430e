"""The commands by which persons lay things down, as they print."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fleet.cli import main
from tests.cli.commands import Shell

Printed = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def own_home(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """With one account."""
    for name, value in shell.environment().items():
        monkeypatch.setenv(name, value)
    words = "account add box --kind local --base-url http://127.0.0.1:9 --tier-map small=m,large=n"
    assert main(words.split()) == 0


def run(capsys: Printed, *words: str) -> tuple[str, str]:
    """What a command that succeeds prints, and says beside it."""
    capsys.readouterr()
    assert main(list(words)) == 0
    printed = capsys.readouterr()
    return printed.out, printed.err


RESERVE = ("reserve", "add", "--account", "box", "--tier", "large", "--amount", "40%", "--at")


def test_a_reservation_prints_its_id_alone_and_is_listed_as_it_was_said(capsys: Printed) -> None:
    assert run(capsys, *RESERVE, "Thu 19:00-22:00") == ("r1\n", "")
    head, row = run(capsys, "reserve", "list")[0].splitlines()
    assert head.split() == ["ID", "ACCOUNT", "TIER", "AMOUNT", "AT", "NEXT", "KEPT", "NOW"]
    assert row.startswith("r1  box      large  40% of five_hour  Thu 19:00-22:00")
    assert json.loads(run(capsys, "reserve", "list", "--json")[0])[0]["amount"] == 0.4
    assert run(capsys, "reserve", "remove", "r1")[1] == "r1 is no longer reserved\n"


def test_everything_can_be_asked_for_as_one_document(capsys: Printed) -> None:
    documents = (
        (*RESERVE, "daily 09:00-12:00", "--once", "--json"),
        ("limit", "add", "--fleet", "--per", "day", "--tokens", "2M", "--json"),
        ("limit", "add", "--floor", "10%", "--bucket", "seven_day", "--json"),
        ("limit", "list", "--json"),
        ("project", "set", "clocks", "--weight", "2", "--tier", "small,large", "--json"),
        ("project", "list", "--json"),
        ("project", "show", "clocks", "--json"),
        ("strategy", "after-hours", "--json"),
        ("breaker", "open", "--why", "bill", "--json"),
        ("breaker", "close", "--json"),
        ("breaker", "set", "--faults", "7", "--json"),
        ("breaker", "--json"),
        ("breaker", "show", "--json"),
        ("limit", "remove", "l1", "--json"),
        ("reserve", "remove", "r1", "--json"),
    )
    for words in documents:
        assert json.loads(run(capsys, *words)[0]), words
    assert json.loads(run(capsys, "breaker", "--json")[0])["faults_max"] == 7


def test_the_ordering_of_tiers_is_listed_and_changed(capsys: Printed) -> None:
    run(capsys, "tier", "set", "small", "--weight", "0.5", "--first")
    printed = run(capsys, "tier", "set", "large", "--weight", "4", "--after", "sonnet")[0].splitlines()
    assert printed[0].split() == ["PLACE", "TIER", "WEIGHT", "ACCOUNTS", "REVIEWS"]
    assert printed[1].split() == ["1", "small", "0.5", "box", "-"]
    assert printed[5].split() == ["5", "large", "4", "box", "-"]
    assert run(capsys, "tier", "remove", "small")[0].splitlines()[-1].split() == [
        "-",
        "small",
        "3",
        "box",
        "-",
    ]
    assert json.loads(run(capsys, "tier", "list", "--json")[0])[3]["name"] == "large"


def test_limits_and_floors_are_listed_together(capsys: Printed) -> None:
    for words in (
        "--account box --per week --share 30%",
        "--floor 10%",
        "--project x --per total --tokens 1M",
    ):
        run(capsys, "limit", "add", *words.split())
    lines = run(capsys, "limit", "list")[0].splitlines()[1:]
    assert [line.split("  ")[0] for line in lines] == ["l1", "l2", "f1"]
    assert "30.0% of five_hour a week" in lines[0]
    assert "1,000,000 tokens in all" in lines[1]
    assert "the last 10% of each bucket" in lines[2]


def test_a_project_and_its_tasks_are_shown(capsys: Printed, repo: Path) -> None:
    run(capsys, "project", "set", str(repo), "--weight", "2", "--account", "box", "--workers", "3")
    run(capsys, "task", "add", "x", "--repo", str(repo), "--kind", "reasoning", "--size", "L")
    assert run(capsys, "project", "show", str(repo))[0].splitlines() == [
        *(
            f"project: {repo}",
            "weight: 2",
            "accounts: box",
            "tiers: all",
            "workers: 0 of 3",
            "tasks: 1 queued",
        ),
    ]
    shown = json.loads(run(capsys, "task", "show", "t1", "--json")[0])
    assert (shown["kind"], shown["size"], shown["project"]) == ("reasoning", 2.0, str(repo))


def test_strategies_are_explained_and_the_chosen_one_is_marked(capsys: Printed) -> None:
    lines = run(capsys, "strategy", "after-hours")[0].splitlines()
    assert [line.partition(":")[0] for line in lines] == ["* after-hours", "  full-time"]
    assert "availability first" in lines[0] and "throughput first" in lines[1]


def test_an_open_breaker_shows_wherever_one_looks(capsys: Printed) -> None:
    assert "closed: work starts; 0 of 20 faults" in run(capsys, "breaker")[0]
    out, err = run(capsys, "breaker", "open", "--why", "the month's bill")
    assert out == "open, nothing starts: the month's bill (fleet breaker close)\n"
    assert "what runs goes on" in err
    assert "circuit breaker open, nothing starts: the month's bill" in run(capsys, "status")[0]
    assert "closed" in run(capsys, "breaker", "close")[0]
    assert "nothing starts" not in run(capsys, "status")[0]
