"""The quick `replace` gives what the library's gives."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import pytest

from fleet.core.model import replacing
from tests.contract.full_fleet import full_fleet


def values(found: Any) -> Iterator[Any]:
    """All frozen values with slots within one, and itself."""
    if dataclasses.is_dataclass(found):
        yield found
        for field in dataclasses.fields(found):
            yield from values(getattr(found, field.name))
    elif isinstance(found, dict):
        for value in found.values():
            yield from values(value)
    elif isinstance(found, tuple):
        for value in found:
            yield from values(value)


def test_it_gives_what_the_librarys_gives_for_each_field_of_each_value_of_a_fleet() -> None:
    seen = {type(value): value for value in values(full_fleet("h")) if not hasattr(value, "__post_init__")}
    assert len(seen) > 20
    for value in seen.values():
        for field in dataclasses.fields(value):
            changes = {field.name: object()}
            assert replacing.replace(value, **changes) == dataclasses.replace(value, **changes)
        assert replacing.replace(value) == value


def test_what_is_no_field_is_refused() -> None:
    with pytest.raises(TypeError, match="Fleet has no field 'nothing'"):
        replacing.replace(full_fleet("h"), nothing=1)  # type: ignore[call-arg]
