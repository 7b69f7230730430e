"""Whose trouble a failure is: the one table of errnos, signals and words of git. Travels.

    machine     the disk, the memory, the process table, a lock, git itself, while it is replaced. Nobody's failure: the
                work waits with the reason, and goes on by itself when the cause has gone
    person      what only a person may decide or has set: whether to trust another user's repository, a message that a
                hook refuses, a target that is gone. Said once, with the command
    session     what it has left that git cannot take up as it lies there (`is_of_work`), and a command of the
                repository (a setup, a gate, a hook) that did not succeed: it goes back to the session, so often

What git says is in English, for `workers.git` runs it with LC_ALL=C.
"""

from __future__ import annotations

import errno
import re
import signal
from dataclasses import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Meaning:
    """A trouble of the machine, as a sentence that stays the same for as long as the trouble does.

    `cure` is what a person can do about it. `by_itself` is False for one that hardly passes unless a person does that;
    it is tried on all the same.
    """

    words: str
    cure: str
    by_itself: bool = True

    def __str__(self) -> str:
        return f"{self.words}: {self.cure}"


_FULL = Meaning("the disk is full", "free some space")
_NOT_WRITTEN = Meaning("git could not write", "look whether the disk is full (`df`)")
_QUOTA = Meaning("the disk quota is used up", "free some space, or have the quota raised")
_BROKEN = Meaning("the disk gave an error", "look whether it is failing (`dmesg`)")
_READ_ONLY = Meaning("the file system is read-only", "mount it for writing", by_itself=False)
_MEMORY = Meaning(
    "there is no memory left", "end something that uses much, or let fewer workers run (--workers)"
)
_FORK = Meaning(
    "no further process can be started", "end some, let fewer workers run (--workers), or raise `ulimit -u`"
)
_FILES = Meaning("too many files are open", "raise `ulimit -n`, or let fewer workers run (--workers)")
_STALE = Meaning(
    "the network file system does not answer as it should", "look at its server and mount it anew"
)
GIT_AWAY = Meaning("git cannot be run", "install git 2.34 or newer, or wait until its upgrade has ended")
_SHUT = Meaning("something may not be accessed", "give this user the right to", by_itself=False)
_ENDED = Meaning("git was ended by a signal", "look whether memory ran out (`dmesg`)")
_CUT_OFF = Meaning("git's own helper did not come to its end", "look whether memory ran out (`dmesg`)")
_LOCKED = Meaning(
    "another git holds a lock", "wait for it to end, or remove what a killed one left", by_itself=False
)

ERRNOS = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _QUOTA,
    errno.EFBIG: _FULL,
    errno.EIO: _BROKEN,
    errno.EROFS: _READ_ONLY,
    errno.ENOMEM: _MEMORY,
    errno.EAGAIN: _FORK,
    errno.EMFILE: _FILES,
    errno.ENFILE: _FILES,
    errno.ESTALE: _STALE,
    errno.ETIMEDOUT: _STALE,
    errno.ENOTCONN: _STALE,
    errno.EHOSTDOWN: _STALE,
    errno.ETXTBSY: GIT_AWAY,
    errno.EACCES: _SHUT,
    errno.EPERM: _SHUT,
}
"""What the system says when it cannot do what it is asked. Others tell of what was asked: a path that is not there."""

# No signal is anything that a repository has said, so any negative code will do. A `git` that is a shell script says it
# in the shell's manner, 128 + n; git's own codes are below that, but for 128 and 129.
_ENDED_AS_A_SHELL_SAYS = frozenset(
    128 + number
    for number in (
        *(signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT),
        *(signal.SIGINT, signal.SIGQUIT, signal.SIGILL, signal.SIGFPE, signal.SIGPIPE, signal.SIGXFSZ),
    )
)

_WORDS = (
    (r"No space left on device|File too large", _FULL),
    (r"Disk quota exceeded", _QUOTA),
    (r"Input/output error|Bus error", _BROKEN),
    (r"Read-only file system", _READ_ONLY),
    (r"Cannot allocate memory|[Oo]ut of memory|mmap failed|virtual memory exhausted", _MEMORY),
    (
        r"Resource temporarily unavailable|unable to create (?:async )?thread|[Cc]annot fork|unable to fork",
        _FORK,
    ),
    (r"Too many open files", _FILES),
    (r"Stale (?:NFS )?file handle|Connection timed out|Transport endpoint is not connected", _STALE),
    (r"Text file busy", GIT_AWAY),
    (r"Permission denied|Operation not permitted|insufficient permission", _SHUT),
    (r"died of signal \d+|was killed by signal", _ENDED),
    (
        r"(?:index-pack|unpack-objects|pack-objects) (?:died|failed|abnormal exit)|invalid index-pack output"
        r"|[Ss]hort read|early EOF|unexpected disconnect",
        _CUT_OFF,
    ),
    # For a checkout, or a reference, that finds no room git gives no reason.
    (
        r"(?:couldn't|could not|unable to|failed to|cannot) (?:write|close|append|sync)\b|write error",
        _NOT_WRITTEN,
    ),
)
# As git itself says it. What a hook or a program says, whose output may stand between, is that one's own matter.
_AS_GIT = r"^(?:remote: )*(?:(?:fatal|error|warning|BUG): |git: ).*(?:{})"
WORDS = tuple((re.compile(_AS_GIT.format(words), re.MULTILINE), meaning) for words, meaning in _WORDS)

# A filter that the repository asks for, as git-lfs, is a program of the machine. A shell says that it is not there, or
# git, which starts the simple ones itself.
_FILTERS = re.compile(r"(?:clean|smudge|external) filter|filter-process")
_NO_PROGRAM = re.compile(
    r"(?:^|: )(?P<name>[\w.+-]+): (?:command )?not found$|cannot run (?P<run>\S+): No such file", re.MULTILINE
)

# What git refuses of the files that it is to take up: whoever made them can mend that.
_OF_WORK = (
    (
        r"open\(\"[^\n]*\"\): Permission denied|could not open directory '[^\n]*': Permission denied",
        Meaning(
            "a file or directory cannot be read",
            "make it readable (chmod u+rwX), remove it, or name it in .gitignore",
        ),
    ),
    (
        r"invalid path '",
        Meaning(
            "git takes no file of that name",
            "rename or remove it: no part of a path may be `.git` in any spelling",
        ),
    ),
    (
        r"can only add regular files, symbolic links or git-directories",
        Meaning(
            "where a file was there is a pipe, a socket or a device now", "make it a file again, or remove it"
        ),
    ),
    (
        r"[Ff]ailed to encode '|BOM is (?:required|prohibited) in '",
        Meaning(".gitattributes names an encoding that a file does not have", "correct either of them"),
    ),
    (r"bad config [^\n]*\.gitmodules", Meaning(".gitmodules is broken", "mend or remove it")),
    (
        r"index file (?:smaller than expected|corrupt)|unable to (?:map|stat|open) index file|index file open failed"
        r"|unknown index entry format|bad (?:index version|signature 0x)|index uses \S+ extension"
        r"|malformed index|unordered stage entries",
        Meaning(
            "git's index of this worktree is broken",
            'remove it and have it made anew: rm -rf "$(git rev-parse --git-path index)" && git reset',
        ),
    ),
)
OF_WORK = tuple((re.compile(words), meaning) for words, meaning in _OF_WORK)

_OF_A_PERSON = re.compile(r"dubious ownership|not a git repository")

# Which lock it is. A reference that is "at X but expected Y" also says "cannot lock ref": that is a lost race, no wait.
LOCK = re.compile(
    r"Unable to create '(?P<lock>[^']*\.lock)': File exists"
    r"|could not lock config file (?P<config>[^\n]*?): File exists"
)


def of_errno(number: int | None) -> Meaning | None:
    """The machine's trouble that an errno means; None for one that tells of what was asked."""
    return ERRNOS.get(number) if number is not None else None


def of_ending(code: int, said: str) -> Meaning | None:
    """The machine's trouble that kept git from answering: it ended with `code` (negative for a signal) and `said` that
    on its standard error. None when it has answered, or when what it refuses is the repository's matter."""
    if code == 0:
        return None
    if code < 0 or code in _ENDED_AS_A_SHELL_SAYS:
        return _ENDED
    if LOCK.search(said):
        return _LOCKED
    missing = _NO_PROGRAM.search(said) if code == 128 and _FILTERS.search(said) else None
    if missing is not None:
        name = missing["name"] or missing["run"]
        return Meaning(
            f"{name}, which the repository's files need, is not installed", "install it", by_itself=False
        )
    return next((meaning for words, meaning in WORDS if words.search(said)), None)


def of_work(said: str) -> Meaning | None:
    """What git could not take up of the files that a session has left, and what to do about it."""
    return next((meaning for words, meaning in OF_WORK if words.search(said)), None)


def is_of_work(code: int, said: str) -> bool:
    """Whether git, asked to commit what a session has left, refuses that for what the session has made of it: all that
    it refuses, but for what is the machine's trouble or a person's to decide."""
    return of_work(said) is not None or (of_ending(code, said) is None and not _OF_A_PERSON.search(said))


def locks(said: str) -> Iterator[str]:
    """The paths of the locks that git says are held."""
    for found in LOCK.finditer(said):
        yield found["lock"] or f"{found['config']}.lock"
