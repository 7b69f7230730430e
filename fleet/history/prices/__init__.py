"""What models cost: a dated table of list prices, which users can correct and add to."""

from fleet.history.prices.rates import InvalidPrices, Rates, Row, Tokens
from fleet.history.prices.table import PriceTable, load

__all__ = ["InvalidPrices", "PriceTable", "Rates", "Row", "Tokens", "load"]
