"""`fleet project …`."""

from __future__ import annotations

import argparse
import os
from typing import Any

from fleet.cli.parser import Parser, add_command, group_of, json_word, positive
from fleet.cli.show import as_json, put, say, table
from fleet.home import find_home


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
        "agree to a repository's configuration and hooks as they are now",
        "fleet.cli.project:allow",
        _allow_words,
    )


def _allow_words(parser: Parser) -> None:
    parser.description = (
        "What all worktrees of a repository share (.git/config, hooks, info) is obeyed by git in each of them. When it "
        "changes while workers run there, work waits until the change is undone or allowed."
    )
    parser.add_argument("repo", metavar="PATH", help="the repository")


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
    tasks = ", ".join(f"{count} {state}" for state, count in one["tasks"].items()) or "none"
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
    from fleet.service.projects import allow as allow_

    changed = allow_(find_home(os.environ), args.repo)
    for change in changed:
        put(change)
    say("allowed; work that waited for it goes on" if changed else "allowed; nothing had changed")
    return 0


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
