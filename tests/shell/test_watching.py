"""What a worker does to the branches, tags, stash and worktrees of a repository; what a person does there meanwhile."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from fleet.core.model import Task, TaskSpec
from fleet.shell.session_doings import SessionDoings
from fleet.shell.watching import Seen, TargetMoved, Watching
from tests.service.repositories import git, repository
from workers.worktree.make import make_ready
from workers.worktree.settings import worktree_settings

BRANCH = "fleet/t1-fix"


@dataclass(frozen=True)
class Stage:
    """A person's checkout with a few things of theirs, and a worker's worktree."""

    repo: Path
    work: Path
    watching: Watching
    task: Task

    def person(self, *commands: str) -> None:
        for command in commands:
            self._run(self.repo, command)

    def worker(self, *commands: str) -> SessionDoings:
        for command in commands:
            self._run(self.work, command)
        return SessionDoings(commands=list(commands))

    def _run(self, where: Path, command: str) -> None:
        env = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(self.repo.parent / "user")}
        subprocess.run(["bash", "-ec", command], cwd=where, env=env, check=True, capture_output=True)

    def begin(self) -> None:
        self.watching.before(self.task, BRANCH, self.work)

    def turn_ends(self, said: SessionDoings | None = None, turn: str = "first") -> Seen:
        """As the fleet does it: all is committed, on the task's own branch."""
        self.worker(
            f"git checkout -q --detach; git add -A; git diff --cached --quiet || git commit -qm rest; "
            f"git merge-base --is-ancestor HEAD {BRANCH} || git update-ref refs/heads/{BRANCH} HEAD; "
            f"git checkout -q {BRANCH}"
        )
        commit = git(self.work, "rev-parse", "HEAD")
        return self.watching.after_turn(self.task, self.work, commit, lambda: said or SessionDoings(), turn)

    def at(self, name: str) -> str:
        return git(self.repo, "rev-parse", "--verify", name)

    def stash(self) -> list[str]:
        return git(self.repo, "stash", "list", "--format=%gs").splitlines()

    def kept(self) -> dict[str, str]:
        lines = git(
            self.repo, "for-each-ref", "--format=%(refname) %(objectname)", "refs/fleet/kept"
        ).splitlines()
        return dict(line.split(" ") for line in lines)


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return make_stage(tmp_path)


def make_stage(root: Path) -> Stage:
    (root / "user").mkdir()
    (root / "user" / ".gitconfig").write_text("[user]\n\tname = U\n\temail = u@example.org\n")
    repo = repository(root / "repo")
    spec = TaskSpec(prompt="p", repo=str(repo), title="Fix", tiers=("sonnet",), target="trunk")
    task = Task(id="t1", number=1, spec=spec, created_ms=0, state="running", attempt="t1.1", attempts=1)
    work = root / "worktrees" / "t1"
    stage = Stage(repo, work, Watching(root / "pictured"), task)
    stage.person(
        "git branch trunk; git checkout -q -b side; echo a > a.txt; git add -A; git commit -qm a",
        "echo b > b.txt; git add -A; git commit -qm b; git tag v1; git tag -a -m told v2",
        "for n in 1 2 3 4 5 6 7; do git branch s$n; done",
        "git checkout -q main; git worktree add -q --detach ../other side",
        "echo 'TOKEN=mine' > mine.txt; git add mine.txt; git stash -q -m 'my own'",
    )
    made = make_ready(
        repo,
        work,
        branch=BRANCH,
        base="refs/heads/trunk",
        settings=worktree_settings,
        marker_env={"FLEET_RUN": "t1.1@x"},
    )
    stage = replace(stage, task=replace(task, branch=made.branch, base_commit=made.base_commit))
    stage.begin()
    return stage


COMMIT = "echo w > w.txt; git add -A; git commit -qm work"
ON_TARGET = {
    "commits on it": ["git checkout -q trunk", COMMIT],
    "branch -f": [COMMIT, "git branch -f trunk HEAD"],
    "update-ref": [COMMIT, "git update-ref refs/heads/trunk HEAD"],
    "push .": [COMMIT, "git push -q . HEAD:trunk"],
    "merges into it": [COMMIT, "git checkout -q trunk", f"git merge -q --no-ff --no-edit {BRANCH}"],
}


@pytest.mark.parametrize("how", ON_TARGET)
def test_a_target_that_a_worker_moves_past_its_gate_is_put_back_and_its_work_is_on_its_own_branch(
    stage: Stage, how: str
) -> None:
    """By git's own logs alone, whatever the session's words were."""
    was = stage.at("trunk")
    stage.worker(*ON_TARGET[how])
    seen = stage.turn_ends()
    assert stage.at("trunk") == was and not seen.refused
    assert any("its session moved the branch trunk" in told for told in seen.noticed)
    assert "w.txt" in git(stage.repo, "ls-tree", "--name-only", BRANCH)


def test_a_target_on_which_a_person_has_built_is_held_with_the_commands_for_both_ways(stage: Stage) -> None:
    stage.worker("git checkout -q trunk", COMMIT, f"git checkout -q {BRANCH}")
    stage.person("git checkout -q trunk; git commit -q --allow-empty -m theirs; git checkout -q main")
    theirs = stage.at("trunk")
    for _ in range(2):
        with pytest.raises(TargetMoved, match=r"others have built on that.*update-ref.*fleet project allow"):
            stage.turn_ends()
    with pytest.raises(TargetMoved):
        stage.watching.settle(stage.repo, "trunk")
    assert stage.at("trunk") == theirs
    stage.watching.allow(stage.repo)
    assert not stage.turn_ends().noticed


def test_what_a_person_added_to_the_target_is_there_again_when_a_worker_took_it_off(stage: Stage) -> None:
    """Also where the target is back at what it was when the worker began."""
    for command in ("git branch -f trunk HEAD", f"{COMMIT}; git branch -f trunk HEAD"):
        stage.person("git checkout -q trunk; git commit -q --allow-empty -m theirs; git checkout -q main")
        theirs = stage.at("trunk")
        seen = stage.turn_ends(stage.worker(command), command)
        assert stage.at("trunk") == theirs and "its session moved the branch trunk" in seen.noticed[0]


def test_nothing_starts_from_a_target_or_lands_in_it_that_a_running_worker_has_moved(stage: Stage) -> None:
    """While the worker stands on it all wait; afterwards it is put back at once."""
    was = stage.at("trunk")
    stage.worker("git checkout -q trunk", COMMIT)
    with pytest.raises(TargetMoved, match="works on trunk itself"):
        stage.watching.settle(stage.repo, "trunk")
    stage.worker(f"git checkout -q {BRANCH}")
    stage.watching.settle(stage.repo, "trunk")
    assert stage.at("trunk") == was
    assert any("its session moved the branch trunk" in told for told in stage.turn_ends().noticed)


def test_a_target_that_a_cancelled_worker_stands_on_is_put_back_before_the_worktree_goes(
    stage: Stage,
) -> None:
    was = stage.at("trunk")
    stage.worker("git checkout -q trunk", COMMIT)
    mine = git(stage.work, "rev-parse", "HEAD")
    told = stage.watching.leave(stage.task, stage.work, SessionDoings)
    assert stage.at("trunk") == was and mine in stage.kept().values() and "past the gate" in told[0]
    assert not git(stage.repo, "for-each-ref", "refs/fleet/pictured")


GONE = {
    "refs/heads/s1": "git branch -q -D s1",
    "refs/heads/s2": "git update-ref -d refs/heads/s2",
    "refs/heads/s3": "git branch -m s3 elsewhere",
    "refs/heads/s4": "git branch -f s4 side~1",
    "refs/heads/s5": "git update-ref refs/heads/s5 trunk",
    "refs/heads/s6": "git push -q . --delete s6",
    "refs/heads/s7": "git push -q -f . side~1:s7",
    "refs/tags/v1": "git tag -d v1",
    "refs/tags/v2": "git tag -f v2 side~2",
}


def test_what_a_session_says_it_removed_or_moved_is_there_again(stage: Stage) -> None:
    was = {name: stage.at(name) for name in GONE}
    told = stage.turn_ends(stage.worker(*GONE.values())).noticed
    assert {name: stage.at(name) for name in GONE} == was
    assert len(told) == len(GONE) and all("its session" in one for one in told)


def test_an_object_that_a_session_shows_in_the_place_of_another_is_taken_away(stage: Stage) -> None:
    """`git replace`: a person who reviews the branch, or the target, would be shown what did not land."""
    stage.begin()
    main = stage.at("main")
    said = stage.worker("git replace main $(git commit-tree -m nothing $(git mktree </dev/null))")
    assert "nothing" in git(stage.repo, "log", "-1", "--format=%s", "main")
    told = stage.turn_ends(said).noticed
    assert f"in the place of {main[:12]}" in told[0] and "taken away" in told[0], told
    assert git(stage.repo, "replace", "-l") == "" and len(stage.kept()) == 1
    assert stage.turn_ends(said, "second").noticed == ()


def test_one_that_nobody_is_known_to_have_replaced_is_told_once_and_stays(stage: Stage) -> None:
    stage.begin()
    stage.person("git replace main $(git commit-tree -m mine $(git mktree </dev/null))")
    (told,) = stage.turn_ends().noticed
    assert f"git replace -d {git(stage.repo, 'replace', '-l')}" in told
    assert stage.turn_ends(turn="second").noticed == ()


def test_what_vanished_without_a_trace_is_kept_and_told_and_blames_nobody(stage: Stage) -> None:
    """Even when everything unreachable was pruned at once. A person may have done it, so it stays done."""
    was = {name: stage.at(name) for name in GONE}
    entry = stage.at("refs/stash")
    stage.worker(*GONE.values(), "git reflog expire --expire=now --all; git gc -q --prune=now")
    there = git(stage.repo, "for-each-ref").splitlines()
    told = stage.turn_ends().noticed
    assert {line for line in there if "pictured" not in line} <= set(
        git(stage.repo, "for-each-ref").splitlines()
    )
    assert all(one.startswith("while t1 ran") and "its session" not in one for one in told)
    assert len(told) == len(GONE) + 1 and entry in stage.kept().values()
    lost = [name for name in GONE if was[name] not in stage.kept().values()]
    assert lost == ["refs/tags/v2"], "of an annotated tag git keeps the commit alone"
    assert any(was["refs/tags/v2"] in one and "no more" in one for one in told)
    assert stage.turn_ends().noticed == told, "a turn that is checked again after a crash tells the same"
    assert not stage.turn_ends(turn="next").noticed


STASHED = {
    "pop": "git stash pop",
    "apply": "git stash apply",
    "show": "git stash show -p | git apply",
    "untracked, too": "git stash pop; git mv mine.txt moved.txt",
    "taken out again": "git stash pop; git add -A; git commit -qm with; git rm -q mine.txt; git commit -qm without",
}


@pytest.mark.parametrize("how", STASHED)
def test_work_with_what_somebody_else_had_stashed_does_not_pass_and_the_entry_is_in_the_list(
    stage: Stage, how: str
) -> None:
    seen = stage.turn_ends(stage.worker(STASHED[how]))
    assert stage.stash() == ["On main: my own"]
    assert "mine.txt" in seen.refused and "git reset --soft" in seen.refused
    base = stage.task.base_commit
    stage.worker(f"git reset -q --soft {base}; git reset -q; rm -f mine.txt moved.txt; {COMMIT}")
    assert not stage.turn_ends(SessionDoings(commands=[STASHED[how]])).refused


@pytest.mark.parametrize(
    ("command", "back"), [("git stash drop", True), ("git stash clear", True), ("./x", False)]
)
def test_entries_that_vanish_are_kept_and_put_back_where_the_session_took_them(
    stage: Stage, command: str, back: bool
) -> None:
    entry = stage.at("refs/stash")
    stage.worker("git stash drop")
    seen = stage.turn_ends(SessionDoings(commands=[command]))
    assert entry in stage.kept().values() and len(seen.noticed) == 1 and not seen.refused
    assert stage.stash() == (["On main: my own"] if back else [])


def test_what_a_worker_leaves_in_the_stash_alone_goes_back_to_it_and_later_out_of_the_persons_list(
    stage: Stage,
) -> None:
    stage.worker("echo x > x.txt; git add -A; git stash -q")
    entry = stage.at("refs/stash")
    stage.person("echo later > later.txt; git add -A; git stash -q -m later")
    seen = stage.turn_ends()
    assert f"git stash apply {entry[:12]}" in seen.refused and len(stage.stash()) == 3
    stage.worker(f"git stash apply -q {entry[:12]}")
    assert not stage.turn_ends().refused
    (told,) = stage.watching.accepted(stage.task)
    assert stage.stash() == ["On main: later", "On main: my own"] and entry in stage.kept().values()
    assert "left an entry in the stash" in told


def test_worktrees_that_vanish_and_that_appear_are_told_and_their_commits_kept(stage: Stage) -> None:
    head = git(stage.repo / ".." / "other", "rev-parse", "HEAD")
    said = stage.worker(
        "git worktree remove --force ../../other",
        "git worktree add -q --detach ../../away; cd ../../away; git commit -q --allow-empty -m away",
    )
    away = git(stage.repo / ".." / "away", "rev-parse", "HEAD")
    told = "\n".join(stage.turn_ends(said).noticed)
    assert "other vanished from the list" in told and "git -C" in told and "worktree remove" in told
    assert {head, away} <= set(stage.kept().values()) and (stage.repo.parent / "away").exists()


@pytest.mark.parametrize("name", ["agent-a0cdfc94073eb27ca", "side-trip"])
def test_a_worktree_of_the_sessions_own_client_is_removed_once_its_work_is_kept(
    stage: Stage, name: str
) -> None:
    """One beside it that a person's own client works in is left alone."""
    stage.person(
        *(f"git worktree add -q -b worktree-{one} .claude/worktrees/{one}" for one in (name, "persons"))
    )
    stray = stage.repo / ".claude" / "worktrees" / name
    stage.person(f"cd {stray}; echo s > s.txt; git add -A; git commit -qm stray; echo loose > loose.txt")
    head = git(stray, "rev-parse", "HEAD")
    said = SessionDoings(agents={"a0cdfc94073eb27ca"}, entered={"side-trip"})
    (told,) = stage.turn_ends(said).noticed
    assert not stray.exists() and (stage.repo / ".claude" / "worktrees" / "persons").exists()
    assert "worktree-persons" in git(stage.repo, "branch") and f"worktree-{name}" not in git(
        stage.repo, "branch"
    )
    assert head in stage.kept().values() and "what it had not committed" in told
    loose = next(ref for ref in stage.kept() if ref.endswith("-loose"))
    assert "loose.txt" in git(stage.repo, "ls-tree", "--name-only", loose)


PERSONS: Sequence[str] = (
    "git checkout -q trunk; git commit -q --allow-empty -m theirs; git checkout -q main",
    "git commit -q --allow-empty -m here; git commit -q --amend --allow-empty -m better",
    "git checkout -q side; git reset -q --hard HEAD~1; git checkout -q main",
    "git branch new-$RANDOM main",
    "git tag new-$RANDOM",
    "git checkout -q main; git merge -q --no-edit side",
    "date +%N > p.txt; git add -A; git stash -q -m theirs",
    "cd ../other; git commit -q --allow-empty -m other",
)
WORKERS: Sequence[str] = (
    COMMIT + " --allow-empty",
    "git checkout -q --detach; git checkout -q trunk && git commit -q --allow-empty -m straight",
    f"git checkout -q {BRANCH}",
    "git branch -f trunk HEAD",
    "git update-ref refs/heads/side HEAD",
    "git branch -D side",
    "git stash pop",
    "git stash drop",
    "date +%N > s.txt; git add -A; git stash -q",
    "git tag -d v1",
    "git gc -q --prune=now",
)


def _is_safe(stage: Stage, commit: str) -> bool:
    return bool(
        git(stage.repo, "for-each-ref", f"--contains={commit}", "refs/heads", "refs/tags", "refs/fleet")
    )


@pytest.mark.parametrize(
    "seed", [*range(2), *(pytest.param(n, marks=pytest.mark.large) for n in range(2, 60))]
)
def test_whatever_both_do_nothing_of_the_persons_is_undone_or_lost(tmp_path: Path, seed: int) -> None:
    """Commits that a person made, and what was stashed before the worker began; a person's own branch does not move."""
    stage, draw = make_stage(tmp_path), random.Random(seed)
    theirs: set[str] = set()
    entry = stage.at("refs/stash")
    said = SessionDoings()

    def tried(do: Callable[[str], object], command: str) -> None:
        try:
            do(command)
        except subprocess.CalledProcessError:
            """git refused, as it does while another has the branch checked out."""

    for _ in range(8):
        if draw.random() < 0.5:
            tried(stage.person, draw.choice(PERSONS))
            tried(stage.person, "git checkout -q main")
            if "theirs" in git(stage.repo, "log", "-1", "--format=%s", "trunk"):
                theirs.add(stage.at("trunk"))
        else:
            command = draw.choice(WORKERS)
            tried(stage.worker, command)
            said.commands.append(command)
    main = stage.at("main")
    try:
        stage.turn_ends(said)
    except TargetMoved:
        assert theirs, "nobody but the worker was there"
    except subprocess.CalledProcessError:
        return  # the worker left its worktree on what cannot be committed: told to its session elsewhere
    assert stage.at("main") == main
    assert all(_is_safe(stage, commit) for commit in theirs)
    listed = (
        set(git(stage.repo, "log", "-g", "--format=%H", "refs/stash").splitlines())
        if stage.stash()
        else set()
    )
    assert entry in listed | set(stage.kept().values())


def test_what_protects_a_picture_is_renewed_when_a_worker_moved_it_and_left_alone_when_it_is_right(
    stage: Stage,
) -> None:
    [ref] = git(stage.repo, "for-each-ref", "--format=%(refname)", "refs/fleet/pictured").split()
    was = git(stage.repo, "rev-parse", ref).strip()
    parents = set(git(stage.repo, "rev-list", "--parents", "-1", ref).split()[1:])
    assert {stage.at("trunk"), stage.at("side")} <= parents
    log = stage.repo / ".git" / "logs" / ref
    log.parent.mkdir(parents=True, exist_ok=True)
    log.touch()  # git notes from now on who writes it
    stage.begin()
    assert not log.read_text()
    stage.worker(f"git update-ref {ref} HEAD")
    stage.begin()
    assert git(stage.repo, "rev-parse", ref).strip() == was
    stage.worker(f"git update-ref -d {ref}")
    stage.begin()
    assert git(stage.repo, "rev-parse", ref).strip() == was
    stage.person("git reflog expire --expire=now --all; git fsck --strict")
