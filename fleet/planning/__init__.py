"""The planning problem: which work where and when, and what capacity is worth; a linear programme solved by HiGHS.

Outside the core, which only reads the prices. numpy and highspy are imported when first solved.
"""

from fleet.planning.answer import Answer, NoPlan, Planned
from fleet.planning.solve import plan, solve

__all__ = ["Answer", "NoPlan", "Planned", "plan", "solve"]
