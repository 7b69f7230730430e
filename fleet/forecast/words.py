"""A person's habits in a sentence: you typically use 60 k tokens between 18:00 and 23:00 on Tuesdays and Thursdays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fleet.forecast.series import HOUR_MS, WEEK_H, Series

RECENT_DAYS = 84
DAY_BEGINS_H = 4
"""What is used before four in the morning belongs to the evening before."""

OBSERVED_DAYS_MIN = 14
USED_DAYS_MIN = 4
USUAL = 0.5
"""A weekday is usual when there was use on at least half of them."""

WITHIN = 0.8
"""The hours named hold this share of a day's use."""

APART_MAX_H = 2
"""Days whose hours begin and end no further apart than this are named together, if their amounts are within twice."""

LIGHT = 1 / 3
NONE = 0.03
NAMES = ("Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays")


@dataclass(frozen=True, slots=True)
class Habit:
    """Weekdays (Monday 0) on which the same is usual: from `begins_h` to `ends_h` o'clock, `amount` in the median."""

    weekdays: tuple[int, ...]
    begins_h: int
    ends_h: int
    amount: float


def in_words(series: Series, unit: str = "tokens") -> str:
    """What the last twelve weeks show, for a person to read; says so when that is too little to tell habits from."""
    weekday, use = _days(series)
    used = int(np.count_nonzero(use.sum(axis=1)))
    if len(use) < OBSERVED_DAYS_MIN or used < USED_DAYS_MIN:
        return (
            f"Too little is known to tell your habits: there was use on {_days_in_words(used)} of"
            f" {len(use)} observed. It takes {OBSERVED_DAYS_MIN} days and use on {USED_DAYS_MIN} of them."
        )
    found = habits(weekday, use)
    if not found:
        mean = use.sum() / len(use) * 7
        return f"No weekday is usual for you: use on {used} of {len(use)} days, {amount_in_words(mean)} {unit} a week."
    parts = [
        f"{amount_in_words(habit.amount)} {unit} between {_clock(habit.begins_h)} and {_clock(habit.ends_h)}"
        f" on {_weekdays_in_words(habit.weekdays)}"
        for habit in found
    ]
    told = "You typically use " + ", ".join(parts[:-1]) + (" and " if parts[1:] else "") + parts[-1]
    return told + _weekends(weekday, use) + "."


def habits(weekday: NDArray[np.int64], use: NDArray[np.float64]) -> list[Habit]:
    """The usual weekdays, those that are alike together, the largest amount first.

    `weekday` of each day, and its `use` in 24 hours from DAY_BEGINS_H on.
    """
    groups: list[list[int]] = []
    alone = {day: _habit(weekday, use, [day]) for day in range(7) if _is_usual(weekday, use, day)}
    for day, habit in alone.items():
        fitting = (group for group in groups if all(_are_alike(alone[other], habit) for other in group))
        group = next(fitting, None)
        if group is None:
            groups.append([day])
        else:
            group.append(day)
    return sorted((_habit(weekday, use, group) for group in groups), key=lambda one: -one.amount)


def amount_in_words(amount: float) -> str:
    """Two figures and a letter: 60 k, 1.2 M."""
    for factor, letter in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if amount >= factor * 0.9995:
            return (
                f"{amount / factor:.2g}{letter}"
                if amount < 99.5 * factor
                else f"{amount / factor:.0f}{letter}"
            )
    return f"{amount:.2g}" if amount < 99.5 else f"{amount:.0f}"


def _days(series: Series) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Weekday and hourly use of the last days that were observed whole, or nearly: a change of clocks takes an hour."""
    since = (series.hour_of_week[:-1] - DAY_BEGINS_H) % WEEK_H
    weekday, hour = np.divmod(since.astype(np.int64), 24)
    number = np.concatenate([[0], np.cumsum(np.diff(weekday) != 0)])
    use = np.zeros((number[-1] + 1, 24))
    np.add.at(use, (number, hour), np.diff(series.total))
    whole = np.bincount(number) * series.slot_ms >= 23 * HOUR_MS
    day_of = np.zeros(len(use), dtype=np.int64)
    day_of[number] = weekday
    return day_of[whole][-RECENT_DAYS:], use[whole][-RECENT_DAYS:]


def _is_usual(weekday: NDArray[np.int64], use: NDArray[np.float64], day: int) -> bool:
    of_day = use[weekday == day].sum(axis=1)
    return len(of_day) >= 2 and float(np.mean(of_day > 0)) >= USUAL


def _habit(weekday: NDArray[np.int64], use: NDArray[np.float64], days: Sequence[int]) -> Habit:
    """Each day counts alike in finding the hours, so that one wild day does not decide them."""
    chosen = use[np.isin(weekday, days)]
    chosen = chosen[chosen.sum(axis=1) > 0]
    shape = (chosen / chosen.sum(axis=1, keepdims=True)).mean(axis=0)
    begin, end = _narrowest(shape)
    amount = float(np.median(chosen[:, begin:end].sum(axis=1)))
    return Habit(tuple(days), (begin + DAY_BEGINS_H) % 24, (end + DAY_BEGINS_H) % 24, amount)


def _narrowest(shape: NDArray[np.float64]) -> tuple[int, int]:
    """The shortest stretch of hours that holds WITHIN of the whole; among equals the one that holds most."""
    until = np.concatenate([[0.0], np.cumsum(shape)])
    spans = [
        (end - begin, -(until[end] - until[begin]), begin)
        for begin in range(24)
        for end in range(begin + 1, 25)
    ]
    length, _, begin = min(span for span in spans if -span[1] >= WITHIN * until[-1] - 1e-9)
    return begin, begin + length


def _are_alike(one: Habit, other: Habit) -> bool:
    begins = (one.begins_h - other.begins_h + 12) % 24 - 12
    ends = (one.ends_h - other.ends_h + 12) % 24 - 12
    near = max(abs(begins), abs(ends)) <= APART_MAX_H
    return near and max(one.amount, other.amount) <= 2 * min(one.amount, other.amount)


def _weekends(weekday: NDArray[np.int64], use: NDArray[np.float64]) -> str:
    daily = use.sum(axis=1)
    working, weekend = daily[weekday < 5].mean(), daily[weekday >= 5].mean()
    if weekend <= NONE * working:
        return "; hardly anything at weekends"
    return "; light weekends" if weekend <= LIGHT * working else ""


def _weekdays_in_words(days: Sequence[int]) -> str:
    if list(days) == list(range(7)):
        return "all days"
    if list(days) == list(range(5)):
        return "working days"
    names = [NAMES[day] for day in days]
    return ", ".join(names[:-1]) + (" and " if names[1:] else "") + names[-1]


def _days_in_words(count: int) -> str:
    return "1 day" if count == 1 else f"{count} days"


def _clock(hour: int) -> str:
    return f"{hour:02d}:00"
