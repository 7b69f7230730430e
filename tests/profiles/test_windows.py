"""A window blocks the models it is for, and an unknown one is read from its name."""

from __future__ import annotations

import pytest

from profiles.profile import DEFAULT_TIERS
from profiles.windows import is_informative, scope_of

MAPPED = {"quick": "claude-haiku-4-5", "deep": "claude-opus-4-5-20251101", "mine": "qwen3-coder:30b"}


@pytest.mark.parametrize(
    ("window", "tiers", "scope"),
    [
        ("five_hour", DEFAULT_TIERS, None),
        ("seven_day", DEFAULT_TIERS, None),
        ("seven_day_opus", DEFAULT_TIERS, "opus"),
        ("seven_day_sonnet", DEFAULT_TIERS, "sonnet"),
        ("one_hour_fable", DEFAULT_TIERS, "fable"),
        ("thirty_day_fable", DEFAULT_TIERS, "fable"),
        ("five_hour_sonnet", DEFAULT_TIERS, "sonnet"),
        ("overage", DEFAULT_TIERS, None),
        ("lunar", DEFAULT_TIERS, None),
        ("thirty_day-Haiku", DEFAULT_TIERS, "haiku"),
        ("seven_day_overage_included", DEFAULT_TIERS, "fable"),
        ("fortnight_of_everything", DEFAULT_TIERS, None),
        ("seven_day_opus", MAPPED, "deep"),
        ("seven_day_coder", MAPPED, "mine"),
        ("one_day_mine", MAPPED, "mine"),
        ("seven_day_claude", MAPPED, None),
        ("twenty_30b", MAPPED, None),
        ("seven_day_magnum", {**DEFAULT_TIERS, "magnum": "claude-magnum-6"}, "magnum"),
        ("seven_day_very_deep", {"deep": "a-model", "very-deep": "b-model"}, "very-deep"),
        ("", DEFAULT_TIERS, None),
    ],
)
def test_a_window_is_for_the_tier_its_name_ends_with_else_for_the_account(
    window: str, tiers: dict[str, str], scope: str | None
) -> None:
    assert scope_of(window, tiers) == scope


def test_a_window_of_a_model_that_the_account_does_not_use_blocks_none_of_its_tiers() -> None:
    assert scope_of("seven_day_opus", {"sonnet": "sonnet"}) not in (None, "sonnet")


def test_paid_use_beyond_the_plan_never_blocks_the_plan() -> None:
    assert [w for w in ("overage", "overage_monthly", "seven_day_overage") if not is_informative(w)] == []
    assert [w for w in ("five_hour", "seven_day_overage_included", "coverage") if is_informative(w)] == []
