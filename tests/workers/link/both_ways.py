"""Logs in by ssh and by Fleet with the same configuration, and prints in which cases one does and the other does not.

Run where the home of the user database is one of its own: argument 1, with the key of a person in it.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.patience import PATIENCE_S
from tests.workers.sshd import Person, Sshd, keygen, make_key, running
from workers.remote import connecting, loop
from workers.remote.address import Reach
from workers.remote.refusals import CannotConnect

SHUT = ["-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes"]
DOMAIN = "fleet.test"
"""In which this machine has the name `box`, also for a resolver that is asked for it with its dot."""
CANONICAL = f"CanonicalizeHostname yes\nCanonicalDomains nowhere.test {DOMAIN}\n"


def cases(home: Path, server: Sshd, gate: Sshd) -> dict[str, tuple[str, str]]:
    """Lines for `Host box` and, where it is another than usual, a known_hosts file, by a name."""
    key, name = server.host_key_public, f"[127.0.0.1]:{server.port}"
    gateway = f"Host gate\n HostName 127.0.0.1\n Port {gate.port}\n IdentityFile ~/key\n"
    (home / "inc").write_text("IdentityFile ~/key\n")
    (home / "my known").write_text(f"{name} {key}\n")
    return {
        "no key": ("", ""),
        "a key": ("IdentityFile %d/key", ""),
        "by an include": ("Include ~/inc", ""),
        "a key for others to read": ("IdentityFile ~/open", ""),
        "of two files": ('IdentityFile ~/key\nUserKnownHostsFile "~/my known" ~/none-there', "# none\n"),
        "negated": ("IdentityFile ~/key", f"*,!{name} {key}\n"),
        "without the port": ("IdentityFile ~/key", f"127.0.0.1 {key}\n"),
        "revoked": ("IdentityFile ~/key", f"{name} {key}\n@revoked * {key}\n"),
        "an alias": ("IdentityFile ~/key\nHostKeyAlias Some", f"x,SOM? {key}\n"),
        "a command": (f"IdentityFile ~/key\nKnownHostsCommand /bin/echo %H {key}", "# none\n"),
        "a command that fails": ("IdentityFile ~/key\nKnownHostsCommand /bin/false", ""),
        "through a gate": (f"IdentityFile ~/key\nProxyJump gate,gate\n{gateway}", ""),
        "by a command": (f"IdentityFile ~/key\nProxyCommand sh -c 'exec ssh -W \"%h:%p\" gate'\n{gateway}", ""),
        "other ways": ("IdentityFile ~/key\nCiphers -aes*\nMACs hmac-sha2-256\nCompression yes", ""),
        "a setting that is none": ("IdentityFile ~/key\nNonsense yes", ""),
        "a certificate": ("IdentityFile ~/certified\nIdentitiesOnly yes", ""),
        **by_canonical_names(server),
    }  # fmt: skip


def by_canonical_names(server: Sshd) -> dict[str, tuple[str, str]]:
    """Cases that say all there is to say: of a host that is known, and has its key, by its canonical name alone."""
    used = f" Port {server.port}\n IdentityFile ~/key"
    there = f"Host box.{DOMAIN}\n{used}"
    known = f"[box.{DOMAIN}]:{server.port} {server.host_key_public}\n"
    elsewhere = CANONICAL.replace(DOMAIN, "elsewhere.test")
    return {
        "a canonical name": (f"{CANONICAL}{there}", known),
        "a canonical name that nobody knows": (f"{CANONICAL}{there}", f"# {known}"),
        "in a match of the last pass": (f"{CANONICAL}Match final host box.{DOMAIN}\n{used}", known),
        "no name in these domains": (f"{elsewhere}CanonicalizeFallbackLocal no\n{there}", known),
        "dots enough": (f"{CANONICAL}CanonicalizeMaxDots 0\n{there}", known),
    }


def by_fleet(home: Path) -> str:
    try:
        connection = loop.run(connecting.connect(Reach("box", "box"), home / "own_known_hosts"), PATIENCE_S)
    except CannotConnect as refused:
        return refused.story
    loop.call(connection.abort, PATIENCE_S)
    return ""


def compare(home: Path, server: Sshd, gate: Sshd) -> None:
    for name, (lines, known) in cases(home, server, gate).items():
        own = "" if CANONICAL[:20] in lines else f"Host box\n HostName 127.0.0.1\n Port {server.port}\n"
        (home / ".ssh" / "config").write_text(own + lines + "\n")
        (home / ".ssh" / "known_hosts").write_text(known or server.known_hosts_line + gate.known_hosts_line)
        ssh = subprocess.run(
            ["ssh", *SHUT, "box", "true"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        fleet = by_fleet(home)
        said = "in" if ssh.returncode == 0 else "out"
        print(
            f"{name}: {said}"
            if (said == "in") == (fleet == "")
            else f"{name}: {said}, but {fleet or 'in'}: {ssh.stderr}"
        )


def main(home: Path) -> None:
    person = Person(home)
    person.identity.rename(home / "key")
    person.identity.with_suffix(".pub").rename(home / "key.pub")
    (home / "open").write_bytes((home / "key").read_bytes())
    (home / "open").chmod(0o644)
    authority, certified = make_key(home / "authority"), make_key(home / "certified")
    server_lets_in = (home / "key.pub").read_text() + "cert-authority " + (home / "authority.pub").read_text()
    keygen("-q", "-s", str(authority), "-I", "me", "-n", "root", f"{certified}.pub")
    with running(home / "box", server_lets_in) as server, running(home / "gate", server_lets_in) as gate:
        compare(home, server, gate)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
