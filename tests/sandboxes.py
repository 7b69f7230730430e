"""The sandbox of this machine for tests, which need bubblewrap."""

from __future__ import annotations

import os

import pytest

from workers.sandbox.bubblewrap import Unavailable, find


def bubblewrap() -> str:
    """Its path. Skips the test where there is none, unless FLEET_TEST_SANDBOX=required (as in CI)."""
    found = find(os.environ)
    if isinstance(found, Unavailable):
        assert os.environ.get("FLEET_TEST_SANDBOX") != "required", found.why
        pytest.skip(f"{found.why}: {found.cure}")
    return found
