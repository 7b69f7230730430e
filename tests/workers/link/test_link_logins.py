"""Logging in as the user's own ssh would, and what is said when that fails."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.patience import until
from tests.workers.link.conftest import Connect, Serve
from tests.workers.link.waiting import connected, trouble
from tests.workers.sshd import Person, free_port, keygen, make_key, program
from workers.remote import connecting
from workers.remote.address import Reach, parse


def listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as visitor:
        return visitor.connect_ex(str(path)) == 0


@contextmanager
def agent(path: Path) -> Iterator[None]:
    with subprocess.Popen(
        [program("ssh-agent"), "-D", "-a", str(path)], stdout=subprocess.DEVNULL
    ) as running:
        try:
            until("the agent listens", lambda: listens(path))
            yield
        finally:
            running.terminate()


def test_a_host_is_connected_and_answers(serve: Serve, connect: Connect) -> None:
    server = serve()
    link = connect(server.reach())
    state = connected(link)
    assert state.why == "" and state.connects == 1 and state.tried_s == 0.0
    assert state.facts is not None and state.facts["home"] == str(server.home)
    assert link.call("runs").values == {"attempts": []}
    assert link.name == "box"


def test_the_directory_is_the_homes_own_unless_one_is_named(serve: Serve, connect: Connect) -> None:
    server = serve()
    connected(connect(server.reach(directory=None), home_id="h1"))
    assert (server.home / ".fleet" / "h1" / "host.json").exists()


def test_the_environment_that_is_wanted_is_told(serve: Serve, connect: Connect) -> None:
    server = serve(environ={"LC_ALL": "C.UTF-8", "SECRET": "s"})
    state = connected(connect(server.reach(), environ_wanted=("LC_*",)))
    assert state.facts is not None
    environ = state.facts["environ"]
    assert environ["LC_ALL"] == "C.UTF-8" and "SECRET" not in environ


def test_an_alias_of_the_users_ssh_config_is_enough(serve: Serve, connect: Connect, person: Person) -> None:
    server = serve()
    reach = server.reach()
    key = person.identity.rename(person.home / "elsewhere")
    person.configure(
        f"Host nearby\n HostName 127.0.0.1\n Port {server.port}\n User {reach.user}\n IdentityFile {key}\n"
    )
    connected(connect(Reach("box", "nearby", directory=reach.directory)))


def test_a_jump_host_is_gone_through(serve: Serve, connect: Connect) -> None:
    jump, server = serve("jump"), serve()
    user = server.reach().user
    connected(connect(server.reach(jump=f"{user}@127.0.0.1:{jump.port}")))
    assert jump.serving()


def test_the_jump_host_of_the_users_ssh_config_is_gone_through(
    serve: Serve, connect: Connect, person: Person
) -> None:
    jump, server = serve("jump"), serve()
    user = server.reach().user
    person.configure(
        f"Host gate\n HostName 127.0.0.1\n Port {jump.port}\n User {user}\n"
        f"Host inner\n HostName 127.0.0.1\n Port {server.port}\n User {user}\n ProxyJump gate\n"
    )
    connected(connect(Reach("box", "inner", directory=server.reach().directory)))
    assert jump.serving()


CARRIER = """
import os, select, socket, sys
wire = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
while True:
    for ready in select.select([0, wire], [], [])[0]:
        data = os.read(ready if ready == 0 else wire.fileno(), 65536)
        if not data:
            sys.exit()
        wire.sendall(data) if ready == 0 else os.write(1, data)
"""


def test_a_proxy_command_of_the_users_ssh_config_is_gone_through(
    serve: Serve, connect: Connect, person: Person
) -> None:
    server = serve(known=False)
    (person.home / "carrier.py").write_text(CARRIER)
    carrier = f"{sys.executable} {person.home / 'carrier.py'}"
    person.configure(f"Host hidden.invalid\n ProxyCommand {carrier} %p\n")
    person.known_hosts.write_text(server.known_hosts_line.replace("127.0.0.1", "hidden.invalid"))
    link = connect(server.reach(host="hidden.invalid"))
    connected(link)
    assert link.call("runs").values == {"attempts": []}


def test_jump_hosts_that_lead_to_each_other_are_found_out(connect: Connect, person: Person) -> None:
    person.configure("Host a\n ProxyJump b\nHost b\n ProxyJump a\n")
    state = trouble(connect(parse("a")))
    assert "lead to each other" in state.why and state.lasting


def test_a_key_in_the_agent_lets_in(
    serve: Serve, connect: Connect, person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve()
    with agent(tmp_path / "agent"):
        monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))
        subprocess.run([program("ssh-add"), "-q", str(person.identity)], check=True)
        person.identity.unlink()
        connected(connect(server.reach()))


def test_a_key_that_is_named_is_not_drowned_in_those_of_the_agent(
    serve: Serve, connect: Connect, person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve()
    with agent(tmp_path / "agent"):
        monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))
        others = [str(make_key(tmp_path / f"other{number}")) for number in range(8)]
        subprocess.run([program("ssh-add"), "-q", *others], check=True)
        state = trouble(connect(server.reach()))
        assert "after too many keys" in state.why and "--identity" in state.why and state.lasting
        connected(connect(server.reach(identity=str(person.identity))))


def test_a_certificate_lets_in(serve: Serve, connect: Connect, person: Person, tmp_path: Path) -> None:
    authority = make_key(tmp_path / "authority")
    server = serve(authorized="", settings=[f"TrustedUserCAKeys {authority}.pub"])
    user = str(server.reach().user)
    keygen("-q", "-s", str(authority), "-I", "person", "-n", user, f"{person.identity}.pub")
    connected(connect(server.reach(identity=str(person.identity))))


def test_a_key_that_is_not_let_in_is_named_with_the_cure(
    serve: Serve, connect: Connect, person: Person
) -> None:
    server = serve(authorized="")
    reach = server.reach()
    state = trouble(connect(reach))
    assert str(person.identity) in state.why and state.lasting
    assert f"ssh-copy-id -p {server.port} {reach.user}@127.0.0.1" in state.why


def test_a_wrong_user_is_named(serve: Serve, connect: Connect) -> None:
    state = trouble(connect(serve().reach(user="nobody-of-here")))
    assert "'nobody-of-here'" in state.why and "Is the user right?" in state.why and state.lasting


def test_a_key_file_that_is_not_there_is_named(serve: Serve, connect: Connect, tmp_path: Path) -> None:
    state = trouble(connect(serve().reach(identity=str(tmp_path / "no-key"))))
    assert str(tmp_path / "no-key") in state.why and state.lasting


def test_a_port_where_nobody_listens_is_named(connect: Connect, person: Person) -> None:
    port = free_port()
    state = trouble(connect(Reach("box", "127.0.0.1", port)))
    assert f"refuses connections at port {port}" in state.why and "box" in state.why and not state.lasting


def test_a_name_that_does_not_resolve_is_named(connect: Connect, person: Person) -> None:
    state = trouble(connect(parse("no-such-host.invalid")))
    assert "no-such-host.invalid" in state.why and not state.lasting


def test_an_ssh_config_that_cannot_be_read_is_named(connect: Connect, person: Person) -> None:
    person.configure("Host box\n Port twenty-two\n")
    state = trouble(connect(parse("box")))
    assert f"{person.home}/.ssh/config line 2: Bad port 'twenty-two'" in state.why and state.lasting


def test_a_login_that_is_never_answered_is_given_up(
    connect: Connect, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connecting, "CONNECT_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        state = trouble(connect(Reach("box", "127.0.0.1", silent.getsockname()[1])))
    assert "did not answer" in state.why and not state.lasting


def begun_login(port: int) -> socket.socket | None:
    """None while the server still counts the connection before it, which only looked whether it listens."""
    under_way = socket.create_connection(("127.0.0.1", port))
    if under_way.recv(100).startswith(b"SSH-"):
        return under_way
    under_way.close()
    return None


def test_a_server_with_too_many_logins_under_way_is_named(serve: Serve, connect: Connect) -> None:
    server = serve(settings=["MaxStartups 1:100:1"])
    under_way = until("a login is under way", lambda: begun_login(server.port))
    assert under_way is not None
    with under_way:
        link = connect(server.reach())
        state = trouble(link)
        assert "MaxStartups" in state.why and not state.lasting
    connected(link)


def test_time_spent_in_vain_is_counted(connect: Connect, person: Person) -> None:
    link = connect(Reach("box", "127.0.0.1", free_port()))
    until("some time was tried in vain", lambda: link.state().tried_s > 0.5)
