"""What a person will need: distributions of use until a moment, and how much to protect for it.

A leaf: numpy only. Amounts are in any unit, times in milliseconds of UTC.
"""

from fleet.forecast.distribution import Forecast, Knowledge
from fleet.forecast.heat import Heat
from fleet.forecast.protection import Claim, littlewood, protect_now, protection_levels
from fleet.forecast.series import Series
from fleet.forecast.until import forecast
from fleet.forecast.words import in_words

__all__ = [
    "Claim",
    "Forecast",
    "Heat",
    "Knowledge",
    "Series",
    "forecast",
    "in_words",
    "littlewood",
    "protect_now",
    "protection_levels",
]
