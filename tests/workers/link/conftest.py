from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.own_home import HOME_ID
from tests.workers.sshd import Person, Sshd, needs
from workers.remote.address import Reach
from workers.remote.link import Link

Serve = Callable[..., Sshd]
Connect = Callable[..., Link]


@pytest.fixture
def person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Person:
    """Whoever runs the fleet: a home directory with a key, and no agent."""
    needs("sshd", "ssh-keygen")
    made = Person(tmp_path / "person")
    monkeypatch.setenv("HOME", str(made.home))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    return made


@pytest.fixture
def serve(person: Person, tmp_path: Path) -> Iterator[Serve]:
    """Start a server that lets the person in, and that the person knows; `Sshd`'s arguments may be changed."""
    with ExitStack() as running:

        def start(name: str = "box", script: str = "", known: bool = True, **changes: object) -> Sshd:
            server = Sshd(tmp_path / name, **{"authorized": person.public_key, **changes})  # type: ignore[arg-type]
            if script:
                server.through(script)
            server.start()
            running.callback(server.stop)
            if known:
                with person.known_hosts.open("a") as file:
                    file.write(server.known_hosts_line)
            return server

        yield start


@pytest.fixture
def known_hosts(tmp_path: Path) -> Path:
    """The fleet's own."""
    return tmp_path / "fleet" / "known_hosts"


@pytest.fixture
def connect(tmp_path: Path, known_hosts: Path) -> Iterator[Connect]:
    """Open a link that is closed with the test."""
    with ExitStack() as opened:

        def open_link(reach: Reach, home_id: str = HOME_ID, **changes: object) -> Link:
            given = {"runs": tmp_path / "runs", "known_hosts": known_hosts, **changes}
            link = Link(reach, home_id=home_id, **given)  # type: ignore[arg-type]
            opened.callback(link.close)
            link.open()
            return link

        yield open_link
