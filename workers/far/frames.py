"""Frames between home and the far end: a JSON header and a blob. Travels: standard library only, Python 3.9."""

from __future__ import annotations

import json
import struct
from typing import Any, NamedTuple

_LENGTHS = struct.Struct(">II")
HEADER_BYTES_MAX = 16_000_000
BLOB_BYTES_MAX = 256_000_000


class BadFrame(Exception):
    """What came is no frame: the two ends no longer understand each other."""


class Frame(NamedTuple):
    header: dict[str, Any]
    blob: bytes


def pack(header: dict[str, Any], blob: bytes = b"") -> bytes:
    text = json.dumps(header, separators=(",", ":")).encode()
    return _LENGTHS.pack(len(text), len(blob)) + text + blob


class Unpacker:
    """Cuts a stream of bytes into frames, none with a larger blob than that."""

    def __init__(self, blob_bytes_max: int = BLOB_BYTES_MAX) -> None:
        self._buffer = bytearray()
        self._blob_bytes_max = blob_bytes_max

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that these bytes complete. Raises BadFrame."""
        self._buffer += data
        frames, position = [], 0
        while True:
            end = self._end(position)
            if end is None:
                break
            header, blob = _LENGTHS.unpack_from(self._buffer, position)
            begin = position + _LENGTHS.size
            frames.append(
                Frame(
                    _parsed(self._buffer[begin : begin + header]), bytes(self._buffer[begin + header : end])
                )
            )
            assert end == begin + header + blob
            position = end
        del self._buffer[:position]
        return frames

    def _end(self, position: int) -> int | None:
        """Where the frame that begins there ends; None when it is not whole yet."""
        if len(self._buffer) - position < _LENGTHS.size:
            return None
        header, blob = _LENGTHS.unpack_from(self._buffer, position)
        if header > HEADER_BYTES_MAX or blob > self._blob_bytes_max:
            raise BadFrame(f"a frame of {header} and {blob} bytes")
        end = position + _LENGTHS.size + header + blob
        return end if len(self._buffer) >= end else None


def _parsed(text: bytearray) -> dict[str, Any]:
    try:
        header = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError) as broken:
        raise BadFrame("a header that is no JSON") from broken
    if not isinstance(header, dict):
        raise BadFrame("a header that is no object")
    return header


def _no_number(name: str) -> None:
    """Python's own JSON has NaN and Infinity, which no frame of ours has."""
    raise ValueError(name)
