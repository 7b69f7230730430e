"""What a person asks for must hold no credential: it would be kept in the database, and sent to a model."""

from __future__ import annotations

import re

_SHAPE = re.compile(r"(?<![A-Za-z0-9])sk-ant-[a-z]{3,}\d{2}-[A-Za-z0-9_-]{8,}")
"""Anthropic's own: `sk-ant-oat01-…`, `sk-ant-api03-…`. What merely looks like some secret is the person's matter."""

ADVICE = (
    "it holds a credential, which would be kept in the database and sent to the model: nothing was done. "
    "Say it without; accounts take theirs by `fleet account add … --token-stdin`"
)


def holds_credential(text: str) -> bool:
    return _SHAPE.search(text) is not None
