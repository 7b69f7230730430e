"""Starting the far end on a host: one command for any login shell, and what comes back before the first frame."""

from __future__ import annotations

import errno
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workers.remote.bundle import Bundle

HEARD_BYTES_MAX = 1 << 20
TALK_SHOWN = 300
_PYTHONS = (
    *("python3", "python3.14", "python3.13", "python3.12", "python3.11", "python3.10", "python3.9"),
    *("/usr/bin/python3", "/usr/local/bin/python3", "/opt/homebrew/bin/python3"),
)

# This stands inside single quotes of sh, csh, tcsh, fish or zsh, whichever the login shell is. So there is no single
# quote, exclamation mark, backslash or newline in it, and whatever it is given is hexadecimal.
_SCRIPT = (
    f'for p in {" ".join(_PYTHONS)} "$HOME/.local/bin/python3"; do '
    'command -v "$p" >/dev/null 2>&1 || continue; '
    '"$p" -I -S -c "import sys; sys.exit(sys.version_info < (3, 9))" >/dev/null 2>&1 && '
    'exec "$p" -I -S -c "import sys; exec(bytes.fromhex(sys.argv[1]))" "$1" "$2"; '
    'v="$v $p is $("$p" -V 2>&1),"; done; echo "FLEET-PYTHON $3 $v"; exit 1'
)

# Runs there: becomes the far end's file, which it takes from standard input unless it is there whole.
_BOOTSTRAP = b"""
import hashlib, json, os, sys
asked = json.loads(bytes.fromhex(sys.argv[2]))
def say(word, **facts):
    os.write(1, ("FLEET-%s %s %s\\n" % (word, asked["nonce"], json.dumps(facts))).encode())
def is_whole(content):
    return hashlib.sha256(content).hexdigest() == asked["digest"]
def is_there(path):
    try:
        with open(path, "rb") as file:
            return is_whole(file.read())
    except FileNotFoundError:
        return False
def fetch(path):
    content = b""
    while len(content) < asked["size"]:
        part = os.read(0, asked["size"] - len(content))
        if not part:
            sys.exit("the transfer was cut off")
        content += part
    if not is_whole(content):
        sys.exit("what arrived is not what was sent")
    draft = "%s.%d" % (path, os.getpid())
    try:
        with open(draft, "xb") as file:
            file.write(content)
        os.replace(draft, path)
    finally:
        if os.path.exists(draft):
            os.unlink(draft)
root = os.path.join(os.path.expanduser("~"), os.path.expanduser(asked["directory"]))
path = os.path.join(root, asked["name"])
try:
    os.makedirs(root, 0o700, exist_ok=True)
    if not is_there(path):
        say("WANT")
        fetch(path)
except OSError as failed:
    say("CANNOT", errno=failed.errno, why=failed.strerror, root=root)
    sys.exit(1)
os.execv(sys.executable, [sys.executable, "-X", "utf8", "-I", "-S", path, "--dir", root] + asked["argv"])
"""


_OTHER_PROGRAM = re.compile(
    r"sftp|rsync|rssh|scponly|restricted|gitolite|git.?shell|unrecognized command", re.IGNORECASE
)
"""What those say that stand in place of a login shell or run instead of a command."""


class NotStarted(Exception):
    """The far end does not run there. `lasting`: only a person can mend it."""

    def __init__(self, story: str, lasting: bool) -> None:
        super().__init__(story)
        self.story, self.lasting = story, lasting


def command(bundle: Bundle, nonce: str, directory: str, argv: Sequence[str]) -> str:
    """What a login shell is told; `argv` goes to the far end, after `--dir` and `--nonce`."""
    asked = {
        "nonce": nonce,
        "digest": bundle.digest,
        "size": len(bundle.content),
        "name": bundle.name,
        "directory": directory,
        "argv": ["--nonce", nonce, *argv],
    }
    return f"/bin/sh -c '{_SCRIPT}' fleet {_BOOTSTRAP.hex()} {json.dumps(asked).encode().hex()} {nonce}"


def channel_command(nonce: str, command: str) -> str:
    """What a login shell is told: to say `FLEET-CHANNEL <nonce>` and become `sh -c COMMAND`. It becomes that itself:
    one with a trap for its end would say something behind what git says.

    The command goes along in octal, which any shell passes on as it is: a backslash and a digit mean nothing to it
    between quotes. Sent behind the shell's start instead, it would cost a round trip.
    """
    octal = "".join(f"\\0{byte:03o}" for byte in command.encode("utf-8", "surrogateescape"))
    said = 'echo "FLEET-CHANNEL $1"; exec /bin/sh -c "$(printf %b "$2")"'
    return f"exec /bin/sh -c '{said}' fleet {nonce} '{octal}'"


@dataclass(frozen=True)
class Said:
    """A marked line: its word (`FAR`, `WANT` …), the rest of it, and the bytes that follow it."""

    word: str
    text: str
    after: bytes

    def facts(self) -> dict[str, Any]:
        """Raises NotStarted when it is no JSON object."""
        try:
            facts = json.loads(self.text)
        except (ValueError, RecursionError):
            facts = None
        if not isinstance(facts, dict):
            raise NotStarted(f"its far end says what makes no sense: {self.text[:TALK_SHOWN]}", lasting=False)
        return facts


class Threshold:
    """Finds the lines that carry our nonce. Whatever else is printed before them is only kept for a story."""

    def __init__(self, nonce: str) -> None:
        self._line = re.compile(rb"FLEET-([A-Z]+) %s ?([^\n]*)\n" % nonce.encode())
        self._heard = b""
        self._looked = 0

    def feed(self, data: bytes) -> Said | None:
        """Raises NotStarted when it never ends."""
        self._heard += data
        # Only lines that have come to their end since, and each once: a stranger may send a byte at a time.
        found = self._line.search(self._heard, self._looked) if b"\n" in data else None
        if found is None:
            self._looked = self._heard.rfind(b"\n") + 1
            if len(self._heard) > HEARD_BYTES_MAX:
                raise NotStarted(f"its login prints without end: {self.talk()}", lasting=True)
            return None
        after, self._heard, self._looked = self._heard[found.end() :], b"", 0
        return Said(found[1].decode(), found[2].decode(errors="replace"), after)

    def talk(self) -> str:
        """The end of what was printed instead, for a person."""
        return shown(self._heard)


def shown(printed: bytes) -> str:
    """The end of something that was printed, in one line."""
    return " ".join(printed.decode(errors="replace").split())[-TALK_SHOWN:]


def no_python(said: Said) -> NotStarted:
    there = said.text.strip().rstrip(",")
    found = f"its Python is too old ({there})" if there else "it has no Python"
    return NotStarted(
        f"{found}, and Fleet needs 3.9 or newer there: install one (`apt install python3`, `dnf install python3.11`, "
        "`apk add python3`, `brew install python`)",
        lasting=True,
    )


def no_directory(facts: Mapping[str, Any]) -> NotStarted:
    """The far end's file could not be put there."""
    root, why, number = facts.get("root"), facts.get("why"), facts.get("errno")
    if number in (errno.ENOSPC, errno.EDQUOT):
        return NotStarted(f"the disk that holds {root} is full there ({why}): make room", lasting=False)
    if number == errno.EFBIG:
        return NotStarted(
            f"no file of an ordinary size can be written to {root} there ({why}): its user has a limit (`ulimit -f`, "
            "fsize in /etc/security/limits.conf); take that away",
            lasting=True,
        )
    if number == errno.EROFS:
        return NotStarted(
            f"{root} lies on a read-only disk there: name another directory with --dir", lasting=True
        )
    return NotStarted(
        f"the directory {root} cannot be used there ({why}): make it writable, or name another one with --dir",
        lasting=True,
    )


def ended(status: int | None, talk: str, errors: str) -> NotStarted:
    """The channel closed before the far end was there."""
    said = " ".join(filter(None, (talk, errors)))
    if re.search(r"not available|nologin|/bin/false", said) or (status == 1 and not said):
        return NotStarted(
            f"its user may not run commands there ({said or 'it said nothing'}): give it a login shell (`chsh -s "
            "/bin/sh USER`)",
            lasting=True,
        )
    if _OTHER_PROGRAM.search(said):
        return NotStarted(
            f"its user may not run any command there ({said}): it is for copying files or for git alone, or has a "
            "restricted shell. Give Fleet a user with a login shell, without a ForceCommand of its sshd",
            lasting=True,
        )
    return NotStarted(
        f"its far end could not be started (exit status {status}): {said or 'nothing was said'}. Does something else "
        "run instead of the command (a ForceCommand in its sshd_config, a command= in its authorized_keys)?",
        lasting=False,
    )
