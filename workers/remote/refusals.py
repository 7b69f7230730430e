"""What keeps home from a host, told with its cure."""

from __future__ import annotations

import shlex
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workers.remote.keys import HostKey, Known


class CannotConnect(Exception):
    """The host cannot be used now. `lasting`: only a person can mend that."""

    def __init__(self, story: str, lasting: bool = False) -> None:
        # Names of files may have bytes that are no UTF-8, which nothing that keeps or sends stories takes.
        story = story.encode("utf-8", "backslashreplace").decode("utf-8")
        super().__init__(story)
        self.story, self.lasting = story, lasting


class SshMissing(CannotConnect):
    """What Fleet needs for other machines cannot be imported."""

    def __init__(self) -> None:
        super().__init__(
            "asyncssh cannot be imported, so this installation of Fleet is not whole: install it anew",
            lasting=True,
        )


class HostKeyUnknown(CannotConnect):
    """Nobody has said yet that this key is the host's."""

    def __init__(self, at: str, key: HostKey) -> None:
        kind = key.type.removeprefix("ssh-").partition("-")[0]
        super().__init__(
            f"the key of {at} is not known: {key.type} {key.fingerprint}. Compare it with what `ssh-keygen -lf "
            f"/etc/ssh/ssh_host_{kind}_key.pub` says there, then accept it (fleet host verify)",
            lasting=True,
        )
        self.key = key


class HostKeyChanged(CannotConnect):
    """The host shows another key than the one that is known of it."""

    def __init__(self, at: str, key: HostKey, known: Known) -> None:
        before = ", ".join(sorted({old.get_fingerprint("sha256") for old in known.keys}))
        pattern = key.line.partition(" ")[0]
        files = dict.fromkeys(place.rpartition(":")[0] for place in known.places if place.startswith("/"))
        cures = [f"`ssh-keygen -R '{pattern}' -f {shlex.quote(file)}`" for file in files]
        cure = " and ".join(cures) or "whoever says it (KnownHostsCommand)"
        super().__init__(
            f"the key of {at} has changed: it shows {key.type} {key.fingerprint}, but known is {before} "
            f"({', '.join(known.places)}). This may be an attack, somebody who reads along: nothing was sent. Only if "
            f"that machine was really installed anew, forget its old key with {cure}, then accept the new one "
            "(fleet host verify)",
            lasting=True,
        )
        self.key = key


def need_asyncssh() -> None:
    """Raises SshMissing."""
    if find_spec("asyncssh") is None:
        raise SshMissing
