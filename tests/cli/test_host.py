"""Hosts from the command line, with a real ssh server."""

from __future__ import annotations

import json
import os
import pty
import re
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fleet.cli import host_words
from fleet.core.rules.hosts import UNREACHED
from tests.cli.commands import Shell
from tests.patience import PATIENCE_S
from tests.proofs import AS_PROVED
from tests.workers.proxy import proxy_to
from tests.workers.sshd import Person, Sshd, make_key, needs, running
from workers.client.probe.locating import OLDEST

CLIENT = f"""#!/bin/sh
case "$1" in
    --version) echo '{OLDEST} (Claude Code)' ;;
    --help) echo '  --input-format <format>  --resume [id]' ;;
esac
{AS_PROVED}"""


@pytest.fixture
def person(shell: Shell) -> Person:
    needs("sshd", "ssh-keygen")
    return Person(shell.home.parent)


@pytest.fixture
def box(tmp_path: Path, person: Person) -> Iterator[Sshd]:
    """A machine with a client, whose key nobody here knows yet."""
    with running(tmp_path / "box", person.public_key) as server:
        install_client(server)
        yield server


def install_client(server: Sshd, text: str = CLIENT) -> Path:
    client = server.home / ".local" / "bin" / "claude"
    client.parent.mkdir(parents=True, exist_ok=True)
    client.write_text(text)
    client.chmod(0o755)
    return client


def address(server: Sshd) -> str:
    return f"ssh://{server.reach().user}@127.0.0.1:{server.port}"


def fingerprint(printed: str) -> str:
    found = re.search(r"SHA256:[\w+/]+", printed)
    assert found is not None, printed
    return found.group()


def add(shell: Shell, server: Sshd, *words: str, name: str = "box") -> None:
    """With its key, which the person knows from the machine itself."""
    with (shell.home.parent / ".ssh" / "known_hosts").open("a") as known:
        known.write(server.known_hosts_line)
    ended = shell.fleet("host", "add", name, address(server), *words)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_a_key_that_nobody_knows_is_shown_and_taken_only_when_it_is_named(shell: Shell, box: Sshd) -> None:
    """Without a terminal it is refused, with the very command that accepts it."""
    words = ["host", "add", "box", address(box), "--label", "gpu", "--workers", "3"]
    ended = shell.fleet(*words)
    assert ended.returncode == 1 and ended.stdout == ""
    assert "is not known: ssh-ed25519 SHA256:" in ended.stderr
    assert not (shell.home / "known_hosts").exists()
    assert json.loads(shell.fleet("host", "list", "--json").stdout) == []

    command = shlex.split(ended.stderr.partition("If it is the same: ")[2])
    assert command == ["fleet", *words[:4], "--workers", "3", "--label", "gpu", *command[-2:]]
    assert command[-2:] == ["--accept-key", fingerprint(ended.stderr)]
    mistaken = shell.fleet(*words, "--accept-key", "SHA256:" + "A" * 43)
    assert mistaken.returncode == 1
    assert "it is not the machine that you mean" in mistaken.stderr
    assert not (shell.home / "known_hosts").exists()

    accepted = shell.fleet(*command[1:])
    assert accepted.returncode == 0, accepted.stderr
    assert "✓ git: git 2." in accepted.stdout
    assert f"Claude Code {OLDEST} ({box.home}/.local/bin/claude)" in accepted.stdout
    assert "added box: at most 3 workers at once" in accepted.stderr
    assert (shell.home / "known_hosts").read_text() == box.known_hosts_line
    (found,) = [host for host in json.loads(shell.fleet("host", "list", "--json").stdout) if host["address"]]
    assert (found["name"], found["address"], found["labels"]) == ("box", address(box), ["gpu"])
    assert (found["workers_max"], found["problem"]) == (3, UNREACHED)


def test_a_key_that_has_changed_is_refused_whatever_is_accepted(shell: Shell, box: Sshd) -> None:
    add(shell, box)
    box.stop()
    box.host_key.unlink()
    make_key(box.host_key)
    box.start()
    verified = shell.fleet("host", "verify", "box")
    assert verified.returncode == 1
    assert "has changed" in verified.stderr and "ssh-keygen -R" in verified.stderr
    new = fingerprint(verified.stderr)
    ended = shell.fleet("host", "add", "other", address(box), "--accept-key", new)
    assert ended.returncode == 1 and "has changed" in ended.stderr

    (shell.home.parent / ".ssh" / "known_hosts").unlink()  # as ssh-keygen -R would
    asked = shell.fleet("host", "verify", "box")
    command = shlex.split(asked.stderr.partition("If it is the same: ")[2])
    assert command == ["fleet", "host", "verify", "box", "--accept-key", new]
    assert shell.fleet(*command[1:]).returncode == 0
    assert shell.fleet("host", "verify", "box").returncode == 0


def test_a_host_is_shown_verified_drained_and_removed(shell: Shell, box: Sshd) -> None:
    add(shell, box, "--dir", f"{box.home}/fleet", "--identity", ".ssh/id_ed25519")
    shown = shell.fleet("host", "show", "box").stdout
    assert shown.startswith(f"box: ready, {address(box)}\n  problem: {UNREACHED}\n")
    assert f"identity: {shell.home.parent}/.ssh/id_ed25519" in shown
    assert f"directory: {box.home}/fleet" in shown
    assert f"host added: {address(box)}" in shown

    verified = shell.fleet("host", "verify", "box", "--json")
    assert verified.returncode == 0, verified.stderr
    found = json.loads(verified.stdout)
    assert found["ok"] and {f["what"] for f in found["findings"]} >= {"python", "git", "client", "disk"}
    assert "this machine: fleet doctor" in shell.fleet("host", "verify", "local").stderr

    assert "no worker is left on it" in shell.fleet("host", "drain", "box").stderr
    assert re.search(r"^box +drained +0/", shell.fleet("status").stdout, re.MULTILINE)
    assert shell.fleet("host", "drain", "box", "--off").stderr == "box takes work again\n"
    assert "this machine" in shell.fleet("host", "list").stdout
    removed = shell.fleet("host", "remove", "box")
    assert removed.returncode == 0 and f"lies in {box.home}/fleet" in removed.stderr
    assert shell.fleet("host", "show", "box").returncode == 1


def test_a_host_with_something_missing_is_not_added_until_it_is_mended(shell: Shell, box: Sshd) -> None:
    client = install_client(box, "#!/bin/sh\necho 1.0.3\n")
    (shell.home.parent / ".ssh" / "known_hosts").write_text(box.known_hosts_line)
    ended = shell.fleet("host", "add", "box", address(box))
    assert ended.returncode == 1
    assert f"✗ client: its client {client} is version 1.0.3; at least {OLDEST} is needed" in ended.stdout
    assert f"→ update it there: {client} update" in ended.stdout
    assert "was not added" in ended.stderr
    assert "no hosts yet" in shell.fleet("host", "list").stderr
    as_data = shell.fleet("host", "add", "box", address(box), "--json")
    assert as_data.returncode == 1 and json.loads(as_data.stdout)["host"] is None

    install_client(box)
    mended = shell.fleet("host", "add", "box", address(box), "--json")
    assert mended.returncode == 0, mended.stderr
    found = json.loads(mended.stdout)
    assert found["host"]["workers_max"] >= 1 and found["host"]["cores"] >= 1

    install_client(box, "#!/bin/sh\nexit 3\n")
    verified = shell.fleet("host", "verify", "box")
    assert verified.returncode == 1 and "✗ client:" in verified.stdout


def test_one_machine_under_two_names_is_refused(shell: Shell, box: Sshd) -> None:
    """They would share worktrees. With a directory of its own it is not, and what the machine has counts once."""
    add(shell, box, "--workers", "100")
    ended = shell.fleet("host", "add", "again", address(box))
    assert ended.returncode == 1
    assert "already in use under the name 'box'" in ended.stderr and "--dir" in ended.stderr
    assert "there is a host box already" in shell.fleet("host", "add", "box", address(box)).stderr
    add(shell, box, "--dir", "~/second", name="again")
    assert json.loads(shell.fleet("host", "show", "again", "--json").stdout)["workers_max"] == 1
    assert "! machine: it is one machine with host box" in shell.fleet("host", "verify", "again").stdout


def test_a_name_that_is_gone_gives_its_machine_free(shell: Shell, box: Sshd) -> None:
    add(shell, box)
    shell.fleet("host", "remove", "box")
    add(shell, box, name="again")
    ended = shell.fleet("host", "add", "box", address(box))
    assert "already in use under the name 'again'" in ended.stderr


def test_the_doctor_looks_at_each_host_and_warns_of_one_that_is_away(shell: Shell, box: Sshd) -> None:
    add(shell, box)
    found = {one["what"]: one for one in json.loads(shell.fleet("doctor", "--json").stdout)}
    assert found["host box"]["grade"] == "ok" and address(box) in found["host box"]["story"]
    box.stop()
    found = {one["what"]: one for one in json.loads(shell.fleet("doctor", "--json").stdout)}
    assert found["host box"]["grade"] == "warning"
    assert f"refuses connections at port {box.port}" in found["host box"]["story"]


def test_a_wrong_user_or_key_is_told_with_what_to_do(shell: Shell, box: Sshd) -> None:
    (shell.home.parent / ".ssh" / "known_hosts").write_text(box.known_hosts_line)
    stranger = make_key(shell.home.parent / "stranger")
    ended = shell.fleet("host", "add", "box", address(box), "--identity", str(stranger))
    assert ended.returncode == 1 and ended.stderr.count("\n") == 1
    assert "box" in ended.stderr and "ssh-copy-id" in ended.stderr
    ended = shell.fleet("host", "add", "box", address(box), "--identity", f"{stranger}.pub")
    assert f"none of these keys is accepted: {stranger}.pub." in ended.stderr
    ended = shell.fleet("host", "add", "box", address(box), "--identity", f"{stranger}.gone")
    assert f"there is no key file {stranger}.gone" in ended.stderr


def test_a_jump_host_has_its_key_compared_too(
    shell: Shell, box: Sshd, person: Person, tmp_path: Path
) -> None:
    with running(tmp_path / "gate", person.public_key) as gate:
        words = ("host", "add", "box", address(box), "--jump", address(gate).removeprefix("ssh://"))
        ended = shell.fleet(*words)
        assert f"the key of [127.0.0.1]:{gate.port} is not known" in ended.stderr
        ended = shell.fleet(*shlex.split(ended.stderr.partition("If it is the same: ")[2])[1:])
        assert ended.returncode == 1
        assert f"the key of [127.0.0.1]:{box.port} is not known" in ended.stderr
        ended = shell.fleet(*shlex.split(ended.stderr.partition("If it is the same: ")[2])[1:])
        assert ended.returncode == 0, ended.stderr
        known = (shell.home / "known_hosts").read_text()
        assert known == gate.known_hosts_line + box.known_hosts_line


@contextmanager
def network_disk(server: Sshd, person: Person, delay_s: float) -> Iterator[Path]:
    """A home of a person on that machine that lies on another one, so far away."""
    needs("sshfs", "fusermount3")
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        pytest.skip("this machine lets nobody mount a file system of a user's (FUSE)")
    there, here = server.home / "there", server.home / "network"
    there.mkdir()
    here.mkdir()
    with proxy_to(server.port, delay_s) as wire:
        options = f"port={wire.port},IdentityFile={person.identity},StrictHostKeyChecking=no"
        mount = ["sshfs", "-F", "/dev/null", "-o", f"{options},UserKnownHostsFile=/dev/null"]
        source = f"{server.reach().user}@127.0.0.1:{there}"
        subprocess.run([*mount, source, str(here)], check=True, capture_output=True, timeout=PATIENCE_S)
        try:
            yield here
        finally:
            subprocess.run(["fusermount3", "-u", "-z", str(here)], check=True)


def test_a_home_on_a_slow_network_disk_is_named_with_the_cure(
    shell: Shell, person: Person, tmp_path: Path
) -> None:
    """One that takes no pipes, besides, as sshfs; with a directory on its own disk the host is added."""
    with running(tmp_path / "box", person.public_key, ["Subsystem sftp internal-sftp"]) as box:
        install_client(box)
        (shell.home.parent / ".ssh" / "known_hosts").write_text(box.known_hosts_line)
        with network_disk(box, person, 0.01) as home:
            ended = shell.fleet("host", "add", "box", address(box), "--dir", f"{home}/fleet")
            assert ended.returncode == 1
            assert f"{home}/fleet lies on a network file system (fuse.sshfs)" in ended.stdout
            assert f"{home}/fleet cannot be written" in ended.stdout and "--dir" in ended.stdout
            assert json.loads(shell.fleet("host", "list", "--json").stdout) == []
            add(shell, box, "--dir", "~/fleet")


@pytest.mark.parametrize(("answer", "taken"), [("y", True), ("", False), ("yep", False)])
def test_at_a_terminal_the_person_is_asked(shell: Shell, box: Sshd, answer: str, taken: bool) -> None:
    keyboard, terminal = pty.openpty()
    with os.fdopen(keyboard, "wb", buffering=0) as person, os.fdopen(terminal, "rb") as stdin:
        person.write(f"{answer}\n".encode())
        ended = shell.fleet("host", "add", "box", address(box), stdin=stdin)
    assert f"If you accept it, it is written to {shell.home}/known_hosts\nAccept it? [y/N] " in ended.stderr
    assert (ended.returncode == 0) is taken, ended.stderr
    assert (shell.home / "known_hosts").exists() is taken


def test_a_host_that_is_being_connected_to_is_not_shown_as_suspected() -> None:
    host = {"state": "suspected", "workers": 0, "draining": False, "silent_since": None, "problem": None}
    assert host_words.state(host).startswith("connecting")
    assert host_words.state({**host, "problem": "it refuses connections"}).startswith("suspected")
