"""This machine as a host: everything is done here and now."""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from fleet.core.model import HERE, Attempt, Task, Worktree
from fleet.home import Home
from fleet.shell import places
from fleet.shell.agreed import Agreed
from fleet.shell.cells import Cells
from fleet.shell.consent import Consent
from fleet.shell.hosts.driver import Client, Committed, Prepared, Vacated
from fleet.shell.watching import Watching
from profiles.isolation import make_private
from workers import processes
from workers.client import session
from workers.client.launch import Launched, launched
from workers.gate import GateSettings, judge
from workers.git import Git, identity, writer
from workers.host import LocalHost
from workers.pinned.files import for_all_sessions, named
from workers.pinned.proof import prove
from workers.port_blocks import of_this_person
from workers.sandbox.confined import confined
from workers.supervisor import scratch_of
from workers.verify import Verdict
from workers.worktree.commit import commit_work
from workers.worktree.ignored_work import told_of_ignored
from workers.worktree.known_again import found_again
from workers.worktree.lock import held
from workers.worktree.make import SETUP_TIMEOUT_S, Made, Site, equip, make_ready
from workers.worktree.remove import remove
from workers.worktree.repository import common_dir_of, locate

VERIFY_TIMEOUT_S = 3_600.0
"""For each command of a verification."""


@dataclass(frozen=True, slots=True)
class LocalDriver:
    home: Home
    home_id: str
    runs: LocalHost
    client: Client
    environ: Mapping[str, str]
    name: str = HERE
    timeout_s: float = VERIFY_TIMEOUT_S
    cells: Cells | None = None
    """In the sandbox; None without one."""

    def worktree_path(self, task: Task) -> Path:
        return places.worktree_path(self.home, task)

    def ports(self, task: Task, worktree: Worktree) -> range | None:
        return of_this_person().claim(self.worktree_path(task))

    def config_dir(self, account: str) -> Path:
        directory = self.home.config_dir(account)
        make_private(directory)
        return directory

    def writer(self, task: Task) -> Mapping[str, str]:
        git = Git(Path(task.spec.repo))
        return identity(git) if self.cells is None else writer(git)

    def distrust(self, what: str) -> Exception:
        """This machine is who asks: what is wrong here is tried again, and told."""
        return OSError(errno.EBADMSG, f"on this machine there is {what}")

    def prepare(self, task: Task, attempt: Attempt, worktree: Worktree, preserved: str | None) -> Prepared:
        with self._confined(task):
            return self._prepare(task, attempt, worktree, preserved)

    def _prepare(self, task: Task, attempt: Attempt, worktree: Worktree, preserved: str | None) -> Prepared:
        path, repo = self.worktree_path(task), Path(task.spec.repo)
        agreed = Agreed(self.home.agreed)
        agreed.before_worktree(repo)
        watching = Watching(self.home.pictured)
        watching.settle(repo, task.spec.target)
        was_there = (path / ".git").exists()
        made = self._made(task, worktree, self.runs.marker(attempt.id), preserved)
        if not was_there:
            agreed.after_setup(repo)
        started = self.runs.alive(attempt.id) or self.runs.has_started(attempt.id)
        if started:
            return Prepared(made, path, self._launched(attempt.id))
        watching.before(replace(task, attempt=attempt.id), made.branch, path)
        prove(self.client.path, self.client.version, self.home.client_proofs)
        config_dir = self.config_dir(attempt.account)
        sandbox = self._sandbox(replace(task, base_commit=made.base_commit), attempt, path, config_dir)
        return Prepared(made, path, None, named(path, config_dir), sandbox)

    def _sandbox(self, task: Task, attempt: Attempt, path: Path, config_dir: Path) -> tuple[str, ...]:
        if self.cells is None:
            return ()
        sealed = list(for_all_sessions(config_dir))
        if attempt.judges:  # it reads only
            sealed += [path, common_dir_of(Path(task.spec.repo))]
        cells = self.cells.of(task, reads=[self.client.path], writes=[config_dir], sealed=sealed)
        cell = cells.of_commands(path)
        scratch = Path(scratch_of(str(self.runs.run_dir(attempt.id))))
        return tuple(cell.before(scratch, path))

    def _confined(self, task: Task) -> AbstractContextManager[None]:
        """What is run within the block sees what the task needs, if there is a sandbox."""
        return confined(None if self.cells is None else self.cells.of(task))

    def _made(self, task: Task, worktree: Worktree, marker: str, preserved: str | None = None) -> Made:
        return make_ready(
            Path(task.spec.repo),
            self.worktree_path(task),
            branch=places.branch_name(task),
            base=task.spec.target,
            settings=Consent(self.home.agreed).worktree_settings(Path(task.spec.repo)),
            ports=self.ports(task, worktree),
            marker_env={"FLEET_RUN": marker, "FLEET_TASK": task.id},
            preserved=preserved,
        )

    def _launched(self, attempt: str) -> Launched:
        try:
            return launched(self.runs.spec(attempt))
        except ValueError as failed:
            raise self.distrust(f"a spec of {attempt} that cannot be read: {failed}") from failed

    def abandon(self, attempt: str) -> bool:
        return self.runs.abandon(attempt)

    def bring_session(self, attempt: Attempt, from_account: str, cwd: Path) -> bool | None:
        there = self.home.config_dir(attempt.account)
        carried = from_account != attempt.account
        if carried:
            session.carry(attempt.session_id, self.home.config_dir(from_account), there)
        found = session.find_transcript(there, attempt.session_id)
        return None if found is None else carried or found.parent.name != session.slug(str(cwd))

    def take_session_home(self, account: str, session_id: str) -> None:
        """It lies at home."""

    def commit(
        self, task: Task, worktree: Worktree, messages: Sequence[str], though_ignored: Sequence[str] = ()
    ) -> Committed:
        with self._confined(task):
            return self._commit(task, self._path(task, worktree), worktree, messages, though_ignored)

    def _commit(
        self,
        task: Task,
        path: Path,
        worktree: Worktree,
        messages: Sequence[str],
        though_ignored: Sequence[str],
    ) -> Committed:
        again = partial(self._made, task, worktree, places.check_marker(task, self.home_id))
        found = found_again(Path(task.spec.repo), path, again)
        commit_work(path, *messages, branch=task.branch, though_ignored=though_ignored)
        head = Git(path).said("rev-parse", "HEAD")
        ignored = told_of_ignored(path) if head == task.base_commit else ""
        return Committed(head, found.remade, ignored, found.told)

    def verify(
        self,
        task: Task,
        worktree: Worktree,
        commands: Sequence[str],
        env: Mapping[str, str],
        hide: Callable[[str], str],
        asking: Sequence[str] = (),
    ) -> Verdict:
        path = self._path(task, worktree)
        with held(path) as lock_fd, self._confined(task):
            site = Site(locate(Path(task.spec.repo)), path, lock_fd)
            again = partial(self._equip_again, site, task, env)
            settings = GateSettings(commands, again, self.timeout_s, asking)
            return judge(path, settings, env, places.check_log(self.home, task), hide)

    def _equip_again(self, site: Site, task: Task, env: Mapping[str, str]) -> None:
        settings = Consent(self.home.agreed).worktree_settings(Path(task.spec.repo))
        wanted = settings(site.repository, task.base_commit or "HEAD")
        equip(site, wanted, env, SETUP_TIMEOUT_S)

    def sweep_checks(self, task: Task) -> None:
        for marker in (places.check_marker(task, self.home_id), places.git_marker(task, self.home_id)):
            processes.sweep(marker, spool_path=self.home.runs / "none")

    def vacate(self, task: Task) -> Vacated:
        with self._confined(task):
            return self._vacate(task)

    def _vacate(self, task: Task) -> Vacated:
        ref = places.preserve_ref(task)
        repo = Path(task.spec.repo)
        removed = remove(repo, self.worktree_path(task), ref)
        of_this_person().release(self.worktree_path(task))
        # A removal that is performed again finds nothing to preserve; what the first one kept is still there.
        there = removed.preserved or Git(repo).commit_of(ref)
        return Vacated(ref if there else None, None if removed.kept_at is None else str(removed.kept_at))

    def _path(self, task: Task, worktree: Worktree) -> Path:
        return Path(worktree.path or self.worktree_path(task))
