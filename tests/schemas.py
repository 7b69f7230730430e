"""Whether a document is what a JSON Schema says."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from jsonschema import Draft202012Validator  # type: ignore[import-untyped]


def wrong(schema: dict[str, Any], documents: Iterable[Any]) -> list[str]:
    """What is not as the schema says, in words."""
    valid = Draft202012Validator(schema)
    return [error.message for document in documents for error in valid.iter_errors(document)]
