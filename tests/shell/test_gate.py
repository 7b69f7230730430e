"""The gate of a task's own worktree, with real git and real commands."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from fleet.core.model import Task, TaskSpec, Worktree
from fleet.home import Home
from fleet.shell import places
from fleet.shell.consent import Consent, ConsentNeeded, digest_of
from fleet.shell.finishing import Checked, Finisher
from fleet.shell.hosts.driver import Client
from fleet.shell.hosts.local import LocalDriver
from tests.own_home import HOME_ID
from tests.service.repositories import git, repository
from workers.host import LocalHost
from workers.messages import MessageRefused
from workers.worktree.make import make_ready
from workers.worktree.settings import SettingsWrong, worktree_settings

TOKEN = "tok-0-SECRET-of-an-account"
GATE = '[verify]\ncommands = ["test -e wanted"]\n'


@dataclass(frozen=True)
class OnlyHere:
    """No host but this machine."""

    here: LocalDriver

    def of(self, host: str) -> LocalDriver:
        return self.here


def checked(
    root: Path,
    gate: str,
    wrote: dict[str, str],
    then: Callable[[Path, Path], object] = lambda repo, tree: None,
    **asked: Any,
) -> Checked:
    """What the gate says of a worker's files, in a repository whose `.fleet.toml` is `gate`, to which its person has
    agreed, after what happened `then` to the repository and the worktree."""
    finisher, task, worktree = stage(root, gate, wrote, then, **asked)
    return finisher.check(task, worktree)


def stage(
    root: Path, gate: str, wrote: dict[str, str], then: Callable[[Path, Path], object], **asked: Any
) -> tuple[Finisher, Task, Worktree]:
    repo = repository(root / "repo")
    (repo / ".fleet.toml").write_text(gate)
    git(repo, "add", "--all")
    git(repo, "commit", "--quiet", "--message", "Guard it")
    home = Home(root / "home")
    home.make()
    Consent(home.agreed).agree(repo, gate.rstrip("\n"))
    spec = TaskSpec(prompt="p", repo=str(repo), title="Fix it", tiers=("sonnet",), target="main", **asked)
    task = Task(id="t1", number=1, spec=spec, created_ms=0, state="checking", attempts=1)
    path = places.worktree_path(home, task)
    marker = {"FLEET_RUN": f"t1.1@{HOME_ID}"}
    branch = make_ready(
        repo, path, branch="fleet/t1", base="main", settings=worktree_settings, marker_env=marker
    ).branch
    for name, text in wrote.items():
        (path / name).write_text(text)
    base = git(repo, "rev-parse", "main")
    then(repo, path)
    task = Task(
        id="t1",
        number=1,
        spec=spec,
        created_ms=0,
        state="checking",
        attempts=1,
        branch=branch,
        base_commit=base,
        attempt="t1.1",
    )
    client = Client(Path("/bin/false"), "0", frozenset())
    here = LocalDriver(home, HOME_ID, LocalHost(home.runs, HOME_ID), client, {})
    finisher = Finisher(
        home, HOME_ID, OnlyHere(here), lambda: [TOKEN], lambda text: text.replace(TOKEN, "[hidden]")
    )
    return finisher, task, Worktree("t1", str(repo), 0, path=str(path))


def test_a_worker_cannot_take_the_gate_away(tmp_path: Path) -> None:
    """The commands of the target's `.fleet.toml` are run though the worker has emptied that file."""
    shut = checked(tmp_path / "a", GATE, {".fleet.toml": ""})
    assert not shut.ok and "test -e wanted" in shut.output
    assert checked(tmp_path / "b", GATE, {".fleet.toml": "", "wanted": "here\n"}).ok


def test_a_worker_can_make_the_gate_stricter_once_a_person_has_agreed_to_its_text(tmp_path: Path) -> None:
    """Until then none of its commands runs, nothing is decided, and nothing is set up to land it."""
    ran, set_up = tmp_path / "ran", tmp_path / "set-up"
    agreed = f'[worktree]\nsetup = ["touch {set_up}"]\n'
    stricter = f'[verify]\ncommands = ["touch {ran}; test -e wanted"]\n'
    finisher, task, worktree = stage(
        tmp_path / "it", agreed, {".fleet.toml": stricter}, lambda repo, tree: set_up.unlink(), land="merge"
    )
    repo = Path(task.spec.repo)
    with pytest.raises(ConsentNeeded, match=r"wants to run `touch .*fleet project allow") as needed:
        finisher.check(task, worktree)
    assert not ran.exists() and needed.value.digest == digest_of(stricter.rstrip("\n"))
    git(repo, "checkout", "--quiet", "-b", "elsewhere")
    merged = finisher.land(task, worktree)
    assert (merged.outcome, merged.consent) == ("broken", needed.value.digest)
    assert not ran.exists() and not set_up.exists()
    consent = Consent(finisher.home.agreed)
    consent.agree(repo, consent.asked(repo, needed.value.digest) or "")
    shut = finisher.check(task, worktree)
    assert ran.exists() and not shut.ok and "test -e wanted" in shut.output


def test_what_a_worker_changes_but_its_gate_does_not_run_needs_nobody_at_its_gate(tmp_path: Path) -> None:
    more = GATE + '[worktree]\nsetup = ["make"]\nports = 3\n'
    assert checked(tmp_path, GATE, {".fleet.toml": more, "wanted": "here\n"}).ok


def test_nothing_of_the_target_s_text_runs_at_a_gate_before_a_person_has_agreed_to_it(
    tmp_path: Path,
) -> None:
    """As in a home of the last release, and when the target's text has changed since the task began."""
    ran = tmp_path / "ran"

    def changed(repo: Path, tree: Path) -> None:
        text = f'[worktree]\nsetup = ["touch {ran}"]\n[verify]\ncommands = ["touch {ran}"]\n'
        (repo / ".fleet.toml").write_text(text)
        git(repo, "commit", "--quiet", "--all", "--message", "Move on")
        git(repo, "checkout", "--quiet", "-b", "elsewhere")

    finisher, task, worktree = stage(tmp_path / "it", "", {"a.txt": "a\n"}, changed, land="merge")
    with pytest.raises(ConsentNeeded):
        finisher.check(task, worktree)
    assert finisher.land(task, worktree).outcome == "broken" and not ran.exists()


def test_the_words_of_a_person_are_consent(tmp_path: Path) -> None:
    assert checked(tmp_path, "", {"wanted": "here\n"}, verify=("test -e wanted",)).ok


def test_an_ignored_file_that_is_all_a_session_made_is_told_with_the_line_that_ignores_it(
    tmp_path: Path,
) -> None:
    """Where the task's own verification names it, it is the work, as it is beside other work."""

    def ignoring(repo: Path, tree: Path) -> None:
        (repo / ".git" / "info" / "exclude").write_text("# built\n*.log\n")

    made = {f"{n}.log": "ran\n" for n in range(7)}
    alone = checked(tmp_path / "a", "", made, ignoring, land="merge", verify=("true",))
    assert alone.ok and alone.unchanged
    assert "0.log (" in alone.ignored and "info/exclude:2: *.log)" in alone.ignored
    assert alone.ignored.endswith(" and 2 more")
    assert checked(tmp_path / "b", "", {}, ignoring, land="merge").ignored == ""
    named = checked(tmp_path / "c", "", made, ignoring, land="branch", verify=("grep ran 3.log",))
    assert named.ok and not named.unchanged and "3.log: committed though ignored" in named.noticed
    unnamed = checked(tmp_path / "d", "", made, ignoring, land="branch", verify=("true",))
    assert unnamed.ok and unnamed.unchanged and "0.log" in unnamed.ignored


def test_a_branch_has_the_ignored_files_that_its_task_s_verification_names(tmp_path: Path) -> None:
    """The verdict is on the commit that has them, and it is told. In a target that others share they are not laid."""
    wrote = {".gitignore": "*.log\n", "a.txt": "a\n", "run.log": "ran\n", "more.log": "more\n"}
    found = checked(tmp_path / "a", "", wrote, verify=("grep ran run.log",), land="branch")
    listed = git(tmp_path / "a" / "repo", "ls-tree", "-r", "--name-only", str(found.commit)).split()
    assert found.ok and "run.log" in listed and "more.log" not in listed
    assert "run.log: committed though ignored" in found.noticed
    shut = checked(tmp_path / "b", "", wrote, verify=("grep ran run.log",), land="merge")
    assert not shut.ok and "git add --force" in shut.output
    theirs = checked(tmp_path / "c", GATE.replace("wanted", "run.log"), wrote, land="branch")
    assert not theirs.ok, "what a repository's own verification names is built, not asked for"
    exposed = checked(
        tmp_path / "d", "", {**wrote, "run.log": f"ran {TOKEN}\n"}, verify=("grep ran run.log",)
    )
    assert not exposed.ok and "git reset --soft" in exposed.output


@pytest.mark.parametrize("name", ["stolen.txt", f"{TOKEN}.txt"], ids=["in a file", "as a file's name"])
def test_no_credential_of_the_fleet_passes_the_gate(tmp_path: Path, name: str) -> None:
    """The session is told where it stands and what to do; the credential itself is in nothing that is told."""
    shut = checked(tmp_path, "", {name: f"{'x' * 100_000}{TOKEN}\n"})
    assert not shut.ok
    assert "git reset --soft" in shut.output and (
        "stolen.txt" in shut.output or "a file's name" in shut.output
    )
    assert TOKEN not in shut.output


def test_what_a_verification_prints_of_a_credential_is_hidden_where_it_is_kept(tmp_path: Path) -> None:
    half = len(TOKEN) // 2
    say = f"printf '%s' {TOKEN[:half]}; sleep 0.1; printf '%s\\nlast' {TOKEN[half:]}; false"
    shut = checked(tmp_path, "[verify]\ncommands = [" + json.dumps(say) + "]\n", {"a.txt": "work\n"})
    (log,) = (tmp_path / "home" / "checks").iterdir()
    for kept in (shut.output, log.read_text()):
        assert "[hidden]\nlast" in kept
        assert f"{TOKEN}\n" not in kept


def test_a_branch_that_brings_nothing_is_not_put_to_the_gate_unless_that_may_be(tmp_path: Path) -> None:
    found = checked(tmp_path / "a", GATE, {})
    assert (found.ok, found.unchanged) == (True, True)
    shut = checked(tmp_path / "b", GATE, {}, allow_empty=True)
    assert not shut.ok and "test -e wanted" in shut.output
    done = checked(tmp_path / "c", "", {}, allow_empty=True)
    assert (done.ok, done.unchanged) == (True, True)


def test_committed_work_is_checked_in_a_worktree_made_anew_when_its_own_is_gone(tmp_path: Path) -> None:
    def gone(repo: Path, tree: Path) -> None:
        git(tree, "add", "--all")
        git(tree, "commit", "--quiet", "--message", "Work")
        shutil.rmtree(tree)

    found = checked(tmp_path / "a", GATE, {"wanted": "here\n"}, gone)
    assert found.ok and found.remade and "was gone, with all that was in no commit" in found.noticed
    unlinked = checked(
        tmp_path / "b", GATE, {"wanted": "here\n"}, lambda repo, tree: (tree / ".git").unlink()
    )
    assert unlinked.ok and not unlinked.remade
    removed = checked(
        tmp_path / "c",
        GATE,
        {"a.txt": "a\n"},
        lambda repo, tree: git(repo, "worktree", "remove", "--force", str(tree)),
    )
    assert removed.unchanged and removed.remade


def test_what_is_all_a_session_made_and_marked_in_the_index_is_told(tmp_path: Path) -> None:
    """git does not look at such a file, so its commit takes up nothing of it."""

    def marked(repo: Path, tree: Path) -> None:
        for mark, path in (("--assume-unchanged", "clock.txt"), ("--skip-worktree", ".fleet.toml")):
            git(tree, "update-index", mark, path)
            (tree / path).write_text("changed\n")

    found = checked(tmp_path, "", {}, marked)
    assert found.unchanged
    assert (
        ".fleet.toml, clock.txt (marked in git's index" in found.ignored
        and "--no-skip-worktree" in found.ignored
    )


def test_what_no_commit_has_opens_no_gate_either_where_git_has_lost_the_worktree(tmp_path: Path) -> None:
    """Though all that was noted of it is lost with git's own directory: what the set-up made, and what the session."""

    def lost(repo: Path, tree: Path) -> None:
        (repo / ".git" / "info" / "exclude").write_text("*.log\n")
        shutil.rmtree(repo / ".git" / "worktrees")

    made = {"wanted": "here\n", "made.log": "ignored\n"}
    found = checked(tmp_path / "a", '[verify]\ncommands = ["test -e wanted"]\n', made, lost)
    assert found.ok and found.remade and "git had lost its worktree" in found.noticed
    shut = checked(tmp_path / "b", '[verify]\ncommands = ["test -e made.log"]\n', made, lost)
    assert not shut.ok and "set aside for the gate, as no commit has it: made.log" in shut.noticed


def test_a_wrong_setting_of_the_target_is_no_sessions_matter(tmp_path: Path) -> None:
    """Its session is told of one that its own branch has."""
    with pytest.raises(SettingsWrong, match=r"there is no field \{subject\}"):
        checked(tmp_path / "a", "", {"a.txt": "a\n"}, _wrong_in_the_target)
    shut = checked(tmp_path / "b", "", {".fleet.toml": "[verify\n"})
    assert not shut.ok and "is not valid TOML" in shut.output


def _wrong_in_the_target(repo: Path, tree: Path) -> None:
    (repo / ".fleet.toml").write_text('[land]\nmessage = "{subject}"\n')
    git(repo, "commit", "--quiet", "--all", "--message", "Wrong")


@pytest.mark.parametrize("setting", ["", '[land]\nmessage = "ABC-1 {title} ({id})"\n'])
def test_the_merges_message_is_tried_when_the_work_is_checked(tmp_path: Path, setting: str) -> None:
    def hooked(repo: Path, tree: Path) -> None:
        git(tree, "add", "--all")
        git(tree, "commit", "--quiet", "--message", "Work")
        (repo / "b.txt").write_text("b\n")
        git(repo, "add", "--all")
        git(repo, "commit", "--quiet", "--message", "Moves on")
        hook = repo / ".git" / "hooks" / "commit-msg"
        hook.parent.mkdir(exist_ok=True)
        hook.write_text("#!/bin/sh\ngrep -q '^ABC-' \"$1\" || { echo 'name an issue'; exit 1; }\n")
        hook.chmod(0o755)

    if setting:
        assert checked(tmp_path, setting, {"a.txt": "a\n"}, hooked, land="merge").ok
    else:
        with pytest.raises(MessageRefused, match=r"name an issue(.|\n)*\[land\] message = "):
            checked(tmp_path, setting, {"a.txt": "a\n"}, hooked, land="merge")


def test_a_verified_branch_that_was_deleted_lands_and_a_target_that_is_gone_is_a_persons(
    tmp_path: Path,
) -> None:
    finisher, task, worktree = stage(tmp_path, "", {"a.txt": "a\n"}, lambda repo, tree: None, land="merge")
    repo, found = Path(task.spec.repo), finisher.check(task, worktree)
    task = replace(task, commit=found.commit)
    git(repo, "checkout", "--quiet", "-b", "elsewhere")
    git(repo, "update-ref", "-d", f"refs/heads/{task.branch}")
    git(repo, "branch", "--quiet", "-m", "main", "kept")
    gone = finisher.land(task, worktree)
    assert gone.outcome == "broken" and f"git -C {repo} branch main COMMIT" in gone.detail
    git(repo, "branch", "--quiet", "-m", "kept", "main")
    assert finisher.land(task, worktree).outcome == "landed"
    assert "a.txt" in git(repo, "ls-tree", "--name-only", "main").split()
