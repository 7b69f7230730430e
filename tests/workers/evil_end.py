"""A far end in other hands: stands on a host between home and the real one, and alters what that answers.

    python evil_end.py ATTACK TARGET    with SSH_ORIGINAL_COMMAND, as the command that sshd forces

Only what home talks to by frames is altered; git's channels are passed on. `TARGET` is the file at home, or the name,
that the attack is after.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))  # noqa: PTH100, PTH120

from workers.far.frames import Frame, Unpacker, pack

EVIL = b"echo PWNED # by the host\n"
SESSION = "11111111-7a33-4f0a-9a4e-5a2f0d3c1b2a"
ABOUT = [len(EVIL), hashlib.sha256(EVIL).hexdigest(), 0.0]
Alter = Callable[[dict[str, Any], dict[str, Any], str, int], bytes]
"""From the request, the answer's header, the target and the number of answers so far to what goes home."""


def _files(request: dict[str, Any], header: dict[str, Any], more: dict[str, Any]) -> None:
    if request["op"] == "session_have" and "ok" in header:
        header["ok"]["files"] = {**header["ok"]["files"], **more}


def settings(request: dict[str, Any], header: dict[str, Any], target: str, _: int) -> bytes:
    """`../settings.json` has the one slash that a transcript has."""
    _files(request, header, {"../settings.json": ABOUT})
    return b""


def side(request: dict[str, Any], header: dict[str, Any], target: str, _: int) -> bytes:
    """An absolute path below a session's directory."""
    session = request["args"].get("session_id", "")
    _files(request, header, {f"x/{session}.jsonl": ABOUT, f"x/{session}/{target}": ABOUT})
    return b""


def trav(request: dict[str, Any], header: dict[str, Any], target: str, _: int) -> bytes:
    session = request["args"].get("session_id", "")
    _files(request, header, {f"x/{session}.jsonl": ABOUT, f"x/{session}/{'../' * 20}{target}": ABOUT})
    return b""


def other(request: dict[str, Any], header: dict[str, Any], target: str, _: int) -> bytes:
    """Another session's transcript."""
    _files(request, header, {f"x/{target}.jsonl": ABOUT})
    return b""


def many(request: dict[str, Any], header: dict[str, Any], target: str, _: int) -> bytes:
    session = request["args"].get("session_id", "")
    _files(request, header, {f"x/{session}/{n}": ABOUT for n in range(60_000)})
    return b""


def huge(request: dict[str, Any], header: dict[str, Any], target: str, _: int) -> bytes:
    session = request["args"].get("session_id", "")
    _files(request, header, {f"x/{session}.jsonl": [1 << 60, ABOUT[1], 0.0]})
    return b""


def branch(request: dict[str, Any], header: dict[str, Any], target: str, _: int) -> bytes:
    if request["op"] == "prepare" and "ok" in header:
        header["ok"]["branch"] = target
    return b""


def base(request: dict[str, Any], header: dict[str, Any], target: str, _: int) -> bytes:
    if request["op"] == "prepare" and "ok" in header:
        header["ok"]["base_commit"] = "d" * 40
    return b""


def session(request: dict[str, Any], header: dict[str, Any], target: str, _: int) -> bytes:
    """As if it had been started before, with a session of another task."""
    if request["op"] == "prepare" and "ok" in header:
        header["ok"]["launched"] = json.dumps({"argv": ["claude"], "session_id": target, "resumed": False})
    return b""


def twice(request: dict[str, Any], header: dict[str, Any], target: str, _: int) -> bytes:
    return pack({"id": header["id"], "ok": {}}) if request["op"] == "probe" else b""


def unasked(request: dict[str, Any], header: dict[str, Any], target: str, _: int) -> bytes:
    return pack({"id": 4711, "ok": {"now_ns": 1}})


def frame(request: dict[str, Any], header: dict[str, Any], target: str, _: int) -> bytes:
    """A frame of 4 GB."""
    return b"\xff\xff\xff\xff\xff\xff\xff\xff" if request["op"] == "probe" else b""


def flood(request: dict[str, Any], header: dict[str, Any], target: str, _: int) -> bytes:
    """Spools that nobody asked for."""
    if request["op"] != "probe":
        return b""
    push = pack({"push": "spool", "attempt": "t9.9", "start": 0}, b"o 1 x\n" * 40_000)
    return push * 60


def clock(request: dict[str, Any], header: dict[str, Any], target: str, _: int) -> bytes:
    if request["op"] == "ping":
        header["ok"]["now_ns"] = 1 << 70
    return b""


def trickle(request: dict[str, Any], header: dict[str, Any], target: str, _: int) -> bytes:
    """A push of a megabyte that comes byte by byte, and before the answer to a ping."""
    if request["op"] == "ping":
        for byte in pack({"push": "spool", "attempt": "t9.9", "start": 0}, b"o 1 x\n" * 150_000):
            _say(bytes([byte]))
            time.sleep(0.02)
    return b""


def failure(request: dict[str, Any], header: dict[str, Any], target: str, _: int) -> bytes:
    """A failure with parts of another type than those of its kind."""
    if request["op"] == "take_turn":
        header.pop("ok", None)
        header["error"] = {"kind": "GitFailed", "story": "x", "of_the_host": False}
    return b""


ATTACKS: dict[str, Alter] = {
    attack.__name__: attack
    for attack in (
        *(
            settings,
            side,
            trav,
            other,
            many,
            huge,
            branch,
            base,
            session,
            twice,
            unasked,
            frame,
            flood,
            clock,
            trickle,
        ),
        failure,
    )
}


class Between:
    """The real far end's words on their way home, altered."""

    def __init__(self, real: subprocess.Popen[bytes], attack: Alter, target: str) -> None:
        self._real, self._attack, self._target = real, attack, target
        self._asked: dict[int, dict[str, Any]] = {}
        self._greeted = threading.Event()
        self._answers = 0

    def to_it(self) -> None:
        assert self._real.stdin is not None
        requests = Unpacker()
        while data := os.read(0, 1 << 16):
            if self._greeted.is_set():  # before that home sends its file, if anything
                for one in requests.feed(data):
                    self._asked[one.header["id"]] = one.header
            _write(self._real.stdin.fileno(), data)
        self._real.stdin.close()

    def from_it(self) -> None:
        assert self._real.stdout is not None
        for line in iter(self._real.stdout.readline, b""):
            if line.startswith(b"FLEET-FAR"):
                self._greeted.set()
            _say(line)
            if self._greeted.is_set():
                break
        answers = Unpacker()
        while data := os.read(self._real.stdout.fileno(), 1 << 16):
            for one in answers.feed(data):
                _say(self._altered(one))

    def _altered(self, answer: Frame) -> bytes:
        request = self._asked.get(answer.header.get("id", 0))
        if request is None:
            return pack(*answer)
        self._answers += 1
        header = dict(answer.header)
        if request["op"] == "probe" and "ok" in header:
            header["ok"]["load1"] = 0.0  # else a busy machine of tests would be given no work
        more = self._attack(request, header, self._target, self._answers)
        return pack(header, answer.blob) + more


def _say(data: bytes) -> None:
    _write(1, data)


def _write(fd: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(fd, rest) :]


def main() -> None:
    asked, attack, target = os.environ["SSH_ORIGINAL_COMMAND"], ATTACKS[sys.argv[1]], sys.argv[2]
    if "FLEET-CHANNEL" in asked:
        os.execv("/bin/sh", ["sh", "-c", asked])
    with subprocess.Popen(
        ["/bin/sh", "-c", asked], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
    ) as real:
        between = Between(real, attack, target)
        threading.Thread(target=between.to_it, daemon=True).start()
        between.from_it()


if __name__ == "__main__":
    main()
