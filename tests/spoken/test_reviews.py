"""Who is to review, as it is said."""

from __future__ import annotations

import pytest

from fleet.spoken.reviews import by_model, by_person, read, tier_of


@pytest.mark.parametrize(
    ("said", "person", "model", "tier"),
    [
        (None, False, False, None),
        (False, False, False, None),
        (True, True, False, None),
        ("person", True, False, None),
        ("model", False, True, None),
        ("model:opus", False, True, "opus"),
        ("model+person", True, True, None),
        (" model:opus+person ", True, True, "opus"),
    ],
)
def test_each_way_to_say_it_means_what_it_says(
    said: object, person: bool, model: bool, tier: str | None
) -> None:
    review = read(said)
    assert (by_person(review), by_model(review), tier_of(review)) == (person, model, tier)
    assert read(review) == review


@pytest.mark.parametrize(
    "said", ["", "models", "model:", "model:a b", "person+model", "model+", "model+x", "yes", 1, ["model"]]
)
def test_what_means_nothing_is_refused_with_what_it_may_be(said: object) -> None:
    with pytest.raises(ValueError, match="must be person, model, model:TIER, model"):
        read(said)
