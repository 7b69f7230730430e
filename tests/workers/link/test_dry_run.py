"""Git on a host runs under settings of ours, and a dry run finds what a start would miss there."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from tests.sandboxes import bubblewrap
from tests.workers.link.conftest import Connect, Serve
from tests.workers.link.waiting import connected
from tests.workers.mirror.trees import finish, prepare
from tests.workers.sshd import Sshd
from tests.workers.worktree.repositories import git, repository, show, write
from workers.git import GitError
from workers.remote.away import NoChannel
from workers.remote.dry_run import dry_run, refused, told_whose
from workers.remote.fitness import Finding, findings
from workers.remote.link import Link
from workers.remote.mirror import Mirror, incoming_ref
from workers.remote.refused_there import RefusedThere, gist_of


def tried(link: Link) -> Finding:
    return dry_run(link, connected(link).facts or {})


def left_there(server: Sshd) -> list[str]:
    return sorted(path.name for path in (server.home / "fleet" / "dry-runs").glob("*"))


def configure(server: Sshd, text: str) -> None:
    (server.home / ".gitconfig").write_text(text, encoding="utf-8")


def program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
    return path


def opinionated(server: Sshd) -> None:
    """A user's settings each of which made git refuse a mirror of ours, or fail in the midst of it."""
    hooks, templates = server.home / "hooks", server.home / "templates" / "hooks"
    for name in (
        "pre-receive",
        "update",
        "reference-transaction",
        "post-checkout",
        "pre-commit",
        "commit-msg",
    ):
        program(hooks / name, f"#!/bin/sh\necho the hook {name} of the user >&2\nexit 1\n")
        program(templates / name, f"#!/bin/sh\necho the template {name} of the user >&2\nexit 1\n")
    refuses = program(server.home / "refuses", "#!/bin/sh\nexit 128\n")
    configure(
        server,
        f"""
        [safe] bareRepository = explicit
        [transfer]
            fsckObjects = true
            hideRefs = refs
        [receive]
            maxInputSize = 1
            denyCurrentBranch = refuse
            fsckObjects = true
        [core]
            hooksPath = {hooks}
            autocrlf = true
            safecrlf = true
            fsmonitor = {refuses}
            sshCommand = {refuses}
            bigFileThreshold = 1
        [init]
            templateDir = {templates.parent}
            defaultRefFormat = nonsense
            defaultObjectFormat = sha256
        [protocol] allow = never
        [commit] gpgSign = true
        [gpg] program = {refuses}
        [uploadpack] packObjectsHook = {refuses}
        [extensions] partialClone = origin
        """,
    )


ELSEWHERE = {
    "GIT_DEFAULT_HASH": "sha256",
    "GIT_QUARANTINE_PATH": "/nowhere",
    "GIT_DIR": "/nowhere",
    "GIT_TEMPLATE_DIR": "/nowhere",
    "GIT_CONFIG_PARAMETERS": "'safe.bareRepository=explicit'",
    "GIT_TRACE": "1",
}
"""Variables of a login, by which git does something else than it was asked, or refuses to."""


def missing_email(repo: Path) -> str:
    """A commit that fsck refuses, though it harms nobody: there are some in old histories."""
    tree = git(repo, "rev-parse", "HEAD^{tree}")
    text = f"tree {tree}\nauthor Ann 1700000000 +0000\ncommitter Ann 1700000000 +0000\n\nold\n"
    (repo / ".git" / "old").write_text(text)
    return git(repo, "hash-object", "-w", "-t", "commit", "--literally", str(repo / ".git" / "old"))


def test_settings_of_a_hosts_user_keep_no_work_from_it(
    serve: Serve, connect: Connect, tmp_path: Path
) -> None:
    server = serve(environ=ELSEWHERE)
    opinionated(server)
    link = connect(server.reach())
    assert tried(link).grade == "ok"
    repo = repository(tmp_path / "repo")
    git(repo, "reset", "--quiet", "--hard", missing_email(repo))
    tip, mirror = git(repo, "rev-parse", "HEAD"), Mirror(link, repo)
    mirror.send({incoming_ref("t1"): tip})
    tree = prepare(mirror, server.home / "fleet", tip)
    write(tree, {"b.txt": "there\n"})
    head = finish(mirror, tree)
    mirror.bring({"refs/fleet/there/t1": head})
    assert show(repo, head, "b.txt") == "there"
    assert left_there(server) == []


def test_what_says_what_content_is_stays_the_users(serve: Serve, connect: Connect, tmp_path: Path) -> None:
    server = serve()
    ignored = server.home / "ig nored"
    ignored.write_text("*.scratch\n")
    configure(
        server,
        f'[core]\n excludesFile = "{ignored}"\n[filter "up\\"per"]\n clean = "tr a-z A-Z # \\"\\\\n"\n'
        "[safe]\n bareRepository = explicit\n",
    )
    repo = repository(tmp_path / "repo", {".gitattributes": '*.up filter=up"per\n'})
    link = connect(server.reach())
    connected(link)
    tip, mirror = git(repo, "rev-parse", "HEAD"), Mirror(link, repo)
    mirror.send({incoming_ref("t1"): tip})
    tree = prepare(mirror, server.home / "fleet", tip)
    write(tree, {"b.up": "loud\n", "c.scratch": "not mine\n"})
    head = finish(mirror, tree)
    mirror.bring({"refs/fleet/there/t1": head})
    assert show(repo, head, "b.up") == "LOUD"
    assert "c.scratch" not in git(repo, "ls-tree", "--name-only", head)


def test_a_user_who_ignores_every_file_is_found_and_the_host_is_trusted(
    serve: Serve, connect: Connect
) -> None:
    server = serve()
    (server.home / "all").write_text("*\n")
    configure(server, "[core]\n excludesFile = ~/all\n")
    link = connect(server.reach())
    found = tried(link)
    assert found.grade == "error" and "core.excludesFile" in found.story, found
    assert link.state().connected and left_there(server) == []


@pytest.mark.parametrize("how", ["syntax", "directory"])
def test_a_broken_configuration_keeps_no_work_away_and_is_told(
    serve: Serve, connect: Connect, how: str
) -> None:
    server = serve()
    if how == "syntax":
        configure(server, "[user\nname = nobody\n")
    else:
        (server.home / ".gitconfig").mkdir()
    link = connect(server.reach())
    assert tried(link).grade == "ok"
    facts = link.state().facts or {}
    told = [one for one in findings(facts) if one.what == "git" and one.grade != "ok"]
    assert [one.grade for one in told] == ["warning"] and ".gitconfig" in told[0].story


def test_a_git_that_refuses_is_found_with_its_words(serve: Serve, connect: Connect, tmp_path: Path) -> None:
    wrapper = program(
        tmp_path / "bin" / "git",
        '#!/bin/sh\ncase " $* " in *" worktree add "*) echo "fatal: not on this machine" >&2; exit 128;; esac\n'
        'exec /usr/bin/git "$@"\n',
    )
    server = serve(environ={"PATH": f"{wrapper.parent}:/usr/bin:/bin"})
    found = tried(connect(server.reach()))
    assert found.grade == "error" and "not on this machine" in found.story and found.advice
    assert left_there(server) == []


def refusing(tmp_path: Path) -> dict[str, str]:
    """The environment of a host whose git refuses worktrees of one mirror, for as long as there is a file `shut`."""
    wrapper = program(
        tmp_path / "bin" / "git",
        f'#!/bin/sh\ncase "$PWD $* " in *"/mirrors/"*" worktree add "*)\n'
        f'[ -e {tmp_path}/shut ] && {{ echo "fatal: not on this machine" >&2; exit 128; }};; esac\n'
        'exec /usr/bin/git "$@"\n',
    )
    return {"PATH": f"{wrapper.parent}:/usr/bin:/bin"}


def test_a_repository_that_a_host_refuses_is_tried_in_its_own_mirror_and_nothing_is_left_of_that(
    serve: Serve, connect: Connect, tmp_path: Path
) -> None:
    server = serve(environ=refusing(tmp_path))
    link = connect(server.reach())
    repo = repository(tmp_path / "repo", {".gitignore": "*\n!.gitignore\n"})
    git(repo, "branch", "develop")
    (tmp_path / "shut").touch()
    assert tried(link).grade == "ok", "its git is well but for this repository"
    facts = link.state().facts or {}
    before = git(repo, "for-each-ref")
    assert refused(link, facts, repo, ["main", "develop"]).startswith("fatal: not on this machine")
    (tmp_path / "shut").unlink()
    assert refused(link, facts, repo, ["main", "develop"]) == ""
    with pytest.raises(GitError, match="no branch 'gone'"):
        refused(link, facts, repo, ["gone"])
    mirror = server.home / "fleet" / "mirrors" / f"{Mirror(link, repo).name}.git"
    assert (
        git(mirror, "for-each-ref", "refs/heads") == ""
        and len(git(mirror, "worktree", "list").splitlines()) == 1
    )
    assert git(repo, "for-each-ref") == before and left_there(server) == []


def test_a_dry_run_follows_no_link_out_of_the_mirror_that_it_hangs_on(
    serve: Serve, connect: Connect, tmp_path: Path
) -> None:
    """A worker may have laid one there."""
    bubblewrap()
    server = serve()
    link = connect(server.reach())
    connected(link)
    repo = repository(tmp_path / "repo")
    facts = link.state().facts or {}
    assert refused(link, facts, repo, ["main"]) == ""
    outside = server.home / "outside"
    outside.mkdir()
    mirror = server.home / "fleet" / "mirrors" / f"{Mirror(link, repo).name}.git"
    (mirror / "refs" / "heads" / "fleet").symlink_to(outside)
    assert "Read-only file system" in refused(link, facts, repo, ["main"])
    assert list(outside.iterdir()) == [] and left_there(server) == []


def test_what_git_refuses_of_work_is_the_hosts_matter_where_it_refuses_the_repository_too(
    serve: Serve, connect: Connect, tmp_path: Path
) -> None:
    server = serve(environ=refusing(tmp_path))
    link = connect(server.reach())
    connected(link)
    repo = repository(tmp_path / "repo")
    (tmp_path / "shut").touch()

    def commit_refused() -> None:
        failed = GitError("fatal: index file corrupt")
        failed.at = "box"
        with told_whose(link, link.state().facts or {}, repo, ["main"]):
            raise failed

    with pytest.raises(RefusedThere, match=r"host box .* index file corrupt") as of_the_host:
        commit_refused()
    assert of_the_host.value.at == "box" and not of_the_host.value.of_the_host
    (tmp_path / "shut").unlink()
    with pytest.raises(GitError, match=r"^fatal: index file corrupt$"):
        commit_refused()


def test_a_host_that_opens_one_session_only_is_found(serve: Serve, connect: Connect) -> None:
    server = serve(settings=["MaxSessions 1"])
    with pytest.raises(NoChannel, match="MaxSessions") as found:
        tried(connect(server.reach()))
    assert "{" not in str(found.value)


def test_two_sessions_are_enough(serve: Serve, connect: Connect) -> None:
    assert tried(connect(serve(settings=["MaxSessions 2"]).reach())).grade == "ok"


def test_a_login_that_says_goodbye_keeps_no_work_away(serve: Serve, connect: Connect) -> None:
    """As one does whose .bashrc has a trap for its end."""
    server = serve(script="trap 'echo Goodbye' EXIT; eval \"$SSH_ORIGINAL_COMMAND\"")
    assert tried(connect(server.reach())).grade == "ok"


NO_SHELL = """
import ast, os, re, sys
words = re.findall(r"'(?:[^'\\\\]|\\\\.)*'|\\S+", os.environ["SSH_ORIGINAL_COMMAND"])
words = [ast.literal_eval(word) if word.startswith("'") else word for word in words]
words = words[words[0] == "exec" :]
os.execvp(words[0], [word.replace("\\0", "") for word in words])
"""


def test_a_login_shell_that_is_none_is_found(serve: Serve, connect: Connect, tmp_path: Path) -> None:
    """Like xonsh, it takes what stands between quotes for a string of Python."""
    (tmp_path / "no_shell.py").write_text(NO_SHELL)
    server = serve(script=f"exec {sys.executable} {tmp_path / 'no_shell.py'}")
    found = tried(connect(server.reach()))
    assert found.grade == "error" and "login shell" in found.story and "chsh" in found.advice


def test_two_hosts_that_refuse_the_same_say_the_same() -> None:
    one = GitError("fatal: bad object 1234567890abcdef in '/home/a/x.git'")
    other = GitError("remote: fatal: bad object fedcba0987654321 in '/srv/b/y.git'")
    assert gist_of(one) == gist_of(other)
    assert gist_of(one) != gist_of(GitError("fatal: detected dubious ownership in '/home/a/x.git'"))
    assert re.search("dubious", gist_of(GitError("fatal: detected dubious ownership in '/home/a/x.git'")))
