"""The words of the command line. Each command names the function that runs it, imported only then."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import NoReturn

from fleet import streams
from fleet.cli import history_words, host_options
from fleet.cli.numbers import positive

Parser = argparse.ArgumentParser
Build = Callable[[Parser], None]


class _AtTheEdge(Parser):
    """Its errors repeat the words that they were given: they leave by the same edge as all else."""

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        if message:
            streams.err().write(message)
        sys.exit(status)


def parse(argv: list[str]) -> argparse.Namespace:
    """Exits with 2 and the usage when the words are off."""
    return build().parse_args(argv)


def build() -> Parser:
    parser: Parser = _AtTheEdge(
        prog="fleet",
        description="Runs Claude Code workers in git worktrees on several accounts, so that no limit stops the work.",
        epilog="FLEET_HOME names the directory of all state. Start with: fleet up --demo",
    )
    parser.add_argument("--version", action="store_true", help="print the version")
    parser.set_defaults(run="fleet.cli.about:version_or_help")
    commands = parser.add_subparsers(metavar="COMMAND", title="commands")
    _add(commands, "up", "run the coordinator in the foreground", "fleet.cli.up:up", _up)
    _add(
        commands,
        "down",
        "stop the coordinator; workers go on unless told otherwise",
        "fleet.cli.up:down",
        _down,
    )
    _add(commands, "status", "accounts, buckets, tasks, hosts, workers", "fleet.cli.status:status", _json)
    _add(commands, "plan", "the next hours: what runs where and when", "fleet.cli.plan:plan", _plan, _json)
    _add(
        commands,
        "forecast",
        "what you are expected to use yourself",
        "fleet.cli.forecast:forecast",
        _forecast,
        _json,
    )
    _add(commands, "why", "why a task is where it is", "fleet.cli.task:why", _task_id, _json)
    _add(
        commands,
        "simulate",
        "run a scenario's week in seconds",
        "fleet.cli.simulate:simulate",
        _simulate,
        _json,
    )
    _add(
        commands,
        "doctor",
        "look for what is missing on this machine and on hosts",
        "fleet.cli.about:doctor",
        _json,
    )
    _group(
        commands,
        "client",
        "the Claude Code client",
        _client,
        "All other words are the client's own: fleet client setup-token, fleet client --version.",
    )
    _group(commands, "account", "who pays", _accounts)
    _group(commands, "task", "the work", _tasks)
    _group(commands, "host", "the machines that workers run on", _hosts)
    _group(commands, "worktree", "where the work lies", _worktrees)
    _group(commands, "reserve", "capacity that is kept for you", _reservations)
    _group(commands, "limit", "what may be spent, and what is never touched", _limits)
    _group(commands, "project", "weights, accounts, tiers and workers of projects", _projects)
    _group(commands, "tier", "the ordering of the tiers", _tiers)
    _add(commands, "strategy", "what counts most", "fleet.cli.policy:strategy", _strategy, _json)
    _breaker(_add(commands, "breaker", "whether work may start at all", "fleet.cli.policy:breaker", _json))
    history = _add(commands, "history", "what was used, when and by whom", "fleet.cli.history:report")
    history_words.fill(history, _add, _json)
    _add(commands, "statusline", "one line for the client's status line", "fleet.cli.statusline:statusline")
    return parser


def _add(
    commands: argparse._SubParsersAction[Parser], name: str, about: str, run: str, *builds: Build
) -> Parser:
    parser = commands.add_parser(name, help=about, description=about[0].upper() + about[1:] + ".")
    parser.set_defaults(run=run)
    for build_part in builds:
        build_part(parser)
    return parser


def _group(
    commands: argparse._SubParsersAction[Parser],
    name: str,
    about: str,
    fill: Callable[[argparse._SubParsersAction[Parser]], None],
    further: str | None = None,
) -> None:
    parser = commands.add_parser(name, help=about, epilog=further)
    parser.set_defaults(run="fleet.cli.about:version_or_help", group=parser)
    fill(parser.add_subparsers(metavar="COMMAND", title="commands"))


def _json(parser: Parser) -> None:
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")


def _client(commands: argparse._SubParsersAction[Parser]) -> None:
    _add(commands, "install", "fetch one for Fleet alone", "fleet.cli.client:install")


def _forecast(parser: Parser) -> None:
    parser.add_argument("--account", metavar="A", help="only of this one")
    parser.add_argument(
        "--hours",
        type=_whole_hours,
        default=24,
        metavar="H",
        help="how far (default 24, up to 168)",
    )
    parser.add_argument("--svg", metavar="FILE", help="draw it as a band chart")


def _whole_hours(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 168):
        raise argparse.ArgumentTypeError("must be a whole number of hours from 1 to 168")
    return int(text)


def _plan(parser: Parser) -> None:
    parser.add_argument(
        "--hours", type=_hours, default=12.0, metavar="H", help="how far to show it (default 12, up to 168)"
    )


def _hours(text: str) -> float:
    try:
        hours = float(text)
    except ValueError:
        hours = 0.0
    if not 0 < hours <= 168:
        raise argparse.ArgumentTypeError("must be a number of hours, above 0 and up to 168")
    return hours


def _simulate(parser: Parser) -> None:
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--scenario", metavar="FILE", help="TOML or JSON, see docs/simulate.md")
    what.add_argument("--own", action="store_true", help="your own accounts, tasks and what has been learned")
    parser.add_argument(
        "--policy",
        default="fleet",
        metavar="NAME",
        help="fleet, or a peer's to compare with (default: fleet)",
    )
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="draws what is random (default 1)")
    parser.add_argument("--picture", metavar="FILE.svg", help="draw each account's week")
    own = parser.add_argument_group("with --own")
    own.add_argument("--weeks", type=_weeks, metavar="N", help="how far to look (default 1, up to 8)")
    own.add_argument(
        "--add-account",
        action="append",
        default=[],
        metavar="LIKE",
        help="with one more account such as this, compared with how it is",
    )
    own.add_argument("--strategy", metavar="NAME", help="after-hours or full-time (default: yours)")
    own.add_argument(
        "--write", metavar="FILE.json", help="only write the scenario down, to be edited and run"
    )


def _weeks(text: str) -> float:
    try:
        weeks = float(text)
    except ValueError:
        weeks = 0.0
    if not 0 < weeks <= 8:
        raise argparse.ArgumentTypeError("must be a number of weeks, above 0 and up to 8")
    return weeks


def _task_id(parser: Parser) -> None:
    parser.add_argument("id", metavar="ID", help="a task, such as t7")


def _name(parser: Parser) -> None:
    parser.add_argument("name", metavar="NAME")


def _up(parser: Parser) -> None:
    parser.add_argument(
        "--demo",
        nargs="?",
        const="limit",
        metavar="STORY",
        help="show the main job, or another story, with a scripted server; no account needed (--demo list: which)",
    )
    parser.add_argument(
        "--until-idle", action="store_true", help="end when nothing is left to do: 0 all well, 1 not"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="show the plan and what would be started now; start nothing"
    )
    parser.add_argument(
        "--workers", type=positive, default=8, metavar="N", help="workers at once (default 8)"
    )
    parser.add_argument(
        "--log-format", choices=("console", "json"), help="default: console on a terminal, else json"
    )
    parser.add_argument(
        "--log-level",
        choices=("debug", "info", "warning", "error"),
        default="info",
        help="debug: also each step, and the arithmetic of each placement (default info)",
    )
    parser.add_argument(
        "--start-timeout",
        default="1m",
        metavar="SPAN",
        help="a worker that has said nothing by then is stopped",
    )
    parser.add_argument(
        "--stall-timeout", default="15m", metavar="SPAN", help="a worker silent for so long is stopped"
    )
    parser.add_argument(
        "--attempt-timeout", default="6h", metavar="SPAN", help="a worker is stopped after so long"
    )
    parser.add_argument(
        "--host-lost-after",
        default="10m",
        metavar="SPAN",
        help="the work of a host that has not answered for so long goes on elsewhere (default 10m)",
    )
    parser.add_argument(
        "--checkpoint-every",
        default="1m",
        metavar="SPAN",
        help="how often a worker on another host has its work in progress brought home (default 1m)",
    )


def _down(parser: Parser) -> None:
    parser.add_argument(
        "--stop-workers",
        action="store_true",
        help="interrupt the workers too; their tasks go on with the next up",
    )


def _accounts(commands: argparse._SubParsersAction[Parser]) -> None:
    _add(commands, "add", "add an account that is yours to use", "fleet.cli.account:add", _account_add)
    _add(commands, "list", "list the accounts", "fleet.cli.account:listing", _json)
    _add(commands, "show", "show one account", "fleet.cli.account:show", _name, _json)
    _add(commands, "verify", "send it one small request", "fleet.cli.account:verify", _name, _json)
    _add(
        commands, "remove", "remove it; its work goes on elsewhere", "fleet.cli.account:remove", _name, _json
    )


def _account_add(parser: Parser) -> None:
    _name(parser)
    parser.add_argument("--kind", required=True, choices=("subscription", "api-key", "local"))
    how = parser.add_mutually_exclusive_group()
    how.add_argument(
        "--login", action="store_true", help="the client's own login, kept in the account's directory"
    )
    how.add_argument(
        "--token-stdin", action="store_true", help="read the token from standard input into the keyring"
    )
    parser.add_argument("--base-url", metavar="URL", help="where the Messages API is spoken")
    parser.add_argument("--tier-map", metavar="TIER=MODEL,…", help="which model serves which tier")
    parser.add_argument("--concurrency", type=positive, metavar="N", help="workers at once on this account")
    parser.add_argument(
        "--organisation", metavar="NAME", help="accounts of one organisation share their buckets"
    )
    parser.add_argument(
        "--env", action="append", default=[], metavar="NAME=VALUE", help="for its workers; no secrets"
    )
    parser.add_argument(
        "--pass-env", action="append", default=[], metavar="NAME", help="taken over from this shell"
    )
    _json(parser)


def _tasks(commands: argparse._SubParsersAction[Parser]) -> None:
    _add(commands, "add", "add a task, or many from a file; prints the ids", "fleet.cli.task:add", _task_add)
    _add(commands, "list", "list the tasks", "fleet.cli.task:listing", _task_list, _json)
    _add(commands, "show", "show one task and its attempts", "fleet.cli.task:show", _task_id, _json)
    _add(commands, "cancel", "stop it; its work is kept", "fleet.cli.task:cancel", _task_id, _json)
    _add(commands, "retry", "put a failed or cancelled task back", "fleet.cli.task:retry", _task_id, _json)
    _add(commands, "logs", "what its workers say", "fleet.cli.task:logs", _task_id, _logs)
    _add(commands, "say", "say something to its session", "fleet.cli.task:say_to", _task_id, _say)


def _task_list(parser: Parser) -> None:
    parser.add_argument("--state", help="only tasks in this state")


def _logs(parser: Parser) -> None:
    parser.add_argument("-f", "--follow", action="store_true", help="go on until the task ends")


def _say(parser: Parser) -> None:
    parser.add_argument("message", metavar="MESSAGE")
    parser.add_argument(
        "--interrupt", action="store_true", help="break off what it is doing and hear this first"
    )
    parser.add_argument("--tier", metavar="TIER", help="let the session at work go on with another tier")
    _json(parser)


def _task_add(parser: Parser) -> None:
    parser.add_argument(
        "prompt", nargs="?", metavar="PROMPT", help="what to do; - reads it from standard input"
    )
    parser.add_argument("--file", metavar="TASKS.toml", help="many tasks at once")
    parser.add_argument("--repo", metavar="PATH", help="the git repository (default: the one you stand in)")
    parser.add_argument("--title", metavar="T")
    parser.add_argument("--tier", metavar="TIER[,TIER]", help="tiers it may use; auto: all of them")
    parser.add_argument("--priority", type=int, metavar="N", help="higher runs first (default 0)")
    parser.add_argument("--deadline", metavar="WHEN", help="2h, 18:30, 2026-11-30T18:30")
    parser.add_argument("--after", action="append", metavar="ID", help="start only when that task has landed")
    parser.add_argument("--verify", action="append", metavar="CMD", help="must succeed before it lands")
    parser.add_argument(
        "--land", choices=("branch", "merge"), help="leave the branch, or merge it into the target"
    )
    parser.add_argument(
        "--target", metavar="BRANCH", help="start from and land in (default: the current branch)"
    )
    parser.add_argument("--allow-tool", action="append", metavar="RULE", help="such as 'Bash(npm test *)'")
    parser.add_argument("--max-turns", type=int, metavar="N")
    parser.add_argument("--max-budget-usd", type=float, metavar="X")
    parser.add_argument(
        "--kind", metavar="WORD", help="execution (default), judgement, reasoning, or a word of yours"
    )
    parser.add_argument("--size", metavar="X", help="S, M (default), L, XL, or a multiple of a usual task")
    parser.add_argument("--value", type=float, metavar="V", help="what it is worth (default 2 ** priority)")
    parser.add_argument("--project", metavar="NAME", help="default: its repository")
    parser.add_argument("--plan", metavar="TIER", help="plan with this tier, then execute")
    parser.add_argument("--subagents", metavar="TIER", help="the tier of its subagents")
    parser.add_argument("--label", action="append", metavar="L", help="only on hosts that have this label")
    parser.add_argument(
        "--source", metavar="NAME", help="who asks; of a source there is one task in a project"
    )
    _json(parser)


def _hosts(commands: argparse._SubParsersAction[Parser]) -> None:
    host_options.fill(commands, _add, _name, _json)


def _worktrees(commands: argparse._SubParsersAction[Parser]) -> None:
    _add(commands, "list", "list the worktrees", "fleet.cli.worktree:listing", _json)
    _add(
        commands,
        "prune",
        "remove those of ended tasks; uncommitted work is kept",
        "fleet.cli.worktree:prune",
        _json,
    )


def _reservations(commands: argparse._SubParsersAction[Parser]) -> None:
    _add(
        commands, "add", "keep capacity for you; prints the id", "fleet.cli.reserve:add", _reservation, _json
    )
    _add(commands, "list", "list what is reserved, and what is kept now", "fleet.cli.reserve:listing", _json)
    _add(commands, "remove", "give it back", "fleet.cli.reserve:remove", _laid_down, _json)
    _add(
        commands,
        "auto",
        "whether what you are expected to use is kept for you",
        "fleet.cli.reserve:auto",
        _switch,
        _json,
    )


def _switch(parser: Parser) -> None:
    parser.add_argument("on", nargs="?", choices=("on", "off"), help="default: show which")


def _laid_down(parser: Parser) -> None:
    parser.add_argument("id", metavar="ID", help="as the list shows it, such as r1, l2, f1")


def _reservation(parser: Parser) -> None:
    parser.add_argument("--account", required=True, metavar="A")
    parser.add_argument("--tier", metavar="TIER", help="what you will use it with (default: any)")
    parser.add_argument(
        "--at",
        required=True,
        metavar="HOURS",
        help="'Thu 19:00-22:00', 'Mon-Fri 9:00-12:00', 'daily 18:00-20:00', '2026-11-30 19:00-22:00'",
    )
    parser.add_argument("--amount", required=True, metavar="SHARE", help="of the bucket, such as 40%%")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--weekly", action="store_true", help="every week (the default for days of the week)")
    how.add_argument("--once", action="store_true", help="only the next time")
    parser.add_argument("--bucket", default="five_hour", metavar="B", help="default five_hour")


def _limits(commands: argparse._SubParsersAction[Parser]) -> None:
    _add(commands, "add", "lay down a limit or a floor; prints the id", "fleet.cli.limit:add", _limit, _json)
    _add(commands, "list", "list limits with what is used, and floors", "fleet.cli.limit:listing", _json)
    _add(commands, "remove", "take a limit or a floor back", "fleet.cli.limit:remove", _laid_down, _json)


def _limit(parser: Parser) -> None:
    whom = parser.add_mutually_exclusive_group()
    whom.add_argument("--fleet", action="store_true", help="for all work")
    whom.add_argument("--account", metavar="A")
    whom.add_argument("--project", metavar="P", help="a name, or the path of a repository")
    whom.add_argument("--task", metavar="ID")
    parser.add_argument("--per", choices=("minute", "hour", "day", "week", "month", "total"))
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--tokens", metavar="N", help="such as 500k, 2M")
    what.add_argument("--usd", metavar="X", help="dollars of accounts that bill by the token")
    what.add_argument("--share", metavar="SHARE", help="of a bucket, such as 30%%")
    what.add_argument("--floor", metavar="SHARE", help="of each bucket: never used by automation")
    parser.add_argument(
        "--bucket", metavar="B", help="of a share (default five_hour) or a floor (default all)"
    )


def _projects(commands: argparse._SubParsersAction[Parser]) -> None:
    _add(commands, "list", "list the projects", "fleet.cli.project:listing", _json)
    _add(commands, "show", "show one project", "fleet.cli.project:show", _project, _json)
    _add(
        commands, "set", "lay down what holds for it", "fleet.cli.project:set_", _project, _project_set, _json
    )
    _add(
        commands,
        "allow",
        "agree to a repository's configuration and hooks as they are now",
        "fleet.cli.project:allow",
        _allowed_repository,
    )


def _allowed_repository(parser: Parser) -> None:
    parser.description = (
        "What all worktrees of a repository share (.git/config, hooks, info) is obeyed by git in each of them. When it "
        "changes while workers run there, work waits until the change is undone or allowed."
    )
    parser.add_argument("repo", metavar="PATH", help="the repository")


def _project(parser: Parser) -> None:
    parser.add_argument("name", metavar="NAME_OR_PATH", help="a name, or the path of a repository")


def _project_set(parser: Parser) -> None:
    parser.description = "Lay down what holds for a project. What is not said is as for any project."
    parser.add_argument(
        "--weight", type=float, default=1.0, metavar="W", help="its share when projects compete (default 1)"
    )
    parser.add_argument("--account", action="append", default=[], metavar="A", help="only on these accounts")
    parser.add_argument("--tier", action="append", default=[], metavar="TIER", help="only with these tiers")
    parser.add_argument("--workers", type=positive, metavar="N", help="at most so many workers at once")


def _tiers(commands: argparse._SubParsersAction[Parser]) -> None:
    _add(commands, "list", "list the tiers, the least capable first", "fleet.cli.tier:listing", _json)
    _add(commands, "set", "add a tier, or change one", "fleet.cli.tier:set_", _name, _tier, _json)
    _add(commands, "remove", "let auto choose it no longer", "fleet.cli.tier:remove", _name, _json)


def _tier(parser: Parser) -> None:
    parser.description = "Add a tier as the most capable, or change one where it stands."
    parser.add_argument(
        "--weight", type=float, metavar="W", help="what a unit of work costs with it, relative to the others"
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--after", metavar="OTHER", help="as the next more capable one than that")
    where.add_argument("--first", action="store_true", help="as the least capable one")


def _strategy(parser: Parser) -> None:
    parser.add_argument("name", nargs="?", metavar="NAME", help="after-hours or full-time; none: show them")


def _breaker(parser: Parser) -> None:
    commands = parser.add_subparsers(metavar="COMMAND", title="commands")
    _add(commands, "show", "whether it is open, and why", "fleet.cli.policy:breaker", _json)
    _add(commands, "open", "let nothing start any more", "fleet.cli.policy:breaker_open", _why, _json)
    _add(commands, "close", "let work start again", "fleet.cli.policy:breaker_close", _json)
    _add(commands, "set", "when it opens by itself", "fleet.cli.policy:breaker_set", _faults, _json)


def _why(parser: Parser) -> None:
    parser.add_argument("--why", required=True, metavar="TEXT")


def _faults(parser: Parser) -> None:
    parser.add_argument(
        "--faults", required=True, type=positive, metavar="N", help="workers in a row without an answer"
    )
