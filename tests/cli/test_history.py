"""The commands of the usage history, as they print."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from fleet.cli import main
from fleet.store.sqlite import SqliteStore
from tests.cli.commands import Shell
from tests.history.ledgers import Made, Where, ms

Printed = pytest.CaptureFixture[str]

ROW = ["key", "answers", "input", "output", "cache_write_5m", "cache_write_1h", "cache_read", "cost_usd"]


@pytest.fixture(autouse=True)
def own_home(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in shell.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("CLAUDE_CONFIG_DIR", raising=False)
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)


@pytest.fixture
def made(shell: Shell) -> Made:
    shell.home.mkdir()
    return Made(shell.home)


def run(capsys: Printed, *words: str) -> tuple[str, str]:
    capsys.readouterr()
    assert main(["history", *words]) == 0
    printed = capsys.readouterr()
    return printed.out, printed.err


def use(made: Made) -> None:
    """Two days of two models, one of them without a price."""
    big = (1_234_567, 2_000, 3_000, 4_000, 50_000)
    with made:
        made.answer(ms("2026-11-21T10:00"), tokens=big, usd=1234.5)
        made.answer(ms("2026-11-22T10:00"), times=2)
        made.answer(ms("2026-11-22T11:00"), Where(model="house-model", tier="", session="s2"), usd=None)
        made.answer(ms("2026-11-22T12:00"), Where(task="t1", session="s3"))


def test_the_rows_are_one_list_with_exactly_these_keys(made: Made, capsys: Printed) -> None:
    use(made)
    out, err = run(capsys, "--by", "model", "--json")
    known, strange = json.loads(out)
    assert list(known) == list(strange) == ROW
    assert known == dict(
        zip(ROW, ["claude-sonnet-5", 4, 1234570, 2006, 3009, 4012, 50015, 1237.5], strict=True)
    )
    assert (strange["key"], strange["answers"], strange["cost_usd"]) == ("house-model", 1, None)
    assert err == "unpriced: house-model, 1 answers, 15 tokens (fleet history prices --update FILE)\n"
    for by in ("day", "week", "month", "project", "account", "session"):
        rows = json.loads(run(capsys, "--by", by, "--json")[0])
        assert all(list(row) == ROW for row in rows)
        assert sum(row["answers"] for row in rows) == 5


def test_rows_can_be_had_as_csv(made: Made, capsys: Printed) -> None:
    use(made)
    rows = list(csv.DictReader(run(capsys, "--csv", "--tz", "UTC")[0].splitlines()))
    assert list(rows[0]) == ROW
    assert [(row["key"], row["answers"], row["cost_usd"]) for row in rows] == [
        ("2026-11-21", "1", "1234.5"),
        ("2026-11-22", "4", "3.0"),
    ]
    for command in ("blocks", "heatmap", "tasks", "burn", "unused", "kept", "prices"):
        list(csv.reader(run(capsys, command, "--csv")[0].splitlines(), strict=True))


@pytest.mark.parametrize("words", ["blocks", "tasks", "burn", "unused", "unused --each"])
def test_csv_without_rows_has_the_same_head(words: str, made: Made, capsys: Printed) -> None:
    (nothing,) = run(capsys, *words.split(), "--csv")[0].splitlines()
    use(made)
    with made:
        made.reading(ms("2026-11-20T10:00"), 0.25, ms("2026-11-20T12:00"))
        made.reading(ms("2026-11-20T10:00"), 0.5, ms("2099-11-20T12:00"), "seven_day")
    head, row, *_ = run(capsys, *words.split(), "--csv")[0].splitlines()
    assert (nothing, row.count(",")) == (head, head.count(","))


def test_people_see_short_figures_and_what_is_not_known(made: Made, capsys: Printed) -> None:
    use(made)
    head, first, second, total = run(capsys, "--tz", "UTC")[0].splitlines()
    assert head.split() == ["DAY", "ANSWERS", "INPUT", "OUTPUT", "CACHE", "WRITE", "CACHE", "READ", "COST"]
    assert first.split() == ["2026-11-21", "1", "1.23M", "2k", "7k", "50k", "$1,234.50"]
    assert second.split() == ["2026-11-22", "4", "4", "8", "28", "20", "$3.00+"]
    assert total.split()[0] == "total" and total.endswith("$1,237.50+")
    assert run(capsys, "--model", "house-model")[0].splitlines()[1].split()[-1] == "-"


def test_a_report_is_of_what_was_asked_for_wherever_that_is_said(made: Made, capsys: Printed) -> None:
    use(made)
    since = ("--since", "2026-11-22", "--tz", "UTC")
    assert [row["answers"] for row in json.loads(run(capsys, "--json", *since)[0])] == [4]
    until = ("--until", "2026-11-21", "--tz", "UTC", "--json")
    assert [row["answers"] for row in json.loads(run(capsys, *until)[0])] == [1], "a day counts to its end"
    assert [row["answers"] for row in json.loads(run(capsys, "--fleet", "--json")[0])] == [1]
    before, after = run(capsys, *since, "--json", "blocks"), run(capsys, "blocks", *since, "--json")
    assert before == after
    assert [row["answers"] for row in json.loads(before[0])] == [4]


def test_what_was_kept_is_told_by_sitting_and_week_with_what_is_not_known(
    made: Made, capsys: Printed
) -> None:
    use(made)
    with made:
        made.reading(ms("2026-11-22T09:00"), 0.25, ms("2026-11-22T12:00"))
    words = ("kept", "--since", "2026-11-16", "--until", "2026-11-22", "--tz", "UTC")
    out, err = run(capsys, *words)
    first, second, _ = out.splitlines()[1:4]
    assert first.split()[-4:] == ["unknown", "unknown", "-", "0"]
    assert second.startswith("Sun 2026-11-22 10:00") and "five_hour 75%" in second and " yes " in second
    assert "2026-W47" in out and "1 of 1" in out
    assert "not known: whether 2 of 3 sittings began with headroom" in err
    found = json.loads(run(capsys, *words, "--json")[0])
    assert [one["began_with_headroom"] for one in found["sittings"]] == [None, True, None]
    assert found["weeks"][0]["windows_unknown"] == 1, "work came after its only reading"


def test_blocks_tasks_and_hours_are_told(made: Made, capsys: Printed) -> None:
    use(made)
    rows = run(capsys, "blocks", "--tz", "Asia/Kathmandu")[0].splitlines()
    assert rows[1].startswith("Sat 2026-11-21 15:45  work  ") and rows[1].endswith("$1,234.50")
    assert rows[2].endswith("$3.00+"), "an answer in it has no price"
    (row,) = json.loads(run(capsys, "tasks", "--json")[0])
    assert (row["task"], row["project"], row["tier"], row["attempts"]) == ("t1", "/src/app", "sonnet", 1)
    assert run(capsys, "tasks")[0].splitlines()[1].split()[:4] == ["t1", "/src/app", "sonnet", "1"]
    hours = json.loads(run(capsys, "heatmap", "--of", "answers", "--tz", "UTC", "--json")[0])
    assert len(hours) == 7 * 24
    assert [hour for hour in hours if hour["answers"] > 1] == [{"weekday": "Sun", "hour": 10, "answers": 2}]
    drawn = run(capsys, "heatmap", "--of", "answers", "--tz", "UTC")[0].splitlines()
    assert drawn[-1].strip() == "the darkest hour: 2 answers in all, UTC"


def test_the_heatmap_is_drawn_into_files(made: Made, tmp_path: Path, capsys: Printed) -> None:
    use(made)
    picture, page = tmp_path / "week.svg", tmp_path / "week.html"
    out, err = run(capsys, "heatmap", "--svg", str(picture), "--html", str(page))
    assert out == "" and err.count("the heatmap is in") == 2
    assert picture.read_text().startswith("<svg ") and "<svg " in page.read_text()


def test_a_choice_that_nothing_fits_is_told(made: Made, capsys: Printed) -> None:
    use(made)
    assert run(capsys, "--account", "nobody", "--json") == ("[]\n", "nothing was used that fits this\n")


def test_burning_and_expired_windows_are_told(made: Made, capsys: Printed) -> None:
    assert run(capsys, "burn") == (
        "",
        "no window is open that has been read: fleet statusline and the fleet's own work read them\n",
    )
    assert "what expired is unknown" in run(capsys, "unused")[1]
    with made:
        made.reading(ms("2026-11-20T10:00"), 0.25, ms("2026-11-20T12:00"))
        made.reading(ms("2026-11-20T10:00"), 0.5, ms("2099-11-20T12:00"), "seven_day")
    _, row = run(capsys, "unused")[0].splitlines()
    assert row.split() == ["work", "five_hour", "1", "75%", "0.8", "windows", "2.0", "h", "before"]
    (each,) = json.loads(run(capsys, "unused", "--each", "--json")[0])
    assert (each["reset_at"], each["unused"], each["unseen_hours"]) == ("2026-11-20T12:00:00.000Z", 0.75, 2.0)
    (burning,) = json.loads(run(capsys, "burn", "--json")[0])
    assert (burning["bucket"], burning["now"], burning["per_hour"]) == ("seven_day", 0.5, None)
    assert run(capsys, "burn")[0].splitlines()[1].split()[-1] == "unknown"


def test_without_a_ledger_it_says_where_to_begin(capsys: Printed) -> None:
    assert run(capsys, "--json") == ("[]\n", "no transcript has been read yet: fleet history scan\n")
    assert run(capsys, "scan")[1].startswith("no account has a directory here")


def test_a_ledger_damaged_in_its_middle_is_told_in_one_line(
    made: Made, shell: Shell, capsys: Printed
) -> None:
    use(made)
    made.connection.close()
    path = shell.home / "fleet.history.db"
    whole = path.read_bytes()
    path.write_bytes(whole[:8192] + b"\xee" * (len(whole) - 8192))
    for words in (["history"], ["forecast"]):
        assert main(words) == 1
        told = capsys.readouterr().err
        assert told.startswith("fleet: ") and "fleet.history.db" in told and told.count("\n") == 1


def test_a_damaged_ledger_is_told_in_one_line(shell: Shell, capsys: Printed) -> None:
    shell.home.mkdir()
    (shell.home / "fleet.history.db").write_bytes(bytes(range(256)) * 40)
    assert main(["history"]) == 1
    printed = capsys.readouterr()
    assert printed.err.startswith("fleet: The ledger ") and printed.err.count("\n") == 1


def answer(usage: dict[str, int], **but: object) -> str:
    message = {"id": "m1", "role": "assistant", "model": "claude-sonnet-5", "usage": usage}
    return json.dumps(
        {
            "type": "assistant",
            "timestamp": "2026-11-22T10:00:00.000Z",
            "sessionId": "s1",
            "requestId": "r1",
            "cwd": "/src/app",
            "uuid": "u1",
            "message": message,
            **but,
        }
    )


def test_a_scan_reads_the_clients_own_places_and_tells_what_is_broken(
    shell: Shell, tmp_path: Path, capsys: Printed
) -> None:
    shell.home.mkdir()
    SqliteStore(shell.home / "fleet.db").close()
    for place, session in ((tmp_path / ".claude", "s1"), (shell.home / "accounts" / "work", "s2")):
        folder = place / "projects" / "-src-app"
        folder.mkdir(parents=True)
        usage = {"input_tokens": 1_000_000, "output_tokens": 0}
        line = answer(usage, sessionId=session, requestId=session)
        (folder / f"{session}.jsonl").write_text(f"{line}\n{{broken\n")
    out, err = run(capsys, "scan")
    assert "default: " in out and "work: " in out
    assert "2 files: 2 read" in out and "2 new answers" in out and "2 broken lines" in out
    assert err.count("s1.jsonl at byte ") == 1
    rows = json.loads(run(capsys, "--by", "account", "--json")[0])
    assert [(row["key"], row["input"], row["cost_usd"]) for row in rows] == [
        ("default", 1_000_000, 2.0),
        ("work", 1_000_000, 2.0),
    ]
    again = json.loads(run(capsys, "scan", "--json")[0])
    assert (again["files_read"], again["files_unchanged"], again["answers_new"]) == (0, 2, 0)


OWN = '[[model]]\nnames = ["claude-sonnet-5"]\ninput = 7\noutput = 1\n'


def test_a_person_puts_prices_of_their_own_in_place(shell: Shell, tmp_path: Path, capsys: Printed) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(OWN)
    assert "prices of 1 models" in run(capsys, "prices", "--update", str(file))[1]
    rows = json.loads(run(capsys, "prices", "--json")[0])
    (sonnet,) = (row for row in rows if row["model"] == "claude-sonnet-5")
    assert (sonnet["input"], sonnet["from"], sonnet["own"]) == (7.0, None, True)
    assert any(row["model"] == "claude-opus-5" and not row["own"] for row in rows)
    assert any(line.endswith("yours") for line in run(capsys, "prices")[0].splitlines())
    litellm = tmp_path / "model_prices.json"
    entry = {"mode": "chat", "input_cost_per_token": 1e-06, "output_cost_per_token": 2e-06}
    litellm.write_text(json.dumps({"gpt-9": entry}))
    assert (
        "what was there before is in prices.toml.before" in run(capsys, "prices", "--update", str(litellm))[1]
    )
    assert (shell.home / "prices.toml.before").read_text() == OWN
    assert [row["model"] for row in json.loads(run(capsys, "prices", "--json")[0]) if row["own"]] == ["gpt-9"]


def test_prices_that_are_off_are_refused_and_change_nothing(
    shell: Shell, tmp_path: Path, capsys: Printed
) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('[[model]]\nnames = ["m"]\ninput = -1\noutput = 1\n')
    assert main(["history", "prices", "--update", str(file)]) == 1
    assert "model 1, input: input should be greater than or equal to 0" in capsys.readouterr().err
    assert not (shell.home / "prices.toml").exists()


def test_the_status_line_is_one_line_and_never_fails(shell: Shell) -> None:
    said = '{"rate_limits": {"five_hour": {"used_percentage": 38, "resets_at": 4102444800}}}'
    ended = shell.fleet("statusline", stdin=said)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith("*default 62% left (5h until ") and ended.stdout.count("\n") == 1
    for stdin in ("", "nonsense", "\ud800".encode("utf-8", "replace").decode()):
        ended = shell.fleet("statusline", stdin=stdin)
        assert (ended.returncode, ended.stderr) == (0, "")


def test_the_status_line_needs_no_standard_input(capsys: Printed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)
    assert main(["statusline"]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("hours", ["0", "169", "-1", "1.5", "x"])
def test_hours_that_cannot_be_forecast_are_told_shortly(hours: str, capsys: Printed) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["forecast", f"--hours={hours}"])
    assert ended.value.code == 2
    assert capsys.readouterr().err.endswith("must be a whole number of hours from 1 to 168\n")
