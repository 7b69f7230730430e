"""Who is to review a task's work before it lands, as a person says it: `person`, `model`, `model:opus`, `model+person`.

The one reading of that word, behind the option, a tasks file, `fleet config` and the rules of the core. Light.
"""

from __future__ import annotations

PERSON = "person"
MODEL = "model"
FORMS = "person, model, model:TIER, model+person or model:TIER+person"


def read(said: object) -> str | None:
    """The same as it is kept: a yes means a person, a no nobody. Raises ValueError with what it must be."""
    if said is None or said is False:
        return None
    if said is True:
        return PERSON
    word = said.strip() if isinstance(said, str) else ""
    if not is_one(word):
        raise ValueError(f"must be {FORMS}")
    return word


def is_one(word: str) -> bool:
    """Whether a word says who is to review."""
    model, plus, person = word.partition("+")
    if word == PERSON or (plus and person != PERSON):
        return word == PERSON
    kind, colon, tier = model.partition(":")
    return kind == MODEL and (
        not colon or (tier.isprintable() and len(tier.split()) == 1 and tier == tier.strip())
    )


def by_person(review: str | None) -> bool:
    """Whether a person looks, whatever a model has found."""
    return review is not None and review.rpartition("+")[2] == PERSON


def by_model(review: str | None) -> bool:
    return review is not None and review.partition("+")[0].partition(":")[0] == MODEL


def tier_of(review: str | None) -> str | None:
    """The tier that is named; None where none is."""
    return (review or "").partition("+")[0].partition(":")[2] or None
