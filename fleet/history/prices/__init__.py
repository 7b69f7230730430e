"""What models cost: a dated table of list prices, which users can correct and add to."""

from fleet.history.prices.rates import Rates, Row, Tokens
from fleet.history.prices.table import PriceTable, load
from fleet.history.prices.toml_file import InvalidPrices

__all__ = ["InvalidPrices", "PriceTable", "Rates", "Row", "Tokens", "load"]
