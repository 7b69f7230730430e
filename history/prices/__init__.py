"""What models cost: a dated table of list prices, which users can correct and add to."""

from history.prices.rates import Rates, Row, Tokens
from history.prices.table import PriceTable, load
from history.prices.toml_file import InvalidPrices

__all__ = ["InvalidPrices", "PriceTable", "Rates", "Row", "Tokens", "load"]
