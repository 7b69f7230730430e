"""What is picked out of a map is the same as in a plain dict, however it was written."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

import pytest

from fleet.core.model.maps import Map, among


def _odd(of: Mapping[str, int]) -> list[str]:
    return [name for name, value in of.items() if value % 2]


@pytest.mark.parametrize("seed", range(5))
def test_names_picked_out_of_a_map_are_those_of_a_dict(seed: int) -> None:
    rng = Random(seed)
    plain = {str(n): rng.randint(0, 9) for n in range(100)}
    now: Map[int] = Map(plain)
    plain = dict(plain)
    for _ in range(300):
        now, key = Map(now), str(rng.randint(0, 120))
        if rng.random() < 0.3 and key in plain:
            now.drop(key)
            del plain[key]
        else:
            plain[key] = rng.randint(0, 9)
            now.write(key, plain[key])
        assert among(now, _odd) == set(_odd(plain)) == among(plain, _odd)
