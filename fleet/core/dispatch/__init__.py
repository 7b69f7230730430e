"""Who runs what, where, now: feasible → price → choose, and every choice explained.

The rest of the core knows these names of this room: `choose` (the placements to make now; `Chooser`, for one who asks
again and again), `explain` (why a task is where it is) and `needs_a_person` (whether it is paused, or in trouble that
lasts). A better rule replaces what is behind them.
"""

from fleet.core.dispatch.choosing import Chooser, choose
from fleet.core.dispatch.explain import explain, needs_a_person
from fleet.core.dispatch.explanation import Explanation
from fleet.core.dispatch.feasible import Placement, Refusal
from fleet.core.dispatch.price import Quote
from fleet.core.dispatch.refusals import REFUSALS_TOLD

__all__ = [
    "REFUSALS_TOLD",
    "Chooser",
    "Explanation",
    "Placement",
    "Quote",
    "Refusal",
    "choose",
    "explain",
    "needs_a_person",
]
