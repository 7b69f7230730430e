"""One name for a model that clouds, gateways and the client itself write in many ways."""

from __future__ import annotations

import re

_CLOUD = re.compile(r".*?\banthropic\.")
_SUFFIXES = re.compile(
    r"""
      \[[^\]]*\]        # [1m]: the client's word for a longer context
    | @.*               # @20250929, @default: Google's version
    | -v\d+(:.*)?       # -v1:0: Amazon's
    | -latest
    | -20\d{6}          # the date of the snapshot
    """,
    re.VERBOSE,
)


def canonical(model: str) -> str:
    """The name without provider, region, snapshot, version and context: `us.anthropic.claude-opus-4-1-20250805-v1:0`,
    `anthropic/claude-opus-4.1` and `claude-opus-4-1@20250805` are all `claude-opus-4-1`."""
    name = model.strip().lower().rpartition("/")[2]
    cloud = _CLOUD.match(name)
    name = name[cloud.end() :] if cloud else name
    while (shorter := _without_suffix(name)) != name:
        name = shorter
    return name.replace(".", "-")


def _without_suffix(name: str) -> str:
    for found in _SUFFIXES.finditer(name):
        if found.end() == len(name) and found.start() > 0:
            return name[: found.start()]
    return name
