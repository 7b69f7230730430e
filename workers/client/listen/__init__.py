"""What a running client says, and what that means: an `Ear` for each process, fed line by line."""

from workers.client.listen.ear import Ear, Heard, Used
from workers.client.listen.messages import (
    Answer,
    Init,
    Malformed,
    Message,
    Replay,
    Result,
    Retry,
    Text,
    Tokens,
    ToolResults,
    ToolUse,
)
from workers.client.listen.rendering import render, render_line
from workers.client.listen.stream import read
from workers.client.listen.verdict import Kind, Verdict
from workers.client.listen.windows import WindowReading, Windows

__all__ = [
    "Answer",
    "Ear",
    "Heard",
    "Init",
    "Kind",
    "Malformed",
    "Message",
    "Replay",
    "Result",
    "Retry",
    "Text",
    "Tokens",
    "ToolResults",
    "ToolUse",
    "Used",
    "Verdict",
    "WindowReading",
    "Windows",
    "read",
    "render",
    "render_line",
]
