"""Looks at everything a fleet needs on this machine, and says what to do about what is missing."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from uuid import uuid4

from fleet.core.model import Account, Fleet
from fleet.core.model.lifecycles import TASK_ENDS
from fleet.core.rules.accounts import token_days_left, token_ending
from fleet.errors import NotDone
from fleet.home import Home
from fleet.installed import mend_command, missing, replaced
from fleet.service.clients import find_client, pins_of, proved_client
from fleet.service.consents import unasked
from fleet.service.credentials import login_of, same_accounts, same_logins
from fleet.service.probing import examine as examine_hosts
from fleet.shell import homelock
from fleet.shell.consent import allow_command
from fleet.shell.starting import profile_of
from fleet.store.errors import StoreUnreadable
from fleet.views.snapshot import snapshot
from profiles.errors import CHOICES, NoUsableKeyring
from profiles.login import LoginUnknown, login_state
from profiles.secrets import kept_token, open_secrets
from workers.git import GitError
from workers.host import LocalHost
from workers.remote.fitness import DISK_LOW_BYTES, Finding
from workers.sandbox.bubblewrap import Unavailable, find
from workers.worktree.checkouts import persons_checkout
from workers.worktree.hooks import absent_hooks
from workers.worktree.repository import locate

MEMORY_LOW_BYTES = 1_000_000_000


_NO_ACCOUNT = Finding(
    "accounts",
    "warning",
    "there is none, so no task can run",
    "fleet account add NAME --kind subscription --login",
)


def examine(home: Home, environ: Mapping[str, str]) -> list[Finding]:
    """Every check on its own: one that cannot be made is a finding too."""
    looks: dict[str, Callable[[], list[Finding]]] = {
        "installation": lambda: [_installation()],
        "git": lambda: [_git()],
        "sandbox": lambda: [_sandbox(environ)],
        "client": lambda: [_client(home, environ)],
        "home": lambda: [_home(home)],
        "disk": lambda: [_space(home)],
        "memory": lambda: [_memory(home)],
        "coordinator": lambda: [_coordinator(home)],
        "database": lambda: _state(home, environ),
    }
    return [finding for what, look in looks.items() for finding in _looked(what, look)]


def _looked(what: str, look: Callable[[], list[Finding]]) -> list[Finding]:
    try:
        return look()
    except OSError as failed:
        return [Finding(what, "error", f"it cannot be looked at: {failed}")]


def _installation() -> Finding:
    found = replaced()
    if found:
        return Finding(
            "installation",
            "error",
            f"not as it was installed: {', '.join(found[:3])}{' and more' if found[3:] else ''}; another package here "
            "may have the same names",
            f"install Fleet into an environment of its own (README), or mend this one: {mend_command()}",
        )
    gone = missing()
    if gone:
        return Finding(
            "installation", "error", f"not whole: of {', '.join(gone)} something is gone", mend_command()
        )
    return Finding("installation", "ok", "as it was installed")


def _git() -> Finding:
    path = shutil.which("git")
    if path is None:
        return Finding("git", "error", "there is no git on the PATH", "install it, e.g. apt install git")
    said = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout.strip()
    return Finding("git", "ok", f"{said} ({path})")


def _sandbox(environ: Mapping[str, str]) -> Finding:
    found = find(environ)
    if isinstance(found, Unavailable):
        return Finding("sandbox", "warning", f"none, so workers run as you: {found.why}", found.cure)
    return Finding("sandbox", "ok", f"bubblewrap ({found})")


def _client(home: Home, environ: Mapping[str, str]) -> Finding:
    try:
        client = proved_client(home, environ)
    except NotDone as failed:
        return Finding("client", "error", str(failed))
    return Finding(
        "client", "ok", f"Claude Code {client.version} ({client.path}), takes no order from a repository"
    )


def _home(home: Home) -> Finding:
    try:
        home.make()
        probe = home.root / f".probe-{uuid4().hex}"
        probe.write_text("probe")
        probe.unlink()
    except OSError as failed:
        told = f"{home.root} cannot be written: {failed.strerror}" if failed.strerror else str(failed)
        return Finding("home", "error", told, "name another FLEET_HOME")
    return Finding("home", "ok", str(home.root))


def _space(home: Home) -> Finding:
    free = LocalHost(home.runs, "").disk_free_bytes()
    if free < DISK_LOW_BYTES:
        return Finding("disk", "warning", f"{free / 1e9:.1f} GB free below {home.root}", "free some space")
    return Finding("disk", "ok", f"{free / 1e9:.0f} GB free")


def _memory(home: Home) -> Finding:
    free = LocalHost(home.runs, "").memory_free_bytes()
    if free is None:
        return Finding("memory", "warning", "free memory is unknown here, so workers run one at a time")
    if free < MEMORY_LOW_BYTES:
        return Finding(
            "memory", "warning", f"{free / 1e9:.1f} GB free: room for {free // 400_000_000} workers"
        )
    return Finding("memory", "ok", f"{free / 1e9:.1f} GB free")


def _coordinator(home: Home) -> Finding:
    holder = homelock.holder(home)
    if holder is None or not holder.socket:
        return Finding("coordinator", "ok", "not running (fleet up)")
    return Finding("coordinator", "ok", f"process {holder.pid}")


def _state(home: Home, environ: Mapping[str, str]) -> list[Finding]:
    try:
        fleet = snapshot(home)
    except StoreUnreadable as failed:
        return [Finding("database", "error", str(failed))]
    if not home.database.exists():
        return [Finding("database", "ok", "none yet"), *_keyring(home, "new", needed=False), _NO_ACCOUNT]
    found = [Finding("database", "ok", f"{len(fleet.tasks)} tasks, {len(fleet.accounts)} accounts")]
    accounts = [a for a in fleet.accounts.values() if a.state != "removed"]
    found += _keyring(home, fleet.home_id, needed=any(a.secret for a in accounts))
    if not accounts:
        found.append(_NO_ACCOUNT)
    found += [_account(home, fleet, name, environ) for name in sorted(a.name for a in accounts)]
    found += _same(home, fleet, environ)
    found += _hooks(fleet)
    found += _consent(home, fleet)
    return found + examine_hosts(home, [host for host in fleet.hosts.values() if not host.is_here], environ)


def _hooks(fleet: Fleet) -> list[Finding]:
    """Of each repository with work to do: hooks that git brings into no worktree."""
    found = []
    for repo in sorted({task.spec.repo for task in fleet.tasks.values() if task.state not in TASK_ENDS}):
        try:
            checkout = persons_checkout(locate(repo))
            absent = absent_hooks(checkout) if checkout is not None else None
        except GitError as failed:
            found.append(Finding(f"repository {repo}", "error", str(failed)))
        else:
            if absent is not None:
                found.append(Finding(f"hooks of {repo}", "warning", absent.story, absent.cure))
    return found


def _consent(home: Home, fleet: Fleet) -> list[Finding]:
    """Of each repository with work to do: what waits for a person to agree to it, or will."""
    open_ones = [task for task in fleet.tasks.values() if task.state not in TASK_ENDS]
    asked = {task.spec.repo: task.trouble.story for task in open_ones if task.trouble and task.consent}
    for repo, target in sorted({(task.spec.repo, task.spec.target) for task in open_ones}):
        with suppress(GitError):  # `_hooks` has told of it
            told = unasked(home, Path(repo), target)
            asked |= {repo: told} if told else {}
    return [
        Finding(f"commands of {repo}", "warning", story, allow_command(repo)) for repo, story in asked.items()
    ]


def _keyring(home: Home, home_id: str, *, needed: bool) -> list[Finding]:
    try:
        open_secrets(home_id, home.root).prove()
    except NoUsableKeyring as failed:
        return [Finding("keyring", "error" if needed else "warning", f"not usable: {failed.why}", CHOICES)]
    return [Finding("keyring", "ok", "usable")]


def _account(home: Home, fleet: Fleet, name: str, environ: Mapping[str, str]) -> Finding:
    account = fleet.accounts[name]
    what = f"account {name}"
    if account.state == "quarantined":
        advice = f"renew its credential, then fleet account verify {name}"
        return Finding(what, "error", f"quarantined: {account.reason}", advice)
    if not account.login:
        return _with_token(home, fleet, what, account)
    try:
        client, config_dir = find_client(environ).path, home.config_dir(name)
        state = login_state(client, profile_of(account), config_dir, os.environ, pins_of(config_dir))
    except (LoginUnknown, NotDone) as failed:
        return Finding(what, "warning", str(failed))
    if not state.logged_in:
        advice = f"fleet account remove {name}, then add it again with --login"
        return Finding(what, "error", "its directory holds no login any more", advice)
    return Finding(what, "ok", f"{account.kind}, logged in")


def _same(home: Home, fleet: Fleet, environ: Mapping[str, str]) -> list[Finding]:
    """Accounts that are one and the same, in a home of a release that did not refuse that."""
    accounts = fleet.accounts.values()
    try:
        same = list(same_accounts(accounts, open_secrets(fleet.home_id, home.root)))
    except NoUsableKeyring:
        same = []  # the keyring has a finding of its own
    try:
        login = partial(login_of, home, find_client(environ).path)
        same += [(one, other, "login") for one, other in same_logins(accounts, login)]
    except NotDone:
        pass  # the client has one, too
    return [
        Finding(
            f"accounts {one}, {other}", "error", f"both have the same {what}", f"fleet account remove {other}"
        )
        for one, other, what in same
    ]


def _with_token(home: Home, fleet: Fleet, what: str, account: Account) -> Finding:
    try:
        missing = account.secret and kept_token(open_secrets(fleet.home_id, home.root), account.name) is None
    except NoUsableKeyring as failed:
        advice = f"reach the keyring that has it, or give it a new one: fleet account token {account.name}"
        return Finding(what, "error", f"its token cannot be looked up: {failed.why}", advice)
    if missing:
        return Finding(
            what, "error", "the keyring has no token for it", f"fleet account token {account.name}"
        )
    left = token_days_left(account, time.time_ns() // 1_000_000)
    if left is not None:
        return Finding(what, "warning", token_ending(left, account.name))
    return Finding(what, "ok", account.kind)
