"""Text of others as a terminal may have it: titles, prompts, what workers, git and hosts say, names, paths.

A terminal obeys control characters, and a reader believes what they see: an escape sequence writes the clipboard, a
right-to-left override turns a path around, a zero-width space makes two names look alike. So each such character is
shown as its escape, in one form for all places: JSON's own (`\\u001b`). Inside a JSON string the value is then the same
for whoever parses it, so the same edge serves documents and lines for people.

Colours are ours alone: `paint` marks them with a number that only this process knows, and `printable` makes escape
sequences of those marks and of nothing else.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re

_CONTROLS = "\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f"
_INVISIBLE = (
    "\\u00ad\\u034f\\u061c\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f"
    "\\u3164\\ufe00-\\ufe0f\\ufeff\\uffa0\\ufff0-\\ufffb\\U0001bca0-\\U0001bca3\\U0001d173-\\U0001d17a"
    "\\U000e0000-\\U000e0fff"
)
"""Bidirectional controls, line and paragraph separators, zero-width and default-ignorable characters (Unicode 15,
DerivedCoreProperties), tags and variation selectors, which can carry words that nobody sees."""
_SURROGATES = "\\ud800-\\udfff"
_PICTURES = "©®‼⁉™ℹ\\u2190-\\u2bff\\u3030\\u303d\\u3297\\u3299\\U0001f000-\\U0001faff"
_MARKS = (
    "\\u0300-\\u036f\\u0483-\\u0489\\u0591-\\u05bd\\u0610-\\u061a\\u064b-\\u065f\\u0e31\\u0e34-\\u0e3a\\u0e47-\\u0e4e"
    "\\u1ab0-\\u1aff\\u1dc0-\\u1dff\\u20d0-\\u20ff\\u302a-\\u302f\\ua66f-\\ua67d\\ufe20-\\ufe2f"
)
"""What is drawn over the letter before. Four in a row are more than any language writes; a heap of them covers the
lines above and below."""

_OURS = f"\x1b{os.urandom(12).hex()}["
_FOUND = (
    f"{_OURS.replace('[', chr(92) + '[')}(?P<ours>[0-9;]*m)"
    # Emoji need both: a joiner between two pictures, one variation selector behind a picture (⚠️) or in a keycap (1️⃣).
    # There is one place for each in what is seen, so they hide nothing.
    f"|(?P<kept>(?:(?<=[{_PICTURES}])|(?<=[{_PICTURES}]\\ufe0f))\\u200d(?=[{_PICTURES}])"
    f"|(?<=[{_PICTURES}])\\ufe0f|(?<=[0-9#*])\\ufe0f(?=\\u20e3))"
    f"|[{_CONTROLS}{_INVISIBLE}{_SURROGATES}]|(?<=[{_MARKS}]{{4}})[{_MARKS}]"
)


def printable(text: str) -> str:
    """The same without any character that a terminal obeys or a reader does not see, line ends and tabs aside. Raises
    nothing; doing it twice changes nothing more."""
    if text.isascii() and text.replace("\n", "").isprintable():
        return text
    return _found().sub(_shown, text)


def _found() -> re.Pattern[str]:
    """Compiled when it is needed, once: `fleet status` mostly prints plain words, and is to be there at once."""
    import re

    return re.compile(_FOUND)


def one_line(text: str) -> str:
    """The same for a place that is one line: its line ends and tabs are shown, too, so that it makes no line of its
    own."""
    return printable(text).replace("\n", "\\u000a").replace("\t", "\\u0009")


def paint(text: str, style: str) -> str:
    """`text`, which may be of others, in a style of ours (the number of an SGR sequence) once it is printed."""
    return f"{_OURS}{style}m{printable(text)}{_OURS}0m" if style else text


def sgr(style: str) -> str:
    """The mark that begins a style of ours: `0` ends it."""
    return f"{_OURS}{style}m"


def escape(letter: str) -> str:
    """JSON's escape of a character: of one beyond the first plane two, as JSON wants it."""
    units = letter.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[n : n + 4]}" for n in range(0, len(units), 4))


def _shown(found: re.Match[str]) -> str:
    if found["ours"]:
        return f"\x1b[{found['ours']}"
    return found[0] if found["kept"] else escape(found[0])
