"""What breaks on the way: connections that are cut or stall, disks that are full. Every byte of a spool comes once."""

from __future__ import annotations

import contextlib
import itertools
import resource
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.patience import PATIENCE_S, until
from tests.workers.link.conftest import Connect, Serve
from tests.workers.link.waiting import again, anything, connected
from tests.workers.proxy import Proxy, proxy_to
from tests.workers.sshd import Person, Sshd
from workers.remote import wire
from workers.remote.away import HostAway, NoChannel
from workers.remote.copying import Copies, OutOfStep
from workers.remote.link import Link


def spool(server: Sshd, attempt: str) -> Path:
    """As a supervisor would have it there."""
    path = server.home / "fleet" / "runs" / attempt / "spool"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


@contextlib.contextmanager
def growing(spools: list[Path]) -> Iterator[None]:
    """Lines of all lengths are added to each, in pieces, for as long as the block lasts."""
    stop = threading.Event()

    def grow() -> None:
        with contextlib.ExitStack() as opened:
            files = [opened.enter_context(path.open("ab", buffering=0)) for path in spools]
            for number in itertools.count():
                for file in files:
                    file.write(b"o %d " % number)
                    file.write(b"x" * (number % 977) + b"\n")
                if stop.wait(0.002):
                    return

    with ThreadPoolExecutor(1) as pool:
        grown = pool.submit(grow)
        try:
            yield
        finally:
            stop.set()
            grown.result(PATIENCE_S)


def more_arrives(link: Link, attempt: str) -> None:
    before = link.copied(attempt)
    until("something more has arrived", lambda: link.copied(attempt) > before)


def copies_are_whole(link: Link, copies: Path, spools: list[Path]) -> None:
    sizes = {path.parent.name: path.stat().st_size for path in spools}
    until("all is copied", lambda: all(link.copied(name) >= size for name, size in sizes.items()))
    for path in spools:
        assert (copies / path.parent.name / "spool").read_bytes() == path.read_bytes()


@pytest.fixture
def proxied(serve: Serve, person: Person) -> Iterator[tuple[Sshd, Proxy]]:
    server = serve()
    with proxy_to(server.port) as proxy:
        person.known_hosts.write_text(server.known_hosts_line.replace(str(server.port), str(proxy.port)))
        yield server, proxy


def test_every_line_arrives_once_however_often_the_connection_is_cut(
    serve: Serve, connect: Connect, tmp_path: Path
) -> None:
    server = serve()
    link = connect(server.reach())
    spools = [spool(server, f"t{number}.1") for number in range(5)]
    link.follow([path.parent.name for path in spools])
    connected(link)
    with growing(spools):
        for count in (1, 2, 3):
            again(link, count)
            more_arrives(link, "t0.1")
            server.cut()
        again(link, 4)
    copies_are_whole(link, tmp_path / "runs", spools)


def test_a_hundred_spools_are_followed_over_one_connection(
    serve: Serve, connect: Connect, tmp_path: Path
) -> None:
    server = serve()
    link = connect(server.reach())
    spools = [spool(server, f"t{number}.1") for number in range(100)]
    link.follow([path.parent.name for path in spools])
    with growing(spools):
        connected(link)
        more_arrives(link, "t99.1")
    copies_are_whole(link, tmp_path / "runs", spools)
    assert link.state().connects == 1 and len(server.serving()) <= 2


def test_only_what_is_followed_is_copied(serve: Serve, connect: Connect, tmp_path: Path) -> None:
    server = serve()
    link = connect(server.reach())
    first, second = spool(server, "t1.1"), spool(server, "t2.1")
    first.write_bytes(b"o 1 first\n")
    second.write_bytes(b"o 1 second\n")
    link.follow(["t1.1"])
    link.follow(["t1.1"])
    copies_are_whole(link, tmp_path / "runs", [first])
    link.follow(["t2.1"])
    with first.open("ab") as file:
        file.write(b"o 2 nobody asks for\n")
    copies_are_whole(link, tmp_path / "runs", [second])
    assert link.copied("t1.1") == len(b"o 1 first\n")


def test_a_copy_goes_on_where_it_ended_before(serve: Serve, connect: Connect, tmp_path: Path) -> None:
    server = serve()
    path = spool(server, "t1.1")
    path.write_bytes(b"o 1 before\n" * 100)
    copy = tmp_path / "runs" / "t1.1" / "spool"
    copy.parent.mkdir(parents=True)
    copy.write_bytes(path.read_bytes()[:500])
    link = connect(server.reach())
    link.follow(["t1.1"])
    copies_are_whole(link, tmp_path / "runs", [path])


def test_a_stalled_connection_is_given_up_and_what_was_asked_is_told(
    proxied: tuple[Sshd, Proxy], connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "PING_S", 0.2)
    monkeypatch.setattr(wire, "SILENCE_S_MAX", 1.0)
    server, proxy = proxied
    link = connect(server.reach(port=proxy.port))
    connected(link)
    path = spool(server, "t1.1")
    link.follow(["t1.1"])
    proxy.stall()
    path.write_bytes(b"o 1 meanwhile\n")
    with pytest.raises(HostAway, match="has not answered for 1 s"):
        link.call("runs")
    assert link.state().connects == 1 and not link.state().connected
    proxy.cut()
    proxy.flow()
    again(link)
    copies_are_whole(link, tmp_path / "runs", [path])


def test_a_connection_that_is_cut_ends_what_was_asked(proxied: tuple[Sshd, Proxy], connect: Connect) -> None:
    server, proxy = proxied
    link = connect(server.reach(port=proxy.port))
    connected(link)
    proxy.stall()
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(link.call, "runs")
        proxy.cut()
        with pytest.raises(HostAway, match="lost"):
            asked.result(PATIENCE_S)
    proxy.refuse()
    until("it is away", lambda: not link.state().connected)
    with pytest.raises(HostAway):
        link.call("runs")


def test_an_answer_that_takes_too_long_is_not_waited_for(
    proxied: tuple[Sshd, Proxy], connect: Connect
) -> None:
    server, proxy = proxied
    link = connect(server.reach(port=proxy.port))
    connected(link)
    proxy.stall()
    with pytest.raises(HostAway, match="'runs' within 0 s"):
        link.call("runs", timeout_s=0.1)
    proxy.flow()
    assert link.call("runs").values == {"attempts": []}


def test_a_channel_ends_with_its_connection(serve: Serve, connect: Connect) -> None:
    server = serve()
    link = connect(server.reach())
    connected(link)
    with link.channel("cat", anything()) as duplex:
        duplex.sendall(b"x")
        assert duplex.recv(1) == b"x"
        server.cut()
        duplex.settimeout(PATIENCE_S)
        with contextlib.suppress(ConnectionResetError):
            assert duplex.recv(1) == b""


def send_all(duplex: socket.socket, data: bytes) -> None:
    duplex.sendall(data)
    duplex.shutdown(socket.SHUT_WR)


def test_channels_carry_much_both_ways_and_no_more_than_four_at_once(serve: Serve, connect: Connect) -> None:
    link = connect(serve().reach())
    connected(link)
    data = bytes(range(256)) * 20_000

    def there_and_back(_: int) -> bool:
        with link.channel("cat", anything()) as duplex, ThreadPoolExecutor(1) as pool:
            pool.submit(send_all, duplex, data)
            got = bytearray()
            while part := duplex.recv(1 << 16):
                got += part
            return bytes(got) == data

    with ThreadPoolExecutor(12) as pool:
        assert all(pool.map(there_and_back, range(12)))


def test_a_host_that_opens_no_more_sessions_has_no_channel(serve: Serve, connect: Connect) -> None:
    link = connect(serve(settings=["MaxSessions 1"]).reach())
    connected(link)
    with pytest.raises(NoChannel, match="no second channel"), link.channel("true", anything()):
        pass


def test_a_host_that_is_there_again_is_connected_again(serve: Serve, connect: Connect) -> None:
    server = serve()
    link = connect(server.reach())
    connected(link)
    server.stop()
    until("it is away", lambda: not link.state().connected)
    until("it was tried in vain", lambda: link.state().tried_s > 0)
    server.start()
    assert again(link).tried_s == 0.0


def test_a_link_that_was_closed_is_away_and_may_be_opened_again(serve: Serve, connect: Connect) -> None:
    server = serve()
    link = connect(server.reach())
    connected(link)
    link.close()
    with pytest.raises(HostAway, match="closed here"):
        link.call("runs")
    until("nothing is left there", lambda: not server.serving())
    link.open()
    assert again(link).connected


@contextlib.contextmanager
def files_no_larger_than(size: int) -> Iterator[None]:
    """A disk that takes no more, for files that are larger."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_here_stops_a_copy_and_space_lets_it_go_on(
    serve: Serve, connect: Connect, tmp_path: Path
) -> None:
    server = serve()
    path = spool(server, "t1.1")
    path.write_bytes(b"o 1 first\n")
    link = connect(server.reach())
    connected(link)
    with files_no_larger_than(300_000):
        with path.open("ab") as file:
            file.write(b"o 2 small\n")
        link.follow(["t1.1"])
        copies_are_whole(link, tmp_path / "runs", [path])
    big = spool(server, "t2.1")
    big.write_bytes(b"".join(b"o %d %s\n" % (n, b"y" * 990) for n in range(20_000)))
    with files_no_larger_than(300_001):
        link.follow(["t1.1", "t2.1"])
        until("the copy has stopped", lambda: link.copied("t2.1") == 300_001)
        assert link.call("runs").values
    copies_are_whole(link, tmp_path / "runs", [path, big])
    assert link.state().connects == 1


def test_what_was_pushed_twice_is_kept_once(tmp_path: Path) -> None:
    copies = Copies(tmp_path)
    assert copies.follow(["a"]) == ({"a": 0}, [])
    assert copies.take("a", 0, b"one\ntwo\n") == 8
    assert copies.take("a", 4, b"two\nthree\n") == 10
    assert copies.take("a", 0, b"one\n") == 4
    assert (tmp_path / "a" / "spool").read_bytes() == b"one\ntwo\nthree\n"
    with pytest.raises(OutOfStep, match="14"):
        copies.take("a", 99, b"later\n")
    copies.close()


def test_copies_are_opened_all_or_none(tmp_path: Path) -> None:
    copies = Copies(tmp_path)
    (tmp_path / "b").write_text("no directory")
    with pytest.raises(OSError):
        copies.follow(["a", "b"])
    assert copies.follow(["a"]) == ({"a": 0}, [])
    copies.close()
