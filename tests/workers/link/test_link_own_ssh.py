"""Logging in with what a person's own ssh has: their keys, agents, known hosts and commands, whatever is wrong with
some of them; and what is said when a host asks for more."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncssh
import pytest

from tests.patience import PATIENCE_S, until
from tests.workers.link.conftest import Serve
from tests.workers.link.test_link_logins import CARRIER, agent
from tests.workers.sshd import Person, Sshd, keygen, make_key, program
from workers.remote import connecting, identities, loop
from workers.remote.address import Reach
from workers.remote.keys import KnownHosts
from workers.remote.offered_keys import standing
from workers.remote.refusals import CannotConnect


def login(reach: Reach, known_hosts: Path) -> CannotConnect | None:
    """What keeps it from logging in; None when nothing does."""
    try:
        connection = loop.run(connecting.connect(reach, known_hosts), PATIENCE_S)
    except CannotConnect as refused:
        return refused
    loop.call(connection.abort, PATIENCE_S)
    return None


def story(reach: Reach, known_hosts: Path) -> str:
    refused = login(reach, known_hosts)
    assert refused is not None, "it logs in"
    return refused.story


def configure(person: Person, server: Sshd, *lines: str) -> Reach:
    """The server as `Host box` of the person's configuration, with these lines."""
    own = (f"HostName {server.address}", f"Port {server.port}", f"User {server.reach().user}")
    person.configure("\n ".join(("Host box", *own, *lines)) + "\n")
    return Reach("box", "box", directory=server.reach().directory)


# --- keys ---


def broken_keys(home: Path) -> dict[str, Path]:
    """Files that are no use as a key, by a word of what is said of each."""
    made = {
        word: home / f"broken-{number}"
        for number, word in enumerate(
            (
                "is no key",
                "passphrase",
                "chmod 600",
                "a pipe",
                "a directory",
                "there is no file",
                "public key",
            )
        )
    }
    made["is no key"].write_text(
        "-----BEGIN OPENSSH PRIVATE KEY-----\nnonsense\n-----END OPENSSH PRIVATE KEY-----\n"
    )
    made["is no key"].chmod(0o600)
    keygen("-q", "-t", "ed25519", "-N", "secret", "-f", str(made["passphrase"]))
    make_key(made["chmod 600"]).chmod(0o644)
    os.mkfifo(made["a pipe"])
    made["a directory"].mkdir()
    made["public key"].write_text(make_key(home / "far").with_suffix(".pub").read_text())
    return made


def test_a_file_that_is_no_use_as_a_key_does_not_spoil_the_others(
    serve: Serve, person: Person, known_hosts: Path
) -> None:
    server, broken = serve(), broken_keys(person.home)
    lines = [f"IdentityFile {file}" for file in broken.values()]
    assert login(configure(person, server, *lines, f"IdentityFile {person.identity}"), known_hosts) is None
    said = story(configure(person, server, *lines), known_hosts)
    assert [word for word in broken if word not in said] == [], said
    assert [word for word, file in broken.items() if str(file) not in said] == []
    assert "ssh-copy-id" in said and str(person.identity) not in said


def test_a_public_key_names_which_of_the_agents_keys_is_offered(
    serve: Serve, person: Person, known_hosts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve()
    others = [str(make_key(tmp_path / f"other{number}")) for number in range(8)]
    public = person.home / "only.pub"
    public.write_text(person.public_key)
    with agent(tmp_path / "agent"):
        configured = configure(person, server, f"IdentityAgent {tmp_path / 'agent'}")
        environ = {**os.environ, "SSH_AUTH_SOCK": str(tmp_path / "agent")}
        subprocess.run([program("ssh-add"), "-q", *others, str(person.identity)], check=True, env=environ)
        person.identity.unlink()
        person.identity.with_suffix(".pub").unlink()
        assert "after too many keys" in story(configured, known_hosts)
        named = Reach("box", "box", identity=str(public), directory=configured.directory)
        assert login(named, known_hosts) is None
        only = ("IdentitiesOnly yes", f"IdentityFile {public}", f"IdentityAgent {tmp_path / 'agent'}")
        assert login(configure(person, server, *only), known_hosts) is None
    assert "no agent has its private one" in story(named, known_hosts)


def test_a_key_with_a_passphrase_is_found_in_the_agent_without_its_public_half(
    serve: Serve, person: Person, known_hosts: Path, tmp_path: Path
) -> None:
    server = serve()
    with agent(tmp_path / "agent"):
        environ = {**os.environ, "SSH_AUTH_SOCK": str(tmp_path / "agent")}
        subprocess.run([program("ssh-add"), "-q", str(person.identity)], check=True, env=environ)
        keygen("-q", "-p", "-P", "", "-N", "secret", "-f", str(person.identity))
        person.identity.with_suffix(".pub").unlink()
        lines = (
            "IdentitiesOnly yes",
            f"IdentityAgent {tmp_path / 'agent'}",
            f"IdentityFile {person.identity}",
        )
        assert login(configure(person, server, *lines), known_hosts) is None
        authority = make_key(tmp_path / "authority")
        server.authorized.write_text("")
        assert "of the agent" in story(Reach("box", "box"), known_hosts)
        server.authorized.write_text(f"cert-authority {authority.with_suffix('.pub').read_text()}")
        keygen("-y", "-P", "secret", "-f", str(person.identity))
        public = tmp_path / "key.pub"
        public.write_text(keygen("-y", "-P", "secret", "-f", str(person.identity)))
        keygen("-q", "-s", str(authority), "-I", "me", "-n", str(server.reach().user), str(public))
        certified = (*lines, f"CertificateFile {tmp_path / 'key-cert.pub'}")
        assert login(configure(person, server, *certified), known_hosts) is None


@contextmanager
def hanging_agent(path: Path, listed: Path | None = None) -> Iterator[None]:
    """An agent that tells which key it has, when it has one, and answers nothing else."""
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(str(path))
        door.listen()
        kept: list[socket.socket] = []

        def serve() -> None:
            while True:
                try:
                    visitor, _ = door.accept()
                except OSError:
                    return
                kept.append(visitor)
                if listed is None:
                    continue
                visitor.recv(5)
                blob = asyncssh.read_public_key(listed).public_data
                body = b"\x0c" + (1).to_bytes(4, "big")
                for part in (blob, b"token"):
                    body += len(part).to_bytes(4, "big") + part
                visitor.sendall(len(body).to_bytes(4, "big") + body)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield
        finally:
            door.shutdown(socket.SHUT_RDWR)
            thread.join(PATIENCE_S)
            for visitor in kept:
                visitor.close()


@pytest.mark.parametrize("has_key", [False, True])
def test_an_agent_that_hangs_is_passed_by_and_told_of(
    serve: Serve,
    person: Person,
    known_hosts: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    has_key: bool,
) -> None:
    """Whether it hangs as it is asked for its keys, or for a signature."""
    monkeypatch.setattr(identities, "LIST_S", 0.3)
    monkeypatch.setattr(identities, "SIGN_S", 0.3)
    held = make_key(tmp_path / "held").with_suffix(".pub")
    server = serve(authorized=held.read_text() + person.public_key)
    reach = configure(
        person, server, f"IdentityAgent {tmp_path / 'agent'}", f"IdentityFile {person.identity}"
    )
    with hanging_agent(tmp_path / "agent", held if has_key else None):
        assert login(reach, known_hosts) is None
        person.identity.unlink()
        said = story(reach, known_hosts)
    assert f"the agent at {tmp_path / 'agent'} does not answer" in said and "ssh-add -l" in said


def test_an_agent_that_is_gone_is_told_of(serve: Serve, person: Person, known_hosts: Path) -> None:
    reach = configure(person, serve(authorized=""), "IdentityAgent ~/gone")
    said = story(reach, known_hosts)
    assert f"the agent at {person.home}/gone cannot be used" in said and str(person.identity) in said


# --- whose key is known ---


PATTERNS = [
    "box.example", "BOX.Example", "box.example.", "*.example", "b?x.example", "!box.example,*.example",
    "*.example,!box.example", "*,!other", "[box.example]:22", "[box.example]:2022", "[*.example]:2022", "[*]:2022",
    "b[o]x.example", "10.0.0.0/8", "*", "other,box.example", "box.example,", "|1|nonsense|", "[BOX.example]:2022",
]  # fmt: skip


@pytest.mark.parametrize(
    "name", ["box.example", "Box.Example", "box.example.", "[box.example]:2022", "10.1.2.3"]
)
def test_names_are_compared_as_ssh_compares_them(person: Person, tmp_path: Path, name: str) -> None:
    """By `ssh-keygen -F`, whose rules are those of ssh, with each pattern as it is and hashed."""
    file, public = tmp_path / "known", " ".join(person.public_key.split()[:2])
    file.write_text("".join(f"{pattern} {public}\n" for pattern in PATTERNS))
    hashed = tmp_path / "hashed"
    hashed.write_text(f"{name.lower()} {public}\nother {public}\n")
    keygen("-q", "-H", "-f", str(hashed))
    for where in (file, hashed):
        found = subprocess.run(
            [program("ssh-keygen"), "-F", name.lower(), "-f", str(where)],
            capture_output=True,
            text=True,
            check=False,
        )
        lines = [line.split()[-1] for line in found.stdout.splitlines() if line.startswith("# Host")]
        host, _, port = name.strip("[").partition("]:")
        places = KnownHosts([where]).find(host, int(port or 22)).places
        assert [place.rpartition(":")[2] for place in places] == lines and lines


def test_a_name_is_known_in_any_case_and_by_its_alias(
    serve: Serve, person: Person, known_hosts: Path
) -> None:
    server = serve(known=False)
    reach = configure(person, server, "HostKeyAlias The-BOX")
    person.known_hosts.write_text(f"other,the-Box {server.host_key_public}\n")
    assert login(reach, known_hosts) is None
    person.known_hosts.write_text(f"*,!the-box {server.host_key_public}\n")
    assert "is not known" in story(reach, known_hosts)


@pytest.mark.parametrize("reason", ["ORDER", "HOSTNAME"])
def test_a_known_hosts_command_says_which_key_is_known(
    serve: Serve, person: Person, known_hosts: Path, reason: str
) -> None:
    """Whether it tells of all keys before the host has shown its own, or only of the one that is shown."""
    server = serve(known=False)
    command, log = person.home / "known", person.home / "asked"
    kind, blob = server.host_key_public.split()
    test = (
        f'test "$1" = ORDER || test "$2 $3" = "{kind} {blob}"'
        if reason == "ORDER"
        else f'test "$2 $3" = "{kind} {blob}"'
    )
    command.write_text(
        f'#!/bin/sh\necho "$@" >> {log}\nif {test}; then echo "$4 {server.host_key_public}"; fi\n'
    )
    command.chmod(0o700)
    reach = configure(person, server, f"KnownHostsCommand {command} %I %t %K %H %r")
    assert login(reach, known_hosts) is None
    name = f"[{server.address}]:{server.port} {server.reach().user}"
    wanted = [f"ORDER NONE NONE {name}", f"HOSTNAME {kind} {blob} {name}"][: 1 if reason == "ORDER" else 2]
    assert log.read_text().splitlines() == wanted
    command.write_text("#!/bin/sh\necho no directory >&2; exit 3\n")
    assert "ended with 3: no directory" in story(reach, known_hosts)
    command.write_text("#!/bin/sh\n")
    assert standing(reach, known_hosts) == "unknown"


def test_a_key_that_is_revoked_for_all_hosts_is_refused(
    serve: Serve, person: Person, known_hosts: Path
) -> None:
    server, revoked = serve(), person.home / "revoked"
    reach = configure(person, server, f"RevokedHostKeys {revoked}")
    assert "RevokedHostKeys" in story(reach, known_hosts)
    revoked.write_text(f"# stolen\n{server.host_key_public}\n")
    assert "is not to be trusted" in story(reach, known_hosts) or "has changed" in story(reach, known_hosts)
    revoked.write_text("# none\n")
    assert login(reach, known_hosts) is None


# --- algorithms ---


def test_what_asyncssh_does_not_have_of_the_allowed_algorithms_is_passed_over(
    serve: Serve, person: Person, known_hosts: Path
) -> None:
    server, unknown = serve(), "sntrup761x25519-sha512@openssh.com"
    lines = (
        f"KexAlgorithms {unknown},curve25519-sha256",
        "Ciphers aes256-ctr",
        "MACs umac-128-etm@openssh.com,hmac-sha2-256",
        "HostKeyAlgorithms sk-ssh-ed25519@openssh.com,ssh-ed25519",
        "PubkeyAcceptedAlgorithms webauthn-sk-ecdsa-sha2-nistp256@openssh.com,ssh-ed25519",
        "Compression yes",
        "RekeyLimit 1G 1h",
    )
    connection = loop.run(connecting.connect(configure(person, server, *lines), known_hosts), PATIENCE_S)
    assert connection.get_extra_info("send_cipher") == "aes256-ctr"
    assert connection.get_extra_info("recv_compression") == "zlib@openssh.com"
    loop.call(connection.abort, PATIENCE_S)
    said = login(configure(person, server, f"KexAlgorithms {unknown}"), known_hosts)
    assert said is not None and unknown in said.story and "kexalgorithms" in said.story and said.lasting
    foreign = configure(person, server, "HostKeyAlgorithms rsa-sha2-512")
    assert "hung up as the encryption was to be agreed on" in story(foreign, known_hosts)
    rsa = configure(person, server, "PubkeyAcceptedAlgorithms rsa-sha2-512")
    assert "none of these keys is accepted: none was found" in story(rsa, known_hosts)


# --- a host that asks for more ---


def test_a_second_factor_is_told_as_such(serve: Serve, known_hosts: Path, person: Person) -> None:
    server = serve(settings=["PasswordAuthentication yes", "AuthenticationMethods publickey,password"])
    said = login(server.reach(), known_hosts)
    assert said is not None and said.lasting
    assert (
        f"accepts {person.identity}, then asks" in said.story and "Fleet cannot give: password" in said.story
    )
    assert "AuthenticationMethods publickey" in said.story


def test_a_server_that_takes_passwords_alone_is_told_as_such(serve: Serve, known_hosts: Path) -> None:
    server = serve(
        settings=["PasswordAuthentication yes", "AuthenticationMethods password", "PubkeyAuthentication no"]
    )
    said = login(server.reach(), known_hosts)
    assert said is not None and said.lasting
    assert "what Fleet cannot give, and for no key: password" in said.story and "ssh-copy-id" in said.story
    assert "accepted" not in said.story


class _Asks(asyncssh.SSHServer):
    def begin_auth(self, username: str) -> bool:
        return True

    def public_key_auth_supported(self) -> bool:
        return False

    def kbdint_auth_supported(self) -> bool:
        return True


def test_a_server_that_asks_questions_is_told_as_such(person: Person, known_hosts: Path) -> None:
    key = make_key(person.home / "host_key")

    async def listen() -> asyncssh.SSHAcceptor:
        return await asyncssh.listen("127.0.0.1", 0, server_host_keys=[str(key)], server_factory=_Asks)

    server = loop.run(listen(), PATIENCE_S)
    port = server.get_port()
    person.known_hosts.write_text(f"[127.0.0.1]:{port} {key.with_suffix('.pub').read_text()}")
    assert "no key: keyboard-interactive" in story(Reach("box", "127.0.0.1", port), known_hosts)
    loop.call(server.close, PATIENCE_S)


def test_a_configuration_that_turns_keys_off_is_named(
    serve: Serve, person: Person, known_hosts: Path
) -> None:
    assert "PubkeyAuthentication no" in story(
        configure(person, serve(), "PubkeyAuthentication no"), known_hosts
    )


# --- commands on the way ---


@pytest.mark.parametrize(
    ("command", "words", "lasting"),
    [
        ("echo gate is shut: %h >&2; exit 3", "ended with 3: gate is shut: 127.0.0.1", False),
        ("no-such-carrier %p", "ended with 127:", True),
        ("sleep 0.1", "ended with 0: it said nothing", False),
        ("sleep 1234", "carried nothing within 1 s", False),
    ],
)
def test_what_a_proxy_command_says_is_told(
    person: Person,
    known_hosts: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    words: str,
    lasting: bool,
) -> None:
    if "1234" in command:
        monkeypatch.setattr(connecting, "CONNECT_S", 1.0)
    person.configure(
        f"Host box\n HostName 127.0.0.1\n ProxyCommand {command if 'exit' not in command else f'sh -c {command!r}'}\n"
    )
    said = login(Reach("box", "box"), known_hosts)
    assert said is not None and words in said.story and "`ssh box`" in said.story
    assert said.lasting == lasting


def test_a_proxy_command_ends_with_its_connection(serve: Serve, person: Person, known_hosts: Path) -> None:
    server = serve()
    carrier, pid = person.home / "carrier.py", person.home / "pid"
    stays = CARRIER.replace("sys.exit()", "__import__('signal').pause()")
    carrier.write_text(stays.replace("wire =", f"open({str(pid)!r}, 'w').write(str(os.getpid()))\nwire ="))
    person.configure(f"Host 127.0.0.1\n ProxyCommand {sys.executable} {carrier} %p\n")
    assert login(server.reach(), known_hosts) is None
    until("the carrier has ended", lambda: not Path(f"/proc/{pid.read_text()}").exists())


def test_ssh_is_asked_once_for_each_hop_of_an_attempt(
    serve: Serve, person: Person, known_hosts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, server = serve("gate"), serve()
    tools, log = person.home / "bin", person.home / "asked"
    tools.mkdir()
    (tools / "ssh").write_text(f'#!/bin/sh\necho "$@" >> {log}\nexec {program("ssh")} "$@"\n')
    (tools / "ssh").chmod(0o700)
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    reach = configure(person, server, f"ProxyJump {server.reach().user}@127.0.0.1:{gate.port}")
    assert standing(reach, known_hosts) == "known"
    assert [line.rpartition(" ")[2] for line in log.read_text().splitlines()] == ["box", "127.0.0.1"]


def test_without_an_ssh_asyncssh_reads_the_configuration(
    serve: Serve, person: Person, known_hosts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve()
    reach = configure(person, server, "IdentityFile ~/.ssh/other", f"IdentityFile {person.identity}")
    person.identity.rename(person.home / ".ssh" / "other")
    monkeypatch.setenv("PATH", str(person.home))
    assert login(reach, known_hosts) is None
    person.configure("Host box\n Port twenty-two\n")
    assert "~/.ssh/config cannot be used for box" in story(reach, known_hosts)


def test_a_name_that_is_no_utf_8_is_told_all_the_same(
    serve: Serve, person: Person, known_hosts: Path
) -> None:
    reach = configure(person, serve(authorized=""))
    config = person.home / ".ssh" / "config"
    config.write_bytes(config.read_bytes() + b" IdentityFile ~/na\xefve\n")
    assert f"there is no file {person.home}/na\\udcefve" in story(reach, known_hosts)
