"""What a person will need: distributions of use until a moment, and how much to protect for it.

A leaf: numpy only. Amounts are in any unit, times in milliseconds of UTC.
"""

from forecast.distribution import Forecast, Knowledge
from forecast.heat import Heat
from forecast.protection import Claim, littlewood, protect_now, protection_levels
from forecast.series import Series
from forecast.until import forecast
from forecast.words import in_words

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
