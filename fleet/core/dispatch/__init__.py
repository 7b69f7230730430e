"""Who runs what, where, now: feasible → price → choose, and every choice explained.

The rest of the core knows two names of this room: `choose` (the placements to make now) and `explain` (why a
task is where it is). A better rule replaces what is behind them.
"""

from fleet.core.dispatch.choose import choose
from fleet.core.dispatch.explain import Explanation, explain
from fleet.core.dispatch.feasible import Placement, Refusal

__all__ = ["Explanation", "Placement", "Refusal", "choose", "explain"]
