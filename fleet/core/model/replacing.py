"""`dataclasses.replace` for frozen values with slots, in a fourth of the time: for what is done with each line of each
worker and in each look at the fleet, where it was a fifth of all that following takes (docs/benchmarks.md)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from functools import cache, partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # fields and their types are checked as those of the library's are
    from dataclasses import replace as replace
else:

    def replace(value: Any, /, **changes: Any) -> Any:
        """The value with other fields. Not for a class with `__post_init__`, or with fields that are not its slots.

        Raises TypeError for a name that is no field.
        """
        return _replacer(type(value))(value, changes)


@cache
def _replacer(of: type) -> Callable[[Any, dict[str, Any]], Any]:
    """A frozen value's own `__init__` looks each slot up by its name, and so does the library; here they are known."""
    names = [field.name for field in fields(of)]
    assert not hasattr(of, "__post_init__"), of
    setters = {name: of.__dict__[name].__set__ for name in names}
    known: dict[str, Any] = {"new": object.__new__, "of": of, "setter_of": partial(_setter_of, of, setters)}
    known |= {f"set_{name}": setter for name, setter in setters.items()}
    lines = [
        "def replaced(value, changes):",
        "    copy = new(of)",
        *(f"    set_{name}(copy, value.{name})" for name in names),
        "    for name in changes:",
        "        setter_of(name)(copy, changes[name])",
        "    return copy",
    ]
    exec("\n".join(lines), known)
    replaced: Callable[[Any, dict[str, Any]], Any] = known["replaced"]
    return replaced


def _setter_of(of: type, setters: dict[str, Any], name: str) -> Any:
    if name not in setters:
        raise TypeError(f"{of.__name__} has no field {name!r}")
    return setters[name]
