"""The socket by which commands reach a running coordinator, with whatever may come through it."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio import to_thread

from fleet.home import Home
from fleet.shell import control, long_request
from fleet.shell.asker import Doorkeeper
from tests.patience import PATIENCE_S, until


async def echo(request: dict[str, Any]) -> control.Reply:
    return {"ok": True, "echo": request}


def served(path: Path, use: Callable[[], None], answer: control.Answer = echo) -> None:
    """Runs `use` in a thread while the socket is served."""

    def once_there() -> None:
        until("the socket is served", lambda: listens(path), 0.001)
        use()

    async def run() -> None:
        async with anyio.create_task_group() as group:
            doorkeeper = Doorkeeper("home", path.parent / "runs", os.getpid())
            group.start_soon(control.serve, path, answer, doorkeeper)
            await to_thread.run_sync(once_there)
            group.cancel_scope.cancel()

    anyio.run(run)


def listens(path: Path) -> bool:
    try:
        with connected(path):
            return True
    except OSError:
        return False


@contextmanager
def connected(path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(PATIENCE_S)
        client.connect(str(path))
        yield client


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return control.socket_path(Home(tmp_path))


def still_answers(path: Path) -> None:
    assert control.ask(str(path), {"kind": "x"}) == {"ok": True, "echo": {"kind": "x"}}


@pytest.mark.parametrize(
    "garbage",
    [
        b"\n",
        b"not JSON\n",
        b"[]\n",
        b"7\n",
        b"null\n",
        b'"kind"\n',
        b"\xff\xfe\x00\n",
        b"[" * 200_000 + b"\n",
        b'{"kind": "x"',
    ],
)
def test_garbage_disturbs_nobody(path: Path, garbage: bytes) -> None:
    """What is no request gets a word that it is none, or the line is hung up; the next request is answered."""

    def use() -> None:
        with connected(path) as client:
            client.sendall(garbage)
            client.shutdown(socket.SHUT_WR)
            replied = client.makefile("rb").readline()
        assert replied == b"" or json.loads(replied) == control.NO_REQUEST
        still_answers(path)

    served(path, use)


def test_those_who_hang_or_leave_disturb_nobody(path: Path) -> None:
    """One says nothing, one stops in the middle, one leaves before it could be answered."""

    def use() -> None:
        with connected(path), connected(path) as halfway:
            halfway.sendall(b'{"kind":')
            with connected(path) as leaving:
                leaving.sendall(b'{"kind": "x"}\n')
            still_answers(path)

    served(path, use)


def test_whoever_says_nothing_is_hung_up_on(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "LINE_S_MAX", 0.05)

    def use() -> None:
        with connected(path) as silent, connected(path) as trickling:
            trickling.sendall(b'{"kind":')
            assert silent.recv(1) == b""
            assert trickling.recv(1) == b""
        still_answers(path)

    served(path, use)


def test_whoever_holds_all_connections_keeps_nobody_out(path: Path) -> None:
    """The oldest of too many silent ones makes way; whoever speaks is answered."""

    def use() -> None:
        with contextlib.ExitStack() as all_of_them:
            held = [all_of_them.enter_context(connected(path)) for _ in range(3 * control.CONNECTIONS_MAX)]
            still_answers(path)
            assert held[0].recv(1) == b""
            held[-1].sendall(b'{"kind": "late"}\n')
            assert json.loads(held[-1].makefile("rb").readline())["echo"] == {"kind": "late"}

    served(path, use)


def test_a_hanging_client_does_not_keep_the_coordinator_from_ending(path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        served(path, lambda: client.connect(str(path)))
        with contextlib.suppress(ConnectionResetError):
            assert client.recv(1) == b""


def test_a_request_of_many_megabytes_gets_through_whole(path: Path) -> None:
    big = {"kind": "x", "text": "ü" * 5_000_000}

    async def compare(request: dict[str, Any]) -> control.Reply:
        return {"ok": True, "whole": request == big}

    served(path, lambda: big_is_whole(path, big), compare)


def big_is_whole(path: Path, big: dict[str, Any]) -> None:
    assert control.ask(str(path), big)["whole"]
    assert list(long_request.directory(path).iterdir()) == []


def test_the_file_of_a_long_request_is_private_and_goes_with_its_sender_or_the_next_coordinator(
    path: Path,
) -> None:
    """A sender that is killed leaves it, with prompts in it."""
    left: list[Path] = []

    async def look(request: dict[str, Any]) -> control.Reply:
        left.extend(long_request.directory(path).iterdir())
        modes = [one.stat().st_mode & 0o077 for one in (*left, left[0].parent)]
        os.link(left[0], left[0].parent / "killed")
        return {"ok": True, "modes": modes}

    def use() -> None:
        assert control.ask(str(path), {"text": "x" * control.LINE_BYTES_MAX})["modes"] == [0, 0]

    served(path, use, look)
    assert [one.name for one in left[0].parent.iterdir()] == ["killed"]
    served(path, lambda: still_answers(path))
    assert list(left[0].parent.iterdir()) == []


@pytest.mark.parametrize("name", ["../s", "/etc/passwd", "", 7, None, "0" * 32, "f" * 32, "a" * 32])
def test_no_other_file_is_read_as_a_request(path: Path, name: object) -> None:
    """Not by its path, nor through a link, nor one that asks for another."""
    there = long_request.directory(path)
    there.mkdir()
    (path.parent / "s").write_text('{"kind": "x"}')

    def use() -> None:
        (there / ("f" * 32)).symlink_to(path.parent / "s")
        (there / ("a" * 32)).write_text(json.dumps({"kind": "long", "file": "b" * 32}))
        (there / ("b" * 32)).write_text('{"kind": "x"}')
        reply = control.ask(str(path), {"kind": "long", "file": name})
        assert reply.get("echo") in (None, {"kind": "long", "file": "b" * 32})

    served(path, use)


def test_a_request_that_finds_no_room_is_not_made(path: Path) -> None:
    def use() -> None:
        long_request.directory(path).write_text("in the way")
        with pytest.raises(long_request.CannotBeSent, match=r"cannot be written to .*control\.requests/"):
            control.ask(str(path), {"text": "x" * control.LINE_BYTES_MAX})

    served(path, use)


def test_a_line_that_never_ends_is_hung_up_on(path: Path) -> None:
    def use() -> None:
        with connected(path) as endless, contextlib.suppress(BrokenPipeError, ConnectionResetError):
            endless.sendall(b"x" * (10 * control.LINE_BYTES_MAX))
            assert endless.recv(1) == b""
        still_answers(path)

    served(path, use)


def test_many_ask_at_once(path: Path) -> None:
    found: list[object] = []

    def use() -> None:
        threads = [
            threading.Thread(target=lambda n=n: found.append(control.ask(str(path), {"n": n})["echo"]["n"]))
            for n in range(20)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    served(path, use)
    assert sorted(map(str, found)) == sorted(map(str, range(20)))


def test_only_the_user_may_connect(path: Path) -> None:
    served(path, lambda: mode_is_private(path))


def mode_is_private(path: Path) -> None:
    assert path.stat().st_mode & 0o077 == 0


def test_a_socket_left_by_a_killed_coordinator_is_taken_over(path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as dead:
        dead.bind(str(path))
    with pytest.raises(control.NobodyAnswers, match="does not answer"):
        control.ask(str(path), {})
    path.unlink()
    with pytest.raises(control.NobodyAnswers, match="does not answer"):
        control.ask(str(path), {})
    served(path, lambda: still_answers(path))


@pytest.mark.parametrize("last_words", [b"", b'{"ok": tr'])
def test_a_coordinator_that_goes_away_before_it_answered_is_told_so(path: Path, last_words: bytes) -> None:
    """It has taken the request: nobody may quietly ask again, as it may have been done."""

    def leave(listener: socket.socket) -> None:
        taken, _ = listener.accept()
        with taken:
            assert taken.makefile("rb").readline() == b'{"kind": "x"}\n'
            taken.sendall(last_words)

    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen()
        thread = threading.Thread(target=leave, args=(listener,))
        thread.start()
        with pytest.raises(control.AnswerLost, match="went away before it answered"):
            control.ask(str(path), {"kind": "x"})
        thread.join()


def test_a_coordinator_that_hangs_is_given_up(path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen()
        with pytest.raises(control.AnswerLost, match="gave no answer"):
            control.ask(str(path), {"kind": "x"}, timeout_s=0.05)


def test_one_that_stops_before_it_took_the_request_may_be_asked_again(path: Path) -> None:
    """The request was never read, so it has not been done."""

    def refuse(listener: socket.socket) -> None:
        taken, _ = listener.accept()
        assert taken.recv(1)
        taken.close()

    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen()
        thread = threading.Thread(target=refuse, args=(listener,))
        thread.start()
        with pytest.raises(control.NobodyAnswers):
            control.ask(str(path), {"kind": "x"})
        thread.join()


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory for temporary files whose path is short, as it is for users; pytest's own is too long."""
    with tempfile.TemporaryDirectory(prefix="f") as made:
        monkeypatch.setattr("tempfile.tempdir", made)
        yield Path(made)


def test_a_home_with_a_very_long_path_has_a_short_private_socket_of_its_own(
    tmp_path: Path, temporary: Path
) -> None:
    deep = tmp_path / ("d" * 90) / "e"
    one, other = control.socket_path(Home(deep / "one")), control.socket_path(Home(deep / "other"))
    assert one != other
    assert control.socket_path(Home(deep / "one")) == one
    assert one.parent == temporary / f"fleet-{os.getuid()}"
    assert one.parent.stat().st_mode & 0o077 == 0
    served(one, lambda: still_answers(one))


@pytest.mark.parametrize("planted", ["a link to a directory of the user's", "a file"])
def test_a_name_that_somebody_else_has_made_is_no_place_for_a_socket(
    tmp_path: Path, temporary: Path, planted: str
) -> None:
    private = temporary / f"fleet-{os.getuid()}"
    if planted == "a file":
        private.touch()
    else:
        (tmp_path / "open").mkdir(mode=0o755)
        private.symlink_to(tmp_path / "open")
    with pytest.raises(OSError, match=str(private)):
        control.socket_path(Home(tmp_path / ("d" * 90)))


def test_a_private_directory_that_was_opened_is_closed_again(tmp_path: Path, temporary: Path) -> None:
    private = temporary / f"fleet-{os.getuid()}"
    private.mkdir(mode=0o755)
    control.socket_path(Home(tmp_path / ("d" * 90)))
    assert private.stat().st_mode & 0o077 == 0


def test_a_socket_fits_also_where_temporary_files_lie_deep(
    tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = temporary / ("t" * 90)
    deep.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(deep))
    assert len(bytes(control.socket_path(Home(tmp_path / ("d" * 90))))) <= control.PATH_BYTES_MAX
