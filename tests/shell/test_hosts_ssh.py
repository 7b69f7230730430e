"""What a host is asked, and what not, when it cannot answer."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest

from fleet.core.model import Attempt, Fleet, Host, Task, TaskSpec, Worktree
from fleet.home import Home
from fleet.shell import places
from fleet.shell.consent import ConsentNeeded
from fleet.shell.hosts.all import Hosts
from fleet.shell.hosts.connecting import works_on
from fleet.shell.hosts.driver import Client
from fleet.shell.hosts.local import LocalDriver
from fleet.shell.hosts.monitor import is_silence
from fleet.shell.hosts.ssh import SshDriver
from tests.own_home import HOME_ID
from tests.patience import PATIENCE_S
from tests.workers.sshd import Person, needs, running
from tests.workers.worktree.repositories import git, repository, show, write
from workers.host import LocalHost
from workers.machine import Machine
from workers.remote.address import Reach
from workers.remote.away import HostAway, NoChannel, NoWay
from workers.remote.link import CONNECTING, Link, LinkState
from workers.remote.machines import objection
from workers.remote.mirror import Mirror, incoming_ref
from workers.remote.wire import Wire

ONE, TWO = Machine("1" * 32, "b1", "one"), Machine("2" * 32, "b2", "two")
TASK = Task("t1", 1, TaskSpec("Do it.", "/nowhere", "It", ("sonnet",), "main"), created_ms=0, state="running")
ATTEMPT = Attempt(
    id="t1.1",
    task="t1",
    number=1,
    account="work",
    tier="sonnet",
    model="sonnet",
    host="box",
    session_id="s1",
    started_ms=0,
)
WORKTREE = Worktree(task="t1", repo="/nowhere", slot=0, host="box", path="/there")


@pytest.fixture
def driver(tmp_path: Path) -> SshDriver:
    """Its link is not open."""
    link = Link(
        Reach("box", "127.0.0.1", 1, "nobody"), home_id=HOME_ID, runs=tmp_path, known_hosts=tmp_path / "known"
    )
    return SshDriver(Host("box", 1, address="ssh://nobody@127.0.0.1:1"), Home(tmp_path), "h", link)


def test_a_checkpoint_that_comes_after_its_workers_turn_touches_nothing(driver: SshDriver) -> None:
    """By then somebody commits, moves or lands the branch: it must not be moved back."""
    checkpoint = driver.checkpoint(TASK, ATTEMPT, WORKTREE, lambda: False)
    assert (checkpoint.ref, checkpoint.changed) == (None, False)


def test_nobody_waits_for_a_link_that_is_closed(driver: SshDriver) -> None:
    """Else a coordinator that stops would wait for each errand that waits for a connection."""
    assert not driver.link.wait(3_600.0)
    with pytest.raises(HostAway, match="host box cannot be reached"):
        driver.config_dir("work")


def test_by_how_much_a_hosts_clock_is_ahead_is_what_its_wire_last_measured(
    driver: SshDriver, tmp_path: Path
) -> None:
    """Also while it is away: what its workers said before is still to be dated. Of this machine it is nothing."""
    client = Client(Path("/bin/false"), "0", frozenset())
    here = LocalDriver(Home(tmp_path), HOME_ID, LocalHost(tmp_path / "runs", HOME_ID), client, {})
    hosts = Hosts(here, lambda host: driver)
    hosts.sync(Fleet(hosts={"box": Host("box", 1, address="ssh://nobody@127.0.0.1:1")}))
    assert hosts.ahead_ms("box") == 0

    async def measured() -> Wire:
        wire = Wire(driver.link.reach, lambda push, blob: None)
        wire.skew_ms = 600_000
        return wire

    driver.link.connected(asyncio.run(measured()), {})
    assert (hosts.ahead_ms("box"), hosts.ahead_ms(here.name), hosts.ahead_ms("none")) == (600_000, 0, 0)
    driver.link.away("the wire broke", False)
    assert hosts.ahead_ms("box") == 600_000


def test_for_a_host_nothing_is_sent_or_claimed_before_a_person_has_agreed_to_what_would_run_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs("sshd", "ssh-keygen")
    person, repo = Person(tmp_path / "person"), repository(tmp_path / "repo")
    monkeypatch.setenv("HOME", str(person.home))
    (repo / ".fleet.toml").write_text('[worktree]\nsetup = ["touch ran"]\n')
    git(repo, "add", "--all")
    git(repo, "commit", "--quiet", "--message", "Ask")
    before, home = git(repo, "for-each-ref"), Home(tmp_path / "home")
    home.make()
    task = replace(TASK, spec=replace(TASK.spec, repo=str(repo)))
    with running(tmp_path / "box", person.public_key) as server:
        person.known_hosts.write_text(server.known_hosts_line)
        link = Link(server.reach(), home_id=HOME_ID, runs=tmp_path / "runs", known_hosts=tmp_path / "known")
        driver = SshDriver(Host("box", 1, address="ssh://box"), home, "h", link)
        link.open()
        try:
            assert link.wait(PATIENCE_S), link.state().why
            with pytest.raises(ConsentNeeded, match="touch ran"):
                driver.prepare(task, ATTEMPT, replace(WORKTREE, repo=str(repo)), None)
            with pytest.raises(ConsentNeeded, match="touch ran"):
                driver.verify(replace(task, base_commit="main"), WORKTREE, ["true"], {}, str)
            assert git(repo, "for-each-ref") == before
            there = driver.worktree_path(task).parents[2]
            assert there.is_dir() and list(there.rglob("HEAD")) == [], "a repository was made there"
        finally:
            driver.close()


def test_a_first_connection_that_takes_long_is_not_told_as_silence() -> None:
    assert not is_silence(LinkState(why=CONNECTING, tried_s=30.0))
    assert is_silence(LinkState(why="it refuses connections", tried_s=30.0))
    assert is_silence(LinkState(why="its key is not known", lasting=True))
    assert not is_silence(LinkState(why="the connection was lost", tried_s=1.0))


def test_a_start_that_finds_no_channel_for_so_long_goes_elsewhere_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs("sshd", "ssh-keygen")
    person = Person(tmp_path / "person")
    monkeypatch.setenv("HOME", str(person.home))
    repo = str(repository(tmp_path / "repo"))
    task = replace(TASK, spec=replace(TASK.spec, repo=repo))
    with running(tmp_path / "box", person.public_key, ["MaxSessions 1"]) as server:
        person.known_hosts.write_text(server.known_hosts_line)
        link = Link(server.reach(), home_id=HOME_ID, runs=tmp_path / "runs", known_hosts=tmp_path / "known")
        driver = SshDriver(Host("box", 1, address="ssh://box"), Home(tmp_path / "home"), "h", link)
        link.open()
        try:
            assert link.wait(PATIENCE_S), link.state().why
            with pytest.raises(NoChannel):
                driver.prepare(task, ATTEMPT, replace(WORKTREE, repo=repo), None)
            driver.way_patience_s = 0.0
            with pytest.raises(NoWay, match="MaxSessions") as found:
                driver.prepare(task, ATTEMPT, replace(WORKTREE, repo=repo), None)
            assert "{" not in found.value.why
        finally:
            driver.close()


@pytest.mark.parametrize(
    ("attempts", "worktrees", "known"),
    [
        ({"t1.1": ATTEMPT}, {}, True),
        ({}, {"t1": WORKTREE}, True),
        ({}, {"t1": replace(WORKTREE, host="local", moves_from="box")}, True),
        ({}, {"t1": replace(WORKTREE, state="removed")}, False),
        ({"t1.1": replace(ATTEMPT, host="local")}, {"t1": replace(WORKTREE, host="local")}, False),
        ({}, {}, False),
    ],
)
def test_a_host_is_bound_to_its_machine_while_anything_of_a_task_is_on_it(
    attempts: dict[str, Attempt], worktrees: dict[str, Worktree], known: bool
) -> None:
    here = Machine("1" * 32, "b1", "one")
    box = Host("box", 1, address="ssh://nobody@127.0.0.1:1", machine=here.text())
    fleet = Fleet(hosts={"box": box}, attempts=attempts, worktrees=worktrees)
    assert works_on(fleet, "box") == (here if known else None)
    assert works_on(replace(fleet, hosts={"box": replace(box, machine=None)}), "box") is None


@pytest.mark.parametrize(
    ("facts", "expected", "story"),
    [
        ({"machine": TWO.text()}, ONE, "you are on two, its workers are on one: name one node"),
        (
            {"machine": TWO.text(), "elsewhere": {"t1.1": "one"}},
            None,
            "you are on two, its workers are on one",
        ),
        (
            {"machine": replace(TWO, name="one").text()},
            ONE,
            "its workers are on one (machine-id 11111111): name",
        ),
        ({"machine": TWO.text()}, None, ""),
        ({"machine": replace(ONE, boot="b2").text(), "elsewhere": {}}, ONE, ""),
        ({}, ONE, ""),
    ],
)
def test_only_the_machine_that_has_the_work_is_talked_to(
    facts: dict[str, object], expected: Machine | None, story: str
) -> None:
    said = objection(facts, expected)
    assert story in said and bool(story) == bool(said)


def test_a_mirror_that_is_deleted_while_work_hangs_on_it_is_sent_anew_and_the_work_comes_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a checkpoint, as the commit after a turn, and as the worktree is taken away."""
    needs("sshd", "ssh-keygen")
    person, repo = Person(tmp_path / "person"), repository(tmp_path / "repo")
    monkeypatch.setenv("HOME", str(person.home))
    home = Home(tmp_path / "home")
    home.make()
    base = git(repo, "rev-parse", "main")
    asked = replace(TASK.spec, repo=str(repo))
    with running(tmp_path / "box", person.public_key) as server:
        person.known_hosts.write_text(server.known_hosts_line)
        link = Link(server.reach(), home_id=HOME_ID, runs=tmp_path / "runs", known_hosts=tmp_path / "known")
        driver = SshDriver(Host("box", 1, address="ssh://box"), home, "h", link)
        link.open()
        try:
            assert link.wait(PATIENCE_S), link.state().why
            task = replace(TASK, spec=asked, branch="fleet/t1", base_commit=base)
            path, mirror = driver.worktree_path(task), Mirror(link, repo)
            mirror.send({incoming_ref("t1"): base})
            made: dict[str, object] = {
                "branch": "fleet/t1",
                "tip": base,
                "base_commit": base,
                "preserved": None,
                "ports": None,
            }
            made |= {"marker_env": {}, "setup": [], "setup_timeout_s": 9.0, "path": str(path)}
            mirror.ask("prepare", made)
            worktree = replace(WORKTREE, repo=str(repo), path=str(path))
            write(path, {"one.txt": "one\n"})
            shutil.rmtree(mirror.path)
            attempt = replace(ATTEMPT, session_id=str(UUID(int=1)))
            driver.checkpoint(task, attempt, worktree, lambda: True)
            assert show(repo, places.checkpoint_ref(task), "one.txt") == "one"
            write(path, {"two.txt": "two\n"})
            shutil.rmtree(mirror.path)
            done = driver.commit(task, worktree, ["Work"])
            assert done.remade and "git had lost its worktree" in done.noticed
            assert show(repo, "fleet/t1", "one.txt") == "one" and show(repo, "fleet/t1", "two.txt") == "two"
            write(path, {"three.txt": "three\n"})
            shutil.rmtree(mirror.path)
            kept = driver.vacate(task).preserved
            assert kept is not None and show(repo, kept, "three.txt") == "three" and not path.exists()
        finally:
            driver.close()
