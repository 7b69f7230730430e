"""The model behind a tier may change: an alias such as `sonnet` names another one from one day to the next. What was
learned of the one before (what work takes of each bucket, how much there is of it, how often it is verified) is a guess
for the next one: it counts half from then on, so that new evidence soon outweighs it."""

from __future__ import annotations

from dataclasses import replace

from fleet.core.capacity import experience, rates
from fleet.core.draft import Draft
from fleet.core.model import Attempt

KEPT = 0.5

CHANGES_BY_ITSELF = "opusplan"
"""The client's alias that plans with one model and carries out with another: that is no news."""


def answers_now(draft: Draft, attempt: Attempt, model: str) -> None:
    """`model` is what the client says that it works with, for the attempt's tier. What accounts share is halved once
    for a model, with the first of them that has it."""
    account, tier = draft.accounts[attempt.account], attempt.tier
    before = dict(account.models).get(tier)
    if not model or model == before or account.model_of(tier) == CHANGES_BY_ITSELF:
        return
    others = [other for name, other in draft.accounts.items() if name != account.name]
    draft.put_account(replace(account, models=tuple({**dict(account.models), tier: model}.items())))
    if before is None:
        return
    rates.fade(draft, account.pool, tier, KEPT)
    if all(dict(other.models).get(tier) != model for other in others):
        rates.fade(draft, rates.EVERYONE, tier, KEPT)
        for key, one in list(draft.experience.items()):
            if experience.tier_of(key) == tier:
                draft.put("experience", key, experience.faded(one, KEPT))
    told = f"{tier} is {model} now, no longer {before}: what was learned of it counts half"
    draft.note("info", "account.model", told, attempt=attempt, tier=tier, model=model, before=before)
