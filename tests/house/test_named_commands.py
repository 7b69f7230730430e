"""A command that a message or a page names is one that the parser knows: whoever types it is not sent away."""

from __future__ import annotations

import argparse
import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet.cli.parser import COMMANDS, build

ROOT = Path(__file__).parents[2]
UNKNOWN = "\0"
"""In the place of what a message fills in."""

NAMED = re.compile(
    r"(?P<sure>`|\$\()fleet (?P<words>[^`\n]+)"
    r"|(?:^|: |\(|\b(?:then|or|and|with|see|until|run|try|named|prints),? )fleet (?P<more>[^`\n]+)",
    re.MULTILINE,
)
"""A command, as against the fleet of which prose speaks. After a word that may lead to either it is one where it begins
with a command that there is."""

ENDS = ".,;:)?!”’]'\""
OTHERS_OWN = frozenset({"client"})
"""What follows these is the client's own."""


def texts_of(path: Path) -> Iterator[str]:
    """The literals of a module, joined as they are where they are told; what is filled in is unknown."""
    source = path.read_text("utf-8")
    for node in ast.walk(ast.parse(source)) if "fleet " in source else ():
        if isinstance(node, ast.JoinedStr):
            yield "".join(
                str(part.value) if isinstance(part, ast.Constant) else UNKNOWN for part in node.values
            )
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def named_in(text: str) -> Iterator[list[str]]:
    """Each command's words, up to where the sentence goes on, a text is quoted, or a remark follows."""
    for found in NAMED.finditer(text):
        words: list[str] = []
        for word in (found["words"] or found["more"]).split():
            if word.startswith(("#", '"', "“", "'")):
                break
            words.append(word.rstrip(ENDS))
            if word.endswith(tuple(ENDS)):
                break
        begins = words[0] if words else ""
        is_one = found["words"] is not None or begins in COMMANDS
        if begins and is_one and not begins.startswith(("-", UNKNOWN)) and begins.islower():
            yield words


def subcommands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    return {
        name: one
        for action in parser._actions
        if isinstance(action, argparse._SubParsersAction)
        for name, one in action.choices.items()
    }


def wrong_with(words: list[str], root: argparse.ArgumentParser) -> str:
    """What the parser would not know of it; empty where it knows all."""
    if words[0] in OTHERS_OWN:
        return ""
    parser, rest = root, list(words)
    while rest and (known := subcommands(parser)) and rest[0] in known:
        parser = known[rest.pop(0)]
    is_group = parser is root or parser.get_default("group") is parser
    if rest and is_group and rest[0].isalpha():
        return f"there is no command {rest[0]}"
    options = {option for action in parser._actions for option in action.option_strings}
    said = [word.partition("=")[0] for word in rest if word.startswith("--") and UNKNOWN not in word]
    return next((f"it has no option {word}" for word in said if word not in options | {"--"}), "")


@pytest.fixture(scope="module")
def parser() -> argparse.ArgumentParser:
    return build()


def modules() -> list[Path]:
    return sorted(path for room in ("fleet", "workers", "profiles") for path in (ROOT / room).rglob("*.py"))


def test_every_command_that_a_message_names_is_there_with_its_options(
    parser: argparse.ArgumentParser,
) -> None:
    named = [
        (path.relative_to(ROOT).as_posix(), words)
        for path in modules()
        for text in texts_of(path)
        for words in named_in(text)
    ]
    assert [(path, words, why) for path, words in named if (why := wrong_with(words, parser))] == []
    assert {"task approve", "task resume", "project allow"} <= {" ".join(words[:2]) for _, words in named}
    assert len(named) > 150


def pages() -> list[Path]:
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_every_command_of_the_manual_is_there_with_its_options(parser: argparse.ArgumentParser) -> None:
    named = [(path.name, words) for path in pages() for words in named_in(path.read_text("utf-8"))]
    assert [(path, words, why) for path, words in named if (why := wrong_with(words, parser))] == []
    assert len(named) > 150


@pytest.mark.parametrize(
    ("message", "why"),
    [
        ("t1 is held: fleet task liberate t1", "there is no command liberate"),
        ("see `fleet tasks`", "there is no command tasks"),
        ("raise it (fleet task edit --max-turn 9), then retry", "it has no option --max-turn"),
        ("the fleet runs on: fleet up goes on with it", ""),
    ],
)
def test_a_command_that_is_not_there_is_found(
    message: str, why: str, parser: argparse.ArgumentParser
) -> None:
    (words,) = named_in(message)
    assert wrong_with(words, parser) == why
    assert set(COMMANDS) <= set(subcommands(parser))
