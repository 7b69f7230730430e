"""Which parameters of a test are tried only by scripts/test --all."""

from __future__ import annotations

import pytest
from _pytest.mark import ParameterSet


def large(*cases: object) -> list[ParameterSet]:
    """These, marked `large`. A tuple holds the values of several names."""
    return [
        pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=pytest.mark.large)
        for case in cases
    ]
