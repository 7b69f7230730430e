"""The lines that are said to a running client, without the line end.

A message's uuid comes back in `Lifecycle`, `Replay` and `Result.consumed`, so what was told can be known to
be taken in.
"""

from __future__ import annotations

import json


def user_message(text: str, uuid: str) -> bytes:
    """Words of a person, or the task itself: starts a turn, or joins the running one between two tool
    calls.
    """
    return _line({"type": "user", "message": {"role": "user", "content": text}, "uuid": uuid})


def interrupt(request_id: str) -> bytes:
    """End the running turn now. Messages that are still queued are then taken in: the reply lists them as
    `still_queued`.
    """
    return _control(request_id, {"subtype": "interrupt"})


def set_model(request_id: str, model: str) -> bytes:
    """Go on with another model from the next request. A name that is no known alias costs a small request to
    check it.
    """
    return _control(request_id, {"subtype": "set_model", "model": model})


def get_context_usage(request_id: str) -> bytes:
    """Ask what the session's context holds, in tokens by category."""
    return _control(request_id, {"subtype": "get_context_usage"})


def get_usage(request_id: str) -> bytes:
    """Ask what is used of the account's windows; without a look at local transcripts, which would take long."""
    return _control(request_id, {"subtype": "get_usage", "skip_behaviors": True})


def _control(request_id: str, request: dict[str, object]) -> bytes:
    return _line({"type": "control_request", "request_id": request_id, "request": request})


def _line(data: object) -> bytes:
    # ASCII escapes: U+2028 and its like end a line for some readers.
    return json.dumps(data).encode()
