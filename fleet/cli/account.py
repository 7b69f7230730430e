"""`fleet account …`."""

from __future__ import annotations

import argparse
import os
import sys

from fleet.cli import pause
from fleet.cli.parser import Parser, add_command, group_of, json_word, name_word, positive
from fleet.cli.show import agrees, as_json, clock, put, say, table, told_of, window
from fleet.errors import Failed
from fleet.home import find_home
from fleet.views.light import state

TYPE_CHECKING = False
if TYPE_CHECKING:
    from profiles.profile import Profile

DEFAULT = "default"
"""In the place of an address: the client's own."""


def words(parser: Parser) -> None:
    commands = group_of(parser)
    add_command(commands, "add", "add an account that is yours to use", "fleet.cli.account:add", _add_words)
    add_command(commands, "list", "list the accounts", "fleet.cli.account:listing", json_word)
    add_command(commands, "show", "show one account", "fleet.cli.account:show", name_word, json_word)
    add_command(
        commands, "verify", "send it one small request", "fleet.cli.account:verify", name_word, json_word
    )
    add_command(commands, "set", "change its settings", "fleet.cli.account:set_", name_word, _setting_words)
    add_command(
        commands,
        "token",
        "give it a new token (piped or pasted in), in place of the old one",
        "fleet.cli.account:token",
        name_word,
        json_word,
    )
    add_command(
        commands,
        "pause",
        "give it no new work; a worker there ends with its turn",
        "fleet.cli.pause:pause_account",
        name_word,
        pause.how_words,
        json_word,
    )
    add_command(
        commands, "resume", "give it work again", "fleet.cli.pause:resume_account", name_word, json_word
    )
    add_command(
        commands,
        "remove",
        "remove it; its work goes on elsewhere",
        "fleet.cli.account:remove",
        name_word,
        json_word,
    )


def _add_words(parser: Parser) -> None:
    name_word(parser)
    parser.add_argument("--kind", required=True, choices=("subscription", "api-key", "local"))
    how = parser.add_mutually_exclusive_group()
    how.add_argument(
        "--login", action="store_true", help="the client's own login, kept in the account's directory"
    )
    how.add_argument(
        "--token-stdin", action="store_true", help="read the token from standard input into the keyring"
    )
    _setting_words(parser)
    parser.add_argument(
        "--mine",
        action="store_true",
        help="confirms, where it is not the first subscription, that each plan is your own and may be used so",
    )
    parser.add_argument(
        "--organisation", metavar="NAME", help="accounts of one organisation share their buckets"
    )
    parser.add_argument(
        "--env", action="append", default=[], metavar="NAME=VALUE", help="for its workers; no secrets"
    )
    parser.add_argument(
        "--pass-env", action="append", default=[], metavar="NAME", help="taken over from this shell"
    )


def _setting_words(parser: Parser) -> None:
    parser.add_argument(
        "--base-url",
        metavar="URL",
        help="where the Messages API is spoken; `default`: the client's own address",
    )
    parser.add_argument("--tier-map", metavar="TIER=MODEL,…", help="which model serves which tier")
    parser.add_argument("--concurrency", type=positive, metavar="N", help="workers at once on this account")
    parser.add_argument(
        "--spend",
        choices=("free", "when-needed", "never"),
        help="takes work as any other; only what none of those can do in time (an API key, unless said); none",
    )
    json_word(parser)


def add(args: argparse.Namespace) -> int:
    from fleet.service import accounts
    from profiles.profile import make_profile, parse_tier_map

    if args.kind != "local" and not (args.login or args.token_stdin):
        raise Failed(
            "say how it is paid for: --login for the client's own login, or --token-stdin for a token"
        )
    profile = make_profile(
        name=args.name,
        kind=args.kind,
        base_url=None if args.base_url == DEFAULT else args.base_url,
        tiers=parse_tier_map(args.tier_map) if args.tier_map else None,
        concurrency=args.concurrency,
        spend=args.spend,
        organisation=args.organisation,
        login=args.login,
        extra_env=accounts.parse_env(args.env),
        pass_env=tuple(args.pass_env),
    )
    mine = _confirmed(profile, args.mine)
    token = _read_token() if args.token_stdin else None
    warning = accounts.add(find_home(os.environ), profile, token, mine=mine)
    if warning:
        say(f"note: {warning}")
    if args.json:
        return as_json(state.account(find_home(os.environ).root, args.name))
    say(f"added {args.name}; check it with: fleet account verify {args.name}")
    return 0


def _confirmed(profile: Profile, said: bool) -> bool:
    """Whether the person confirms that the plan is theirs: by the word, or asked at a terminal. Only where that is
    needed and has not been done before. Raises Failed."""
    from fleet.service import accounts

    home = find_home(os.environ)
    if not accounts.is_further_subscription(home, profile):
        return False
    say(f"note: {accounts.THEIR_OWN}")
    if said or accounts.has_confirmed(home):
        return said
    answer = agrees("Is that so?")
    if answer is None:
        raise Failed(f"{profile.name} was not added: confirm that with --mine")
    if not answer:
        raise Failed(f"{profile.name} was not added")
    return True


def _read_token() -> str:
    """From a pipe, or typed at a terminal that does not show it."""
    if not sys.stdin.isatty():
        return sys.stdin.read()
    from getpass import getpass

    return getpass("Token (paste it; it is not shown), then Enter: ")


def listing(args: argparse.Namespace) -> int:
    found = state.accounts(find_home(os.environ).root)
    if args.json:
        return as_json(found)
    if not found:
        say("no accounts: fleet account add NAME --kind subscription --login")
        return 0
    rows = [(a["name"], a["kind"], a["state"], ",".join(a["tiers"]), told_of(a)) for a in found]
    table(("NAME", "KIND", "STATE", "TIERS", "REASON"), rows)
    return 0


def show(args: argparse.Namespace) -> int:
    from fleet.views.window_shares import five_hours_of_week

    home = find_home(os.environ)
    found = state.account(home.root, args.name)
    week = five_hours_of_week(home, args.name)
    found["five_hours_of_week"] = week
    if args.json:
        return as_json(found)
    for key, value in found.items():
        if key not in ("buckets", "token_ends_soon", "five_hours_of_week") and value is not None:
            put(f"{key}: {_shown(value)}")
    for bucket in found["buckets"]:
        used = "unknown" if bucket["utilization"] is None else f"{bucket['utilization']:.0%} used"
        scope = f" ({bucket['scope']} only)" if bucket["scope"] else ""
        put(f"  {bucket['name']}{scope}: {used}, {bucket['status']}, resets {clock(bucket['resets_at'])}")
    if found["kind"] == "subscription":
        put(f"a full five-hour window is {_of_week(week)}")
    return 0


def _of_week(week: dict[str, float] | None) -> str:
    if week is None:
        return (
            "an unknown part of the week, until work has been seen to take of both (others report 8 to 20%)"
        )
    return (
        f"about {week['share']:.0%} of the week (learned from {week['learned_from']:.0%} of a week of work)"
    )


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}={one}" for key, one in value.items())
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def verify(args: argparse.Namespace) -> int:
    from fleet.service import verifying

    verified = verifying.verify(find_home(os.environ), args.name)
    if args.json:
        keys = ("ok", "refused", "story", "windows")
        as_json({"name": args.name, **{key: getattr(verified, key) for key in keys}})
    elif verified.ok:
        say(
            "; ".join([f"{args.name} works", *filter(None, [verified.story]), *map(window, verified.windows)])
        )
    elif verified.refused:
        say(f"{args.name} does not work, and rests until its credential is renewed: {verified.story}")
    else:
        say(f"{args.name} could not be verified, and is used as before: {verified.story}")
    return 0 if verified.ok else 1


def set_(args: argparse.Namespace) -> int:
    from fleet.service import accounts
    from profiles.profile import parse_tier_map

    home = find_home(os.environ)
    if all(getattr(args, name) is None for name in ("base_url", "tier_map", "concurrency", "spend")):
        raise Failed("say what to set: --base-url, --tier-map, --concurrency or --spend")
    accounts.change(
        home,
        args.name,
        base_url="" if args.base_url == DEFAULT else args.base_url,
        tiers=None if args.tier_map is None else parse_tier_map(args.tier_map),
        concurrency=args.concurrency,
        spend=args.spend,
    )
    return _shown_after(args, f"set {args.name}; it holds from the next start of a worker on")


def token(args: argparse.Namespace) -> int:
    from fleet.service import verifying

    _, warning = verifying.renew(find_home(os.environ), args.name, _read_token())
    if warning:
        say(f"note: {warning}")
    return _shown_after(args, f"{args.name} has its new token; workers that run go on with the old one")


def _shown_after(args: argparse.Namespace, told: str) -> int:
    if args.json:
        return as_json(state.account(find_home(os.environ).root, args.name))
    say(told)
    return 0


def remove(args: argparse.Namespace) -> int:
    from fleet.service import accounts

    accounts.remove(find_home(os.environ), args.name)
    if args.json:
        return as_json({"name": args.name, "state": "removed"})
    say(f"removed {args.name}; work it was doing goes on elsewhere")
    return 0
