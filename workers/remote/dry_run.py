"""Proves what a start of a worker needs of a host beside its facts: that commands pass its login shell as they are,
that it opens a channel beside the one that it is talked to over, and that its git takes a commit, works on it and gives
it back: one of its own, or those of a repository that it has refused. What it makes, here and there, is gone
afterwards."""

from __future__ import annotations

import secrets
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from shlex import quote
from typing import Any

from workers.far.directory import DRY_RUNS
from workers.far.errors import FarFailed
from workers.far.ops.dry_runs import FILE, OWN
from workers.git import HEADS, Git, GitError
from workers.remote.away import HostAway, NoChannel, NotToBeTrusted
from workers.remote.disk_space import Intake
from workers.remote.fitness import Finding
from workers.remote.lfs import send_large_files
from workers.remote.mirror import Mirror, base_ref
from workers.remote.mirror_modules import send_modules
from workers.remote.refused_there import RefusedThere, expect_whole, story_of
from workers.remote.transport import Far, fetch, push

WHAT = "dry run"
STEP_S = 60.0
TREE_S = 600.0
"""A large worktree on a slow disk takes its time."""
ECHO_S = 30.0
ECHO = 'fleet: it\'s \\101 \\\\ "$HOME" `id` %s {a,b} ! ~ * \u00e9'
"""Whatever one shell or another would make something else of."""
_SAID_MAX = 100_000
_WRITER = {
    f"GIT_{role}_{part}": value
    for role in ("AUTHOR", "COMMITTER")
    for part, value in (("NAME", "Fleet"), ("EMAIL", "fleet@localhost"))
}
_REF = "refs/fleet/dry-run"


def dry_run(far: Far, facts: Mapping[str, Any]) -> Finding:
    """`facts` are the host's. Raises NoChannel; HostAway when the connection is lost on the way; OSError where this
    machine has no room for it."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="fleet-dry-run-") as scratch, ThreadPoolExecutor(1) as beside:
        git = Git(Path(scratch))
        made = beside.submit(_commit, git)
        wrong = no_way(far, facts) or _worked(far, facts, git, made.result())
    if wrong is not None:
        return wrong
    took_s = time.monotonic() - began
    return Finding(WHAT, "ok", f"a commit was sent, worked on there and brought home in {took_s:.1f} s")


def no_way(far: Far, facts: Mapping[str, Any]) -> Finding | None:
    """The quick half of it: what keeps a command from getting there, None where nothing does. Raises as `dry_run`
    does."""
    said = b""
    with far.channel(f"printf %s {quote(ECHO)}", Intake(_SAID_MAX, _SAID_MAX)) as wire:
        wire.settimeout(ECHO_S)
        with suppress(TimeoutError, ConnectionError):
            while piece := wire.recv(4096):
                said += piece
    if said == ECHO.encode():
        return None
    shell = facts.get("shell")
    heard = said.decode(errors="replace")[:100]
    story = (
        f"its login shell {shell or ''} does not pass commands on as they are, so no commit can be sent there "
        f"(of a line it made {heard!r})"
    )
    user = facts.get("user")
    return Finding(WHAT, "error", story, f"give {user} one that is a shell: chsh -s /bin/sh {user}")


def _worked(far: Far, facts: Mapping[str, Any], git: Git, commit: str) -> Finding | None:
    """Whether its git does what a start asks of it."""
    hung = {"name": f"dry-{secrets.token_hex(6)}", "branch": "fleet/dry-run"}
    own = f"{facts['dir']}/{DRY_RUNS}/{hung['name']}/{OWN}"
    try:
        push(git, far, own, [f"{commit}:refs/fleet/incoming/dry-run"], make=True)
        _worked_on(far, git, own, commit, hung, _REF, STEP_S)
    except (NoChannel, NotToBeTrusted):
        raise
    except HostAway as away:
        if not _answers(far):
            raise
        return _refused(f"its connection carries no commits: {away.why}")
    except (GitError, FarFailed, OSError, ValueError) as failed:
        said = story_of(failed) if isinstance(failed, GitError) else str(failed)
        return _refused(f"its git does not do what a start needs: {said}")
    finally:
        with suppress(HostAway, FarFailed, OSError, ValueError):
            far.call("dry_run_end", hung, timeout_s=STEP_S)
    return None


def refused(far: Far, facts: Mapping[str, Any], repo: Path, targets: Sequence[str]) -> str:
    """What its git has against starts from these branches of a repository, in the very mirror that they use; empty
    when it takes them. Raises GitError where home itself does not have what is asked for, NoChannel, HostAway,
    OSError."""
    mirror = Mirror(far, repo)
    for target in targets:
        expect_whole(mirror.git, target, None)
        try:
            _started(mirror, facts, target)
        except FarFailed as failed:
            return str(failed)
        except GitError as failed:
            return story_of(failed)
    return ""


@contextmanager
def told_whose(far: Far, facts: Mapping[str, Any], repo: Path, targets: Sequence[str]) -> Iterator[None]:
    """What git there refuses of a task's work is the host's matter where it refuses the repository, too; else it is
    that of this very worktree. Raises RefusedThere."""
    try:
        yield
    except GitError as failed:
        if failed.at is None or failed.of_the_host:
            raise
        try:
            refuses = refused(far, facts, repo, targets)
        except (GitError, OSError):  # home's own trouble says nothing of the host
            raise failed from None
        if refuses:
            raise RefusedThere(far.name, story_of(failed)) from failed
        raise


def _started(mirror: Mirror, facts: Mapping[str, Any], target: str) -> None:
    name = f"dry-{secrets.token_hex(6)}"
    commit = mirror.git.said("rev-parse", f"{HEADS}{target}")
    hung = {"name": name, "mirror": mirror.name, "branch": f"fleet/{name}"}
    mirror.send({base_ref(target): commit})
    send_modules(mirror, commit)
    send_large_files(mirror, commit, facts.get("git_lfs"))
    try:
        _worked_on(mirror.far, mirror.git, mirror.path, commit, hung, f"{_REF}-{name}", TREE_S)
    finally:
        mirror.git.run("update-ref", "-d", f"{_REF}-{name}")
        with suppress(HostAway, FarFailed, GitError, OSError, ValueError):
            mirror.far.call("dry_run_end", hung, timeout_s=STEP_S)


def _commit(git: Git) -> str:
    """Of one file. Not a bare repository: of those the person's own settings may want to hear nothing."""
    git.run("init", "--quiet", "--template=", ".")
    stream = (
        f"commit refs/heads/main\nmark :1\ncommitter Fleet <fleet@localhost> {int(time.time())} +0000\n"
        "data 7\ndry run\nM 100644 inline file\ndata 3\none\nget-mark :1\n"
    )
    return git.run("fast-import", "--quiet", stdin=stream.encode()).out


def _worked_on(
    far: Far, git: Git, mirror: str, commit: str, hung: Mapping[str, str], ref: str, tree_s: float
) -> None:
    """Of a commit that is there: checked out, gone on with, brought home. Raises GitError."""
    answer = secrets.token_hex(8)
    asked = {**hung, "commit": commit, "answer": answer, "identity": _WRITER}
    head = far.call("dry_run_work", asked, timeout_s=tree_s).values["head"]
    fetch(git, far, mirror, {ref: head})
    found = git.said("cat-file", "blob", f"{head}:{FILE}")
    if found != answer:
        raise GitError(f"what came back is not what was written there: {found[:40]!r}")


def _answers(far: Far) -> bool:
    try:
        far.call("ping", {})
    except HostAway:
        return False
    return True


def _refused(story: str) -> Finding:
    advice = "run git there by hand, as the user that Fleet logs in as, and mend what it says"
    return Finding(WHAT, "error", story, advice)
