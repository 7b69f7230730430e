"""Where the home is, found without pathlib: `fleet status` must start about as fast as the interpreter does."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


def home_path(environ: Mapping[str, str]) -> str:
    """`FLEET_HOME`, or the platform's directory for a user's state."""
    named = environ.get("FLEET_HOME")
    if named:
        return os.path.abspath(os.path.expanduser(named))  # noqa: PTH100, PTH111
    from platformdirs import user_state_dir

    return user_state_dir("fleet", appauthor=False)
