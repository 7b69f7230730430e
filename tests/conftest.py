"""What all tests have in common."""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest
from hypothesis import HealthCheck, settings

# What a test asserts must not depend on how busy the machine is, nor on the draw of the day: no example has a time
# limit, none is refused for having been made slowly, and each run tries the same examples.
settings.register_profile(
    "steady", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
# To look for what these examples miss: `scripts/test tests/core --hypothesis-profile=explore`.
settings.register_profile("explore", settings.get_profile("steady"), derandomize=False, max_examples=1_000)
settings.load_profile("steady")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol() -> Generator[None, object, object]:
    """A command that runs in this process closes what it makes to others (`workers.private`): that ends with its
    test."""
    before = os.umask(0)
    os.umask(before)
    try:
        return (yield)
    finally:
        os.umask(before)
