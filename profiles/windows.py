"""What the name of a window says about what it blocks.

The set of windows is open (facts: "The stream"): `five_hour`, `seven_day`, `seven_day_opus`, `seven_day_sonnet`,
`seven_day_overage_included`, `overage` have been seen or are parsed by client 2.1.330, and more will come. So names
are read by their shape, against the tiers the account really has.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from profiles.profile import DEFAULT_TIERS

_WORD_BREAK = re.compile(r"[^a-z0-9]+")
_OPEN_WORDS = frozenset(
    {"day", "hour", "minute", "week", "month", "included", "tokens", "requests", "latest", "claude"}
)
"""Words that say how long or how much, or that stand in every model's name: never which model."""


_SERVES: Mapping[str, str] = {"seven_day_overage_included": "fable"}
"""Windows whose name doesn't say their model. Client 2.1.330 calls this one "Fable limit": the allowance of that model
which a plan includes before usage credits are asked for."""


def scope_of(window_name: str, tiers: Mapping[str, str]) -> str | None:
    """The tier a window is for, or None when it is for the whole account.

    `tiers` is the account's own map, tier → model name. A window is for a tier when its name ends with the tier
    (`seven_day_opus` → `opus`), or with a word of that tier's model name (`seven_day_opus` → `deep` where `deep` is
    served by `claude-opus-4-5`). A window for one of the client's own aliases that this account doesn't use is
    scoped to that alias, so that it blocks nothing here. Every other name is taken to be account-wide: an unknown
    window that refuses is obeyed (unknown is not zero), never guessed away.
    """
    name = _normal(window_name)
    name = _SERVES.get(name, name)
    for tier in sorted(tiers, key=len, reverse=True):
        if _ends_with(name, _normal(tier)):
            return tier
    for tier, model in tiers.items():
        if any(_ends_with(name, word) for word in _telling_words(model)):
            return tier
    return next((alias for alias in DEFAULT_TIERS if _ends_with(name, alias)), None)


def is_informative(window_name: str) -> bool:
    """Whether the window only informs and never blocks a placement.

    `overage` meters paid use beyond the plan. That it is rejected is the normal state of an account which hasn't
    switched it on (facts: the sample event has `overageStatus: rejected` beside `allowed_warning`), so a refusal there
    says nothing about the plan's own windows. `seven_day_overage_included` is none of these: it is a model's own limit.
    """
    name = _normal(window_name)
    return name.startswith("overage") or _ends_with(name, "overage")


def _telling_words(model: str) -> list[str]:
    return [
        word for word in _words(model) if len(word) > 2 and not word[0].isdigit() and word not in _OPEN_WORDS
    ]


def _ends_with(name: str, ending: str) -> bool:
    return bool(ending) and (name == ending or name.endswith(f"_{ending}"))


def _words(text: str) -> list[str]:
    return [word for word in _WORD_BREAK.split(text.lower()) if word]


def _normal(text: str) -> str:
    return "_".join(_words(text))
