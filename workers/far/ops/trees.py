"""Worktrees on this host: made from a mirror, committed, verified, kept and removed. Travels.

`mirror` is a mirror's name, `path` a worktree's absolute path (`Directory.worktree`).
"""

from __future__ import annotations

from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

from workers.children import marked
from workers.far.ops import Answer, Args, Here, Op, needs
from workers.gate import GateSettings, judge
from workers.git import HEADS, Git, head_branch
from workers.pinned.files import for_all_sessions, named
from workers.pinned.proof import prove
from workers.port_blocks import of_this_person
from workers.sandbox.confined import confined
from workers.supervisor import MARKER, scratch_of
from workers.worktree.commit import commit_work
from workers.worktree.entry import admin_dir, git_dir
from workers.worktree.ignored_work import told_of_ignored
from workers.worktree.known_again import Found, found_again, known_again
from workers.worktree.lock import held, is_held
from workers.worktree.mirrored import Asked, found_ready, make_from_mirror, make_ready_again
from workers.worktree.preserve import preserve as keep
from workers.worktree.preserve import snapshot as keep_latest
from workers.worktree.ready import read_ready
from workers.worktree.remove import remove as take_away


def worktrees(here: Here, _: Args, __: bytes) -> Answer:
    """{} → {worktrees: [{path, task, mirror, branch}]}: all that lie here; `mirror` and `branch` are null where the
    worktree has lost what it hung on."""
    pointers = sorted(here.directory.worktrees.glob("*/*/.git"))
    return Answer({"worktrees": [_standing(here, pointer) for pointer in pointers]})


def _standing(here: Here, pointer: Path) -> dict[str, str | None]:
    path, mirror, branch = pointer.parent, None, None
    found = Git(path).run("rev-parse", "--path-format=absolute", "--git-common-dir", check=False)
    if found.ok:
        common = Path(found.out)
        mirror = common.stem if common.parent == (here.directory.root / "mirrors").resolve() else None
        branch = _branch(path)
    return {"path": str(path), "task": path.name, "mirror": mirror, "branch": branch}


def _branch(path: Path) -> str | None:
    """The one it was made for, or else the one it is on."""
    ready = read_ready(git_dir(path))
    if ready is not None and ready.branch is not None:
        return ready.branch
    return head_branch(Git(path))


def ready(here: Here, args: Args, _: bytes) -> Answer:
    """{mirror, path} → {made: {branch, base_commit, setup_output}, or null}"""
    made = found_ready(here.directory.mirror(args["mirror"]), here.directory.worktree(args["path"]))
    return Answer({"made": None if made is None else asdict(made)})


def ports(here: Here, args: Args, _: bytes) -> Answer:
    """{path} → {first: the first port of the worktree's block, or null where none is free}"""
    block = of_this_person().claim(here.directory.worktree(args["path"]))
    return Answer({"first": None if block is None else block.start})


def prepare(here: Here, args: Args, blob: bytes) -> Answer:
    """{mirror, path, branch, tip, base_commit, preserved: commit, ref or null, ports: [first, end] or null, marker_env,
    setup, setup_timeout_s, needs (`needs`), attempt: optional, and with it account, client: {path, version}} and a tar
    of files, or nothing → {branch, base_commit, setup_output, launched: the text of the attempt's spec.json when that
    has ever started, or null, named: [the variables that settings files of the account's client set there], sandbox:
    [the words to put before the client's, so that it runs in its cell]}. Raises NotItsTurn, ClientRefused."""
    with here.turn.held():
        pass  # what takes minutes does not keep another from its turn; the worktree has a lock of its own
    asked = Asked(
        branch=args["branch"],
        tip=args["tip"],
        base_commit=args["base_commit"],
        preserved=args["preserved"],
        ports=range(*args["ports"]) if args["ports"] else None,
        marker_env=args["marker_env"],
        setup=args["setup"],
        setup_timeout_s=args["setup_timeout_s"],
        files=blob,
    )
    mirror, path = here.directory.mirror(args["mirror"]), here.directory.worktree(args["path"])
    attempt = args.get("attempt")
    if attempt is not None and is_held(path) and not here.host.alive(attempt):
        # By the setup of an earlier connection, which stalls: nobody waits for it any more.
        here.host.sweep(attempt)
    with marked(asked.marker_env.get(MARKER)), confined(here.cells(args)):
        made = asdict(make_from_mirror(mirror, path, asked))
    launched = _launched(here, attempt)
    begins = attempt is not None and launched is None
    set_there = _named(here, args, path) if begins else []
    sandbox = _sandbox(here, args, path) if begins else []
    return Answer({**made, "launched": launched, "named": set_there, "sandbox": sandbox})


def _sandbox(here: Here, args: Args, worktree: Path) -> list[str]:
    if here.rooms is None:
        return []
    account = here.directory.account(args["account"])
    account.mkdir(mode=0o700, parents=True, exist_ok=True)
    read_only = (worktree, here.directory.mirror(args["mirror"])) if args.get("reads_only") else ()
    own = replace(
        needs(args),
        reads=(Path(args["client"]["path"]),),
        writes=(account,),
        sealed=(*for_all_sessions(account), *read_only),
    )
    scratch = Path(scratch_of(str(here.host.run_dir(args["attempt"]))))
    return here.rooms.room(worktree, own).before(scratch, worktree)


def _named(here: Here, args: Args, worktree: Path) -> list[str]:
    """What settings files set for the client that will be started. Raises ClientRefused."""
    prove(Path(args["client"]["path"]), args["client"]["version"], here.directory.client_proofs)
    return sorted(named(worktree, here.directory.account(args["account"])))


def _launched(here: Here, attempt: str | None) -> str | None:
    if attempt is None or not (here.host.alive(attempt) or here.host.has_started(attempt)):
        return None
    return (here.host.run_dir(attempt) / "spec.json").read_text(encoding="utf-8")


def commit(here: Here, args: Args, _: bytes) -> Answer:
    """{mirror, path, message, branch, base_commit, tip: a commit that home has of the branch, identity: variables,
    marker: FLEET_RUN of its git, optional, though_ignored: paths} → {commit: what was committed now or null, head,
    remade: whether the worktree was gone, or lost by git, and made anew, ignored: where nothing was ever committed,
    what of its work git ignores, in words, noticed: what had become of the worktree, in words}. Raises HookRefused,
    WorkUnfinished."""
    mirror, path = here.directory.mirror(args["mirror"]), here.directory.worktree(args["path"])
    with marked(args.get("marker")), confined(here.cells(args)):
        found = _found_again(mirror, path, args)
        though_ignored = args.get("though_ignored", ())
        made = commit_work(
            path,
            args["message"],
            branch=args["branch"],
            writer=args["identity"],
            though_ignored=though_ignored,
        )
    head = Git(path).commit_of("HEAD")
    ignored = told_of_ignored(path) if head == args["base_commit"] else ""
    told = {"remade": found.remade, "noticed": found.told, "ignored": ignored}
    return Answer({"commit": made, "head": head, **told})


def _found_again(mirror: Path, path: Path, args: Args) -> Found:
    tip = Git(mirror).commit_of(f"{HEADS}{args['branch']}") or args["tip"]
    again = partial(make_from_mirror, mirror, path, Asked.again(args["branch"], tip, args["base_commit"]))
    return found_again(mirror, path, again, {args["branch"]: tip})


def hang_again(here: Here, args: Args, _: bytes) -> Answer:
    """{mirror, path, branch, tip: a commit that home has of it} → {told}: a worktree whose mirror was made anew, or
    that git had lost in it otherwise, hangs on it again; empty where it was not lost. Raises GitError."""
    mirror, path = here.directory.mirror(args["mirror"]), here.directory.worktree(args["path"])
    with held(path):
        told = known_again(Git(mirror), mirror.resolve(), path, {args["branch"]: args["tip"]})
    return Answer({"told": told})


def snapshot(here: Here, args: Args, _: bytes) -> Answer:
    """{path, ref, ignored: whether ignored work counts} → {head, branch, branch_tip, kept: commit under `ref` or null}.
    Raises PreserveFailed."""
    path = here.directory.worktree(args["path"])
    kept = keep_latest(path, args["ref"], ignored=args["ignored"])
    return Answer({**_stand(path), "kept": kept})


def preserve(here: Here, args: Args, _: bytes) -> Answer:
    """{path, ref} → {commit under `ref`, or null}. Raises PreserveFailed."""
    return Answer({"commit": keep(here.directory.worktree(args["path"]), args["ref"])})


def remove(here: Here, args: Args, _: bytes) -> Answer:
    """{mirror, path, ref} → {preserved: commit under `ref` or null, branch, branch_tip, kept_at: a directory here with
    what is too much for git, or null}; branch and tip are null when it was gone already. Raises PreserveFailed,
    RemoveRefused."""
    mirror, path = here.directory.mirror(args["mirror"]), here.directory.worktree(args["path"])
    stand = _stand(path) if admin_dir(mirror.resolve(), path) and (path / ".git").exists() else {}
    removed = take_away(mirror, path, args["ref"])
    of_this_person().release(path)
    tips = {"branch": stand.get("branch"), "branch_tip": stand.get("branch_tip")}
    kept_at = None if removed.kept_at is None else str(removed.kept_at)
    return Answer({"preserved": removed.preserved, "kept_at": kept_at, **tips})


def _stand(path: Path) -> dict[str, str | None]:
    git, branch = Git(path), _branch(path)
    tip = git.commit_of(f"{HEADS}{branch}") if branch else None
    return {"head": git.commit_of("HEAD"), "branch": branch, "branch_tip": tip}


def verify(here: Here, args: Args, _: bytes) -> Answer:
    """{commands, asking: which of these, setup, path, env, timeout_s, setup_timeout_s, log: a name, needs} → {ok,
    command, code, output_tail, duration_s, tree, noticed, asked_for, denied}. Raises NotTheCommit."""
    log = here.directory.check_log(args["log"])
    log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = here.directory.worktree(args["path"])
    with held(path) as lock_fd, confined(here.cells(args)):
        again = partial(make_ready_again, path, lock_fd, args["setup"], args["env"], args["setup_timeout_s"])
        settings = GateSettings(args["commands"], again, args["timeout_s"], args.get("asking", ()))
        return Answer(asdict(judge(path, settings, args["env"], log)))


OPS: dict[str, Op] = {
    "worktrees": worktrees,
    "ready": ready,
    "ports": ports,
    "prepare": prepare,
    "commit": commit,
    "hang_again": hang_again,
    "snapshot": snapshot,
    "preserve": preserve,
    "remove": remove,
    "verify": verify,
}
