"""`fleet project …`."""

from __future__ import annotations

import argparse
import os
from typing import Any

from fleet.cli.parser import Parser, add_command, group_of, json_word, positive
from fleet.cli.show import agrees, as_json, put, say, table
from fleet.errors import Failed
from fleet.home import find_home
from fleet.spoken.choice import shown_word

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fleet.service.consents import Asked


def words(parser: Parser) -> None:
    commands = group_of(parser)
    add_command(commands, "list", "list the projects", "fleet.cli.project:listing", json_word)
    add_command(commands, "show", "show one project", "fleet.cli.project:show", _name_word, json_word)
    add_command(
        commands,
        "set",
        "lay down what holds for it",
        "fleet.cli.project:set_",
        _name_word,
        _set_words,
        json_word,
    )
    add_command(
        commands,
        "allow",
        "agree to what a repository wants to run, once you have looked",
        "fleet.cli.project:allow",
        _allow_words,
    )


def _allow_words(parser: Parser) -> None:
    parser.description = (
        "The commands of a repository's .fleet.toml run only once you have agreed to that very text: it is shown with "
        "its commands and with what is different from the one before, then you are asked. What all worktrees share "
        "(.git/config, hooks, info) is obeyed by git in each of them: when it changes while workers run there, work "
        "waits until the change is undone or allowed."
    )
    parser.add_argument("repo", metavar="PATH", help="the repository")
    parser.add_argument(
        "--target",
        action="append",
        default=[],
        metavar="BRANCH",
        help="the text of this branch (default: of those that tasks start from, or the one checked out)",
    )
    parser.add_argument("--yes", action="store_true", help="agree to all that is shown, without being asked")


def _name_word(parser: Parser) -> None:
    parser.add_argument("name", metavar="NAME_OR_PATH", help="a name, or the path of a repository")


def _set_words(parser: Parser) -> None:
    parser.description = (
        "Lay down what holds for a project. What is not said is as for any project; but what the sandbox lets its work "
        "read and write is added to what it did before, and with nothing else said all else stays."
    )
    parser.add_argument(
        "--weight", type=float, metavar="W", help="its share when projects compete (default 1)"
    )
    parser.add_argument("--account", action="append", default=[], metavar="A", help="only on these accounts")
    parser.add_argument("--tier", action="append", default=[], metavar="TIER", help="only with these tiers")
    parser.add_argument("--workers", type=positive, metavar="N", help="at most so many workers at once")
    for name, what in (
        ("read", "in the sandbox its work may read this, too"),
        ("write", "in the sandbox its work may write this, too"),
        ("forget", "neither of them any more"),
    ):
        parser.add_argument(f"--sandbox-{name}", action="append", default=[], metavar="PATH", help=what)


def listing(args: argparse.Namespace) -> int:
    from fleet.service.projects import projects

    found = projects(find_home(os.environ))
    if args.json:
        return as_json(found)
    if not found:
        say("no projects: each repository with a task is one, or fleet project set NAME")
        return 0
    table(("PROJECT", "WEIGHT", "ACCOUNTS", "TIERS", "WORKERS", "TASKS"), [_row(one) for one in found])
    return 0


def _row(one: dict[str, Any]) -> tuple[str, ...]:
    tasks = ", ".join(f"{count} {shown_word(state)}" for state, count in one["tasks"].items()) or "none"
    return (
        one["name"],
        f"{one['weight']:g}",
        ",".join(one["accounts"]) or "all",
        ",".join(one["tiers"]) or "all",
        f"{one['running']} of {one['workers'] or 'any'}",
        tasks,
    )


def show(args: argparse.Namespace) -> int:
    from fleet.service.projects import project

    return _print(args, project(find_home(os.environ), args.name))


def set_(args: argparse.Namespace) -> int:
    from fleet.service.projects import SandboxPaths, project, set_project

    home = find_home(os.environ)
    name = set_project(
        home,
        args.name,
        weight=args.weight,
        accounts=args.account,
        tiers=args.tier,
        workers=args.workers,
        sandbox=SandboxPaths(args.sandbox_read, args.sandbox_write, args.sandbox_forget),
    )
    return _print(args, project(home, name))


def allow(args: argparse.Namespace) -> int:
    """0 when all that is shown was agreed to."""
    from fleet.service import consents

    home = find_home(os.environ)
    offer = consents.offered(home, args.repo, args.target)
    for wrong in offer.wrong:
        say(f"note: {wrong}: nothing of it runs")
    for change in offer.changes:
        put(change)
    changes = not offer.changes or _agreed("Allow what has changed?", said=args.yes)
    texts = []
    for asked in offer.texts:
        _put_text(asked)
        if _agreed("Allow this text?", said=args.yes):
            texts.append(asked)
    consents.allow(home, offer, changes=changes, texts=texts)
    if not changes or len(texts) < len(offer.texts):
        raise Failed("not all was allowed: what waits for the rest waits on")
    something = offer.changes or offer.texts
    say(
        "allowed; work that waited for it goes on"
        if something
        else "nothing to allow: it runs nothing that you have not agreed to"
    )
    return 0


def _agreed(question: str, *, said: bool) -> bool:
    """Raises Failed where nobody can be asked."""
    answer = said or agrees(question)
    if answer is None:
        raise Failed("nothing was allowed: once you have looked, say it with --yes, or at a terminal")
    return answer


def _put_text(asked: Asked) -> None:
    """All that it makes run, each command in one line, whatever stands in it."""
    wanted = asked.settings.worktree
    put(f".fleet.toml as {asked.wanted_by} has it:")
    for command in wanted.setup:
        put(f"  runs in each new worktree: {command}")
    for command in asked.settings.verify.commands:
        put(f"  runs to verify work: {command}")
    for how, paths in (("copies from", wanted.copy_paths), ("links into", wanted.link)):
        for path in paths:
            put(f"  {how} your checkout: {path}")
    if asked.differs:
        put("What is different from the text that was allowed last:")
        for line in asked.differs:
            put(f"  {line}")


def _print(args: argparse.Namespace, found: dict[str, Any]) -> int:
    if args.json:
        return as_json(found)
    for word, cell in zip(
        ("project", "weight", "accounts", "tiers", "workers", "tasks"), _row(found), strict=True
    ):
        put(f"{word}: {cell}")
    for how in ("read", "write"):
        if found[f"sandbox_{how}"]:
            put(f"may {how} in the sandbox: {', '.join(found[f'sandbox_{how}'])}")
    if found["profile"]:
        put()
        table(PROFILE, [_profile(one) for one in found["profile"]])
    return 0


PROFILE = ("KIND", "TIER", "WORK, TYPICAL / HIGH", "MINUTES", "CHANCE", "TOKENS", "TURNS", "LEARNED FROM")
"""Typical is the median, high the ninth decile."""


def _profile(one: dict[str, Any]) -> tuple[str, ...]:
    learned = f"{one['measured']:.0f} measured, {one['won']:.0f} of {one['won'] + one['lost']:.0f} verified"
    return (
        one["kind"],
        one["tier"],
        _pair(one["work"]),
        _pair(one["minutes"]),
        f"{one['chance']:.0%}",
        _pair(one["tokens"]),
        _pair(one["turns"]),
        learned,
    )


def _pair(found: dict[str, float] | None) -> str:
    return "unknown" if found is None else f"{found['p50']:,.0f} / {found['p90']:,.0f}"
