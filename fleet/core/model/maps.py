"""Maps of the fleet's values that share with earlier states all that has not changed, and know what has.

A changed map is the one before under the few keys that were written since, so writing costs what was written and not
what there is; when those are many, all is copied into a new map once. Values are frozen, so what is the same object has
not changed.
"""

from __future__ import annotations

from collections.abc import Callable, ItemsView, Iterator, KeysView, Mapping, ValuesView
from math import isqrt
from typing import Any, TypeVar, cast, overload

V = TypeVar("V")
D = TypeVar("D")
T = TypeVar("T")

WRITTEN_MAX = 4
"""So many times the square root of a map's size of keys are written before all is copied: each write then costs about
as much as the copying."""

WRITTEN_MIN = 64

_GONE: Any = object()
_NONE: Any = object()


class _Base:
    """Values that never change, and by which keys they differ from the base before."""

    __slots__ = ("before", "keys", "known", "values")

    def __init__(
        self, values: dict[str, Any], before: dict[str, Any] | None, keys: Mapping[str, Any]
    ) -> None:
        self.values, self.before, self.keys = values, before, keys
        self.known: dict[Any, Any] = {}


class Map(Mapping[str, V]):
    """Only its `Draft` writes to it, until it has been given away."""

    __slots__ = ("_all", "_base", "_len", "_written")

    _all: dict[str, V] | None
    _base: _Base
    _len: int
    _written: dict[str, V]

    def __init__(self, of: Mapping[str, V]) -> None:
        """A copy that may be written to. A dict must not change any more."""
        if isinstance(of, Map):
            self._base, self._written = of._base, of._written.copy()
            self._all, self._len = of._all, of._len
        else:
            values = of if isinstance(of, dict) else dict(of)
            self._base, self._written = _Base(values, None, {}), {}
            self._all, self._len = values, len(values)

    # --- reading ---

    def __getitem__(self, key: str) -> V:
        value = self._written.get(key, _NONE)
        if value is _NONE:
            return cast(V, self._base.values[key])
        if value is _GONE:
            raise KeyError(key)
        return cast(V, value)

    @overload
    def get(self, key: str, default: None = None, /) -> V | None: ...
    @overload
    def get(self, key: str, default: D, /) -> V | D: ...
    def get(self, key: str, default: Any = None, /) -> Any:
        value = self._written.get(key, _NONE)
        if value is _NONE:
            return self._base.values.get(key, default)
        return default if value is _GONE else value

    def __contains__(self, key: object) -> bool:
        value = self._written.get(cast(str, key), _NONE)
        return key in self._base.values if value is _NONE else value is not _GONE

    def __len__(self) -> int:
        return self._len

    def __iter__(self) -> Iterator[str]:
        return iter(self._whole())

    def keys(self) -> KeysView[str]:
        return self._whole().keys()

    def values(self) -> ValuesView[V]:
        return self._whole().values()

    def items(self) -> ItemsView[str, V]:
        return self._whole().items()

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Map):
            return len(self) == len(other) and all(
                self.get(key, _NONE) == other.get(key, _NONE) for key in changed(self, other)
            )
        return self._whole() == other

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(self._whole())

    def __reduce__(self) -> tuple[type[Map[V]], tuple[dict[str, V]]]:
        """Copied and sent to another process as all of it."""
        return type(self), (self._whole(),)

    def _whole(self) -> dict[str, V]:
        """All of it, in the order in which keys came."""
        if self._all is None:
            merged = {**self._base.values, **self._written}
            if len(merged) != self._len:
                merged = {key: value for key, value in merged.items() if value is not _GONE}
            self._all = merged
        return self._all

    # --- writing ---

    def write(self, key: str, value: V) -> None:
        if self._written.get(key) is _GONE:
            self._settle()  # it comes back, as the last one
        self._len += key not in self
        self._written[key] = value
        self._all = None
        if len(self._written) > max(WRITTEN_MIN, WRITTEN_MAX * isqrt(self._len)):
            self._settle()

    def drop(self, key: str) -> V:
        """Raises KeyError."""
        value = self[key]
        self._written[key] = _GONE
        if key not in self._base.values:
            del self._written[key]
        self._len -= 1
        self._all = None
        return value

    def _settle(self) -> None:
        values = self._whole()
        self._base = _Base(values, self._base.values, self._written)
        self._written, self._all = {}, values

    def over(self, work_out: Callable[[Mapping[str, V]], T]) -> tuple[T, list[tuple[V | None, V | None]]]:
        """What is worked out of the values that this is written over, once for all states that share them; and for each
        key that was written since, its value there and its value now, None where there is none."""
        base, now = self._base, self._written
        if work_out not in base.known:
            base.known[work_out] = work_out(base.values)
        since = [(base.values.get(key), None if value is _GONE else value) for key, value in now.items()]
        return base.known[work_out], since

    def among(self, names: Callable[[Mapping[str, V]], list[str]]) -> set[str]:
        """As the function of that name."""
        found, _ = self.over(names)
        now = {key: value for key, value in self._written.items() if value is not _GONE}
        return {name for name in found if name not in self._written}.union(names(now))

    def may_differ_in(self, earlier: Mapping[str, V]) -> list[str] | None:
        """The keys in which they may differ, None when that is not known."""
        base, written = (
            (earlier._base.values, earlier._written) if isinstance(earlier, Map) else (earlier, {})
        )
        if self._base.values is base:
            return [*written, *self._written]
        if self._base.before is base:
            return [*written, *self._base.keys, *self._written]
        return None


def over(
    of: Mapping[str, V], work_out: Callable[[Mapping[str, V]], T]
) -> tuple[T, list[tuple[V | None, V | None]]]:
    """As `Map.over`, of any map."""
    return of.over(work_out) if isinstance(of, Map) else (work_out(of), [])


def among(of: Mapping[str, V], names: Callable[[Mapping[str, V]], list[str]]) -> set[str]:
    """The `names` of a map, where each depends on its own value alone. Give a function of a module: it is asked once of
    all that states of the fleet share."""
    return of.among(names) if isinstance(of, Map) else set(names(of))


def changed(before: Mapping[str, V], after: Mapping[str, V]) -> list[str]:
    """Keys whose value is another one, that are new, or that are there no more."""
    if before is after:
        return []
    keys = after.may_differ_in(before) if isinstance(after, Map) else None
    if keys is None:
        keys = [*before, *after]
    return [key for key in dict.fromkeys(keys) if before.get(key, _NONE) is not after.get(key, _NONE)]
