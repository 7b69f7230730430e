"""What the client answers to `get_usage`: an account's windows, in the units of this program.

The shapes are in docs/client-facts.md, "An idle login".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from workers.client.listen.windows import WindowReading, reset_ms

PERCENT = 100.0
_PERIOD = re.compile(r"(?:^|_)(?:minute|hour|day|week|month)s?(?:_|$)")
_OF_GROUP = {"session": "five_hour", "weekly": "seven_day"}
"""The window that a limit of a group is a part of."""

_AS_HEARD = {"seven_day_fable": "seven_day_overage_included"}
"""Windows that go by another name in the stream (the client's own text calls that one "Fable limit"): one window must
not be two buckets."""


class NoUsage(Exception):
    """The client told nothing new of its account's windows; the message says why."""


def read_usage(answer: Mapping[str, Any]) -> tuple[WindowReading, ...]:
    """The windows of a `get_usage` answer, at most a minute old. Percents become shares of 1, ISO 8601 times epoch
    milliseconds; what is not as expected is left out.

    A window is taken if its name says a period: the other entries are sums of money and trials under code names. When
    the endpoint did not answer, the client silently tells what it remembers, up to an hour old; then the list `limits`
    is missing.

    Raises NoUsage: the login may not ask, or there was no fresh answer.
    """
    available, told = answer.get("rate_limits_available"), answer.get("rate_limits")
    if available is False:
        raise NoUsage(
            "its login does not allow to ask for usage: log in to it anew, with `claude auth login`"
        )
    if available is not True:
        raise NoUsage("the client does not say whether there are limits: is it too old? Update it")
    listed = told.get("limits") if isinstance(told, dict) else None
    if not isinstance(told, dict) or not isinstance(listed, list):
        raise NoUsage(
            "its usage could not be fetched: there is no way to api.anthropic.com, or that refused the login, or was "
            "asked too often"
        )
    found = dict(_of_limits(listed)) | dict(_of_windows(told))
    return tuple(found.values())


def _of_windows(told: Mapping[str, Any]) -> Iterator[tuple[str, WindowReading]]:
    for name, value in told.items():
        if isinstance(value, dict) and _PERIOD.search(name):
            yield from _reading(name, value.get("utilization"), value.get("resets_at"))


def _of_limits(listed: list[Any]) -> Iterator[tuple[str, WindowReading]]:
    """The windows of single models, which are not all told elsewhere."""
    for limit in listed:
        model = _model(limit)
        window = _OF_GROUP.get(str(limit.get("group"))) if model else None
        if window is not None:
            name = f"{window}_{model}"
            yield from _reading(_AS_HEARD.get(name, name), limit.get("percent"), limit.get("resets_at"))


def _model(limit: Any) -> str | None:
    """`opus` for one whose `scope.model.display_name` is "Opus"."""
    for field in ("scope", "model", "display_name"):
        limit = limit.get(field) if isinstance(limit, dict) else None
    return "_".join(re.findall(r"[a-z0-9]+", limit.lower())) or None if isinstance(limit, str) else None


def _reading(name: str, percent: object, resets_at: object) -> Iterator[tuple[str, WindowReading]]:
    if isinstance(percent, int | float) and not isinstance(percent, bool) and 0 <= percent <= 10 * PERCENT:
        yield name, WindowReading(name, percent / PERCENT, reset_ms(resets_at))
