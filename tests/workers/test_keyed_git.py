"""git with a person's keys obeys nothing that was planted in a repository; the person's own configuration holds."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.service.repositories import git, repository
from workers.git import Git
from workers.keyed_git import NotARemote, keyed_git


@pytest.fixture
def ran(tmp_path: Path) -> Path:
    """Where whatever was planted leaves its name."""
    (tmp_path / "ran").mkdir()
    return tmp_path / "ran"


@pytest.fixture
def program(tmp_path: Path, ran: Path) -> str:
    """A program that says that it ran, and by what name, and fails."""
    path = tmp_path / "planted"
    path.write_text(f"#!/bin/sh\nmktemp {ran}/XXXXXX; exit 1\n")
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def repo(tmp_path: Path, program: str) -> Path:
    """A repository in which everything is planted that git would run or follow."""
    made = repository(tmp_path / "repo")
    for key, value in {
        "core.sshCommand": program,
        "core.fsmonitor": program,
        "core.pager": program,
        "core.editor": program,
        "core.askPass": program,
        "core.hooksPath": str(tmp_path / "hooks"),
        "credential.helper": f"!{program}",
        "credential.https://127.0.0.1.helper": f"!{program}",
        "gpg.program": program,
        "gpg.ssh.program": program,
        "diff.external": program,
        "diff.x.textconv": program,
        "diff.x.command": program,
        "filter.x.clean": program,
        "filter.x.smudge": program,
        f"url.{tmp_path}/evil.insteadOf": str(tmp_path / "good"),
        f"url.{tmp_path}/evil.pushInsteadOf": str(tmp_path / "good"),
        "remote.origin.url": str(tmp_path / "evil"),
        "remote.origin.uploadpack": program,
        "remote.origin.receivepack": program,
        "remote.origin.vcs": "planted",
        "alias.log": f"!{program}",
        "protocol.ext.allow": "always",
        "include.path": str(tmp_path / "included"),
    }.items():
        git(made, "config", key, value)
    (tmp_path / "included").write_text(f"[core]\n\tsshCommand = {program}\n")
    for folder in (tmp_path / "hooks", made / ".git" / "hooks"):
        folder.mkdir(exist_ok=True)
        for name in ("pre-push", "reference-transaction", "post-checkout", "pre-commit", "commit-msg"):
            (folder / name).symlink_to(program)
    (made / ".git" / "info").mkdir(exist_ok=True)
    (made / ".git" / "info" / "attributes").write_text("* diff=x filter=x\n")
    return made


def test_nothing_planted_runs_when_it_fetches_pushes_signs_and_shows(
    tmp_path: Path, repo: Path, ran: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("good", "evil"):
        Git(tmp_path).run("init", "--quiet", "--bare", name)
    signer = tmp_path / "the-persons-own-signer"
    signer.write_text('#!/bin/sh\ncat >/dev/null\nprintf "[GNUPG:] SIG_CREATED \\n" >&2\necho signature\n')
    signer.chmod(0o755)
    mine = tmp_path / "global"
    mine.write_text(f"[user]\n\tname = Me\n\temail = me@x\n\tsigningKey = k\n[gpg]\n\tprogram = {signer}\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(mine))
    monkeypatch.setenv("SSH_AUTH_SOCK", "/the/persons/agent")
    tip = Git(repo).said("rev-parse", "refs/heads/main")

    keyed = keyed_git(repo, tmp_path / "keyed", {"remote.origin.url": str(tmp_path / "good")})
    keyed.run("push", "--quiet", "origin", f"{tip}:refs/heads/main")
    keyed.run("fetch", "--quiet", "origin", "refs/heads/main:refs/seen")
    signed = keyed.run("commit-tree", "-S", "-m", "Signed", "-p", tip, f"{tip}^{{tree}}").out
    keyed.run("log", "--patch", "--ext-diff", "--textconv", signed)
    keyed.run("diff", "--ext-diff", "--textconv", f"{tip}", signed)

    assert list(ran.iterdir()) == []
    assert git(tmp_path / "good", "rev-parse", "refs/heads/main").strip() == tip
    assert git(tmp_path / "evil", "for-each-ref") == ""
    assert "signature" in Git(tmp_path / "good").run("cat-file", "-p", tip, check=False).out or signed
    objects = {"GIT_DIR": str(repo / ".git")}
    assert Git(tmp_path).run("cat-file", "-t", signed, env=objects).out == "commit"


def test_the_same_repository_would_have_run_what_was_planted(tmp_path: Path, repo: Path, ran: Path) -> None:
    """So that the test above can fail."""
    for words in (
        ("status",),
        ("-c", "user.name=M", "-c", "user.email=m@x", "commit-tree", "-S", "-m", "m", "HEAD^{tree}"),
        ("update-ref", "refs/x", "HEAD"),
    ):
        before = set(ran.iterdir())
        Git(repo).run(*words, check=False)
        assert set(ran.iterdir()) > before, words


def test_it_acts_with_the_persons_environment_but_for_what_redirects_git(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo = repository(tmp_path / "repo")
    helper = tmp_path / "ssh"
    helper.write_text(f"#!/bin/sh\nenv > {tmp_path}/seen\nexit 1\n")
    helper.chmod(0o755)
    for name, value in {
        "SSH_AUTH_SOCK": "/the/persons/agent",
        "GIT_SSH_COMMAND": str(helper),
        "GIT_WORK_TREE": "/elsewhere",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "core.sshCommand",
        "GIT_CONFIG_VALUE_0": "planted",
    }.items():
        monkeypatch.setenv(name, value)
    keyed = keyed_git(repo, tmp_path / "keyed", {"remote.origin.url": "ssh://nowhere.invalid/x"})
    assert not keyed.run("fetch", "origin", check=False).ok
    seen = (tmp_path / "seen").read_text()
    assert "SSH_AUTH_SOCK=/the/persons/agent" in seen
    assert "/elsewhere" not in seen and "planted" not in seen


def test_only_remotes_are_taken_over_from_a_repository(tmp_path: Path) -> None:
    repo = repository(tmp_path / "repo")
    for key in (
        "core.sshCommand",
        "remote.origin.uploadpack",
        "remote.x.vcs",
        "include.path",
        "remote.a\n.url",
    ):
        with pytest.raises(NotARemote):
            keyed_git(repo, tmp_path / "keyed", {key: "x"})


def test_what_a_worker_left_in_its_directory_is_gone_the_next_time(
    tmp_path: Path, program: str, ran: Path
) -> None:
    repo, place = repository(tmp_path / "repo"), tmp_path / "keyed"
    keyed_git(repo, place, {})
    (place / "hooks").mkdir()
    (place / "hooks" / "reference-transaction").symlink_to(program)
    git(place, "config", "core.fsmonitor", program)
    keyed = keyed_git(repo, place, {})
    keyed.run("update-ref", "refs/x", Git(repo).said("rev-parse", "HEAD"))
    assert list(ran.iterdir()) == []
    assert "fsmonitor" not in (place / "config").read_text()
    assert os.access(place, os.W_OK)
