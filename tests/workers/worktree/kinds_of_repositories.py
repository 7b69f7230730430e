"""Repositories of every kind that a person may have, by name; each is made below a directory and gives its path.

`ORDINARY` are those that can be read within this process. Of the others, git alone knows what they are. Newer versions
of GitPython know what is in `EITHER`. In `ELSEWHERE` the files are far from the repository: nobody works there.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from tests.workers.worktree.repositories import commit, git, repository

Make = Callable[[Path], Path]

NAMES = (
    "main",
    "side",
    "a/b",
    "ü/ø",
    "v1",
    "broken",
    "alias",
    "gone",
    "HEAD",
    "x",
    "main~0",
    "m*",
    "refs/heads/main",
)
"""What is asked of each of them."""


def plain(base: Path) -> Path:
    repo = repository(base / "repo")
    for name in ("side", "a/b", "ü/ø"):
        git(repo, "branch", name)
    commit(repo, {"a.txt": "two\n"})
    return repo


def packed(base: Path) -> Path:
    repo = plain(base)
    git(repo, "gc", "--quiet")
    return repo


def moved_since_packed(base: Path) -> Path:
    repo = packed(base)
    commit(repo, {"a.txt": "three\n"})
    git(repo, "branch", "-D", "side")
    git(repo, "update-ref", "refs/heads/a/b", "HEAD")
    return repo


def packed_unsorted_by_an_old_git(base: Path) -> Path:
    repo = packed(base)
    lines = (repo / ".git" / "packed-refs").read_text().splitlines()[1:]
    (repo / ".git" / "packed-refs").write_text(
        "# pack-refs with: peeled \n" + "\n".join(reversed(lines)) + "\n"
    )
    return repo


def tags_of_the_same_names(base: Path) -> Path:
    repo = plain(base)
    git(repo, "tag", "main", "side")
    git(repo, "tag", "-a", "-m", "tagged", "side", "main")
    git(repo, "tag", "v1")
    git(repo, "update-ref", "refs/heads/main/below", "HEAD", check=False)
    return repo


def detached(base: Path) -> Path:
    repo = plain(base)
    git(repo, "checkout", "--quiet", "--detach", "side")
    return repo


def empty(base: Path) -> Path:
    git(base, "init", "--quiet", "-b", "main", "repo")
    return base / "repo"


def on_a_branch_without_a_commit(base: Path) -> Path:
    repo = plain(base)
    git(repo, "checkout", "--quiet", "--orphan", "x")
    return repo


def head_outside_of_branches(base: Path) -> Path:
    repo = plain(base)
    git(repo, "update-ref", "refs/other/main", "HEAD")
    git(repo, "symbolic-ref", "HEAD", "refs/other/main")
    return repo


def _broken(content: str) -> Make:
    def make(base: Path) -> Path:
        repo = plain(base)
        (repo / ".git" / "refs" / "heads" / "broken").write_text(content)
        return repo

    return make


def broken_over_a_packed_one(base: Path) -> Path:
    repo = plain(base)
    git(repo, "branch", "broken")
    git(repo, "pack-refs", "--all")
    (repo / ".git" / "refs" / "heads" / "broken").write_text("")
    return repo


def a_branch_that_is_a_file(base: Path) -> Path:
    repo = plain(base)
    blob = git(repo, "rev-parse", "HEAD:a.txt")
    (repo / ".git" / "refs" / "heads" / "broken").write_text(f"{blob}\n")
    return repo


def symbolic(base: Path) -> Path:
    repo = plain(base)
    git(repo, "symbolic-ref", "refs/heads/alias", "refs/heads/side")
    return repo


def bare(base: Path) -> Path:
    git(base, "clone", "--quiet", "--bare", str(plain(base)), "bare.git")
    return base / "bare.git"


def below_a_bare_one(base: Path) -> Path:
    return bare(base) / "refs"


def below(base: Path) -> Path:
    (plain(base) / "sub" / "deep").mkdir(parents=True)
    return base / "repo" / "sub" / "deep"


def below_with_an_empty_git_directory(base: Path) -> Path:
    path = below(base)
    (path / ".git").mkdir()
    return path


def through_a_link(base: Path) -> Path:
    (base / "link").symlink_to(below(base).parent)
    return base / "link"


def with_alternates(base: Path) -> Path:
    git(base, "clone", "--quiet", "--shared", str(packed(base)), "shared")
    return base / "shared"


def shallow(base: Path) -> Path:
    git(base, "clone", "--quiet", "--depth=1", f"file://{plain(base)}", "shallow")
    return base / "shallow"


def with_worktrees(base: Path) -> Path:
    repo = plain(base)
    git(repo, "worktree", "add", "--quiet", str(base / "other"), "side")
    return repo


def in_the_middle_of_a_bisect(base: Path) -> Path:
    repo = plain(base)
    commit(repo, {"a.txt": "three\n"})
    git(repo, "bisect", "start", "HEAD", "HEAD~2")
    return repo


def in_the_middle_of_a_rebase(base: Path) -> Path:
    repo = plain(base)
    git(repo, "checkout", "--quiet", "side")
    commit(repo, {"a.txt": "else\n"})
    git(repo, "rebase", "main", check=False)
    return repo


def with_configuration_of_every_sort(base: Path) -> Path:
    repo = plain(base)
    with (repo / ".git" / "config").open("a") as file:
        file.write(
            '; a remark\n[remote "o r"]\n\turl = "https://x/ # y"\n\tfetch = +refs/*:refs/*\n\tfetch = a:b\n'
            '[alias]\n\tlong = "!f() { \\\n\t\techo; }; f"\n[branch "main"]\n\trebase\n[user] name = Ann\n'
        )
    return repo


# --- what git alone knows ---


def linked_worktree(base: Path) -> Path:
    with_worktrees(base)
    return base / "other"


def submodule(base: Path) -> Path:
    inner, outer = plain(base), repository(base / "outer")
    git(outer, "submodule", "--quiet", "add", str(inner), "inner")
    return outer / "inner"


def files_elsewhere(base: Path) -> Path:
    git(base, "clone", "--quiet", "--separate-git-dir", str(base / "files"), str(plain(base)), "apart")
    return base / "apart"


def git_directory_behind_a_link(base: Path) -> Path:
    repo = plain(base)
    shutil.move(repo / ".git", base / "moved")
    (repo / ".git").symlink_to(base / "moved")
    return repo


def head_as_a_link(base: Path) -> Path:
    repo = plain(base)
    git(repo, "-c", "core.preferSymlinkRefs=true", "symbolic-ref", "HEAD", "refs/heads/side")
    if not (repo / ".git" / "HEAD").is_symlink():  # git no longer makes them
        (repo / ".git" / "HEAD").unlink()
        (repo / ".git" / "HEAD").symlink_to("refs/heads/side")
    return repo


def _with(file_text: str) -> Make:
    def make(base: Path) -> Path:
        repo = plain(base)
        (base / "elsewhere").mkdir()
        with (repo / ".git" / "config").open("a") as file:
            file.write(file_text.replace("BASE", str(base)))
        (base / "included").write_text(f"[core]\n\tworktree = {base / 'elsewhere'}\n")
        return repo

    return make


def sha256(base: Path) -> Path:
    git(base, "init", "--quiet", "-b", "main", "--object-format=sha256", "repo")
    commit(base / "repo", {"a.txt": "one\n"})
    return base / "repo"


def reftable(base: Path) -> Path:
    git(base, "init", "--quiet", "-b", "main", "--ref-format=reftable", "repo")
    commit(base / "repo", {"a.txt": "one\n"})
    return base / "repo"


def somebody_elses(base: Path) -> Path:
    repo = plain(base)
    os.chown(repo, 12345, -1)
    os.chown(repo / ".git", 12345, -1)
    return repo


def inside_of_gits_own(base: Path) -> Path:
    return plain(base) / ".git" / "refs"


def nothing(base: Path) -> Path:
    (base / "empty").mkdir()
    return base / "empty"


def of_another_time(base: Path) -> Path:
    repo = plain(base)
    git(repo, "config", "core.repositoryFormatVersion", "99")
    return repo


ORDINARY: dict[str, Make] = {
    one.__name__: one
    for one in (
        *(
            plain,
            packed,
            moved_since_packed,
            packed_unsorted_by_an_old_git,
            tags_of_the_same_names,
            detached,
            empty,
        ),
        *(
            on_a_branch_without_a_commit,
            head_outside_of_branches,
            broken_over_a_packed_one,
            a_branch_that_is_a_file,
        ),
        *(symbolic, bare, below_a_bare_one, below, below_with_an_empty_git_directory, through_a_link),
        *(with_alternates, shallow, with_worktrees, in_the_middle_of_a_bisect, in_the_middle_of_a_rebase),
        with_configuration_of_every_sort,
    )
} | {
    "a bare one with a checkout": lambda base: _with("[core]\n\tbare = true\n")(base),
    "a branch of garbage": _broken("garbage\n"),
    "an empty branch": _broken(""),
    "a branch at a missing commit": _broken("1" * 40 + "\n"),
    "a branch that leads to itself": _broken("ref: refs/heads/broken\n"),
    "a branch that leads nowhere": _broken("ref: refs/heads/nowhere\n"),
    "a branch in bytes that are no text": lambda base: _bytes(base),
}

GITS_OWN: dict[str, Make] = {
    one.__name__: one
    for one in (
        *(
            linked_worktree,
            submodule,
            files_elsewhere,
            git_directory_behind_a_link,
            head_as_a_link,
            sha256,
            reftable,
        ),
        *(somebody_elses, inside_of_gits_own, nothing, of_another_time),
    )
} | {
    "an included file": _with("[include]\n\tpath = BASE/included\n"),
    "a file that is included here": _with('[includeIf "gitdir:BASE/"]\n\tpath = BASE/included\n'),
    "a value that is left out": _with("[core]\n\tbare\n"),
    "an extension": _with("[core]\n\trepositoryformatversion = 1\n[extensions]\n\tworktreeConfig = true\n"),
    "an extension that nobody knows": _with(
        "[core]\n\trepositoryformatversion = 1\n[extensions]\n\tmoon = on\n"
    ),
    "broken configuration": _with("[core\n"),
}

EITHER: dict[str, Make] = {
    "a name in other letters": _with("[CORE]\n\tbare = true\n"),
    "one key in two spellings": _with("[core]\n\tBare = true\n"),
}

ELSEWHERE: dict[str, Make] = {
    "a checkout elsewhere": _with("[core]\n\tworktree = BASE/elsewhere\n"),
    "the same in other letters": _with("[CORE]\n\tworkTree = BASE/elsewhere\n"),
}


def _bytes(base: Path) -> Path:
    repo = plain(base)
    (repo / ".git" / "refs" / "heads" / "broken").write_bytes(b"\xff\xfe\n")
    return repo
