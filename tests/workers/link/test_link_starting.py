"""The far end starts from any login shell, and where it cannot it is said why."""

from __future__ import annotations

import errno
import os
import pwd
import signal
import socket
import threading
from pathlib import Path

import pytest

from tests.patience import PATIENCE_S, until
from tests.workers.link.conftest import Connect, Serve
from tests.workers.link.waiting import again, anything, connected, trouble
from tests.workers.proxy import proxy_to
from tests.workers.sshd import Person, needs
from workers.remote.address import Reach
from workers.remote.bundle import bundle
from workers.remote.starting import no_directory

AS_ASKED = 'exec /bin/sh -c "$SSH_ORIGINAL_COMMAND"'


def only_with(path: Path) -> str:
    """As asked, but Python can only be found there."""
    hidden = "s#/usr/[a-z/]*bin/python3#/none#g; s#/opt/homebrew#/none#g"
    return f'PATH={path}; exec /bin/sh -c "$(printf %s "$SSH_ORIGINAL_COMMAND" | /bin/sed "{hidden}")"'


def test_a_login_that_prints_does_no_harm(serve: Serve, connect: Connect) -> None:
    server = serve(script=f"echo hello; echo oops >&2; printf 'no newline'; {AS_ASKED}")
    for name in (".bashrc", ".profile", ".bash_profile"):
        (server.home / name).write_text("echo noise from a file; echo more >&2\n")
    link = connect(server.reach())
    connected(link)
    assert link.call("living").values == {"attempts": []}
    with link.channel("cat", anything()) as duplex:
        duplex.sendall(b"there and back")
        duplex.shutdown(socket.SHUT_WR)
        assert duplex.recv(100) == b"there and back"


@pytest.mark.parametrize("shell", ["fish", "tcsh", "dash"])
def test_a_login_shell_may_be_another(serve: Serve, connect: Connect, shell: str) -> None:
    needs(shell)
    server = serve(script=f'exec {shell} -c "$SSH_ORIGINAL_COMMAND"')
    link = connect(server.reach())
    connected(link)
    with link.channel('printf %s "it\'s $((1 + 1))"', anything()) as duplex:
        assert duplex.recv(100) == b"it's 2"


def test_a_python_that_is_too_old_is_passed_over(serve: Serve, connect: Connect, tmp_path: Path) -> None:
    path = f"{old_python(tmp_path)}:/usr/bin:/bin"
    connected(connect(serve(environ={"PATH": path}).reach()))


def test_only_a_python_that_is_too_old_is_named_with_the_cure(
    serve: Serve, connect: Connect, tmp_path: Path
) -> None:
    state = trouble(connect(serve(script=only_with(old_python(tmp_path))).reach()))
    assert "Python 3.8" in state.why and "3.9 or newer" in state.why and "apt install" in state.why
    assert state.lasting and "box" in state.why


def old_python(tmp_path: Path) -> Path:
    """A directory whose python3 is 3.8: a real one where pyenv has it."""
    folder = tmp_path / "old"
    folder.mkdir()
    versions = Path(pwd.getpwuid(os.getuid()).pw_dir, ".pyenv", "versions")
    real = next(iter(sorted(versions.glob("3.8*/bin/python3.8"))), None)
    if real is not None:
        (folder / "python3").symlink_to(real)
    else:
        (folder / "python3").write_text('#!/bin/sh\n[ "$1" = -V ] && echo Python 3.8.18\nexit 1\n')
        (folder / "python3").chmod(0o700)
    return folder


def test_no_python_at_all_is_named_with_the_cure(serve: Serve, connect: Connect, tmp_path: Path) -> None:
    state = trouble(connect(serve(script=only_with(tmp_path / "nothing")).reach()))
    assert "it has no Python" in state.why and "apk add python3" in state.why and state.lasting


def test_a_user_that_may_not_run_commands_is_named(serve: Serve, connect: Connect) -> None:
    state = trouble(connect(serve(script="echo This account is currently not available.; exit 1").reach()))
    assert "may not run commands" in state.why and "not available" in state.why and state.lasting


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("sftp", "This service allows sftp connections only"),
        ("restricted", "cannot specify `/' in command names"),
        ("backup", "a command= in its authorized_keys"),
    ],
)
def test_what_runs_instead_of_a_command_is_named_with_the_cure(
    serve: Serve, connect: Connect, person: Person, how: str, words: str
) -> None:
    server = serve(
        script='exec bash -r -c "$SSH_ORIGINAL_COMMAND"' if how == "restricted" else "",
        settings=["ForceCommand internal-sftp"] if how == "sftp" else [],
        authorized=('command="echo Backups only" ' if how == "backup" else "") + person.public_key,
    )
    state = trouble(connect(server.reach()))
    assert words in state.why
    assert state.lasting == (how != "backup") == ("a user with a login shell" in state.why)


def test_a_shell_that_fails_is_quoted(serve: Serve, connect: Connect) -> None:
    state = trouble(connect(serve(script="echo broken shell setup >&2; exit 7").reach()))
    assert "exit status 7" in state.why and "broken shell setup" in state.why


def test_a_directory_that_cannot_be_made_is_named_with_the_cure(serve: Serve, connect: Connect) -> None:
    server = serve()
    (server.home / "file").write_text("")
    state = trouble(connect(server.reach(directory="~/file/fleet")))
    assert f"{server.home}/file/fleet" in state.why and "--dir" in state.why and state.lasting


def test_a_file_that_does_not_fit_leaves_nothing_behind(serve: Serve, connect: Connect) -> None:
    server = serve(script=f"ulimit -f 8; trap '' XFSZ; {AS_ASKED}")
    state = trouble(connect(server.reach()))
    assert "box" in state.why and str(server.home) in state.why
    assert list((server.home / "fleet").iterdir()) == []


@pytest.mark.parametrize(
    ("number", "cure", "lasting"),
    [
        (errno.ENOSPC, "make room", False),
        (errno.EDQUOT, "make room", False),
        (errno.EROFS, "--dir", True),
        (errno.EFBIG, "ulimit -f", True),
    ],
)
def test_a_disk_that_takes_no_file_is_named_with_the_cure(number: int, cure: str, lasting: bool) -> None:
    refused = no_directory({"root": "/srv/fleet", "errno": number, "why": os.strerror(number)})
    assert "/srv/fleet" in refused.story and cure in refused.story and refused.lasting is lasting


def test_a_directory_of_another_host_name_is_refused(serve: Serve, connect: Connect) -> None:
    server = serve()
    connected(connect(server.reach("first")))
    state = trouble(connect(server.reach("second")))
    assert "'first'" in state.why and state.lasting


def test_a_transfer_that_is_cut_counts_for_nothing_and_is_done_again(
    serve: Serve, connect: Connect, person: Person
) -> None:
    server = serve()
    with proxy_to(server.port) as proxy:
        person.known_hosts.write_text(server.known_hosts_line.replace(str(server.port), str(proxy.port)))
        proxy.cut_after = len(bundle().content) // 2
        link = connect(server.reach(port=proxy.port))
        assert "lost" in trouble(link).why or "hung up" in trouble(link).why
        assert not list((server.home / "fleet").glob("far-*"))
        proxy.cut_after = None
        connected(link)
        assert [file.name for file in (server.home / "fleet").glob("far-*")] == [bundle().name]


def test_a_file_that_was_damaged_there_is_sent_again(serve: Serve, connect: Connect) -> None:
    server = serve()
    connect(server.reach()).wait(PATIENCE_S)
    (server.home / "fleet" / bundle().name).write_bytes(b"torn")
    connected(connect(server.reach()))
    assert (server.home / "fleet" / bundle().name).read_bytes() == bundle().content


def test_what_is_no_ssh_server_is_named(connect: Connect, person: Person) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]

        def answer() -> None:
            with listening.accept()[0] as visitor:
                visitor.sendall(b"HTTP/1.0 400 Bad Request\r\n\r\n" + b"x" * 100_000)
                visitor.recv(1000)

        talking = threading.Thread(target=answer)
        talking.start()
        state = trouble(connect(Reach("box", "127.0.0.1", port)))
        talking.join()
    assert "no ssh server" in state.why or "hung up" in state.why


def test_a_server_that_opens_no_session_is_named(serve: Serve, connect: Connect) -> None:
    state = trouble(connect(serve(settings=["MaxSessions 0"]).reach()))
    assert "MaxSessions" in state.why and "box" in state.why


def test_a_far_end_that_greets_without_its_facts_is_not_to_be_trusted(serve: Serve, connect: Connect) -> None:
    link = connect(serve(script='echo "FLEET-FAR ${SSH_ORIGINAL_COMMAND##* } {}"; cat >/dev/null').reach())
    until("it is caught", lambda: bool(link.state().distrusted))
    assert "not to be trusted: a greeting that is none" in link.state().why and link.state().lasting


def test_a_shell_that_says_goodbye_after_the_far_end_is_only_away(serve: Serve, connect: Connect) -> None:
    """What it prints is no frame; no host is drained for that."""
    server = serve(script='/bin/sh -c "$SSH_ORIGINAL_COMMAND"; echo "Goodbye, see you soon."')
    link = connect(server.reach())
    connected(link)
    os.kill(min(pid for pid in server.sessions() if is_far_end(pid)), signal.SIGKILL)
    again(link)
    assert not link.state().distrusted


def test_a_far_end_that_dies_is_started_again(serve: Serve, connect: Connect) -> None:
    server = serve()
    link = connect(server.reach())
    connected(link)
    os.kill(min(pid for pid in server.sessions() if is_far_end(pid)), signal.SIGKILL)
    again(link)


def is_far_end(pid: int) -> bool:
    """Or a child of it that has not become another program yet."""
    try:
        return b"far-" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False
