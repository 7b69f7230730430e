"""What a person's own ssh says of a host is what Fleet uses: asked of the real ssh, with its every rule."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.patience import PATIENCE_S
from tests.workers.link.both_ways import DOMAIN
from tests.workers.sshd import Person, needs, program
from workers.remote import asking_ssh
from workers.remote.address import Reach, parse
from workers.remote.refusals import CannotConnect
from workers.remote.ssh_settings import BadSetting, SshSettings, agent_of, expanded, read

CONFIG = """
Include parts/*.conf
Host many
  HostName %h.Example.ORG
  Port 2022   # where it listens
  User "some body"
  ConnectTimeout 5m
  RekeyLimit 1G 1h
  AddressFamily inet6
  BindAddress ::1
  Compression yes
  HostKeyAlias The-Box
  Ciphers +aes128-cbc
  KexAlgorithms curve25519-sha256
  IdentitiesOnly yes
  IdentityFile "~/my keys/%h-%r"
  IdentityFile %d/of-${WHOSE}
  IdentityFile ~/${NOT_SET}
  CertificateFile ~/c-%p%%-cert.pub
  UserKnownHostsFile "~/my keys/known" ~/.ssh/more
  GlobalKnownHostsFile none
  RevokedHostKeys ~/revoked
  KnownHostsCommand /bin/known %H %t
Host *.glob !not.glob
  User globbed
Match exec "test %n = ran -a $WHOSE = theirs"
  User by-exec
Match originalhost matched user me
  Port 77
Match final originalhost twice
  User second-pass
Host c
  HostName localhost
  ProxyCommand carry --to "%h" %p %% --as %r ${WHOSE}
Host j
  ProxyJump a@gate:2200,[::1]:22
Host j-none
  ProxyJump none
  ProxyCommand none
  IdentityFile none
"""


@pytest.fixture
def configured(person: Person, monkeypatch: pytest.MonkeyPatch) -> Person:
    (person.home / ".ssh" / "parts").mkdir()
    (person.home / ".ssh" / "parts" / "one.conf").write_text(
        "Host included\n  User inner\n  Include ~/.ssh/deeper\n"
    )
    (person.home / ".ssh" / "deeper").write_bytes(
        b"# na\xefve \xff\xfe\n  Port 4711\n  HostName d\xfc.invalid\n"
    )
    person.configure(CONFIG)
    monkeypatch.setenv("WHOSE", "theirs")
    return person


def asked(reach: Reach) -> SshSettings:
    said = asking_ssh.settings(reach)
    assert said is not None, "there is an ssh here"
    return said


def test_a_host_is_used_as_the_persons_ssh_would(configured: Person) -> None:
    home = configured.home
    said = asked(parse("many"))
    assert (said.host, said.port, said.user) == ("many.example.org", 2022, "some body")
    assert (said.known_as, said.family, said.bind, said.compression) == ("the-box", "inet6", "::1", True)
    assert (said.connect_s, said.rekey_bytes, said.rekey_s) == (300, 1 << 30, 3600)
    assert said.identities == (f"{home}/my keys/many.example.org-some body", f"{home}/of-theirs")
    assert said.certificates == (f"{home}/c-2022%-cert.pub",) and said.identities_only
    assert said.known_hosts == (home / "my keys/known", home / ".ssh/more")
    assert said.revoked_keys == home / "revoked" and said.known_hosts_command == "/bin/known %H %t"
    assert said.algorithms["kexalgorithms"] == ("curve25519-sha256",)
    assert said.algorithms["ciphers"][-1] == "aes128-cbc" and len(said.algorithms["ciphers"]) > 3
    assert len(said.tokens["C"]) == 40 and said.tokens["l"] == socket.gethostname()


@pytest.mark.parametrize(
    ("host", "wanted"),
    [
        ("x.glob", {"user": "globbed", "host": "x.glob"}),
        ("ran", {"user": "by-exec"}),
        ("twice", {"user": "second-pass"}),
        ("me@matched", {"port": 77, "user": "me"}),
        ("me@matched:78", {"port": 78}),
        ("included", {"user": "inner", "port": 4711, "host": "d\udcfc.invalid"}),
        ("C.", {"host": "c.", "proxy_command": None}),
        ("me@c:9", {"proxy_command": 'carry --to "localhost" 9 % --as me ${WHOSE}'}),
        ("j", {"jump": "a@gate:2200,[::1]:22", "proxy_command": None}),
        ("j-none", {"jump": None, "proxy_command": None, "identities": ()}),
        ("::1", {"host": "::1", "port": 22, "bind": None, "connect_s": None, "known_as": None}),
    ],
)
def test_every_rule_of_ssh_config_counts(configured: Person, host: str, wanted: dict[str, object]) -> None:
    said = asked(parse(f"ssh://[{host}]" if host == "::1" else host))
    assert {name: getattr(said, name) for name in wanted} == wanted


def test_the_jump_host_that_is_named_to_fleet_wins(configured: Person) -> None:
    assert asked(Reach("box", "c", jump="x@other")).jump == "x@other"
    assert asked(Reach("box", "c", jump="x@other")).proxy_command is None


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ("", "/from-env"),
        ("SSH_AUTH_SOCK", "/from-env"),
        ("$OTHER", "/other"),
        ("$UNSET", None),
        ("none", None),
        ("~/agents/%r.sock", "/home/me/agents/you.sock"),
        ("${OTHER}/sock", "/other/sock"),
        ("${UNSET}/sock", None),
        ("/plain/agent", "/plain/agent"),
    ],
)
def test_an_agent_is_found_in_every_form_that_names_one(said: str, wanted: str | None) -> None:
    environ = {"SSH_AUTH_SOCK": "/from-env", "OTHER": "/other"}
    assert agent_of(said, {"r": "you"}, "/home/me", environ) == wanted


def test_the_agent_that_the_configuration_names_is_the_one(
    configured: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSH_AUTH_SOCK", "/env")
    configured.configure(
        "Host a\n IdentityAgent ~/ag-%h\nHost b\n IdentityAgent $WHOSE\nHost c\n IdentityAgent none\n"
    )
    assert [asked(parse(host)).agent for host in "abcd"] == [
        f"{configured.home}/ag-a",
        "theirs",
        None,
        "/env",
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Host *\n\n Port 99999999\n", "{config} line 3"),
        ("Host *\n Nonsense yes\n", "{config}: line 2: Bad configuration option: nonsense"),
        ("Include parts/bad\n", "{parts}/bad line 1"),
        ("Host *\n ProxyJump a,,b\n", "{config} line 2"),
    ],
)
def test_what_ssh_refuses_is_told_in_its_words_with_file_and_line(
    configured: Person, text: str, words: str
) -> None:
    configured.configure(text)
    (configured.home / ".ssh" / "parts" / "bad").write_text("Port x\n")
    ssh = configured.home / ".ssh"
    with pytest.raises(CannotConnect) as refused:
        asked(parse("box"))
    assert words.format(config=ssh / "config", parts=ssh / "parts") in refused.value.story
    assert "`ssh -G box`" in refused.value.story and refused.value.lasting


def test_a_command_of_a_match_that_hangs_is_ended_and_told(
    configured: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking_ssh, "ASK_S", 0.3)
    configured.configure('Match exec "exec sleep 1234"\n User x\n')
    began = time.monotonic()
    with pytest.raises(CannotConnect, match="Match exec in your ssh configuration") as told:
        asked(parse("box"))
    assert not told.value.lasting and time.monotonic() - began < PATIENCE_S


def test_ssh_reads_its_own_home_where_that_is_the_persons(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is copied, and the file that every ssh of this machine reads is read."""
    monkeypatch.setenv("HOME", os.path.realpath(Path(f"~{os.environ.get('LOGNAME', 'root')}").expanduser()))
    monkeypatch.setattr(asking_ssh, "AnotherHome", None)
    assert asked(parse("somewhere.invalid")).host == "somewhere.invalid"


def test_a_home_may_have_any_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "a [b] 100%d"
    (home / ".ssh" / "parts").mkdir(parents=True)
    (home / ".ssh" / "config").write_text(
        "Include parts/*\nHost box\n IdentityFile ~/key # mine\n ProxyCommand ~/go\n"
    )
    (home / ".ssh" / "parts" / "one").write_text("CertificateFile=%d/cert\n")
    monkeypatch.setenv("HOME", str(home))
    said = asked(parse("box"))
    assert (said.identities, said.certificates) == ((f"{home}/key",), (f"{home}/cert",))
    assert (
        said.tokens["d"] == str(home)
        and said.proxy_command == "~/go"
        and said.known_hosts[0] == home / ".ssh/known_hosts"
    )


def test_whom_no_ssh_serves_is_left_to_asyncssh(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(person.home))
    assert asking_ssh.settings(parse("box")) is None
    (person.home / "ssh").write_text("#!/bin/sh\necho 'No user exists for uid 4711' >&2; exit 255\n")
    (person.home / "ssh").chmod(0o700)
    assert asking_ssh.settings(parse("box")) is None


@pytest.mark.parametrize("printed", ["", "host box\n", "\x00\xff\n\n\n", "hostname none\n"])
def test_what_makes_no_sense_of_ssh_is_refused(printed: str) -> None:
    with pytest.raises(BadSetting, match="names no host"):
        read(printed, "/home/me", {})


def test_a_token_that_does_not_exist_is_named() -> None:
    with pytest.raises(BadSetting, match="%z"):
        expanded("carry %h %z", {"h": "box"})
    assert expanded("%h%%%h", {"h": "box", "%": "%"}) == "box%box"


@pytest.mark.parametrize("token", ["%u", "%d", "%C", "%i", "%k", "%z"])
def test_a_proxy_command_has_the_tokens_that_ssh_knows_there_and_no_others(
    configured: Person, token: str
) -> None:
    """`ssh -G` prints it all the same; ssh itself ends with "unknown key" before it runs anything."""
    configured.configure(f"Host c\n ProxyCommand carry %h {token}\n")
    with pytest.raises(CannotConnect, match=f"{token}$") as refused:
        asked(parse("c"))
    assert refused.value.lasting


def test_fleet_logs_in_where_ssh_does_and_nowhere_else(tmp_path: Path) -> None:
    """In a home of the user database, as people have it: there ssh reads its files by itself."""
    needs("ssh", "sshd", "unshare")
    if os.geteuid() != 0:
        pytest.skip("needs root, for a user database of its own")
    home, users, names = tmp_path / "home", tmp_path / "passwd", tmp_path / "hosts"
    home.mkdir()
    named = f"127.0.0.1 box.{DOMAIN} box.{DOMAIN}.\n"
    names.write_text(f"127.0.0.1 localhost\n::1 localhost\n{named}")
    root = re.compile(r"^(root(?::[^:\n]*){4}):[^:\n]*:", re.MULTILINE)
    users.write_text(root.sub(rf"\1:{home}:", Path("/etc/passwd").read_text()))
    inside = 'mount --bind "$1" /etc/passwd && mount --bind "$2" /etc/hosts && shift 2 && exec "$@"'
    words = [sys.executable, "-m", "tests.workers.link.both_ways", str(home)]
    environ = {"HOME": str(home), "PATH": os.environ["PATH"], "SHELL": "/bin/sh"}
    compared = subprocess.run(
        [program("unshare"), "-m", "sh", "-c", inside, "sh", str(users), str(names), *words],
        env=environ,
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=False,
    )
    assert compared.returncode == 0, compared.stderr
    said = dict(line.split(": ", 1) for line in compared.stdout.splitlines())
    out = {
        "no key",
        "a key for others to read",
        "revoked",
        "a command that fails",
        "a setting that is none",
        "a canonical name that nobody knows",
        "no name in these domains",
    }
    assert {name: how for name, how in said.items() if how != ("out" if name in out else "in")} == {}
    assert len(said) == 21
