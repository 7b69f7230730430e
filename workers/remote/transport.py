"""Git's own transfer between a repository here and one on a host, over a raw channel: only what is missing travels.

`git push` and `git fetch` talk to an open descriptor (git-remote-fd) whose other end is `git receive-pack` or
`git upload-pack` there. So neither ssh nor a login is git's business, and of the user's repository nothing is touched
but the references that are named: no remote, no hook, no tag, no configuration, no FETCH_HEAD, no maintenance. What
comes from a host is looked at before the repository has it, and there is a bound to it (`quarantine`).
"""

from __future__ import annotations

import os
import re
import socket
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from shlex import join, quote
from typing import Any, Protocol

from workers.far.git_settings import variables
from workers.git import LOCK_PATIENCE_S, Git, GitError, GitFailed, GitResult, SaidTooMuch
from workers.remote.away import HostAway, NotToBeTrusted
from workers.remote.disk_space import Intake
from workers.remote.quarantine import Quarantine, Unfit, quarantine
from workers.sandbox.bubblewrap import read_only

PACK_BYTES_MAX = 4 * 1024**3
"""So much may come with one transfer. Larger files are git-lfs's, which come by themselves."""
TALK_BYTES_MAX = 32_000_000
"""A greeting names references, an answer says how a push went."""
WORDS_BYTES_MAX = 1_000_000
"""What git says of a transfer, which may be the host's words."""
OURS = "refs/fleet/"
"""Where the references are that home moves to what a host sent; a task's branch follows by `mirror.adopt_branch`."""


class Answer(Protocol):
    """What the far end answered: values, and the bytes that came with them."""

    @property
    def values(self) -> Mapping[str, Any]: ...

    @property
    def blob(self) -> bytes: ...


class Far(Protocol):
    """A host within reach. `name` is what people call it."""

    @property
    def name(self) -> str: ...

    @property
    def git_settings(self) -> str:
        """The file there that git's end of a transfer reads instead of its user's configuration."""

    @property
    def bubblewrap(self) -> str:
        """The program there by which work is kept in a sandbox; empty where there is none."""

    def call(self, op: str, args: Mapping[str, Any], blob: bytes = b"", *, timeout_s: float = 60.0) -> Answer:
        """Have the far end carry out `op`. Raises HostAway, and what the operation raises there."""

    def distrust(self, what: str) -> NotToBeTrusted:
        """The host has sent what no far end of ours sends: it is neither heard nor asked any more. Returns what to
        raise."""

    def channel(self, command: str, intake: Intake) -> AbstractContextManager[socket.socket]:
        """A duplex of bytes to `sh -c COMMAND` there, which ends as the block is left, and is cut where more comes than
        `intake` allows. Raises HostAway."""


class TransferFailed(GitError):
    """Git could not bring over what was asked of it, although the host was there. The cause is git's own word."""


# What comes is checked as what a server is sent: no object that is broken, or whose paths or submodules lead elsewhere.
# Old histories have some faults that harm nobody (git's own "fsck-msgids" names them): those are let through.
_HARMLESS = (
    *(
        "badDate",
        "badDateOverflow",
        "badEmail",
        "badName",
        "badTimezone",
        "missingEmail",
        "missingNameBeforeEmail",
    ),
    *("missingSpaceBeforeDate", "missingSpaceBeforeEmail", "zeroPaddedDate", "zeroPaddedFilemode"),
)
_CHECKED = (
    *("-c", "fetch.fsckObjects=true"),
    *(word for fault in _HARMLESS for word in ("-c", f"fetch.fsck.{fault}=ignore")),
)
# Not GIT_PROTOCOL=version=2: it takes one round trip more to fetch commits whose ids are known.
_SETTINGS = (
    *("-c", "protocol.version=0", "-c", "protocol.fd.allow=always", "-c", "core.hooksPath=/dev/null"),
    *("-c", "submodule.recurse=false", "-c", "push.pushOption=", "-c", "gc.auto=0"),
    *_CHECKED,
)
_PUSH = (
    *("push", "--quiet", "--atomic", "--no-verify", "--no-follow-tags", "--no-signed"),
    "--recurse-submodules=no",
)
_FETCH = (
    *("fetch", "--quiet", "--dry-run", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules"),
    *("--no-auto-maintenance", "--no-prune"),
)
# Not --update-shallow: a host could make the user's repository a shallow one. A clone that the user made shallow
# gives a mirror that is shallow at the same commits, which needs none of it. What the host's own configuration says
# of pushes (no deletions, say) is meant for its people's repositories, not for this one.
_RECEIVE = (
    "git -c core.hooksPath=/dev/null -c receive.shallowUpdate=true -c receive.autogc=false"
    " -c receive.denyNonFastForwards=false -c receive.denyDeletes=false receive-pack"
)
# What git is told by the variables of a login there (another repository, format, quarantine …) is not for this one.
_FORGETS = r"unset GIT_DIR $(env | sed -n '/^GIT_EXEC_PATH=/d; s/^\(GIT_[A-Za-z0-9_]*\)=.*/\1/p')"
_MAKE = " || git init --quiet --bare --template= {} >/dev/null"
# The commits that are wanted are named by their ids: that there are branches of a thousand tasks need not be told. Some
# reference must be, or git takes the repository for an empty one.
_UPLOAD = (
    "git -c uploadpack.allowAnySHA1InWant=true -c transfer.hideRefs=refs/heads/"
    " -c transfer.hideRefs=refs/fleet/preserved/ upload-pack"
)
_PAUSE_S = 0.2
_WAY = {"push": "to", "fetch": "from"}
# What git says, and what then follows from it, when the bytes stop coming or can no longer be sent. Where it says
# nothing else, the wire was cut; a full disk, here or there, makes it hang up too, but that it tells as well.
_CUT = re.compile(
    r"hung up|unexpected disconnect|early EOF|unexpected EOF|Broken pipe|Connection reset|Could not read from remote"
    r"|bad pack header|(unpack-objects|index-pack) failed|invalid index-pack output|in sideband demultiplexer"
    r"|pack-objects died|copy thread failed|Copying data between|failed to push some refs"
    r"|^Please make sure you have|^and the repository exists|^\s*$"
    r"|^warning: no common commits"  # said before it began
)


def push(git: Git, far: Far, mirror: str, refspecs: Sequence[str], *, make: bool = False) -> None:
    """Bring commits of `git`'s repository to the one at `mirror` on the host: `<commit>:<reference there>`, each moved
    there whatever it held. With `make`, a repository that is not there is made.

    All references are moved or none. Raises HostAway when the wire breaks in the middle (then it may or may not have
    been done), NotToBeTrusted, TransferFailed.
    """
    # A worker there may have laid links in the mirror, which git's receiving end follows: it writes nowhere else.
    confined = f"{join(read_only(far.bubblewrap, [Path(mirror)]))} " if far.bubblewrap else ""
    command = _command(far, f"{confined}{_RECEIVE}", mirror, _MAKE if make else "")
    _transfer(git, far, _Errand(command, _PUSH, refspecs, TALK_BYTES_MAX))


def fetch(git: Git, far: Far, mirror: str, wanted: Mapping[str, str]) -> None:
    """Bring commits of the repository at `mirror` on the host here, `{reference here: commit}`, whatever the references
    held; they are Fleet's own.

    All references are moved or none, and no other. Raises as `push` does.
    """
    if not all(ref.startswith(OURS) for ref in wanted):
        raise ValueError(f"what comes from a host lies below {OURS}, not at {sorted(wanted)}")
    specs = [f"{commit}:{ref}" for ref, commit in wanted.items()]
    moves = "".join(f"update {ref} {commit}\n" for ref, commit in wanted.items())
    try:
        with quarantine(git) as lobby:
            _transfer(git, far, _Errand(_command(far, _UPLOAD, mirror), _FETCH, specs, PACK_BYTES_MAX, lobby))
            lobby.look_at(wanted.values())
            lobby.let_in()
        words = ("update-ref", "-m", "fleet: from a host", "--stdin")
        git.run("-c", "core.hooksPath=/dev/null", *words, stdin=moves.encode())
    except Unfit as unfit:
        raise far.distrust(str(unfit)) from None
    except (GitFailed, OSError) as failed:
        story = f"commits could not be brought from host {far.name}: {failed}"
        raise TransferFailed(story) from failed


@dataclass(frozen=True)
class _Errand:
    """`flags` begin with the verb. `bytes_max` may come from the host for it, into `lobby` if anywhere."""

    command: str
    flags: Sequence[str]
    refspecs: Sequence[str]
    bytes_max: int
    lobby: Quarantine | None = None

    @property
    def verb(self) -> str:
        return self.flags[0]


def _transfer(git: Git, far: Far, errand: _Errand) -> None:
    give_up_at = time.monotonic() + LOCK_PATIENCE_S
    while True:
        intake = Intake(errand.bytes_max, TALK_BYTES_MAX, errand.lobby.place if errand.lobby else None)
        result = _once(git, far, errand, intake)
        if not result.contended or time.monotonic() > give_up_at:
            break
        time.sleep(_PAUSE_S)
    if intake.too_much:
        raise far.distrust(f"{intake.too_much} for a {errand.verb} of commits")
    if intake.no_room is not None:
        raise intake.no_room
    if not result.ok:
        raise _explained(far.name, git.directory, errand, result)


def _once(git: Git, far: Far, errand: _Errand, intake: Intake) -> GitResult:
    """A channel carries one conversation, so git must not begin another one on it by itself."""
    lobby = errand.lobby
    with far.channel(errand.command, intake) as wire:
        held = (wire.fileno(), lobby.fd) if lobby else (wire.fileno(),)
        said = (*_SETTINGS, *errand.flags, f"fd::{wire.fileno()}", *(f"+{spec}" for spec in errand.refspecs))
        env = {**_allowed(), **(lobby.env if lobby else {})}
        try:
            return Git(git.directory, held_fds=held).bounded(WORDS_BYTES_MAX, *said, env=env)
        except SaidTooMuch:
            raise far.distrust(
                f"words of more than {WORDS_BYTES_MAX} bytes to a {errand.verb} of commits"
            ) from None


def _command(far: Far, service: str, mirror: str, make: str = "") -> str:
    """What is run there, under settings of ours. Where it cannot begin, git here hears why: else it would look like a
    cut wire."""
    place = quote(mirror)
    own = " ".join(f"{name}={quote(value)}" for name, value in variables(far.git_settings).items())
    needs = (
        ("command -v git >/dev/null", "there is no git on the PATH there"),
        (f"[ -e {place}/HEAD ]{make.format(place)}", f"there is no repository at {mirror}"),
    )
    checks = (
        f"{{ {needed}; }} || {{ printf %s {quote(_refusal(why))}; exit 1; }}; " for needed, why in needs
    )
    return f"{_FORGETS}; export {own}; {''.join(checks)}exec {service} {place}"


def _refusal(why: str) -> str:
    """A packet by which git's protocol lets a server refuse."""
    word = f"ERR {why}"
    return f"{len(word.encode()) + 4:04x}{word}"


def _allowed() -> dict[str, str]:
    """A list of protocols in the environment outranks the configuration; a partial clone may still need those on it."""
    listed = os.environ.get("GIT_ALLOW_PROTOCOL")
    return {"GIT_ALLOW_PROTOCOL": f"{listed}:fd"} if listed else {}


def _explained(host: str, directory: Path, errand: _Errand, result: GitResult) -> HostAway | TransferFailed:
    rest = "\n".join(line for line in result.err.splitlines() if not _CUT.search(line))
    if not rest:
        return HostAway(host, "the transfer of commits was cut off")
    failed = GitFailed((errand.verb, *errand.refspecs), directory, result.code, rest)
    story = TransferFailed(f"commits could not be brought {_WAY[errand.verb]} host {host}: {failed}")
    story.__cause__ = failed
    story.at = host
    return story
