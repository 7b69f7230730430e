"""The simulator. A virtual clock and a fake world, both drawn from one seed, drive the real engine through faults.

First safety: whatever happens, `fleet.core.check` and the world's own rules hold. Then the faults are healed
and liveness is asserted: every task that can end ends (as in TigerBeetle's VOPR). A failure is a seed.
"""

from tests.faults.run import Outcome, simulate
from tests.faults.safety import Violation

__all__ = ["Outcome", "Violation", "simulate"]
