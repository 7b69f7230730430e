"""A repository's mirror on a host: what goes there, what comes home, and what of it costs nothing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.workers.mirror.trees import finish, prepare
from tests.workers.mirror.wires import Wires
from tests.workers.worktree.repositories import commit, git, repository, show, write
from workers.git import Git, GitFailed
from workers.remote.away import HostAway
from workers.remote.mirror import (
    BranchInUse,
    CommitMissing,
    Mirror,
    adopt_branch,
    base_ref,
    incoming_ref,
    mirror_name,
)

KEPT = "refs/fleet/preserved/t1.1"


@pytest.fixture
def mirror(host: Wires, repo: Path) -> Mirror:
    return Mirror(host, repo)


def test_work_goes_there_is_done_and_comes_home(mirror: Mirror, repo: Path, root: Path) -> None:
    git(repo, "config", "user.name", "Ann")
    git(repo, "config", "user.email", "ann@example.org")
    tip = git(repo, "rev-parse", "HEAD")
    assert mirror.send({base_ref("main"): tip, incoming_ref("t1"): tip})
    tree = prepare(mirror, root, tip)
    write(tree, {"b.txt": "there\n"})
    head = finish(mirror, tree)
    mirror.bring({"refs/fleet/there/t1": head})
    adopt_branch(Git(repo), "fleet/t1", head, KEPT)
    assert show(repo, "fleet/t1", "b.txt") == "there"
    assert git(repo, "log", "-1", "--format=%an <%ae>", "fleet/t1") == "Ann <ann@example.org>"
    assert git(repo, "status", "--porcelain") == "" and git(repo, "branch", "--show-current") == "main"


def test_nothing_is_pushed_onto_a_branch_of_the_mirror(mirror: Mirror, repo: Path) -> None:
    tip = git(repo, "rev-parse", "HEAD")
    mirror.send({base_ref("main"): tip, incoming_ref("t1"): tip})
    refs = git(Path(mirror.path), "for-each-ref", "--format=%(refname)").split()
    assert refs == [base_ref("main"), incoming_ref("t1")]


def test_what_is_there_costs_no_channel_and_no_question(mirror: Mirror, host: Wires, repo: Path) -> None:
    tip = git(repo, "rev-parse", "HEAD")
    mirror.send({base_ref("main"): tip})
    asked, opened = len(host.asked), host.opened
    assert not mirror.send({base_ref("main"): tip, incoming_ref("t2"): tip})
    assert (len(host.asked), host.opened) == (asked, opened)


def test_a_new_connection_sends_nothing_that_the_host_has(mirror: Mirror, host: Wires, repo: Path) -> None:
    tip = git(repo, "rev-parse", "HEAD")
    mirror.send({base_ref("main"): tip})
    again = Mirror(host, repo)
    assert not again.send({base_ref("main"): tip})
    assert host.opened == 1 and again.path == mirror.path


def test_a_commit_that_came_from_there_need_not_go_back(
    mirror: Mirror, host: Wires, repo: Path, root: Path
) -> None:
    tip = git(repo, "rev-parse", "HEAD")
    mirror.send({base_ref("main"): tip})
    tree = prepare(mirror, root, tip)
    head = commit(tree, {"b.txt": "there\n"})
    mirror.bring({"refs/fleet/there/t1": head})
    opened = host.opened
    mirror.bring({"refs/fleet/there/t1": head})
    assert not mirror.send({incoming_ref("t1"): head})
    assert host.opened == opened


def test_many_that_start_at_once_send_the_repository_once(mirror: Mirror, host: Wires, repo: Path) -> None:
    tip = commit(repo, {"a.txt": "two\n"})
    with ThreadPoolExecutor(8) as pool:
        sent = list(pool.map(lambda n: mirror.send({incoming_ref(f"t{n}"): tip}), range(8)))
    assert sum(sent) == host.opened == 1


def test_a_mirror_that_was_lost_is_made_again(mirror: Mirror, repo: Path) -> None:
    tip = git(repo, "rev-parse", "HEAD")
    mirror.send({base_ref("main"): tip})
    Path(mirror.path).rename(mirror.path + ".gone")
    mirror.forget()
    assert mirror.send({base_ref("main"): tip})
    assert git(Path(mirror.path), "rev-parse", base_ref("main")) == tip


def test_a_send_that_was_cut_off_is_not_taken_for_done(mirror: Mirror, host: Wires, repo: Path) -> None:
    tip = git(repo, "rev-parse", "HEAD")
    assert mirror.path
    host.cut_after = 100
    with pytest.raises(HostAway):
        mirror.send({base_ref("main"): tip})
    host.cut_after = None
    assert mirror.send({base_ref("main"): tip})


def test_a_commit_that_home_does_not_have_is_said(mirror: Mirror) -> None:
    with pytest.raises(CommitMissing, match=r"no commit 1111.*host there"):
        mirror.send({base_ref("main"): "1" * 40})


def test_loose_work_kept_here_is_laid_down_there(mirror: Mirror, repo: Path, root: Path) -> None:
    tip = git(repo, "rev-parse", "HEAD")
    write(repo, {"a.txt": "loose\n"})
    kept = git(repo, "stash", "create")
    git(repo, "checkout", "--quiet", "--", ".")
    mirror.send({base_ref("main"): tip, "refs/fleet/incoming/t1.kept": kept})
    tree = prepare(mirror, root, tip, preserved=kept)
    assert (tree / "a.txt").read_text() == "loose\n"
    assert git(tree, "rev-parse", "HEAD") == tip


def test_a_checkpoint_comes_home_while_work_goes_on(mirror: Mirror, repo: Path, root: Path) -> None:
    tip = git(repo, "rev-parse", "HEAD")
    mirror.send({base_ref("main"): tip})
    tree = prepare(mirror, root, tip)
    for text in ("one\n", "two\n"):
        write(tree, {"loose.txt": text})
        asked = {"path": str(tree), "ref": "refs/fleet/checkpoint/t1", "ignored": False}
        stand = mirror.far.call("snapshot", asked).values
        mirror.bring({"refs/fleet/checkpoint/t1": stand["kept"]})
        assert show(repo, "refs/fleet/checkpoint/t1", "loose.txt") == text.strip()
    assert git(tree, "status", "--porcelain") == "?? loose.txt"


def test_repositories_of_one_name_have_mirrors_of_their_own(tmp_path: Path) -> None:
    one, two = tmp_path / "one" / "app" / ".git", tmp_path / "two" / "app" / ".git"
    assert mirror_name(one).startswith("app-") and mirror_name(one) != mirror_name(two)
    assert mirror_name(tmp_path / "-é .git").startswith("git-")
    assert mirror_name(tmp_path / "ü").startswith("repository-")


def test_a_branch_is_moved_forward(repo: Path) -> None:
    first = git(repo, "rev-parse", "HEAD")
    git(repo, "branch", "fleet/t1")
    second = commit(repo, {"a.txt": "two\n"})
    adopt_branch(Git(repo), "fleet/t1", second, KEPT)
    adopt_branch(Git(repo), "fleet/t1", second, KEPT)
    assert git(repo, "rev-parse", "fleet/t1") == second != first
    assert git(repo, "for-each-ref", "refs/fleet") == ""


def test_what_a_moved_branch_alone_had_is_kept(repo: Path) -> None:
    """Rewritten there twice: every tip that home ever had can still be reached, and what is kept already stays."""
    first = git(repo, "rev-parse", "HEAD")
    git(repo, "update-ref", KEPT, first)
    lost = []
    for text in ("two\n", "three\n"):
        git(repo, "checkout", "--quiet", "-B", "fleet/t1", first)
        lost.append(commit(repo, {"a.txt": text}))
        git(repo, "checkout", "--quiet", "main")
        adopt_branch(Git(repo), "fleet/t1", first, KEPT)
        assert git(repo, "rev-parse", "fleet/t1") == first
    kept = git(repo, "for-each-ref", "--format=%(objectname)", f"{KEPT}.*").split()
    assert sorted(kept) == sorted(lost) and git(repo, "rev-parse", KEPT) == first


def test_a_branch_on_which_somebody_stands_is_left_alone(repo: Path, tmp_path: Path) -> None:
    first = git(repo, "rev-parse", "HEAD")
    second = commit(repo, {"a.txt": "two\n"})
    git(repo, "worktree", "add", "--quiet", "-b", "fleet/t1", str(tmp_path / "tree"), first)
    with pytest.raises(BranchInUse, match=f"checked out at {tmp_path / 'tree'}.*git switch --detach"):
        adopt_branch(Git(repo), "fleet/t1", second, KEPT)
    assert git(repo, "rev-parse", "fleet/t1") == first


def test_a_branch_that_cannot_be_made_is_an_error(repo: Path) -> None:
    git(repo, "branch", "fleet")
    with pytest.raises(GitFailed):
        adopt_branch(Git(repo), "fleet/t1", git(repo, "rev-parse", "HEAD"), KEPT)


def test_a_bare_repository_has_a_mirror_too(host: Wires, tmp_path: Path) -> None:
    source = repository(tmp_path / "source")
    git(tmp_path, "clone", "--quiet", "--bare", str(source), str(tmp_path / "bare.git"))
    tip = git(source, "rev-parse", "HEAD")
    assert Mirror(host, tmp_path / "bare.git").send({base_ref("main"): tip})
