"""What a command in the sandbox sees and can do, tried with the real bubblewrap."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.workers.sandbox.conftest import House
from tests.workers.worktree.repositories import git
from workers.sandbox.bubblewrap import Unavailable, find


def test_the_persons_keys_and_the_fleets_own_files_are_not_there(house: House) -> None:
    house.write(house.person / ".aws" / "credentials", "key")
    house.write(house.person / "notes" / "diary.txt", "private")
    said = house.run(f"find {house.person} -type f -not -path '{house.tree}/*' -not -path '*/.git/*'")
    assert said.stdout.splitlines() == [f"{house.person}/.local/bin/greet"], said


def test_its_own_worktree_can_be_written_and_no_others(house: House) -> None:
    said = house.run(
        f"echo mine > mine.txt; mkdir -p {house.neighbour}; echo planted > {house.neighbour}/planted.txt; "
        f"echo x >> {house.fleet}/fleet.db; echo x > {house.repo}/planted.txt"
    )
    assert (house.tree / "mine.txt").read_text() == "mine\n", said
    assert not (house.neighbour / "planted.txt").exists() and not (house.repo / "planted.txt").exists()
    assert (house.fleet / "fleet.db").read_text() == "all state"


def test_who_judges_reads_the_worktree_and_its_repository_and_writes_neither(house: House) -> None:
    git_dir, before = house.repo / ".git", git(house.repo, "for-each-ref")
    cell = house.cell(sealed=[house.tree, git_dir])
    said = house.run("ls; git log -1 --format=%s; git status --short && git diff --stat", cell)
    assert said.stdout.splitlines()[-1] == "first" and said.returncode == 0, said
    attempts = (
        *("echo x > planted", "rm -f *", "git branch planted", "git commit --allow-empty -qm planted"),
        f"echo x > {git_dir}/objects/planted",
    )
    for attempt in attempts:
        assert house.run(attempt, cell).returncode != 0, attempt
    assert git(house.repo, "for-each-ref") == before
    assert not git(house.tree, "status", "--porcelain") and not (git_dir / "objects" / "planted").exists()


def test_it_commits_on_its_branch_as_everywhere(house: House) -> None:
    words = (
        "echo x > x.txt && git add x.txt && git commit -qm work && git branch other && git branch -D other"
    )
    more = (
        "echo y >> x.txt && git stash -q && git stash pop -q && git commit -qam more && git rebase -q HEAD~1"
    )
    said = house.run(f"{words} && {more} && git pack-refs --all")
    assert said.returncode == 0, said
    assert git(house.repo, "log", "--format=%s", "t1").splitlines() == ["more", "work", "first"]


@pytest.mark.parametrize(
    "attack",
    [
        "echo 'touch /tmp/x' > {git}/hooks/post-commit",
        "git config core.fsmonitor ./evil",
        "echo '[core]' > {git}/config",
        "rm -f {git}/config; mv {git}/config {git}/old",
        "mv {git}/hooks {git}/gone && mkdir {git}/hooks",
        "echo '* filter=x' > {git}/info/attributes",
        "echo /elsewhere > {git}/objects/info/alternates",
        "echo ref: refs/heads/t1 > {git}/HEAD",
        "echo ref: refs/heads/t1 > {git}/worktrees/t2/HEAD",
        "echo {tree}/evil > {git}/worktrees/t1/commondir",
        "echo gitdir: {tree}/evil > .git; rm -f .git; mv .git gone",
        "mount -o remount,rw,bind {git}/hooks; umount {git}/hooks; echo x > {git}/hooks/x",
        "unshare -Urm sh -c 'umount {git}/hooks; mount -o remount,rw,bind {git}/hooks; echo x > {git}/hooks/x'",
    ],
)
def test_what_git_obeys_stays_as_it_is(house: House, attack: str) -> None:
    def all_of_it() -> dict[str, bytes]:
        common = house.repo / ".git"
        names = ["config", "HEAD", "worktrees/t1/commondir", "worktrees/t1/gitdir", "worktrees/t2/HEAD"]
        places = [common / name for name in names] + [house.tree / ".git"]
        places += [path for name in ("hooks", "info", "objects/info") for path in (common / name).rglob("*")]
        return {str(path): path.read_bytes() for path in places}

    before = all_of_it()
    said = house.run(attack.format(git=house.repo / ".git", tree=house.tree))
    assert said.returncode != 0 and all_of_it() == before, said


def test_it_sees_its_own_processes_alone(house: House) -> None:
    outside = subprocess.Popen(["sleep", "600"])
    try:
        said = house.run(f"ls /proc | grep -c '^[0-9]'; kill -9 {outside.pid}")
        assert int(said.stdout) < 8 and "No such process" in said.stderr, said
        assert outside.poll() is None
    finally:
        outside.kill()
        outside.wait()


def test_sockets_of_the_person_cannot_be_reached(house: House) -> None:
    """By the places where agents, buses and docker have them, and those that variables name."""
    places = [house.fleet / "s", house.root / "tmp" / "agent", house.person / ".gnupg" / "s"]
    places.append(house.root / "odd" / "bus")
    house.more_env = {"DBUS_SESSION_BUS_ADDRESS": f"unix:path={places[-1]},guid=0"}
    connect = "import socket,sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])"
    for place in places:
        place.parent.mkdir(exist_ok=True, parents=True)
        with closing(socket.socket(socket.AF_UNIX)) as server:
            here = os.open(place.parent, os.O_RDONLY)  # names of sockets are short
            server.bind(f"/proc/self/fd/{here}/{place.name}")
            os.close(here)
            server.listen()
            said = house.run(
                f"cd / && ln -s {place} /tmp/s && /usr/bin/env python3 -c '{connect}' /tmp/s; rm /tmp/s"
            )
            assert "FileNotFoundError" in said.stderr, (place, said)


def test_tools_below_home_run_and_cannot_be_changed(house: House) -> None:
    """Also one to which a link on the PATH leads, with what was installed beside it."""
    house.write(house.person / "opt" / "deep" / "lib" / "words", "from beside\n")
    house.tool("deep", "")
    real = house.person / "opt" / "deep" / "bin" / "deep"
    house.write(real, '#!/bin/sh\ncat "$(dirname "$(readlink -f "$0")")/../lib/words"\n')
    real.chmod(0o755)
    (house.person / ".local" / "bin" / "deep").unlink()
    (house.person / ".local" / "bin" / "deep").symlink_to(real)
    said = house.run("greet && deep && echo evil > $(command -v greet)")
    assert said.stdout == "hello\nfrom beside\n" and "Read-only" in said.stderr, said


def test_what_is_needed_may_be_named_by_a_link_in_a_directory_that_is_seen(house: House) -> None:
    """As the client's own installer lays it: a link on the PATH, which is the program that a worker needs."""
    version = house.person / ".local" / "share" / "claude" / "versions" / "2.1.330"
    house.write(version, "#!/bin/sh\necho the client\n")
    version.chmod(0o755)
    client = house.person / ".local" / "bin" / "claude"
    client.symlink_to(version)
    said = house.run("claude", house.cell(reads=[client]))
    assert said.stdout == "the client\n", said


def test_what_a_person_lets_may_be_named_by_a_link_in_a_directory_that_is_seen(house: House) -> None:
    """Read and written, and what is kept as it is in there stays so."""
    data = house.root / "data"
    house.write(data / "one.txt", "one\n")
    (house.person / "shared").mkdir()
    link = house.person / "shared" / "data"
    link.symlink_to(data)
    cell = house.cell(granted_reads=[link.parent], granted_writes=[link])
    said = house.run(f"cat {link}/one.txt && echo two > {link}/two.txt && echo x > {link.parent}/x", cell)
    assert said.stdout == "one\n" and "Read-only" in said.stderr, said
    assert (data / "two.txt").read_text() == "two\n"


@pytest.mark.parametrize("name", [".netrc", ".ssh"])
def test_a_persons_keys_are_hidden_where_they_are_links(house: House, name: str) -> None:
    """As programs lay them that keep a person's dotfiles in a repository."""
    lies = house.person / "dotfiles" / name
    lies.parent.mkdir()
    (house.person / name).rename(lies)
    (house.person / name).symlink_to(lies)
    said = house.run(
        f"cat ~/{name} ~/{name}/* ~/dotfiles/{name} ~/dotfiles/{name}/*; echo went on",
        house.cell(granted_reads=[house.person]),
    )
    assert said.stdout == "went on\n", said


@pytest.fixture
def outside() -> Iterator[Path]:
    """A directory that no rule hides."""
    place = Path(tempfile.mkdtemp(prefix="fleet-test-", dir="/opt"))
    yield place
    shutil.rmtree(place)


def test_a_persons_keys_are_hidden_where_they_lie_outside_of_every_home(house: House, outside: Path) -> None:
    for name in (".ssh", ".netrc"):
        (house.person / name).rename(outside / name)
        (house.person / name).symlink_to(outside / name)
    house.write(outside / "notes", "seen\n")
    said = house.run(f"cat {outside}/.netrc {outside}/.ssh/* {outside}/notes")
    assert said.stdout == "seen\n", said


def test_what_tools_fetch_stays_for_the_next_command_of_the_project(house: House) -> None:
    """In the project's own directory: the person's caches are neither seen nor written."""
    house.write(house.person / ".cache" / "pip" / "theirs", "x")
    places = (".cache/pip", ".npm/_cacache", ".cargo/registry/index", "go/pkg/mod", ".m2/repository/x")
    for place in places:
        assert house.run(f"mkdir -p ~/{place} && echo kept > ~/{place}/one").returncode == 0
    said = house.run(f"cat {' '.join(f'~/{place}/one' for place in places)}; ls ~/.cache/pip; ls ~/.bashrc")
    assert said.stdout == "kept\n" * 5 + "one\n", said
    assert not (house.person / ".npm").exists()
    assert [one.name for one in (house.person / ".cache" / "pip").iterdir()] == ["theirs"]


def test_versions_that_the_person_has_are_there_and_more_can_be_installed_beside(house: House) -> None:
    versions = ".local/share/uv/python"
    house.write(house.person / versions / "3.12" / "bin" / "python", "theirs")
    assert house.run(f"mkdir ~/{versions}/3.13 && echo new > ~/{versions}/3.13/python").returncode == 0
    said = house.run(f"cat ~/{versions}/3.12/bin/python ~/{versions}/3.13/python; echo > ~/{versions}/3.12/x")
    assert said.stdout == "theirsnew\n" and "Read-only" in said.stderr, said
    assert [one.name for one in (house.person / versions).iterdir()] == ["3.12"]


def test_settings_of_tools_are_there_unless_a_credential_stands_in_them(house: House) -> None:
    house.write(house.person / ".gitconfig", "[alias]\n\thi = version\n")
    house.write(house.person / ".npmrc", "//registry.example/:_authToken=abc\n")
    house.write(house.person / ".config/pip/pip.conf", "[global]\nindex-url = https://me:pw@pip.example\n")
    said = house.run("git hi; cat ~/.npmrc ~/.config/pip/pip.conf")
    assert said.stdout.startswith("git version") and said.stderr.count("No such file") == 2, said


def test_what_a_person_lays_down_for_the_project_is_seen_or_written(house: House) -> None:
    """But no key that lies below it."""
    house.write(house.person / "data" / "set.csv", "1,2\n")
    house.write(house.person / ".config" / "gh" / "hosts.yml", "token")
    house.write(house.person / ".config" / "app" / "app.toml", "x = 1\n")
    hooks = house.repo / ".git" / "hooks"
    cell = house.cell(granted_reads=[house.person / "data", house.person / ".config"], granted_writes=[hooks])
    said = house.run(
        "cat ~/data/set.csv ~/.config/app/app.toml ~/.config/gh/hosts.yml; echo > ~/data/x", cell
    )
    assert said.stdout == "1,2\nx = 1\n" and "Read-only" in said.stderr, said
    assert house.run(f"echo '#!/bin/sh' > {hooks}/pre-commit", cell).returncode == 0
    assert (hooks / "pre-commit").exists()


def test_a_state_directory_that_is_reached_over_a_link_is_hidden_as_well(house: House) -> None:
    elsewhere = house.root / "elsewhere"
    house.fleet.rename(elsewhere)
    house.fleet.symlink_to(elsewhere)
    git(house.repo, "worktree", "repair", str(house.tree), str(house.neighbour))
    said = house.run(
        f"cat {elsewhere}/fleet.db {house.fleet}/fleet.db; echo x > {house.tree}/x.txt; git status -s"
    )
    assert said.stdout == "?? x.txt\n" and said.stderr.count("No such file") == 2, said


def test_where_there_is_none_the_cure_is_told(tmp_path: Path) -> None:
    missing = find({"PATH": str(tmp_path)})
    assert isinstance(missing, Unavailable) and "apt-get install bubblewrap" in missing.cure
    refusing = tmp_path / "bwrap"
    refusing.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2; exit 1\n")
    refusing.chmod(0o755)
    found = find({"PATH": f"{tmp_path}:/usr/bin:/bin"})
    assert isinstance(found, Unavailable) and "new namespace" in found.why and "AppArmor" in found.cure


def test_a_cell_is_found_out_anew_when_a_credential_comes_into_what_it_shows(house: House) -> None:
    settings = house.person / ".npmrc"
    house.write(settings, "registry=https://example.org/\n")
    rooms = house.rooms()
    while rooms.room(house.tree) is not (
        cell := rooms.room(house.tree)
    ):  # what was just made is not believed yet
        pass
    assert "registry" in house.run("cat ~/.npmrc", cell).stdout
    house.write(settings, "//example.org/:_authToken=s3cret\n")
    assert "s3cret" not in house.run("cat ~/.npmrc", rooms.room(house.tree)).stdout


@pytest.mark.parametrize("more", ["", '[url "https://me:secret@git.example/"]\n\tinsteadOf = work:\n'])
@pytest.mark.parametrize("first", ["", "[http]\n\textraHeader = secret\n"])
def test_settings_that_count_in_some_repositories_alone_count_there(
    house: House, first: str, more: str
) -> None:
    """As of a person who has another address at work; where a credential stands in them, without it."""
    condition = f'[includeIf "gitdir:{house.person}/src/"]\n\tpath = dotfiles/work\n'
    house.write(house.person / ".gitconfig", f"[user]\n\temail = at@home\n{first}{condition}")
    house.write(
        house.person / "dotfiles" / "work", f"[user]\n\temail = at@work\n[include]\n\tpath = name\n{more}"
    )
    house.write(house.person / "dotfiles" / "name", "[user]\n\tname = Ann at Work\n")
    said = house.run(
        "git config user.email; git config user.name; git config --list; cat ~/.gitconfig ~/dotfiles/*"
    )
    assert said.stdout.splitlines()[:2] == ["at@work", "Ann at Work"], said
    assert "secret" not in said.stdout


def test_what_is_of_the_person_is_found_out_once_for_all_worktrees_and_anew_when_it_is_otherwise(
    house: House,
) -> None:
    """Their git is asked what it is told, also by a file that is not there yet."""
    house.tool("git", f'echo asked >> {house.root}/asked; exec /usr/bin/git "$@"')
    house.write(house.person / ".gitconfig", "[include]\n\tpath = more\n[alias]\n\thi = version\n")
    rooms = house.rooms()
    while rooms.room(house.tree) is not rooms.room(house.tree):  # what was just made is not believed yet
        pass
    asked = (house.root / "asked").read_text()
    rooms.room(house.neighbour)
    assert (house.root / "asked").read_text() == asked
    house.write(house.person / "more", "[alias]\n\tmore = version\n")
    assert house.run("git more", rooms.room(house.tree)).stdout.startswith("git version")


KEYRINGS = """
import ctypes, os, platform, sys
add_key, keyctl = {"x86_64": (248, 250), "aarch64": (217, 219)}[platform.machine()]
libc = ctypes.CDLL(None, use_errno=True)
OF_THE_LOGIN, JOIN, SEARCH, READ = -3, 1, 10, 11
if sys.argv[1] == "in-a-login":
    libc.syscall(keyctl, JOIN, None)
    if libc.syscall(add_key, b"user", b"fleet-test", b"ticket", 6, OF_THE_LOGIN) < 0:
        sys.exit(77)
    os.execvp(sys.argv[2], sys.argv[2:])
held = ctypes.create_string_buffer(64)
key = libc.syscall(keyctl, SEARCH, OF_THE_LOGIN, b"user", b"fleet-test", 0)
length = libc.syscall(keyctl, READ, key, held, 64) if key > 0 else 0
print(held.raw[:max(length, 0)].decode() or "nothing")
"""


def test_the_keys_that_the_kernel_keeps_for_a_login_cannot_be_read(house: House) -> None:
    """Kerberos tickets, say: no namespace hides them."""
    script = house.tree / "keys.py"
    script.write_text(KEYRINGS)
    python = [sys.executable, "-I", "-S", str(script)]
    outside = subprocess.run(
        [*python, "in-a-login", *python, "find"], env=house.env, capture_output=True, text=True, check=False
    )
    if outside.returncode == 77:
        pytest.skip("this kernel, or a container's filter, has no keyrings")
    assert outside.stdout.strip() == "ticket", outside
    scratch = house.root / "scratch"
    scratch.mkdir(exist_ok=True)
    cell = house.cell(granted_reads=[Path(sys.prefix), Path(sys.base_prefix)])
    within = [*python, "in-a-login", *cell.before(scratch, house.tree), *python, "find"]
    ended = subprocess.run(within, env=house.env, capture_output=True, text=True, check=False)
    assert ended.stdout.strip() == "nothing", ended


@pytest.mark.parametrize(
    ("given", "said"),
    [("9 8 7", "gitdir gitdir gitdir "), ("9 8 7 6 5 4 3", "bwrap: no descriptor is free for its filter\n")],
)
def test_what_begins_a_cell_takes_no_descriptor_that_the_command_was_given(
    house: House, given: str, said: str
) -> None:
    scratch = house.root / "scratch"
    scratch.mkdir(exist_ok=True)
    opened = " ".join(f"{one}<{house.tree}/.git" for one in given.split())
    read = "".join(f"head -c 6 <&{one}; echo -n ' '; " for one in given.split())
    words = ["sh", "-c", f'exec {opened}; exec "$@"', "sh", *house.cell().before(scratch, house.tree)]
    ended = subprocess.run(
        [*words, "bash", "-c", read], env=house.env, capture_output=True, text=True, check=False
    )
    assert ended.stdout + ended.stderr == said, ended
