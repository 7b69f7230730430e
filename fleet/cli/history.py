"""`fleet history …`."""

from __future__ import annotations

import os
import sqlite3
from contextlib import contextmanager
from dataclasses import replace

from fleet.cli.show import as_json, draw, put, say, table
from fleet.errors import Failed
from fleet.history.ledger import LedgerUnreadable
from fleet.homepath import home_path
from fleet.streams import out
from fleet.views.history import asked, reporting
from workers.printable import one_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator, Sequence
    from datetime import tzinfo

    from fleet.history.reports.choice import Choice
    from fleet.history.reports.uses import Unpriced, Use
    from fleet.views.light.records import Record


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except (asked.NotUnderstood, LedgerUnreadable) as failed:
        raise Failed(str(failed)) from failed
    except sqlite3.Error as failed:
        from fleet.store.failures import why

        raise Failed(why(reporting.ledger_path(_home()), "use", failed)) from failed


def _chosen(args: Namespace, zone: tzinfo | None) -> Choice:
    """What the report is to be of. Raises NotUnderstood, and Failed for what was said before the command's name and
    would not be heeded."""
    from fleet.cli.history_words import unheeded

    name = args.run.rpartition(":")[2]
    for word in unheeded(name):
        if getattr(args, word):
            raise Failed(f"fleet history {name} cannot be narrowed by --{word}")
    return replace(asked.choice_of(args, zone), unbilled=reporting.unbilled(_home()))


def report(args: Namespace) -> int:
    """By day, week, month, project, model, account or session."""
    home = _home()
    with _explained():
        zone = asked.zone_of(args.tz)
        rows, unpriced = reporting.uses(home, args.by, _chosen(args, zone), zone)
    records = [reporting.use_record(row) for row in rows]
    if not _given(args, records, reporting.USE_KEYS):
        _print_uses(args.by, rows)
    if not rows and reporting.is_read(home):
        say("nothing was used that fits this")
    _note_unpriced(unpriced)
    return 0


def _print_uses(by: str, rows: Sequence[Use]) -> None:
    from fleet.history.reports.uses import total

    if rows:
        head = (by.upper(), "ANSWERS", "INPUT", "OUTPUT", "CACHE WRITE", "CACHE READ", "COST")
        _aligned(head, [_use_cells(row) for row in (*rows, total(rows))])


def _use_cells(row: Use) -> tuple[str, ...]:
    return row.key or "-", *_counts(row.answers, row.input, row.output), *_cached(row)


def _cached(row: Use) -> tuple[str, ...]:
    return (
        _short(row.cache_write_5m + row.cache_write_1h),
        _short(row.cache_read),
        _cost(row.cost_usd, row.unpriced),
    )


def _counts(answers: int, given: int, output: int) -> tuple[str, ...]:
    return f"{answers:,}", _short(given), _short(output)


def _short(count: int) -> str:
    """Three figures and a unit."""
    for unit, size in (("G", 10**9), ("M", 10**6), ("k", 10**3)):
        if count >= size:
            return f"{count / size:.3g}{unit}" if count < 999.5 * size else f"{count / size:.0f}{unit}"
    return str(count)


def _cost(usd: float | None, unpriced: int) -> str:
    """With a plus where some of it has no price; a dash where nothing has."""
    return "-" if usd is None else f"${usd:,.2f}{'+' if unpriced else ''}"


def blocks(args: Namespace) -> int:
    """Five-hour blocks."""
    with _explained():
        zone = asked.zone_of(args.tz)
        found = reporting.blocks(_home(), _chosen(args, zone))
    if not _given(args, found, reporting.BLOCK_KEYS):
        head = ("BLOCK", "ACCOUNT", "ANSWERS", "INPUT", "OUTPUT", "CACHE WRITE", "CACHE READ", "COST")
        if found:
            _aligned(head, [_block(one, zone) for one in found], left=2)
            _note_guessed(found, zone)
    return 0


def _note_guessed(found: Sequence[Record], zone: tzinfo | None) -> None:
    """What blocks do not know."""
    guessed = sum(one["reset_read"] is None for one in found)
    if guessed:
        say(f"{guessed:,} of {len(found):,} blocks are a guess from the answers read here: no reset was read")
    for one in found:
        if one["active"] and one["reset_read"] is not None:
            say(
                f"{one_line(one['account'])}: its window resets {_clock(one['reset_read'], zone)}, as was read"
            )


def _block(one: Record, zone: tzinfo | None) -> tuple[str, ...]:
    began = f"{_clock(one['begins_at'], zone)}{' (now)' if one['active'] else ''}"
    return began, one["account"] or "-", *_record_cells(one)


def _record_cells(one: Record) -> tuple[str, ...]:
    written = one["cache_write_5m"] + one["cache_write_1h"]
    return (
        *_counts(one["answers"], one["input"], one["output"]),
        _short(written),
        _short(one["cache_read"]),
        _cost(one["cost_usd"], one["unpriced"]),
    )


def heatmap(args: Namespace) -> int:
    """By hour of the week: in the terminal, or as a picture."""
    from fleet.history.reports import pictures

    with _explained():
        zone = asked.zone_of(args.tz)
        found = reporting.heatmap(_home(), _chosen(args, zone), args.of, zone)
    where = args.tz or "local time"
    for path, drawn in ((args.svg, pictures.svg), (args.html, pictures.html)):
        if path is not None:
            draw(path, drawn(found, where))
            say(f"the heatmap is in {path}")
    if _given(args, reporting.heatmap_records(found)) or args.svg or args.html:
        return 0
    for line in pictures.terminal(found):
        put(line)
    put(f"     the darkest hour: {pictures.figure(found.most, found.measure)} in all, {where}")
    return 0


def tasks(args: Namespace) -> int:
    """What each task that the fleet ran used."""
    with _explained():
        zone = asked.zone_of(args.tz)
        found = reporting.tasks(_home(), _chosen(args, zone))
    if not _given(args, found, reporting.TASK_KEYS) and found:
        head = (
            "TASK",
            "PROJECT",
            "TIER",
            "ATTEMPTS",
            "ANSWERS",
            "INPUT",
            "OUTPUT",
            "CACHE WRITE",
            "CACHE READ",
            "COST",
        )
        rows = [
            (
                one["task"],
                one["project"] or "-",
                one["tier"] or "-",
                str(one["attempts"]),
                *_record_cells(one),
            )
            for one in found
        ]
        _aligned(head, rows, left=3)
    return 0


def burn(args: Namespace) -> int:
    """How fast the buckets are used, and where that leads."""
    with _explained():
        zone = asked.zone_of(args.tz)
        chosen = _chosen(args, zone)
        found = reporting.burn(_home(), chosen)
        unknown = reporting.not_read(_home(), chosen, [one["account"] for one in found])
    given = _given(args, found, reporting.BURN_KEYS)
    for name in unknown:
        say(f"unknown: {one_line(name)} was used within five hours, and no open window of it has been read")
    if given:
        return 0
    if not found:
        say("no window is open that has been read: fleet statusline and the fleet's own work read them")
        return 0
    head = ("ACCOUNT", "BUCKET", "READ", "NOW", "AN HOUR", "FULL", "RESETS", "AT THE RESET")
    _aligned(head, [_burning(one, zone) for one in found], left=2)
    if any(one["now"] is None for one in found):
        say("unknown: readings that rose too little to tell what share of the bucket the work since took")
    return 0


def _burning(one: Record, zone: tzinfo | None) -> tuple[str, ...]:
    at_reset = "unknown"
    if one["at_reset_p50"] is not None:
        at_reset = f"{one['at_reset_p50']:.0%} ({one['at_reset_p10']:.0%} to {one['at_reset_p90']:.0%})"
    return (
        one["account"],
        one["bucket"],
        f"{one['utilization']:.0%} at {_clock(one['read_at'], zone)}",
        _now_used(one),
        "unknown" if one["per_hour"] is None else f"{one['per_hour']:.1%}",
        _full(one, zone),
        _clock(one["resets_at"], zone),
        at_reset,
    )


def _now_used(one: Record) -> str:
    return f"{one['utilization']:.0%} or more" if one["now"] is None else f"{one['now']:.0%}"


def _full(one: Record, zone: tzinfo | None) -> str:
    """A dash: not before the reset."""
    if one["full_at"] is None and one["per_hour"] is None:
        return "unknown"
    return _clock(one["full_at"], zone)


def unused(args: Namespace) -> int:
    """What expired unused."""
    with _explained():
        zone = asked.zone_of(args.tz)
        found = reporting.unused(_home(), _chosen(args, zone), each=args.each)
    if _given(args, found, reporting.EXPIRED_KEYS if args.each else reporting.UNUSED_KEYS):
        return 0
    if not found:
        say("no window has been seen to its reset yet, so what expired is unknown")
    elif args.each:
        head = ("ACCOUNT", "BUCKET", "RESET", "UNUSED", "LAST READ")
        _aligned(head, [_expired_window(one, zone) for one in found], left=2)
    else:
        whole = ("ACCOUNT", "BUCKET", "WINDOWS", "UNUSED", "IN ALL", "LAST READ")
        _aligned(whole, [_expired(one) for one in found], left=2)
    return 0


def _expired_window(one: Record, zone: tzinfo | None) -> tuple[str, ...]:
    seen = f"{one['unseen_hours']:.1f} h before"
    return one["account"], one["bucket"], _clock(one["reset_at"], zone), f"{one['unused']:.0%}", seen


def _expired(one: Record) -> tuple[str, ...]:
    return (
        one["account"],
        one["bucket"],
        str(one["windows"]),
        f"{one['mean']:.0%}",
        f"{one['whole']:.1f} windows",
        f"{one['unseen_hours_mean']:.1f} h before",
    )


def kept(args: Namespace) -> int:
    """Whether capacity was there for the person, what landed meanwhile, and whose the windows were."""
    from fleet.views.history.kept import WEEK_KEYS
    from fleet.views.history.kept import kept as report

    with _explained():
        zone = asked.zone_of(args.tz)
        found = report(_home(), _chosen(args, zone), zone)
    if args.json:
        return as_json(found)
    if _given(args, found["weeks"], WEEK_KEYS):
        return 0
    if found["sittings"]:
        head = ("YOU SAT DOWN", "UNTIL", "ACCOUNT", "LEFT THEN", "HEADROOM", "LIMIT MET", "LANDED MEANWHILE")
        table(head, [_sitting(one, zone) for one in found["sittings"]])
    else:
        put("you used no account yourself in this time, as far as transcripts were read")
    put()
    _aligned(
        ("WEEK", "SAT DOWN", "HEADROOM", "LIMITS", "WINDOWS", *_SHARES, "LANDED", "A WINDOW"),
        [_kept_week(one) for one in found["weeks"]],
    )
    for told in found["unknown"]:
        say(f"not known: {told}")
    return 0


_SHARES = ("USEFUL", "YOURS", "NOT LANDED", "ELSEWHERE", "EXPIRED")


def _sitting(one: Record, zone: tzinfo | None) -> tuple[str, ...]:
    left = ", ".join(f"{name} {_share(share)}" for name, share in one["left"].items())
    headroom = {True: "yes", False: "no", None: "unknown"}[one["began_with_headroom"]]
    limits = ", ".join(map(one_line, one["limits"])) or "-"
    times = _clock(one["begins_at"], zone), _clock(one["ends_at"], zone)
    return *times, one["account"] or "-", left or "unknown", headroom, limits, str(one["landed_meanwhile"])


def _kept_week(one: Record) -> tuple[str, ...]:
    told = one["sittings"] - one["headroom_unknown"]
    shares = (one[name] for name in ("useful", "own", "other", "elsewhere", "expired"))
    a_window = one["landed_per_window"]
    return (
        one["week"],
        str(one["sittings"]),
        f"{one['with_headroom']} of {told}",
        str(one["met_a_limit"]),
        f"{one['windows'] - one['windows_unknown']} of {one['windows']}",
        *(_share(share) for share in shares),
        str(one["landed"]),
        "unknown" if a_window is None else f"{a_window:.1f}",
    )


def _share(share: float | None) -> str:
    return "unknown" if share is None else f"{share:.0%}"


def scan(args: Namespace) -> int:
    """Reads the transcripts into the ledger."""
    from fleet.history.prices import InvalidPrices
    from fleet.service.scanning import scan_home

    _refuse_to_scan(args.config_dir, args.account)
    try:
        with _explained():
            found = scan_home(_home(), args.config_dir, os.environ, args.account)
    except InvalidPrices as failed:
        raise Failed(str(failed)) from failed
    if args.json:
        return as_json(found)
    if not found["config_dirs"]:
        say(
            "no account has a directory here, and the client's own are missing too: fleet history scan --config-dir DIR"
        )
        return 0
    for line in _scanned(found):
        put(line)
    for told in found["unreadable"]:
        say(one_line(f"unreadable: {told['path']}: {told['why']}"))
    for line in found["broken_lines"]:
        say(one_line(f"broken: {line['path']} at byte {line['offset']}: {line['why']}"))
    if found["broken"] > len(found["broken_lines"]):
        say(f"and {found['broken'] - len(found['broken_lines']):,} more broken lines")
    return 0


def _refuse_to_scan(config_dirs: Sequence[str], account: str | None) -> None:
    """Raises Failed for directories that are not there, and an account without any."""
    if account == "":
        raise Failed("--account names nobody: fleet history scan --config-dir DIR --account A")
    if account and not config_dirs:
        raise Failed("say which directory is that account's: fleet history scan --config-dir DIR --account A")
    for one in config_dirs:
        if not os.path.isdir(os.path.expanduser(one)):  # noqa: PTH111, PTH112 pathlib costs start-up
            raise Failed(f"there is no directory {one}: nothing was read")


def _scanned(found: Record) -> Iterator[str]:
    for one in found["config_dirs"]:
        yield f"{one['account']}: {one['path']}"
    new = f"{found['bytes'] / 1e6:,.1f} MB, {found['lines']:,} lines"
    yield f"{found['files']:,} files: {found['files_read']:,} read ({new}), {found['files_unchanged']:,} unchanged"
    yield (
        f"{found['answers_new']:,} new answers, {found['answers_updated']:,} told more fully, "
        f"{found['answers_duplicate']:,} told before, {found['readings']:,} readings of buckets"
    )
    if found["broken"]:
        yield f"{found['broken']:,} broken lines"
    if found["files_vanished"]:
        yield f"{found['files_vanished']:,} files are gone; what they told stays"


def prices(args: Namespace) -> int:
    """The table in force; with --update the person's own in place of what it was."""
    from fleet.history.prices import InvalidPrices
    from fleet.views.history import prices as service

    try:
        if args.update is not None:
            say(service.update(_home(), args.update))
        found = service.listed(_home())
    except InvalidPrices as failed:
        raise Failed(str(failed)) from failed
    if not _given(args, found) and args.update is None:
        head = ("MODEL", "FROM", "INPUT", "OUTPUT", "WRITE 5M", "WRITE 1H", "READ", "LONG PROMPT", "WHOSE")
        _aligned(head, [_price(one) for one in found])
        put("US dollars for a million tokens; the batch API costs half unless said otherwise")
    return 0


def _price(one: Record) -> tuple[str, ...]:
    long = one["long_prompt"]
    above = "-" if long is None else f"above {_short(long['above'])}: {long['input']:g} / {long['output']:g}"
    figures = ("input", "output", "cache_write_5m", "cache_write_1h", "cache_read")
    return (
        one["model"],
        one["from"] or "always",
        *(f"{one[kind]:g}" for kind in figures),
        above,
        "yours" if one["own"] else "shipped",
    )


def _given(args: Namespace, records: Sequence[Record], keys: Sequence[str] = ()) -> bool:
    """Whether the records have been printed as JSON or CSV. Says where to begin when there is no ledger yet."""
    if not reporting.is_read(_home()) and args.run != "fleet.cli.history:prices":
        say("no transcript has been read yet: fleet history scan")
    if args.json:
        as_json(records)
    elif args.csv:
        import csv

        writer = csv.DictWriter(out(), keys or list(records[0] if records else ()), lineterminator="\n")
        writer.writeheader()
        writer.writerows(records)
    return bool(args.json or args.csv)


def _note_unpriced(found: Sequence[Unpriced]) -> None:
    for one in found:
        told = f"{one.answers:,} answers, {_short(one.tokens)} tokens"
        say(f"unpriced: {one.model or 'an unknown model'}, {told} (fleet history prices --update FILE)")


def _aligned(head: tuple[str, ...], rows: Sequence[tuple[str, ...]], left: int = 1) -> None:
    """A table whose columns stand at their right, but for the first `left` ones."""
    widths = [max(len(cell) for cell in column) for column in zip(head, *rows, strict=True)]
    table(*_right(head, rows, widths, left))


def _right(
    head: tuple[str, ...], rows: Sequence[tuple[str, ...]], widths: list[int], left: int
) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    padded = [
        tuple(
            cell if n < left else cell.rjust(width)
            for n, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in (head, *rows)
    ]
    return padded[0], padded[1:]


def _clock(iso: str | None, zone: tzinfo | None) -> str:
    from datetime import datetime

    return "-" if iso is None else datetime.fromisoformat(iso).astimezone(zone).strftime("%a %Y-%m-%d %H:%M")


def _home() -> str:
    return home_path(os.environ)
