"""Reading a request's body off the connection, in each framing that a client may choose."""

from __future__ import annotations

import gzip
from email.message import Message
from io import BufferedIOBase


def read_body(stream: BufferedIOBase, headers: Message) -> bytes:
    """The whole body: counted or chunked, gzipped or plain. Raises ValueError when it is none of these."""
    chunked = str(headers.get("transfer-encoding", "")).lower() == "chunked"
    raw = _read_chunks(stream) if chunked else stream.read(int(headers.get("content-length") or 0))
    if str(headers.get("content-encoding", "")).lower() != "gzip":
        return raw
    try:
        return gzip.decompress(raw)
    except (EOFError, gzip.BadGzipFile) as wrong:
        raise ValueError(f"the body is said to be gzip but is not: {wrong}") from wrong


def _read_chunks(stream: BufferedIOBase) -> bytes:
    chunks = []
    while size := int(stream.readline().split(b";")[0], 16):
        chunks.append(stream.read(size))
        stream.readline()
    while stream.readline().strip():
        continue
    return b"".join(chunks)
