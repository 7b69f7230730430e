"""The ssh configuration of a HOME that is not the home of the user database, which is all that ssh itself asks.

So it is with a Fleet in a container, under `sudo`, or in a test. ssh is handed a copy in which that home is another.
"""

from __future__ import annotations

import glob
import os
import pwd
import re
import shlex
import tempfile
from pathlib import Path
from types import TracebackType

_SYSTEM_CONFIG = "/etc/ssh/ssh_config"
_DEPTH_MAX = 16
"""So deep may files include each other, as for ssh."""
_LINE = re.compile(
    rb"^[ \t]*(?P<keyword>[A-Za-z]+)(?P<between>[ \t]*=[ \t]*|[ \t]+)(?P<words>[^\n]*)$", re.MULTILINE
)
_HOME = re.compile(rb"""(?P<before>^|[\s"'])~/|(?P<percents>(?<!%)(?:%%)*)%d""")
_OF_A_SHELL = (b"match", b"proxycommand", b"localcommand", b"remotecommand")
"""Their `~` is the shell's to read, which asks HOME."""


def is_another(home: str) -> bool:
    try:
        return os.path.realpath(home) != os.path.realpath(pwd.getpwuid(os.getuid()).pw_dir)
    except KeyError:
        return False  # no ssh serves somebody without a name


class AnotherHome:
    """`config` is the copy, there until the block is left. In it `~` and %d are `link`, which leads to the home: a name
    without spaces and tokens."""

    def __init__(self, home: str) -> None:
        self._home = home
        self._drafts = tempfile.TemporaryDirectory(prefix="fleet-ssh-")
        self.link, self.config = (str(Path(self._drafts.name, name)) for name in ("home", "config"))
        self._copies: dict[str, str] = {}

    def __enter__(self) -> AnotherHome:
        """Raises OSError."""
        Path(self.link).symlink_to(self._home)
        own = self._copied(Path(self._home, ".ssh", "config"), _DEPTH_MAX)
        lines = [
            *(f'Include "{copy}"' for copy in own),
            "Match all",
            f"Include {_SYSTEM_CONFIG}",
            "Match all",
        ]
        known = " ".join(f'"{self.link}/.ssh/{name}"' for name in ("known_hosts", "known_hosts2"))
        Path(self.config).write_text("\n".join([*lines, f"UserKnownHostsFile {known}", ""]), encoding="utf-8")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, failed: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._drafts.cleanup()

    def of_the_person(self, text: str) -> str:
        """What ssh prints, with the names of the person's own files."""
        for copy, file in self._copies.items():
            text = text.replace(copy, file)
        return text.replace(self.link, self._home)

    def _copied(self, file: Path, depth: int) -> list[Path]:
        """The copy of a file and, made before it, of all that it includes; none when it cannot be read."""
        try:
            text = file.read_bytes()
        except OSError:
            return []

        def copied(line: re.Match[bytes]) -> bytes:
            keyword, words = line["keyword"].lower(), line["words"]
            if keyword in _OF_A_SHELL:
                return line[0]
            if keyword == b"include":
                words = self._included(words, depth)
            return line["keyword"] + line["between"] + _HOME.sub(self._at_the_link, words)

        copy = Path(self._drafts.name, f"{len(self._copies)}.part")
        self._copies[str(copy)] = str(file)
        copy.write_bytes(_LINE.sub(copied, text))
        return [copy]

    def _included(self, words: bytes, depth: int) -> bytes:
        """Copies of what an Include names."""
        try:
            patterns = shlex.split(os.fsdecode(words), comments=True) if depth else []
        except ValueError:
            return words  # ssh says what is wrong with it
        own, made = glob.escape(self._home), list[Path]()
        for pattern in patterns:
            whole = Path(own, ".ssh", f"{own}{pattern[1:]}" if pattern.startswith("~/") else pattern)
            for path in sorted(Path("/").glob(str(whole)[1:])):
                made += self._copied(path, depth - 1)
        return " ".join(f'"{copy}"' for copy in made or [Path(self._drafts.name, "none")]).encode()

    def _at_the_link(self, found: re.Match[bytes]) -> bytes:
        link = os.fsencode(self.link)
        return found["percents"] + link if found["before"] is None else found["before"] + link + b"/"
