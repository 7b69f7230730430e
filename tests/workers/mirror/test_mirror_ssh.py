"""The whole way over a real sshd: code, submodules and a session go to a host and come back."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.own_home import HOME_ID
from tests.patience import PATIENCE_S
from tests.workers.mirror.trees import finish, prepare
from tests.workers.sshd import Person, Sshd, needs
from tests.workers.worktree.repositories import commit, git, repository, show, write
from workers.client.session import Carried
from workers.git import Git
from workers.remote.away import HostAway
from workers.remote.link import Link
from workers.remote.mirror import Mirror, adopt_branch, base_ref, incoming_ref
from workers.remote.mirror_modules import bring_modules, send_modules
from workers.remote.sessions import Laid, pull, push

SESSION = "7c1b3f0e-0000-4000-8000-000000000007"


@contextmanager
def linked(server: Sshd, tmp_path: Path) -> Iterator[Link]:
    link = Link(server.reach(), home_id=HOME_ID, runs=tmp_path / "runs", known_hosts=tmp_path / "known_hosts")
    link.open()
    try:
        assert link.wait(PATIENCE_S), link.state().why
        yield link
    finally:
        link.close()


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sshd]:
    needs("sshd", "ssh-keygen")
    person = Person(tmp_path / "person")
    monkeypatch.setenv("HOME", str(person.home))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    server = Sshd(tmp_path / "box", person.public_key)
    server.start()
    with person.known_hosts.open("a") as file:
        file.write(server.known_hosts_line)
    yield server
    server.stop()


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """A repository with a submodule whose origin is gone."""
    lib = repository(tmp_path / "lib", {"lib.txt": "lib\n"})
    repo = repository(tmp_path / "repo")
    git(repo, "submodule", "--quiet", "add", str(lib), "lib")
    commit(repo, {}, "add lib")
    lib.rename(tmp_path / "gone")
    return repo


def test_a_tasks_code_and_session_go_there_and_come_home(server: Sshd, repo: Path, tmp_path: Path) -> None:
    tip = git(repo, "rev-parse", "HEAD")
    account = tmp_path / "account"
    with linked(server, tmp_path) as link:
        facts = link.state().facts
        assert facts is not None
        root = Path(facts["dir"])
        mirror = Mirror(link, repo)
        assert mirror.send({base_ref("main"): tip, incoming_ref("t1"): tip})
        send_modules(mirror, tip)
        tree = prepare(mirror, root, tip)
        write(tree, {"b.txt": "there\n"})
        commit(tree / "lib", {"lib.txt": "better\n"})
        history = root / "accounts" / "work" / "projects" / "-t1" / f"{SESSION}.jsonl"
        history.parent.mkdir(parents=True)
        history.write_text("1\n")
        head = finish(mirror, tree)
        mirror.bring({"refs/fleet/there/t1": head})
        bring_modules(mirror, head)
        carried = pull(link, "work", SESSION, account)
        adopt_branch(Git(repo), "fleet/t1", head, "refs/fleet/preserved/t1.1")
        assert isinstance(carried, Carried)
        with carried.path.open("a") as file:
            file.write("2\n")
        assert push(link, "work", SESSION, account, str(tree)) == Laid("copied", moved=True)
        assert history.read_text() == "1\n2\n"
    assert show(repo, "fleet/t1", "b.txt") == "there"
    assert (
        git(repo / ".git" / "modules" / "lib", "show", f"{git(repo, 'rev-parse', 'fleet/t1:lib')}:lib.txt")
        == "better"
    )


def test_a_connection_that_is_cut_in_the_middle_costs_only_the_time(
    server: Sshd, repo: Path, tmp_path: Path
) -> None:
    big = commit(repo, {"noise.bin": os.urandom(5_000_000).hex()})
    with linked(server, tmp_path) as link, ThreadPoolExecutor(1) as pool:
        mirror = Mirror(link, repo)
        objects = Path(mirror.path) / "objects"
        sending = pool.submit(mirror.send, {base_ref("main"): big})
        while not list(objects.glob("*incoming*")):
            assert not sending.done()
            time.sleep(0.01)
        server.cut()
        with pytest.raises(HostAway, match="host box"):
            sending.result(PATIENCE_S)
        assert link.wait(PATIENCE_S)
        assert mirror.send({base_ref("main"): big})
        assert git(Path(mirror.path), "rev-parse", base_ref("main")) == big
