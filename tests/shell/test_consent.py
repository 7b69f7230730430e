"""A repository's commands run once a person has agreed to their very text, with real git and real commands."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fleet.core.model import HERE, Attempt, Fleet, Task, TaskSpec, Trouble, Worktree
from fleet.home import Home
from fleet.service.consents import allow, offered
from fleet.service.making_home import home_id
from fleet.shell import places
from fleet.shell.consent import LOOK_AGAIN_BEATS, Awaited, Consent, ConsentNeeded, digest_of
from fleet.shell.hosts.driver import Client
from fleet.shell.hosts.local import LocalDriver
from tests.own_home import HOME_ID
from tests.service.repositories import git, repository
from workers.git import Git
from workers.host import LocalHost
from workers.worktree.settings import TEXT_BYTES_MAX, SettingsWrong, read_settings


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    return repository(tmp_path / "repo")


@pytest.fixture
def consent(tmp_path: Path) -> Consent:
    home = Home(tmp_path / "home")
    home.make()
    home_id(home)
    return Consent(home.agreed)


def committed(repo: Path, text: str, name: str = ".fleet.toml") -> str:
    (repo / name).parent.mkdir(exist_ok=True)
    (repo / name).write_text(text)
    git(repo, "add", "--all")
    git(repo, "commit", "--quiet", "--message", "Change")
    return git(repo, "rev-parse", "HEAD")


def wants(repo: Path, consent: Consent, at: str = "main") -> None:
    consent.worktree_settings(repo)(Git(repo), at)


def say_yes(home: Home, repo: Path) -> None:
    offer = offered(home, str(repo))
    allow(home, offer, changes=True, texts=offer.texts)


def test_a_text_is_agreed_to_as_it_is_and_in_that_repository_alone(
    tmp_path: Path, repo: Path, consent: Consent
) -> None:
    text = '[worktree]\nsetup = ["make deps"]\n[verify]\ncommands = ["make test"]\n'
    committed(repo, text)
    with pytest.raises(ConsentNeeded, match=f"`make deps`, `make test`.*fleet project allow {repo}"):
        wants(repo, consent)
    consent.agree(repo, text.rstrip("\n"))
    wants(repo, consent)
    committed(repo, text.replace("make deps", "make deps # "))
    with pytest.raises(ConsentNeeded):
        wants(repo, consent)
    committed(repo, text)
    wants(repo, consent)
    other = repository(tmp_path / "other")
    committed(other, text)
    with pytest.raises(ConsentNeeded):
        wants(other, consent)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (".fleet.toml", '[worktree]\nports = 3\ncopy = [".env"]\n[land]\nmessage = "{title}"\n'),
        (".FLEET.toml", '[worktree]\nsetup = ["touch x"]\n'),
        ("sub/.fleet.toml", '[worktree]\nsetup = ["touch x"]\n'),
    ],
)
def test_who_has_nothing_run_sees_no_question(repo: Path, consent: Consent, name: str, text: str) -> None:
    committed(repo, text, name)
    wants(repo, consent)
    assert offered(Home(consent.folder.parent), str(repo)).texts == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = " + "[" * 3_000 + "]" * 3_000, "not valid TOML"),
        (f'#{"x" * TEXT_BYTES_MAX}\n[worktree]\nsetup = ["touch x"]\n', "bytes"),
    ],
    ids=["nested", "huge"],
)
def test_a_text_that_nobody_could_read_is_refused_and_not_put_to_a_person(
    repo: Path, consent: Consent, text: str, said: str
) -> None:
    committed(repo, text)
    with pytest.raises(SettingsWrong, match=said):
        wants(repo, consent)
    offer = offered(Home(consent.folder.parent), str(repo))
    assert offer.texts == () and said in offer.wrong[0]


def test_what_counts_is_the_commit_and_not_what_lies_in_a_checkout(repo: Path, consent: Consent) -> None:
    """Neither line ends that git converts, nor a link, nor an edit changes what is asked."""
    home = Home(consent.folder.parent)
    (repo / ".gitattributes").write_text("* text eol=crlf\n")
    committed(repo, '[verify]\ncommands = ["make test"]\n')
    (repo / ".fleet.toml").unlink()
    git(repo, "checkout", "--quiet", ".fleet.toml")
    assert b"\r\n" in (repo / ".fleet.toml").read_bytes(), "it is not converted"
    say_yes(home, repo)
    wants(repo, consent)
    (repo / ".fleet.toml").write_text('[verify]\ncommands = ["make test"]\n[worktree]\nsetup = ["evil"]\n')
    wants(repo, consent)
    (repo / ".fleet.toml").unlink()
    (repo / ".fleet.toml").symlink_to("/etc/hostname")
    git(repo, "add", "--all")
    git(repo, "commit", "--quiet", "--message", "Link it")
    with pytest.raises(SettingsWrong, match="must be a plain file"):
        wants(repo, consent)


def test_what_comes_between_the_question_and_the_answer_is_not_agreed_to(
    repo: Path, consent: Consent
) -> None:
    home = Home(consent.folder.parent)
    committed(repo, '[verify]\ncommands = ["make test"]\n')
    offer = offered(home, str(repo))
    committed(repo, '[verify]\ncommands = ["make test; evil"]\n')
    git(repo, "config", "core.fsmonitor", "./evil")
    allow(home, offer, changes=True, texts=offer.texts)
    with pytest.raises(ConsentNeeded, match="evil"):
        wants(repo, consent)
    assert offered(home, str(repo)).changes == ("config core.fsmonitor was added",)


def test_a_text_is_shown_with_what_is_different_and_by_whom_it_is_wanted(
    repo: Path, consent: Consent
) -> None:
    home = Home(consent.folder.parent)
    committed(repo, '[verify]\ncommands = ["make test"]\n')
    say_yes(home, repo)
    committed(repo, '[verify]\ncommands = ["make test", "make lint"]\n')
    (asked,) = offered(home, str(repo)).texts
    assert asked.wanted_by == "branch main" and asked.settings.verify.commands == ("make test", "make lint")
    assert asked.differs[-2:] == (
        '-commands = ["make test"]',
        '+commands = ["make test", "make lint"]',
    )


def test_what_is_kept_of_a_consent_counts_only_as_it_was_written(repo: Path, consent: Consent) -> None:
    home = Home(consent.folder.parent)
    committed(repo, '[verify]\ncommands = ["make test"]\n')
    say_yes(home, repo)
    (file,) = (f for f in consent.folder.rglob("*.agreed/*"))
    assert file.stat().st_mode & 0o077 == 0 and file.parent.stat().st_mode & 0o077 == 0
    file.write_text("another text")
    with pytest.raises(ConsentNeeded):
        wants(repo, consent)


def task_of(repo: Path, **but: object) -> Task:
    spec = TaskSpec(prompt="p", repo=str(repo), title="Fix it", tiers=("sonnet",), target="main")
    return replace(Task("t1", 1, spec, 0, "queued", attempts=1), **but)  # type: ignore[arg-type]


def test_a_worktree_is_made_only_once_its_setup_is_agreed_to(repo: Path, consent: Consent) -> None:
    """And before that nothing of it is there: no branch, no directory, nothing was run."""
    home, ran = Home(consent.folder.parent), consent.folder.parent / "ran"
    committed(repo, f'[worktree]\nsetup = ["touch {ran}"]\n')
    client = Client(Path("/bin/false"), "0", frozenset())
    driver = LocalDriver(home, HOME_ID, LocalHost(home.runs, HOME_ID), client, {})
    task = task_of(repo, state="running")
    attempt = Attempt("t1.1", "t1", 1, "work", "sonnet", "s", HERE, "s1", 0)
    worktree = Worktree("t1", str(repo), 0)
    before = git(repo, "for-each-ref")
    with pytest.raises(ConsentNeeded):
        driver.prepare(task, attempt, worktree, None)
    assert not ran.exists() and not places.worktree_path(home, task).exists()
    assert git(repo, "for-each-ref") == before
    say_yes(home, repo)
    with pytest.raises(Exception, match="false"):  # its client is none
        driver.prepare(task, attempt, worktree, None)
    assert ran.exists() and places.worktree_path(home, task).exists()


def waiting(repo: Path, text: str) -> Task:
    return task_of(repo, trouble=Trouble("t1.1", "it wants", lasting=True, consent=digest_of(text)))


def test_who_waits_goes_on_when_that_text_is_agreed_to_and_not_before(repo: Path, consent: Consent) -> None:
    text = '[verify]\ncommands = ["make test"]'
    committed(repo, text)
    awaited = Awaited(consent, lambda: Fleet(tasks={"t1": waiting(repo, text)}))
    assert [awaited.look() for _ in range(LOOK_AGAIN_BEATS)] == [()] * LOOK_AGAIN_BEATS
    consent.agree(repo, "another")
    assert awaited.look() == ()
    consent.agree(repo, text)
    assert awaited.look() == ("t1",)


@pytest.mark.parametrize("text", ["", '[verify]\ncommands = ["make"]\n', "[verify\n"])
def test_who_waits_to_begin_goes_on_when_the_branch_asks_for_that_no_more(
    repo: Path, consent: Consent, text: str
) -> None:
    """What it has now is judged when the task starts."""
    consent.agree(repo, '[verify]\ncommands = ["make"]')
    committed(repo, text)
    begun = replace(waiting(repo, "evil"), id="t2", base_commit="b" * 40)
    awaited = Awaited(consent, lambda: Fleet(tasks={"t1": waiting(repo, "evil"), "t2": begun}))
    assert ("t1",) in [awaited.look() for _ in range(LOOK_AGAIN_BEATS)]


def test_a_repository_that_cannot_be_looked_at_agrees_to_nothing(tmp_path: Path, consent: Consent) -> None:
    gone = waiting(tmp_path / "gone", "evil")
    awaited = Awaited(consent, lambda: Fleet(tasks={"t1": gone}))
    assert {awaited.look() for _ in range(2 * LOOK_AGAIN_BEATS)} == {()}


def test_of_many_commands_the_line_of_the_log_shows_the_first_ones_without_any_control_character(
    repo: Path, consent: Consent
) -> None:
    commands = ", ".join(f'"echo {n}\\u001b[2J\\n"' for n in range(9))
    settings = read_settings(Git(repo), committed(repo, f"[verify]\ncommands = [{commands}]\n"))
    told = str(ConsentNeeded(repo, settings, settings.commands))
    assert told.isprintable() and "echo 4" in told and "echo 5" not in told and "and 4 more" in told
