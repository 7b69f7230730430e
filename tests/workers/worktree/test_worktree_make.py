"""Making a worktree ready, with real git."""

from __future__ import annotations

import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.patience import ever_longer
from tests.workers.worktree.repositories import (
    MARKER,
    commit,
    fingerprint,
    git,
    hook,
    repository,
    show,
    write,
)
from workers.worktree.branch import branch_name
from workers.worktree.make import Made, SetupFailed, WorktreeRefused, make_ready
from workers.worktree.settings import SettingsWrong, worktree_settings


def make(
    repo: Path, path: Path, branch: str = "fleet/t1-fix", base: str = "main", ports: range | None = None
) -> Made:
    return make_ready(
        repo, path, branch=branch, base=base, ports=ports, settings=worktree_settings, marker_env=MARKER
    )


def test_a_worktree_is_on_its_own_branch_and_the_users_checkout_is_untouched(repo: Path, trees: Path) -> None:
    write(repo, {"a.txt": "the user's unsaved work\n", "new.txt": "x"})
    before = fingerprint(repo)
    made = make(repo, trees / "t1")
    assert made.branch == "fleet/t1-fix"
    assert git(trees / "t1", "branch", "--show-current") == "fleet/t1-fix"
    assert git(trees / "t1", "rev-parse", "HEAD") == git(repo, "rev-parse", "main") == made.base_commit
    assert (trees / "t1" / "a.txt").read_text() == "one\n"
    assert fingerprint(repo) == before


def test_making_it_again_finds_it_with_the_work_in_it(repo: Path, trees: Path) -> None:
    first = make(repo, trees / "t1")
    write(trees / "t1", {"a.txt": "work\n"})
    commit(repo, {"b.txt": "main went on\n"})
    assert make(repo, trees / "t1") == first
    assert (trees / "t1" / "a.txt").read_text() == "work\n"


def test_a_worktree_of_one_repository_is_not_taken_for_one_of_another(
    repo: Path, trees: Path, tmp_path: Path
) -> None:
    make(repo, trees / "t1")
    other = repository(tmp_path / "other", {"a.txt": "other\n"})
    with pytest.raises(WorktreeRefused):
        make(other, trees / "t1")


def test_a_worktree_whose_directory_vanished_comes_back_with_its_commits(repo: Path, trees: Path) -> None:
    make(repo, trees / "t1")
    done = commit(trees / "t1", {"b.txt": "done\n"})
    subprocess.run(["rm", "-rf", str(trees / "t1")], check=True)
    made = make(repo, trees / "t1")
    assert made.branch == "fleet/t1-fix"
    assert git(trees / "t1", "rev-parse", "HEAD") == done


def test_a_branch_of_somebody_else_is_left_alone_and_the_next_name_taken(repo: Path, trees: Path) -> None:
    git(repo, "branch", "fleet/t1-fix")
    other = git(repo, "rev-parse", "fleet/t1-fix")
    commit(repo, {"b.txt": "b"})
    assert make(repo, trees / "t1").branch == "fleet/t1-fix-2"
    assert make(repo, trees / "other-home-t1").branch == "fleet/t1-fix-3"
    assert git(repo, "rev-parse", "fleet/t1-fix") == other


def test_a_branch_named_fleet_does_not_stand_in_the_way(repo: Path, trees: Path) -> None:
    git(repo, "branch", "fleet")
    assert make(repo, trees / "t1").branch == "fleet-t1-fix"


def test_a_git_killed_in_the_middle_leaves_a_worktree_that_is_made_anew(repo: Path, trees: Path) -> None:
    write(repo, {".gitattributes": "slow.txt filter=slow\n", "slow.txt": "x\n"})
    commit(repo, {})
    git(repo, "config", "filter.slow.smudge", 'kill -9 "$(ps -o ppid= -p $PPID)" $PPID; cat')
    trees.mkdir(parents=True)
    ended = subprocess.run(
        ["git", "worktree", "add", "-b", "x", str(trees / "t1")], cwd=repo, capture_output=True
    )
    assert ended.returncode == -signal.SIGKILL
    git(repo, "config", "filter.slow.smudge", "cat")
    made = make(repo, trees / "t1")
    assert made.branch == "fleet/t1-fix"
    assert git(trees / "t1", "status", "--porcelain") == ""
    assert git(repo, "for-each-ref", "refs/fleet/preserved") == "", "a checkout cut short is not work"


def test_an_unfinished_worktree_is_preserved_before_it_is_made_anew(repo: Path, trees: Path) -> None:
    trees.mkdir(parents=True)
    git(repo, "worktree", "add", "--quiet", "-b", "x", str(trees / "t1"))
    write(trees / "t1", {"work.txt": "precious\n"})
    make(repo, trees / "t1")
    kept = git(repo, "for-each-ref", "--format=%(refname)", "refs/fleet/preserved")
    assert show(repo, kept, "work.txt") == "precious"


def test_a_strange_directory_in_the_way_is_kept_under_another_name(repo: Path, trees: Path) -> None:
    write(trees / "t1", {"notes.txt": "precious\n"})
    make(repo, trees / "t1")
    assert (trees / "t1.kept-1" / "notes.txt").read_text() == "precious\n"


def test_another_repository_in_the_way_is_refused(repo: Path, trees: Path) -> None:
    repository(trees / "t1")
    with pytest.raises(WorktreeRefused, match="another git repository"):
        make(repo, trees / "t1")


def test_a_lock_that_a_person_set_is_respected(repo: Path, trees: Path) -> None:
    trees.mkdir(parents=True)
    git(repo, "worktree", "add", "--quiet", "-b", "x", str(trees / "t1"))
    git(repo, "worktree", "lock", "--reason", "mine", str(trees / "t1"))
    with pytest.raises(WorktreeRefused, match=r"locked \(mine\).*worktree unlock"):
        make(repo, trees / "t1")


def test_a_bare_repository_can_have_worktrees(repo: Path, trees: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", "--bare", str(repo), "bare.git")
    assert make(tmp_path / "bare.git", trees / "t1").branch == "fleet/t1-fix"
    assert (trees / "t1" / "a.txt").exists()


def test_ten_at_once_on_one_repository_all_succeed(repo: Path, trees: Path) -> None:
    with ThreadPoolExecutor(10) as pool:
        made = list(pool.map(lambda n: make(repo, trees / f"t{n}", f"fleet/t{n}-fix"), range(10)))
    assert [m.branch for m in made] == [f"fleet/t{n}-fix" for n in range(10)]
    assert git(repo, "worktree", "list").count("fleet/t") == 10


def test_ten_at_once_that_want_one_name_get_ten_names(repo: Path, trees: Path) -> None:
    with ThreadPoolExecutor(10) as pool:
        made = list(pool.map(lambda n: make(repo, trees / f"t{n}", "fleet/same"), range(10)))
    assert len({m.branch for m in made}) == 10


def test_a_failing_post_checkout_hook_is_told_and_does_not_stop_the_worktree(repo: Path, trees: Path) -> None:
    hook(repo, "post-checkout", "echo lfs is missing >&2; exit 3")
    made = make(repo, trees / "t1")
    assert "post-checkout hook failed with code 3: lfs is missing" in made.setup_output
    assert git(trees / "t1", "status", "--porcelain") == ""


def test_setup_runs_with_the_marker_and_the_ports(repo: Path, trees: Path) -> None:
    commit(
        repo, {".fleet.toml": '[worktree]\nsetup = ["echo $FLEET_RUN $FLEET_PORT $FLEET_PORTS > said.log"]\n'}
    )
    make(repo, trees / "t1", ports=range(20000, 20010))
    assert (trees / "t1" / "said.log").read_text() == f"{MARKER['FLEET_RUN']} 20000 20000-20009\n"


def test_a_failing_setup_command_is_an_error_with_its_output_and_is_tried_again(
    repo: Path, trees: Path
) -> None:
    commit(repo, {".fleet.toml": '[worktree]\nsetup = ["echo no network; exit 7"]\n'})
    for _ in range(2):
        with pytest.raises(SetupFailed, match=r"(?s)code 7.*no network"):
            make(repo, trees / "t1")


def test_a_setup_command_that_hangs_is_stopped(repo: Path, trees: Path) -> None:
    commit(repo, {".fleet.toml": '[worktree]\nsetup = ["echo waiting; touch waits; sleep 1000"]\n'})
    said = ""
    for limit_s in ever_longer(until=(trees / "t1" / "waits").exists):
        with pytest.raises(SetupFailed, match="ran out of time") as failed:
            make_ready(
                repo,
                trees / "t1",
                branch="fleet/t1",
                base="main",
                ports=None,
                settings=worktree_settings,
                marker_env=MARKER,
                setup_timeout_s=limit_s,
            )
        said = str(failed.value)
    assert "waiting" in said


def test_ignored_files_are_copied_and_linked_from_the_users_checkout(repo: Path, trees: Path) -> None:
    settings = '[worktree]\ncopy = [".env"]\nlink = ["cache", "missing.log"]\n'
    commit(repo, {".fleet.toml": settings, ".gitignore": "*.log\n.env\ncache/\n"})
    write(repo, {".env": "KEY=1\n", "cache/x": "cached\n"})
    made = make(repo, trees / "t1")
    assert (trees / "t1" / ".env").read_text() == "KEY=1\n"
    assert not (trees / "t1" / ".env").is_symlink()
    assert (trees / "t1" / "cache" / "x").resolve() == repo / "cache" / "x"
    assert "missing.log: not brought" in made.setup_output
    assert git(trees / "t1", "status", "--porcelain") == "", "a link must not be committed with the work"


def test_a_file_that_git_would_commit_is_not_seeded(repo: Path, trees: Path) -> None:
    commit(repo, {".fleet.toml": '[worktree]\ncopy = ["secret"]\n'})
    write(repo, {"secret": "KEY=1\n"})
    with pytest.raises(SettingsWrong, match=r"'secret' is not ignored"):
        make(repo, trees / "t1")


def test_a_path_that_leads_out_through_a_committed_link_is_refused(
    repo: Path, trees: Path, tmp_path: Path
) -> None:
    write(tmp_path / "outside", {"x.log": "not yours\n"})
    (repo / "door").symlink_to(tmp_path / "outside")
    commit(repo, {".fleet.toml": '[worktree]\ncopy = ["door/x.log"]\n'})
    with pytest.raises(SettingsWrong, match="leads out"):
        make(repo, trees / "t1")


@pytest.mark.parametrize("title", ["Fix  the Ünicode / bug!", "", "..", "a.lock", "-x", "x" * 300])
def test_every_title_gives_a_branch_name_that_git_accepts(repo: Path, title: str) -> None:
    assert git(repo, "check-ref-format", "--branch", branch_name("t7", title)).startswith("fleet/t7")


def test_git_variables_of_the_caller_do_not_lead_elsewhere(
    repo: Path, trees: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = repository(tmp_path / "other")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other / ".git" / "index"))
    make(repo, trees / "t1")
    assert "fleet/t1-fix" in git(repo, "branch", "--list", "fleet/*")
