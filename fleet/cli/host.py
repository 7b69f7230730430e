"""`fleet host …`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from fleet.cli import host_words
from fleet.cli.parser import Parser, add_command, group_of, json_word, name_word, positive
from fleet.cli.show import as_json, clock, print_findings, put, say, table
from fleet.errors import Failed
from fleet.home import find_home
from fleet.views.light import state

if TYPE_CHECKING:
    from fleet.service.host_keys import UnknownKey
    from workers.remote.fitness import Finding


def words(parser: Parser) -> None:
    commands = group_of(parser)
    add_command(
        commands,
        "add",
        "add a machine reached over ssh",
        "fleet.cli.host:add",
        name_word,
        _add_words,
        json_word,
    )
    add_command(
        commands, "list", "list the hosts, this machine among them", "fleet.cli.host:listing", json_word
    )
    add_command(
        commands, "show", "show one host and the worktrees on it", "fleet.cli.host:show", name_word, json_word
    )
    add_command(
        commands,
        "verify",
        "look at it anew: what is missing there",
        "fleet.cli.host:verify",
        name_word,
        _key_words,
        json_word,
    )
    add_command(
        commands,
        "drain",
        "give it no new work, or again",
        "fleet.cli.host:drain",
        name_word,
        _drain_words,
        json_word,
    )
    add_command(
        commands, "remove", "use it no longer; drain it first", "fleet.cli.host:remove", name_word, json_word
    )


def _add_words(parser: Parser) -> None:
    parser.add_argument("address", metavar="ADDRESS", help="ssh://user@host:port, or a Host of ~/.ssh/config")
    parser.add_argument("--jump", metavar="HOST", help="by way of this one, as ssh -J; several with commas")
    parser.add_argument("--identity", metavar="FILE", help="the private key to log in with")
    parser.add_argument("--workers", type=positive, metavar="N", help="workers at once (default: what fits)")
    parser.add_argument(
        "--label", action="append", default=[], metavar="L", help="what it has, for tasks that need it"
    )
    parser.add_argument("--dir", metavar="DIR", help="where Fleet's files lie there (default ~/.fleet/…)")
    parser.add_argument("--client", metavar="PATH", help="the client there (default: claude on the PATH)")
    _key_words(parser)


def _key_words(parser: Parser) -> None:
    parser.add_argument(
        "--accept-key",
        action="append",
        default=[],
        metavar="SHA256:…",
        help="its host key, compared with what is shown there",
    )


def _drain_words(parser: Parser) -> None:
    parser.description = "Give it no new work; what runs there goes on. Its worktrees are brought home."
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--move", action="store_true", help="stop its workers, too: their tasks go on elsewhere")
    how.add_argument("--off", action="store_true", help="give it work again")


def add(args: argparse.Namespace) -> int:
    """1, and nothing is added, when something has to be mended on the host first."""
    from fleet.service import hosts

    wanted = hosts.Wanted(
        name=args.name,
        address=args.address,
        jump=args.jump,
        identity=args.identity,
        directory=args.dir,
        client=args.client,
        workers=args.workers,
        labels=tuple(args.label),
        accept_keys=tuple(args.accept_key),
    )
    home = find_home(os.environ)
    added = hosts.add(
        home, wanted, lambda unknown: _consent(unknown, lambda key: _repeated(args, key)), os.environ
    )
    if args.json:
        shown = None if added.host is None else state.host(home.root, args.name)
        as_json({"host": shown, "findings": _findings(added.looked.findings)})
        return int(shown is None)
    print_findings(added.looked.findings)
    if added.host is None:
        raise Failed(f"host {args.name} was not added: mend what is marked ✗ there, then say it again")
    say(f"added {args.name}: {added.told}")
    return 0


def _consent(unknown: UnknownKey, repeated: Callable[[str], str]) -> bool:
    """Asks at a terminal; without one the person is told the command that accepts the fingerprint."""
    if not sys.stdin.isatty():
        raise Failed(f"{unknown.told}. If it is the same: {repeated(unknown.key.fingerprint)}")
    say(unknown.told)
    say(f"If you accept it, it is written to {unknown.file}")
    say("Accept it? [y/N] ", end="")
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _repeated(args: argparse.Namespace, fingerprint: str) -> str:
    """The same command, with the key accepted."""
    import shlex

    words = ["fleet", "host", "add", args.name, args.address]
    for option in ("jump", "identity", "workers", "dir", "client"):
        value = getattr(args, option)
        words += [] if value is None else [f"--{option}", str(value)]
    for option, values in (("label", args.label), ("accept-key", [*args.accept_key, fingerprint])):
        for value in values:
            words += [f"--{option}", value]
    return shlex.join([*words, *(["--json"] if args.json else [])])


def _verified(args: argparse.Namespace, fingerprint: str) -> str:
    import shlex

    accepted = [word for key in (*args.accept_key, fingerprint) for word in ("--accept-key", key)]
    return shlex.join(["fleet", "host", "verify", args.name, *accepted, *(["--json"] if args.json else [])])


def _findings(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    return [asdict(finding) for finding in findings]


def listing(args: argparse.Namespace) -> int:
    found = state.hosts(find_home(os.environ).root)
    if args.json:
        return as_json(found)
    if not found:
        say(
            "no hosts yet: this machine is one from the first fleet up on; fleet host add NAME ssh://USER@MACHINE"
        )
        return 0
    host_words.put_all(("HOST", "ADDRESS", *host_words.HEAD[1:]), [(_row(host), host) for host in found])
    return 0


def _row(host: dict[str, Any]) -> tuple[str, ...]:
    name, *rest = host_words.row(host)
    return name, host["address"] or "this machine", *rest


def show(args: argparse.Namespace) -> int:
    found = state.host(find_home(os.environ).root, args.name)
    if args.json:
        return as_json(found)
    put(f"{found['name']}: {host_words.state(found)}, {found['address'] or 'this machine'}")
    if found["problem"]:
        put(f"  problem: {found['problem']}")
    for line in (*host_words.unsandboxed(found), *host_words.refused(found, whole=True)):
        put(f"  {line}")
    put(f"  {found['workers']} of {found['workers_max']} workers; last seen {clock(found['observed_at'])}")
    cores = "?" if found["cores"] is None else found["cores"]
    load = "?" if found["load"] is None else f"{found['load']:.1f}"
    put(f"  {cores} cores, load {load}, {host_words.memory(found)} of memory free")
    for key in ("jump", "identity", "directory", "client"):
        if found[key]:
            put(f"  {key}: {found[key]}")
    for key, words in (("labels", found["labels"]), ("mirrors of", found["warm"])):
        if words:
            put(f"  {key}: {', '.join(words)}")
    for line in found["history"]:
        put(f"    {clock(line['at'])}  {line['text']}")
    _print_worktrees(found)
    return 0


def _print_worktrees(found: dict[str, Any]) -> None:
    if not found["worktrees"]:
        return
    if found["address"]:
        put(f"  work there was last brought home: {clock(found['checkpoint_at'])}")
    rows = [
        (w["task"], w["task_state"], w["state"], w["path"] or "-", clock(w["checkpoint_at"]))
        for w in found["worktrees"]
    ]
    put()
    table(("TASK", "TASK STATE", "WORKTREE", "PATH", "BROUGHT HOME"), rows)


def verify(args: argparse.Namespace) -> int:
    """1 when something is an error."""
    from fleet.service import hosts

    def consent(unknown: UnknownKey) -> bool:
        return _consent(unknown, lambda key: _verified(args, key))

    looked = hosts.verify(find_home(os.environ), args.name, args.accept_key, consent, os.environ)
    if args.json:
        as_json({"name": args.name, "ok": looked.is_fit, "findings": _findings(looked.findings)})
    else:
        print_findings(looked.findings)
    if looked.trusted_again:
        say(f"{args.name} takes work again, as you have looked at it; it was {looked.trusted_again}")
    return int(not looked.is_fit)


def drain(args: argparse.Namespace) -> int:
    from fleet.service import hosts

    home = find_home(os.environ)
    hosts.drain(home, args.name, on=not args.off, move=args.move)
    found = state.host(home.root, args.name)
    if args.json:
        return as_json(found)
    if args.off:
        say(f"{args.name} takes work again")
    elif args.move:
        say(f"{args.name} gets no new work, and its workers are stopped: their tasks go on elsewhere")
    else:
        say(f"{args.name} gets no new work; {_going_on(found['workers'])} (--move takes them elsewhere)")
    return 0


def _going_on(workers: int) -> str:
    if not workers:
        return "no worker is left on it"
    return "its worker goes on to the end" if workers == 1 else f"its {workers} workers go on to the end"


def remove(args: argparse.Namespace) -> int:
    from fleet.service import hosts

    removed = hosts.remove(find_home(os.environ), args.name)
    if args.json:
        return as_json({"name": args.name, "state": "removed"})
    say(
        f"removed {args.name}; what Fleet put there lies in {hosts.directory_of(find_home(os.environ), removed)}"
    )
    return 0
