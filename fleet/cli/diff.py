"""`fleet task diff` and `fleet task open`: what a task has changed, and where."""

from __future__ import annotations

import argparse
import os

from fleet.cli.parser import Commands, Parser, add_command, color_word, json_word
from fleet.cli.show import as_json, clock, put, say
from fleet.home import find_home
from fleet.views.light import state
from workers.printable import one_line, paint

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from fleet.views.diffs import Diff
    from workers.changes import ChangedFile

_STYLES = {"+": "32", "-": "31", "@": "36"}
_HEADING = "1"


def add_commands(commands: Commands) -> None:
    add_command(commands, "diff", "what it has changed", "fleet.cli.diff:diff", _diff_words, json_word)
    add_command(
        commands, "open", "its worktree, in your editor or a shell", "fleet.cli.diff:open_", _open_words
    )


def _diff_words(parser: Parser) -> None:
    parser.add_argument("id", metavar="ID", help="a task, such as t7")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--stat", action="store_true", help="each file, with how many lines came and went")
    how.add_argument("--name-only", action="store_true", help="the files alone")
    color_word(parser)
    parser.add_argument("paths", nargs="*", metavar="PATH", help="only below these, behind --")


def _open_words(parser: Parser) -> None:
    parser.add_argument("id", metavar="ID", help="a task, such as t7")
    how = parser.add_mutually_exclusive_group()
    how.add_argument(
        "--print", action="store_true", help='print its path: cd "$(fleet task open t7 --print)"'
    )
    how.add_argument("--shell", action="store_true", help="a shell that stands there")
    how.add_argument("--editor", metavar="CMD", help="open it with this (default: $VISUAL, else $EDITOR)")


def diff(args: argparse.Namespace) -> int:
    from fleet.views.diffs import diff as of

    with of(find_home(os.environ), args.id) as found:
        files = found.changes.files(args.paths)
        if args.json:
            return as_json(_document(args, found, files))
        since = "" if found.brought_ms is None else f", as of {clock(_iso(found.brought_ms))}"
        if found.works:
            say(f"note: its worker is at it: only what it has committed is shown{since}")
        elif since:
            say(f"note: its work lies on another host: only what is committed there is shown{since}")
        if not files:
            say(f"{args.id}: nothing differs" + (" there" if args.paths else " from where it began"))
        elif args.name_only:
            for file in files:
                put(file.path)
        elif args.stat:
            _put_stat(files)
        else:
            _page(found, files)
    return 0


def _iso(ms: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(ms / 1000, UTC).isoformat()


def _document(args: argparse.Namespace, found: Diff, files: tuple[ChangedFile, ...]) -> dict[str, Any]:
    from dataclasses import asdict

    from workers.changes import hunks_of

    def shown(file: ChangedFile) -> dict[str, Any]:
        if args.name_only or args.stat:
            return asdict(file)
        hunks = hunks_of(found.changes.patch(file))
        return {**asdict(file), "hunks": [asdict(hunk) for hunk in hunks]}

    return {
        "id": found.task,
        "branch": found.branch,
        "base": found.changes.base,
        "head": found.changes.head,
        "files": [shown(file) for file in files],
    }


def _put_stat(files: tuple[ChangedFile, ...]) -> None:
    names = [_name(file) for file in files]
    width = max(map(len, names))
    for name, file in zip(names, files, strict=True):
        put(f"{name.ljust(width)}  {_lines(file)}")
    added, deleted = (sum(getattr(file, what) or 0 for file in files) for what in ("added", "deleted"))
    put(f"{len(files)} file{'s' if len(files) > 1 else ''}, +{added} −{deleted}")


def _name(file: ChangedFile) -> str:
    return one_line(file.path if file.old_path is None else f"{file.old_path} → {file.path}")


def _lines(file: ChangedFile) -> str:
    return "binary" if file.added is None else f"+{file.added} −{file.deleted}"


def _page(found: Diff, files: tuple[ChangedFile, ...]) -> None:
    """One file after the other, so that the first is there at once, however large the last is."""
    from fleet.cli.pager import paged
    from fleet.streams import colours, out
    from workers.changes import persons_pager

    colour = colours(out())
    pager = (
        os.environ.get("GIT_PAGER")
        or (persons_pager(found.repo) if out().isatty() else None)
        or os.environ.get("PAGER")
    )
    with paged(pager) as shows:
        for file in files:
            patch = found.changes.patch(file)
            if not shows("\n".join(map(_painted, patch.split("\n"))) if colour else patch):
                return


def _painted(line: str) -> str:
    if line.startswith(("diff ", "index ", "--- ", "+++ ", "rename ", "similarity ", "new ", "deleted ")):
        return paint(line, _HEADING)
    return paint(line, _STYLES.get(line[:1], ""))


def open_(args: argparse.Namespace) -> int:
    import subprocess

    from fleet.streams import flush, lent

    path = _worktree(args.id)
    if args.print:
        put(path)
        return 0
    command = [os.environ.get("SHELL") or "sh"] if args.shell else _editor(args, path)
    flush()
    stdout, stderr = lent()
    return subprocess.run(command, cwd=path, stdout=stdout, stderr=stderr, check=False).returncode


def _editor(args: argparse.Namespace, path: str) -> list[str]:
    """Raises Failed."""
    from shlex import split

    from fleet.errors import Failed

    said = args.editor or os.environ.get("VISUAL") or os.environ.get("EDITOR")
    if not said:
        raise Failed(f"no editor is set: name one with --editor, or set VISUAL; {args.id} lies in {path}")
    return [*split(said), path]


def _worktree(task_id: str) -> str:
    """The path of its worktree on this machine. Raises Failed."""
    from shlex import quote

    from fleet.errors import Failed

    task = state.task(find_home(os.environ).root, task_id)
    worktree = task["worktree"]
    if worktree is None or not task["branch"]:
        raise Failed(f"{task_id} has no worktree yet, as no worker of it has started: fleet why {task_id}")
    if worktree["host"] != "local" and worktree["state"] == "ready":
        inside = quote(f"cd {quote(worktree['path'])} && exec $SHELL -l")
        raise Failed(
            f"{task_id} lies on host {worktree['host']}: go there with {_ssh(worktree['host'])} {inside}"
        )
    if worktree["state"] != "ready":
        kept = f" (what was in no commit: {worktree['preserved']})" if worktree["preserved"] else ""
        where = quote(task["repo"])
        raise Failed(
            f"the worktree of {task_id} is {worktree['state']}, its branch stays: git -C {where} switch "
            f"{quote(task['branch'])}{kept}"
        )
    return str(worktree["path"])


def _ssh(name: str) -> str:
    """The command that logs in there as Fleet does."""
    from shlex import join

    host = state.host(find_home(os.environ).root, name)
    how = [
        word
        for option, key in (("-J", "jump"), ("-i", "identity"))
        if host[key]
        for word in (option, host[key])
    ]
    return join(["ssh", "-t", *how, host["address"] or name])
