"""Whose key is trusted: strictly what the user's known_hosts files or the fleet's own say."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.workers.link.conftest import Connect, Serve
from tests.workers.link.waiting import connected, trouble
from tests.workers.sshd import Person, Sshd, keygen, make_key
from workers.remote.keys import accept
from workers.remote.offered_keys import offered, standing
from workers.remote.refusals import CannotConnect


def know(person: Person, server: Sshd, other: Path) -> None:
    """Another key is known as this server's."""
    public = " ".join(other.with_suffix(".pub").read_text().split()[:2])
    person.known_hosts.write_text(f"[127.0.0.1]:{server.port} {public}\n")


def fingerprint(key: Path) -> str:
    return keygen("-lf", f"{key}.pub").split()[1]


def test_an_unknown_key_is_shown_and_not_used(serve: Serve, connect: Connect, known_hosts: Path) -> None:
    server = serve(known=False)
    state = trouble(connect(server.reach()))
    assert fingerprint(server.host_key) in state.why and "accept" in state.why and state.lasting
    key = offered(server.reach(), known_hosts)
    assert (key.type, key.fingerprint) == ("ssh-ed25519", fingerprint(server.host_key))
    assert key.line == server.known_hosts_line.strip()
    assert standing(server.reach(), known_hosts) == "unknown"


def test_an_accepted_key_is_known_from_then_on(serve: Serve, connect: Connect, known_hosts: Path) -> None:
    server = serve(known=False)
    reach = server.reach()
    for _ in range(2):
        accept(known_hosts, reach, offered(reach, known_hosts))
    assert known_hosts.read_text() == server.known_hosts_line
    assert known_hosts.stat().st_mode & 0o777 == 0o600
    assert standing(reach, known_hosts) == "known"
    connected(connect(reach))


def test_a_key_that_was_known_before_the_login_fails_is_still_told(serve: Serve, known_hosts: Path) -> None:
    server = serve(authorized="")
    assert standing(server.reach(), known_hosts) == "known"
    assert offered(server.reach(), known_hosts).fingerprint == fingerprint(server.host_key)


def test_a_changed_key_is_refused_with_both_fingerprints(
    serve: Serve, connect: Connect, person: Person, known_hosts: Path, tmp_path: Path
) -> None:
    server, other = serve(), make_key(tmp_path / "other")
    know(person, server, other)
    state = trouble(connect(server.reach()))
    assert fingerprint(server.host_key) in state.why and fingerprint(other) in state.why
    assert "may be an attack" in state.why and state.lasting
    assert f"ssh-keygen -R '[127.0.0.1]:{server.port}' -f {person.known_hosts}" in state.why
    assert standing(server.reach(), known_hosts) == "changed"
    log = (server.directory / "log").read_text()
    assert "Accepted publickey" not in log and "Failed" not in log


def test_the_cure_for_a_changed_key_cures(
    serve: Serve, person: Person, known_hosts: Path, tmp_path: Path
) -> None:
    server = serve()
    know(person, server, make_key(tmp_path / "other"))
    keygen("-R", f"[127.0.0.1]:{server.port}", "-f", str(person.known_hosts))
    assert standing(server.reach(), known_hosts) == "unknown"


def test_a_host_of_which_another_kind_of_key_is_known_is_asked_for_that_kind(
    serve: Serve, connect: Connect, person: Person, tmp_path: Path
) -> None:
    keygen("-q", "-t", "ecdsa", "-N", "", "-f", str(tmp_path / "ecdsa"))
    server = serve(settings=[f"HostKey {tmp_path / 'ecdsa'}"])
    know(person, server, tmp_path / "ecdsa")
    connected(connect(server.reach()))


def test_the_key_of_a_server_at_another_port_says_nothing_of_this_one(
    serve: Serve, person: Person, known_hosts: Path, tmp_path: Path
) -> None:
    server = serve()
    public = make_key(tmp_path / "other").with_suffix(".pub").read_text()
    person.known_hosts.write_text(f"127.0.0.1 {public}")
    assert standing(server.reach(), known_hosts) == "unknown"


def test_hashed_names_are_found(serve: Serve, connect: Connect, person: Person) -> None:
    server = serve()
    keygen("-H", "-f", str(person.known_hosts))
    assert "127.0.0.1" not in person.known_hosts.read_text()
    connected(connect(server.reach()))


def test_an_authority_vouches_for_a_hosts_key(
    serve: Serve, connect: Connect, person: Person, known_hosts: Path, tmp_path: Path
) -> None:
    authority, key = make_key(tmp_path / "authority"), make_key(tmp_path / "vouched")
    keygen("-q", "-s", str(authority), "-I", "box", "-h", "-n", "127.0.0.1", f"{key}.pub")
    server = serve(settings=[f"HostKey {key}", f"HostCertificate {key}-cert.pub"], known=False)
    public = authority.with_suffix(".pub").read_text()
    person.known_hosts.write_text(f"@cert-authority * {public}")
    assert standing(server.reach(), known_hosts) == "known"
    connected(connect(server.reach()))


@pytest.mark.parametrize("known_as", ["127.0.0.1", "[127.0.0.1]:{port}"])
@pytest.mark.parametrize("revoked_as", ["*", "127.0.0.1", "[127.0.0.1]:{port}"])
def test_a_revoked_key_is_refused_even_when_it_is_known(
    serve: Serve, connect: Connect, person: Person, known_as: str, revoked_as: str
) -> None:
    server = serve(known=False)
    lines = (f"{known_as} KEY\n@revoked {revoked_as} KEY\n").format(port=server.port)
    person.known_hosts.write_text(lines.replace("KEY", server.host_key_public))
    state = trouble(connect(server.reach()))
    assert "revoked" in state.why and state.lasting


def test_a_line_that_is_none_of_a_known_hosts_file_does_no_harm(
    serve: Serve, connect: Connect, person: Person
) -> None:
    server = serve()
    person.known_hosts.write_text(f"what is this\n@odd x y\n{server.known_hosts_line}")
    connected(connect(server.reach()))


def test_no_setting_of_the_users_ssh_config_turns_the_check_off(
    serve: Serve, connect: Connect, person: Person
) -> None:
    person.configure("Host *\n StrictHostKeyChecking no\n UserKnownHostsFile none\n")
    state = trouble(connect(serve().reach()))
    assert "is not known" in state.why


def test_the_key_of_a_jump_host_is_checked_too(serve: Serve, connect: Connect, known_hosts: Path) -> None:
    jump, server = serve("jump", known=False), serve()
    reach = server.reach(jump=f"{server.reach().user}@127.0.0.1:{jump.port}")
    state = trouble(connect(reach))
    assert "jump host" in state.why and fingerprint(jump.host_key) in state.why
    with pytest.raises(CannotConnect, match="jump host"):
        offered(reach, known_hosts)


def test_a_key_is_offered_through_a_jump_host(serve: Serve, known_hosts: Path) -> None:
    jump, server = serve("jump"), serve(known=False)
    reach = server.reach(jump=f"{server.reach().user}@127.0.0.1:{jump.port}")
    assert offered(reach, known_hosts).fingerprint == fingerprint(server.host_key)
