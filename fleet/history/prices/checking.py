"""Holds a person's table of prices to its form."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fleet.history.prices.rates import InvalidPrices

Dollars = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Rates(BaseModel):
    model_config = ConfigDict(extra="forbid")

    input: Dollars
    output: Dollars
    cache_write_5m: Dollars | None = None
    cache_write_1h: Dollars | None = None
    cache_read: Dollars | None = None


class _LongPrompt(_Rates):
    above: Annotated[int, Field(gt=0)]


class _Model(_Rates):
    names: Annotated[list[Annotated[str, Field(min_length=1)]], Field(min_length=1)]
    begins: date | None = Field(None, alias="from")
    long_prompt: _LongPrompt | None = None
    batch: Annotated[float, Field(ge=0, le=1)] | None = None
    source: str = ""
    read: date | None = None


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    model: Annotated[list[_Model], Field(min_length=1)]


def checked(said: dict[str, Any], path: str) -> list[dict[str, Any]]:
    """The rows, without what is not said. Raises InvalidPrices."""
    try:
        found = _File.model_validate(said)
    except ValidationError as error:
        wrong = "; ".join(_sentence(one) for one in error.errors(include_url=False))
        raise InvalidPrices(f"{path}: {wrong}") from None
    return [one.model_dump(by_alias=True, exclude_none=True) for one in found.model]


def _sentence(error: Any) -> str:
    """`model 2, output: Field required`, counted from 1 as people do."""
    parts = [str(part + 1) if isinstance(part, int) else str(part) for part in error["loc"]]
    where = " ".join(parts[:2]) + "".join(f", {part}" for part in parts[2:])
    return f"{where}: {error['msg'][0].lower()}{error['msg'][1:]}"
