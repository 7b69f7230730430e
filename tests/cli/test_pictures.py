"""Pictures are opened in a browser: what others wrote stands in them as text, and a reader sees all of it."""

from __future__ import annotations

import json
import time
import tomllib
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from fleet.cli import main
from fleet.cli.parser import build
from tests.cli.test_printable import commands, forbidden
from tests.history.ledgers import Made, Where

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "two-accounts.toml"
HOSTILE = "</title></text></style><script>alert(1)</script>\"'><img src=x onerror=y>&lt;]]>\x1b[2J\x9b\u202egnp\u200b!"
DAY_MS = 86_400_000
PICTURES = {"--svg", "--html", "--picture"}
SHAPES = {"svg", "style", "title", "text", "line", "rect", "circle", "polyline", "polygon"}
PAGE = {"html", "meta", "details", "summary", "table", "tr", "th", "td"}


class Page(HTMLParser):
    """The elements and attributes of a document, as a browser finds them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: set[str] = set()
        self.attributes: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.attributes |= {name for name, _ in attrs}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A ledger of two months whose every name is hostile."""
    path = tmp_path / "home"
    path.mkdir(mode=0o700)
    monkeypatch.setenv("FLEET_HOME", str(path))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    now_ms = time.time_ns() // 1_000_000
    where = Where(f"a{HOSTILE}", f"/src/{HOSTILE}", f"claude-{HOSTILE}", HOSTILE, HOSTILE)
    with Made(path) as made:
        for day in range(60):
            made.answer(now_ms - day * DAY_MS, where, tokens=(1000, 2000, 0, 0, 0))
    return path


def scenario(tmp_path: Path) -> Path:
    """The example with hostile names wherever it has names."""

    def renamed(value: Any) -> Any:
        if isinstance(value, dict):
            keyed = value.keys() <= {"haiku", "sonnet", "opus"}
            return {_hostile(key) if keyed else key: renamed(one) for key, one in value.items()}
        if isinstance(value, list):
            return [renamed(one) for one in value]
        return _hostile(value) if isinstance(value, str) and value in NAMES else value

    made = tmp_path / "week.json"
    made.write_text(json.dumps(renamed(tomllib.loads(EXAMPLE.read_text()))), encoding="utf-8")
    return made


NAMES = {
    *(
        "two accounts",
        "haiku",
        "sonnet",
        "opus",
        "work",
        "home",
        "execution",
        "judgement",
        "issues",
        "design",
    ),
    *("seven_day", "seven_day_opus"),
}


def _hostile(name: str) -> str:
    return f"{name}{HOSTILE}" if name in NAMES else name


def asked(words: tuple[str, ...], option: str, tmp_path: Path) -> list[str]:
    """A command that draws what others have named."""
    more = {
        ("forecast",): ["--account", f"a{HOSTILE}", "--hours", "24"],
        ("simulate",): ["--scenario", str(scenario(tmp_path)), "--policy", "fifo"],
        ("history", "heatmap"): [],
    }
    return [*words, *more[words], option, str(tmp_path / "drawn")]


DRAWING = [
    (words, option)
    for words, parser in commands(build())
    for action in parser._actions
    for option in action.option_strings
    if option in PICTURES or (isinstance(action.metavar, str) and action.metavar.endswith((".svg", ".html")))
]
"""Every command that writes a picture: a new one is among them by itself, and then `asked` has to know it."""


@pytest.mark.parametrize(("words", "option"), DRAWING)
def test_what_others_wrote_is_text_in_every_picture(
    words: tuple[str, ...], option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(asked(words, option, tmp_path)) == 0, capsys.readouterr().err
    drawn = (tmp_path / "drawn").read_text(encoding="utf-8")
    found = Page(drawn)
    assert found.elements <= SHAPES | (PAGE if option == "--html" else set())
    assert not [name for name in found.attributes if name.startswith("on") or name in ("href", "src")]
    assert forbidden(drawn) == []
    if option != "--html":
        assert ElementTree.fromstring(drawn).tag.endswith("svg")
    if words != ("history", "heatmap"):  # it shows sums of all, and no name
        assert "&lt;script&gt;alert(1)" in drawn and "\\u001b[2J" in drawn and "\\u202e" in drawn


def test_every_picture_that_there_is_is_tried() -> None:
    assert {option for _, option in DRAWING} == PICTURES
