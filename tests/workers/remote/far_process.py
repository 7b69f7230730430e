"""A packed far end in a process of its own, asked over pipes as home asks over a channel."""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.own_home import HOME_ID
from tests.patience import PATIENCE_S
from workers.far.errors import from_header
from workers.far.frames import Frame, Unpacker, pack
from workers.remote.bundle import bundle


def packed(folder: Path) -> Path:
    """The archive as a file."""
    path = folder / bundle().name
    path.write_bytes(bundle().content)
    return path


def command(
    archive: Path, directory: Path | str, *more: str, python: str = sys.executable, host: str = "box"
) -> list[str]:
    named = ("--dir", str(directory), "--home", HOME_ID, "--host", host, "--nonce", "n1")
    return [python, "-X", "utf8", "-I", "-S", str(archive), *named, *more]


def greeting(line: bytes) -> dict[str, Any]:
    word, nonce, facts = line.decode().split(" ", 2)
    assert (word, nonce) == ("FLEET-FAR", "n1")
    said = json.loads(facts)
    assert isinstance(said, dict)
    return said


@dataclass
class Far:
    """One far end. `facts` is what it greeted with, `pushes` what came unasked."""

    process: subprocess.Popen[bytes]
    facts: dict[str, Any]
    pushes: list[Frame] = field(default_factory=list)
    _answers: dict[int, Frame] = field(default_factory=dict)
    _unpacker: Unpacker = field(default_factory=Unpacker)
    _asked: int = 0

    def ask(self, op: str, blob: bytes = b"", **args: Any) -> int:
        """Send a request; returns its number."""
        self._asked += 1
        self.tell(op, blob, id=self._asked, **args)
        return self._asked

    def tell(self, op: str, blob: bytes = b"", *, id: int = 0, **args: Any) -> None:  # noqa: A002
        assert self.process.stdin is not None
        self.process.stdin.write(pack({"id": id, "op": op, "args": args}, blob))
        self.process.stdin.flush()

    def answer(self, number: int) -> Frame:
        """The answer to that request. Raises what the far end tells of."""
        self.listen(lambda: number in self._answers, f"answer {number}")
        frame = self._answers.pop(number)
        if "error" in frame.header:
            raise from_header(frame.header["error"])
        return frame

    def call(self, op: str, blob: bytes = b"", **args: Any) -> dict[str, Any]:
        values = self.answer(self.ask(op, blob, **args)).header["ok"]
        assert isinstance(values, dict)
        return values

    def spool(self, attempt: str) -> bytes:
        """What was pushed of that spool so far. Every piece begins where the one before it ended."""
        pieces = [
            push
            for push in self.pushes
            if push.header == {**push.header, "push": "spool", "attempt": attempt}
        ]
        whole = b""
        for piece in pieces:
            assert piece.header["start"] == pieces[0].header["start"] + len(whole)
            whole += piece.blob
        return whole

    def listen(self, enough: Any, what: str) -> None:
        """Take in frames until `enough()`."""
        assert self.process.stdout is not None
        ends_at = time.monotonic() + PATIENCE_S
        while not enough():
            ready, _, _ = select.select([self.process.stdout], [], [], max(0.0, ends_at - time.monotonic()))
            assert ready, f"waited {PATIENCE_S:.0f} s in vain for: {what}"
            data = os.read(self.process.stdout.fileno(), 1 << 20)
            assert data, f"the far end ended, while we waited for: {what}"
            for frame in self._unpacker.feed(data):
                if "push" in frame.header:
                    self.pushes.append(frame)
                else:
                    self._answers[frame.header["id"]] = frame

    def hang_up(self) -> int:
        """Close its input; returns how it ended."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait(PATIENCE_S)


@contextlib.contextmanager
def reached(words: list[str], env: dict[str, str] | None = None) -> Iterator[Far]:
    """A far end that has greeted, until the block ends."""
    pipe = subprocess.PIPE
    with subprocess.Popen(words, stdin=pipe, stdout=pipe, env=env, bufsize=0) as process:
        try:
            assert process.stdout is not None
            yield Far(process, greeting(process.stdout.readline()))
        finally:
            process.kill()
