"""How words are read: whole ones only, and what is not known is told with what may have been meant.

argparse takes any beginning of an option for the option, and tells an unknown one with the usage of `fleet` itself.
Here an option means the same today and when there is a second one that begins like it, and the usage is that of the
command that was asked for.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn

from fleet import streams

USAGE = 2
"""The exit code of words that are off."""


class WordsOff(Exception):
    """The words of a command are off; the message says which, and what may have been meant."""

    def __init__(self, parser: argparse.ArgumentParser, told: str) -> None:
        super().__init__(told)
        self.usage = parser.format_usage()
        self.help = f"{parser.prog} --help"


def tell(off: WordsOff, *, as_json: bool) -> NoReturn:
    """Says what is off, for a person or in one line for a program, and ends with 2."""
    if as_json:
        from fleet.cli.failures import Failure

        streams.err().write(Failure("usage", str(off), USAGE, off.help).line(()) + "\n")
    else:
        streams.err().write(f"{off.usage}fleet: error: {off}\n")
    sys.exit(USAGE)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`: did you mean …?` with the one that is most like it, or nothing. What `word` begins is like it."""
    from difflib import get_close_matches

    names = sorted(known)
    begun = [name for name in names if name.startswith(word)] if len(word.strip("-")) > 1 else []
    near = begun[:1] or get_close_matches(word, names, n=1)
    return f": did you mean {near[0]}?" if near else ""


class WholeWords(argparse.ArgumentParser):
    """`gathers` names the words of a command that may stand anywhere among its options; `missing` says what it needs
    besides, once they are read. `further_names` are those that its commands have besides their own."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        settings["allow_abbrev"] = False
        super().__init__(*args, **settings)
        self.color = False  # from Python 3.14 on argparse paints; our edge shows that as text
        self.gathers: str | None = None
        self.further_names: Sequence[str] = ()
        self.missing: Callable[[argparse.Namespace], str] | None = None
        self._asked: list[str] = []

    def parse_known_args(  # type: ignore[override]  # typeshed has three overloads of it
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Leaves nothing over: whoever called this for a command of its own would tell it as its own."""
        self._asked = list(args or ())
        found, rest = super().parse_known_args(args, namespace)
        options, words = _split(rest)
        if options:
            raise self._no_option(options[0])
        if words and self.gathers is None:
            raise WordsOff(self, f"{self.prog} takes no further word: {words[0]!r}")
        if words:
            getattr(found, str(self.gathers)).extend(words)
        if self.missing is not None and (told := self.missing(found)):
            self.error(told)
        return found, []

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is None or value in action.choices:
            return
        if isinstance(action, argparse._SubParsersAction):
            before = self._asked[: self._asked.index(value)]
            if unknown := self._unknown(before):
                raise self._no_option(unknown)  # whose value this may be
            meant = did_you_mean(value, (*action.choices, *self.further_names))
            raise WordsOff(self, f"{self.prog} has no command {value}{meant or f': see {self.prog} --help'}")
        choices = [str(choice) for choice in action.choices]
        meant = did_you_mean(str(value), choices)
        raise argparse.ArgumentError(action, f"must be one of {', '.join(choices)}, not {value!r}{meant}")

    def error(self, message: str) -> NoReturn:
        """A word that is missing may be missing because its option is mistyped: that is said then."""
        # What stands behind the name of a command is that command's.
        unknown = self._unknown(self._asked) if self._subparsers is None else None
        raise WordsOff(self, message) if unknown is None else self._no_option(unknown)

    def _unknown(self, words: Sequence[str]) -> str | None:
        options, _ = _split(words)
        known = self._option_string_actions
        return next((word for word in options if word.startswith("--") and _name(word) not in known), None)

    def _no_option(self, word: str) -> WordsOff:
        name = _name(word)
        options = [one for one in self._option_string_actions if one.startswith("--") or len(name) == 2]
        meant = did_you_mean(name, options)
        return WordsOff(self, f"{self.prog} has no option {name}{meant or f': see {self.prog} --help'}")


def _name(word: str) -> str:
    return word.partition("=")[0]


def _split(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Options and other words; behind `--` there are no options."""
    end = words.index("--") if "--" in words else len(words)
    options = [word for word in words[:end] if word.startswith("-") and word != "-"]
    return options, [*(word for word in words[:end] if word not in options), *words[end + 1 :]]
