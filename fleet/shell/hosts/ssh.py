"""A host reached over ssh. Its work starts from home's repository and comes back there (`driver`)."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

from fleet.core.model import Attempt, Host, Task, Worktree
from fleet.home import Home
from fleet.shell import places
from fleet.shell.consent import Consent
from fleet.shell.hosts.driver import Client, Committed, Prepared, Vacated
from fleet.shell.hosts.local import VERIFY_TIMEOUT_S
from workers.client import session
from workers.client.launch import Launched, launched
from workers.far.git_settings import variables
from workers.git import HEADS, Git, GitError, writer
from workers.port_blocks import PORTS_PER_WORKTREE
from workers.remote import fitness, sessions
from workers.remote.answers import shown
from workers.remote.away import HostAway, NotToBeTrusted, NoWay
from workers.remote.dry_run import dry_run, no_way, told_whose
from workers.remote.lfs import bring_large_files, send_large_files
from workers.remote.link import Link
from workers.remote.mirror import BranchInUse, Mirror, adopt_branch, base_ref, incoming_ref
from workers.remote.mirror_modules import bring_modules, send_modules
from workers.remote.runs import RemoteRuns
from workers.remote.seeds import pack_seeds
from workers.remote.transport import Answer
from workers.sandbox.cell import NOTHING_MORE, Needs
from workers.verify import Verdict
from workers.worktree.branch import Claimed, claim, claimed
from workers.worktree.checkouts import persons_checkout
from workers.worktree.commit import HookRefused, WorkUnfinished
from workers.worktree.make import SETUP_TIMEOUT_S, Made, SetupFailed, WorktreeRefused
from workers.worktree.shared import PersonNeeded

TREE_S = 600.0
"""A large worktree on a slow disk takes its time."""
WAY_PATIENCE_S = 120.0
"""So long a start tries a host that answers and opens no channel, say, before it goes elsewhere."""
PROOF_S = 300.0
"""Longer than a client may take that is tried (`workers.pinned.proof`)."""
CONNECT_PATIENCE_S = 15.0
"""So long an errand waits for a connection that is just being made, before it says that the host is away."""


@dataclass(frozen=True, slots=True)
class Observed:
    """What moves on a host. `problem` is why no worker can be run there, empty when none is known; `unsandboxed` why
    work there runs in no sandbox, empty where it does."""

    memory_free_bytes: int | None
    cores: int | None
    load: float | None
    problem: str
    machine: str | None = None
    unsandboxed: str = ""
    disk_free_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """A worktree that lies on the host."""

    task: str
    path: str
    mirror: str
    branch: str | None


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How far a worker has come, at home: `ref` keeps what was in no commit, None where there is nothing such."""

    ref: str | None
    changed: bool


class SshDriver:
    way_patience_s = WAY_PATIENCE_S

    def __init__(
        self,
        host: Host,
        home: Home,
        home_id: str,
        link: Link,
        *,
        needs: Callable[[Task], Needs] = lambda _: NOTHING_MORE,
        sandbox_required: bool = False,
    ) -> None:
        """`needs` is what a person laid down for a task's project. `sandbox_required`: without one it gets no work."""
        self.name = host.name
        self.workers_max = host.workers_max
        self.link = link
        self.runs = RemoteRuns(link, home_id)
        self._home, self._home_id = home, home_id
        self._needs, self._sandbox_required = needs, sandbox_required
        self._lock = Lock()
        self._mirrors: dict[str, Mirror] = {}
        self._mirrors_of = 0
        self._turn_lock = Lock()
        self._turn_of = 0
        self._proved_of = self._tried_of = 0
        self._in_vain: dict[str, tuple[int, float]] = {}
        """Starts that the connected host gave nothing for: of which connection, and since when."""
        self._checkpoints: dict[str, tuple[str, str | None]] = {}
        # One at a time moves a task's branch at home: a checkpoint that is slow must not move it back.
        self._bringing: defaultdict[str, Lock] = defaultdict(Lock)

    def close(self) -> None:
        self.link.close()

    # --- what it is ---

    @property
    def client(self) -> Client:
        client = self._fact("client")
        if client is None:
            raise HostAway(self.name, "no Claude Code client was found on it: install it there")
        return Client(Path(client["path"]), client["version"], frozenset(client["flags"]))

    def _client_told(self) -> dict[str, str]:
        return {"path": str(self.client.path), "version": self.client.version}

    @property
    def environ(self) -> Mapping[str, str]:
        return {**self._fact("environ"), "PATH": self._fact("path")}

    def _fact(self, name: str) -> Any:
        if not self.link.wait(CONNECT_PATIENCE_S):
            raise HostAway(self.name, self.link.state().why)
        facts = self.link.state().facts
        if facts is None:
            raise HostAway(self.name, "it has not said yet what it has")
        return facts[name]

    @property
    def _directory(self) -> Path:
        return Path(self._fact("dir"))

    def worktree_path(self, task: Task) -> Path:
        there = places.worktree_path(self._home, task).relative_to(self._home.worktrees)
        return self._directory / "worktrees" / there

    def ports(self, task: Task, worktree: Worktree) -> range | None:
        path = worktree.path or str(self.worktree_path(task))
        first = self.link.call("ports", {"path": path}).values["first"]
        return None if first is None else range(first, first + PORTS_PER_WORKTREE)

    def config_dir(self, account: str) -> Path:
        return self._directory / "accounts" / account

    def observe(self, *, prove: bool = True) -> Observed:
        """Asks it anew; `prove`: with a dry run of a start, where none has gone well in this connection, else only
        whether a command gets there. Raises HostAway; NoChannel, where it can only be talked to."""
        facts = self.link.call("probe").values
        without = fitness.unsandboxed(facts)
        problem = fitness.problem(facts) or (without if self._sandbox_required else "")
        problem = problem or self._git_refuses(facts, prove) or self._client_refused()
        moves = (facts["memory_free_bytes"], facts["cores"], facts["load1"])
        return Observed(*moves, problem, facts.get("machine"), without, facts["disk_free_bytes"])

    def _told_needs(self, task: Task) -> dict[str, Any]:
        needs = self._needs(task)
        reads, writes = ([*map(str, paths)] for paths in (needs.granted_reads, needs.granted_writes))
        return {"project": needs.project, "reads": reads, "writes": writes}

    def _git_refuses(self, facts: Mapping[str, Any], prove: bool) -> str:
        """Why no start would get on there; empty when a dry run of one did. Asked until it did, once for each
        connection, and after a start that got nowhere."""
        connects = self.link.state().connects
        if self._tried_of == connects:
            return ""
        found = dry_run(self.link, facts) if prove else no_way(self.link, facts)
        if found is None or found.grade == "ok":
            self._tried_of = connects if prove else 0
            return ""
        return f"{found.story}: {found.advice}"

    def _client_refused(self) -> str:
        """Why its client may not be given a repository; empty when it was proved there. Asked until it was, once for
        each connection: each start looks again whether the client is still that one."""
        connects = self.link.state().connects
        if self._proved_of == connects:
            return ""
        refused: str | None = self.link.call("prove_client", self._client_told(), timeout_s=PROOF_S).values[
            "refused"
        ]
        if refused is None:
            self._proved_of = connects
        return refused or ""

    # --- work goes there ---

    def prepare(self, task: Task, attempt: Attempt, worktree: Worktree, preserved: str | None) -> Prepared:
        began = self._in_vain.pop(attempt.id, None)
        try:
            return self._prepared(task, attempt, worktree, preserved)
        except HostAway as away:
            self._expect_a_way(attempt.id, away, began)
            raise

    def _expect_a_way(self, attempt: str, away: HostAway, began: tuple[int, float] | None) -> None:
        """Raises NoWay for a start that has got nowhere for `WAY_PATIENCE_S`, while the host was there all the time.
        `began`: on which connection it got nowhere first, and when."""
        state, now = self.link.state(), time.monotonic()
        if isinstance(away, NotToBeTrusted) or not state.connected:
            return
        connects, since = began or (state.connects, now)
        if connects == state.connects and now - since >= self.way_patience_s:
            self._tried_of = 0
            raise NoWay(self.name, away.why) from away
        self._in_vain[attempt] = (connects, since) if connects == state.connects else (state.connects, now)

    def _prepared(self, task: Task, attempt: Attempt, worktree: Worktree, preserved: str | None) -> Prepared:
        self.take_turn()
        try:
            return self._prepare(task, attempt, worktree, preserved)
        except GitError as failed:
            if isinstance(failed, SetupFailed | PersonNeeded) or failed.of_the_host:
                raise
            # What is remembered of the mirror may be wrong: somebody may have deleted it meanwhile.
            self._mirror(task).forget()
            return self._prepare(task, attempt, worktree, preserved)

    def _prepare(self, task: Task, attempt: Attempt, worktree: Worktree, preserved: str | None) -> Prepared:
        mirror = self._mirror(task)
        git = mirror.git
        base = git.commit_of(f"{HEADS}{task.spec.target}")
        if base is None:
            raise WorktreeRefused(
                f"{task.spec.repo} has no branch {task.spec.target!r} (any more) to start from"
            )
        consented = Consent(self._home.agreed).worktree_settings(Path(task.spec.repo))
        settings = consented(git, base)  # before a branch is claimed that would start there
        # Whose the branch is, is settled at home, under the path that the worktree would have there.
        ours = claim(git, places.worktree_path(self._home, task), places.branch_name(task), base)
        if ours.base_commit != base:
            settings = consented(git, ours.base_commit)
        tip = self._tip(git, task, ours.branch)
        kept = git.commit_of(preserved) if preserved else None
        commits = {base_ref(task.spec.target): base, incoming_ref(task.id): tip}
        mirror.send(commits | ({preserved: kept} if preserved and kept else {}))
        for commit in (tip, kept) if kept else (tip,):
            send_modules(mirror, commit)
            send_large_files(mirror, commit, self._fact("git_lfs"))
        ports = self.ports(task, worktree)
        seeds = pack_seeds(settings, persons_checkout(mirror.place))
        path = self.worktree_path(task)
        said = self.link.call(
            "prepare",
            {
                "mirror": mirror.name,
                "path": str(path),
                "attempt": attempt.id,
                "account": attempt.account,
                "reads_only": attempt.judges,
                "client": self._client_told(),
                "branch": ours.branch,
                "tip": tip,
                "base_commit": ours.base_commit,
                "preserved": kept,
                "ports": [ports.start, ports.stop] if ports else None,
                "marker_env": {"FLEET_RUN": self.runs.marker(attempt.id), "FLEET_TASK": task.id},
                "setup": list(settings.setup),
                "setup_timeout_s": SETUP_TIMEOUT_S,
                "needs": self._told_needs(task),
            },
            seeds.files,
            timeout_s=SETUP_TIMEOUT_S * (1 + len(settings.setup)),
        ).values
        notes = "".join(f"{note}\n" for note in seeds.notes)
        stands = self._claimed(git, task, ours, Claimed(said["branch"], said["base_commit"]))
        made = Made(stands.branch, stands.base_commit, notes + said["setup_output"])
        launched = self._launched(said["launched"])
        return Prepared(made, path, launched, frozenset(said["named"]), tuple(said["sandbox"]))

    def _claimed(self, git: Git, task: Task, ours: Claimed, said: Claimed) -> Claimed:
        """What the worktree there stands on: a claim of home's for this very worktree, or the host lies. It may be an
        earlier one, while somebody has that branch checked out here."""
        if (
            said != ours
            and claimed(git, places.worktree_path(self._home, task)).get(said.branch) != said.base_commit
        ):
            raise self.link.distrust(
                f"branch {shown(said.branch)} from {said.base_commit[:12]} for {task.id}, which home has not claimed"
            )
        return said

    def _launched(self, spec: str | None) -> Launched | None:
        if spec is None:
            return None
        try:
            found = json.loads(spec)
            if isinstance(found, dict):
                return launched(found)
        except (ValueError, RecursionError):
            pass
        raise self.link.distrust(f"{shown(spec)} as what it has launched")

    def _tip(self, git: Git, task: Task, branch: str) -> str:
        """The head of the branch, or what a host had made of it when somebody stood on the branch here."""
        tip, work = git.said("rev-parse", f"{HEADS}{branch}"), git.commit_of(places.work_ref(task))
        return work if work and git.asks("merge-base", "--is-ancestor", tip, work) else tip

    def abandon(self, attempt: str) -> bool:
        self.take_turn()  # what an earlier connection was asked to launch, and has not delivered yet, is void by that
        return self.runs.abandon(attempt)

    def bring_session(self, attempt: Attempt, from_account: str, cwd: Path) -> bool | None:
        here = self._home.config_dir(attempt.account)
        carried = from_account != attempt.account
        if carried:
            session.carry(attempt.session_id, self._home.config_dir(from_account), here)
        laid = sessions.push(self.link, attempt.account, attempt.session_id, here, str(cwd))
        return laid.moved or carried if isinstance(laid, sessions.Laid) else None

    # --- work comes home ---

    def take_session_home(self, account: str, session_id: str) -> None:
        sessions.pull(self.link, account, session_id, self._home.config_dir(account))

    def commit(
        self, task: Task, worktree: Worktree, messages: Sequence[str], though_ignored: Sequence[str] = ()
    ) -> Committed:
        mirror = self._mirror(task)
        path = worktree.path or str(self.worktree_path(task))
        asked = {
            "mirror": mirror.name,
            "path": path,
            # A mirror has no hooks that could refuse it.
            "message": messages[0],
            "branch": task.branch or places.branch_name(task),
            "base_commit": task.base_commit,
            "tip": self._known_tip(task),
            "identity": writer(mirror.git),
            "though_ignored": list(though_ignored),
            "marker": places.check_marker(task, self._home_id),
            "needs": self._told_needs(task),
        }
        with self._bringing[task.id], self._told_whose(task):
            said = self._where_it_hangs(task, path, lambda: self.link.call("commit", asked)).values
            self._bring(mirror, task, said["head"], {})
        return Committed(said["head"], said["remade"], said["ignored"], said["noticed"])

    def _where_it_hangs(self, task: Task, path: str, ask: Callable[[], Answer]) -> Answer:
        """The answer, also where somebody has deleted the mirror that the worktree hangs on, or what git has of it
        there: then it hangs on it again, with its files as they lie there."""
        try:
            return ask()
        except GitError as failed:
            if failed.of_the_host or isinstance(failed, HookRefused | WorkUnfinished | SetupFailed):
                raise
            mirror, tip = self._mirror(task), self._known_tip(task)
            mirror.forget()
            mirror.send({incoming_ref(task.id): tip})
            branch = task.branch or places.branch_name(task)
            if not mirror.ask("hang_again", {"path": path, "branch": branch, "tip": tip}).values["told"]:
                raise
            return ask()

    def _known_tip(self, task: Task) -> str:
        """How far home has the task's branch, or what it started from."""
        git, branch = self._mirror(task).git, task.branch or places.branch_name(task)
        if git.commit_of(f"{HEADS}{branch}") is not None:
            return self._tip(git, task, branch)
        return git.commit_of(places.work_ref(task)) or task.base_commit or git.said("rev-parse", "HEAD")

    def _bring(self, mirror: Mirror, task: Task, head: str, kept: Mapping[str, str]) -> None:
        """The task's branch at home becomes what it is on the host; what is in no commit of it goes to the refs of
        `kept`, `{ref: commit}`. What these commits need comes before they are seen."""
        mirror.bring({places.work_ref(task): head, **kept})
        for commit in (head, *kept.values()):
            bring_modules(mirror, commit)
            target = f"{HEADS}{task.spec.target}"
            bring_large_files(mirror, commit, task.base_commit or mirror.git.said("merge-base", head, target))
        adopt_branch(mirror.git, task.branch or places.branch_name(task), head, places.preserve_ref(task))

    def verify(
        self,
        task: Task,
        worktree: Worktree,
        commands: Sequence[str],
        env: Mapping[str, str],
        hide: Callable[[str], str],
        asking: Sequence[str] = (),
    ) -> Verdict:
        log = places.check_log(self._home, task)
        consented = Consent(self._home.agreed).worktree_settings(Path(task.spec.repo))
        setup = consented(self._mirror(task).git, task.base_commit or "HEAD").setup
        said = self.link.call(
            "verify",
            {
                "path": worktree.path or str(self.worktree_path(task)),
                "commands": list(commands),
                "asking": list(asking),
                "setup": list(setup),
                "env": dict(env),
                "timeout_s": VERIFY_TIMEOUT_S,
                "setup_timeout_s": SETUP_TIMEOUT_S,
                "log": log.name,
                "needs": self._told_needs(task),
            },
            timeout_s=VERIFY_TIMEOUT_S * (1 + len(commands) * (2 if asking else 1))
            + SETUP_TIMEOUT_S * len(setup),
        ).values
        verdict = Verdict(**said)
        log.write_text(hide(verdict.output_tail), errors="surrogateescape")
        return verdict

    def sweep_checks(self, task: Task) -> None:
        self.link.call("sweep_marker", {"marker": places.check_marker(task, self._home_id)})

    def vacate(self, task: Task) -> Vacated:
        with self._bringing[task.id], self._told_whose(task):
            return self._vacate(task)

    def _vacate(self, task: Task) -> Vacated:
        kept_at = None
        mirror, ref = self._mirror(task), places.preserve_ref(task)
        if task.session_id is not None and task.session_account is not None:
            self.take_session_home(task.session_account, task.session_id)
        path = str(self.worktree_path(task))
        if any(standing.path == path for standing in self.standing()):
            said = self._snapshot(task, path, ref, ignored=True)
            kept = {ref: said["kept"]} if said["kept"] else {}
            self._bring(mirror, task, said["branch_tip"] or said["head"], kept)
            self._settle_marks(mirror, task, said["kept"])
            asked = {"mirror": mirror.name, "path": path, "ref": ref}
            kept_at = self.link.call("remove", asked, timeout_s=TREE_S).values["kept_at"]
        self.link.call("drop_runs", {"task": task.id})
        there = f"{self.name}:{kept_at}" if kept_at else None
        return Vacated(ref if mirror.git.commit_of(ref) else None, there)

    def _told_whose(self, task: Task) -> AbstractContextManager[None]:
        facts = self.link.state().facts or {}
        return told_whose(self.link, facts, Path(task.spec.repo), [task.spec.target])

    def _settle_marks(self, mirror: Mirror, task: Task, kept: str | None) -> None:
        """What has come home for good is the last checkpoint; without loose work the branch is enough."""
        for ref, commit in ((places.work_ref(task), None), (places.checkpoint_ref(task), kept)):
            mirror.git.run("update-ref", *((ref, commit) if commit else ("-d", ref)))

    def checkpoint(
        self, task: Task, attempt: Attempt, worktree: Worktree, works: Callable[[], bool]
    ) -> Checkpoint:
        """Brings home how far a worker has come, while it `works`. Raises HostAway, GitError, OSError."""
        with self._bringing[task.id]:
            if not works():
                return Checkpoint(None, changed=False)
            with self._told_whose(task):
                return self._checkpoint(task, attempt, worktree)

    def _checkpoint(self, task: Task, attempt: Attempt, worktree: Worktree) -> Checkpoint:
        """The session is as of before the work is looked at, and comes home after it: should that break off anywhere, a
        session never speaks of work that is not there."""
        mirror, ref = self._mirror(task), places.checkpoint_ref(task)
        path = worktree.path or str(self.worktree_path(task))
        talk = sessions.look(self.link, attempt.account, attempt.session_id)
        said = self._snapshot(task, path, ref, ignored=False)
        now = (said["branch_tip"] or said["head"], said["kept"])
        changed = self._checkpoints.get(task.id) != now
        if changed:
            # Somebody who looks at the branch keeps it from being moved, but not its commits from coming home.
            with suppress(BranchInUse):
                self._bring(mirror, task, now[0], {ref: said["kept"]} if said["kept"] else {})
            self._checkpoints[task.id] = now
        grown = sessions.bring(talk, self._home.config_dir(attempt.account))
        talked = isinstance(grown, session.Carried) and grown.how == "copied"
        return Checkpoint(ref if said["kept"] else None, changed or talked)

    # --- what strays ---

    def take_turn(self) -> None:
        """Once for each connection: what was asked over an earlier one, and is still on its way, starts nothing any
        more. Raises HostAway."""
        connects = self.link.state().connects
        with self._turn_lock:
            if self._turn_of != connects:
                self.link.call("take_turn")
                self._turn_of = connects

    def standing(self) -> list[Standing]:
        """The worktrees that lie there. Raises HostAway."""
        found = self.link.call("worktrees").values["worktrees"]
        for one in found:
            self._expect_place(one["path"], one["task"])
        return [Standing(one["task"], one["path"], one["mirror"], one["branch"]) for one in found]

    def _expect_place(self, path: str, task: str) -> None:
        """Raises NotToBeTrusted for a worktree that does not lie where worktrees do."""
        there = Path(path)
        if there.name != task or there.parent.parent != self._directory / "worktrees":
            raise self.link.distrust(f"a worktree of {shown(task)} at {shown(path)}")

    def writer(self, task: Task) -> Mapping[str, str]:
        """And where its user's git configuration is broken, the one that Fleet's own git reads there."""
        named = writer(self._mirror(task).git)
        return {**named, **variables(self.link.git_settings)} if self._fact("git_trouble") else named

    def distrust(self, what: str) -> NotToBeTrusted:
        """`Link.distrust`."""
        return self.link.distrust(what)

    def reclaim(self, task: Task, standing: Standing) -> str | None:
        """Preserves at home what the worktree has that home does not, then removes it; the ref, if there was anything.
        Raises GitError, OSError, HostAway: then it is still there."""
        mirror = self._mirror(task)
        kept_as = f"refs/fleet/given-up/{task.id}"
        said = self._snapshot(task, standing.path, kept_as, ignored=True)
        refs = {}
        for commit in (said["kept"], said["branch_tip"], said["head"]):
            if commit and not _has(mirror.git, commit):
                refs[f"refs/fleet/preserved/{task.id}.given-up-on-{self.name}-{commit[:12]}"] = commit
        mirror.bring(refs)
        self.link.call(
            "remove", {"mirror": mirror.name, "path": standing.path, "ref": kept_as}, timeout_s=TREE_S
        )
        return next(iter(refs), None)

    def _snapshot(self, task: Task, path: str, ref: str, *, ignored: bool) -> Mapping[str, Any]:
        asked = {"path": path, "ref": ref, "ignored": ignored}
        found = self._where_it_hangs(task, path, lambda: self.link.call("snapshot", asked, timeout_s=TREE_S))
        return found.values

    def _mirror(self, task: Task) -> Mirror:
        connects = self.link.state().connects
        with self._lock:
            if connects != self._mirrors_of:
                self._mirrors.clear()
                self._mirrors_of = connects
            if task.spec.repo not in self._mirrors:
                self._mirrors[task.spec.repo] = Mirror(self.link, Path(task.spec.repo))
            return self._mirrors[task.spec.repo]


def _has(git: Git, commit: str) -> bool:
    """Whether a reference at home keeps the commit already."""
    kept = git.commit_of(commit) is not None
    return kept and bool(git.said("for-each-ref", "--count=1", f"--contains={commit}"))
