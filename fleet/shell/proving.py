"""Asks an account one small question through its client: whether it answers, and what it says of its windows.

It costs some tokens, less than any work: so it is what an account has to answer before work is risked on it.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from fleet.core.events import TurnEnded, WindowReading, WindowsRead
from fleet.core.model import Account
from fleet.home import Home
from fleet.ports import NotAsked, Proof
from fleet.shell.facts import Listener
from fleet.shell.hosts.driver import Client
from fleet.shell.stamp import WALL
from fleet.shell.starting import profile_of
from profiles.errors import NoUsableKeyring
from profiles.isolation import PLACEHOLDER, worker_environment
from profiles.secrets import Secrets, kept_token
from workers.client import launch, listen
from workers.pinned.files import named
from workers.pinned.pins import PinsContradicted, pinned
from workers.pinned.proof import ClientRefused, prove
from workers.spool import Record

ANSWER_S_MAX = 120.0
QUESTION = "Reply with the single word OK."

_ANSWERED = frozenset({listen.Kind.FINISHED, listen.Kind.TURNS})
_PASSING = frozenset({listen.Kind.BUSY, listen.Kind.CUT, None})


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of it. `kind` is None when no answer came in time; `story` says what happened."""

    kind: listen.Kind | None
    story: str
    readings: tuple[WindowReading, ...] = ()

    @property
    def answered(self) -> bool:
        return self.kind in _ANSWERED

    @property
    def limited(self) -> bool:
        """A limit shows that the account answers, too: its readings say until when it gives nothing."""
        return self.kind is listen.Kind.LIMITED

    @property
    def refused(self) -> bool:
        """The credential itself was, and nothing else went wrong on the way."""
        return self.kind is listen.Kind.LOGIN


def ask(
    client: Path,
    account: Account,
    config_dir: Path,
    environ: Mapping[str, str],
    run_marker: str,
    token: Callable[[], str | None],
) -> Reply:
    """Blocks until the client has ended, `ANSWER_S_MAX` at most. `token` is asked where the account has one.
    Raises NotAsked: nothing is known of the account then."""
    try:
        isolation = worker_environment(profile_of(account), config_dir, environ, run_marker=run_marker)
        secret = None if isolation.secret_fd is None else _secret(account, token)
    except (NoUsableKeyring, OSError) as failed:
        raise NotAsked(str(failed)) from failed
    argv = launch.one_question(client, account.tiers[0][1], QUESTION)
    with TemporaryDirectory(prefix="fleet-verify-") as empty:
        env = {**isolation.env, **launch.IMPATIENT}
        try:
            kept = pinned(env, named(Path(empty), config_dir), own_login=isolation.secret_fd is None)
        except (PinsContradicted, OSError) as failed:
            raise NotAsked(str(failed)) from failed
        command = [*argv, *kept.arguments]
        return _run(account, command, kept.env, isolation.secret_fd, secret, Path(empty))


def _secret(account: Account, token: Callable[[], str | None]) -> str:
    if not account.secret:
        return PLACEHOLDER
    kept = token()
    if kept is None:
        raise NotAsked(
            f"the keyring has no token for {account.name} any more: fleet account token {account.name}"
        )
    return kept


def _run(
    account: Account,
    argv: list[str],
    env: Mapping[str, str],
    secret_fd: int | None,
    secret: str | None,
    cwd: Path,
) -> Reply:
    """Runs the client once; the secret goes to it through a pipe."""
    command = argv
    if secret is not None and secret_fd is not None:
        # The shell only moves the pipe from standard input to the descriptor the client reads.
        command = ["sh", "-c", f'exec {secret_fd}<&0 </dev/null; exec "$@"', "sh", *argv]
    try:
        ended = subprocess.run(
            command,
            input=secret or "",
            env=dict(env),
            cwd=cwd,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=ANSWER_S_MAX,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Reply(None, f"no answer within {ANSWER_S_MAX:.0f} s")
    except OSError as failed:
        raise NotAsked(f"the client could not be started: {failed}") from failed
    ear = listen.Ear()
    said = [text.encode() for text in ended.stdout.splitlines()]
    turns = [heard.verdict for heard in map(ear.hear, said) if heard.verdict is not None]
    ear.hear_stderr(ended.stderr)
    judged = turns[-1] if turns else ear.ended(ended.returncode)
    return Reply(judged.kind, judged.reason, _readings(account, said))


def _readings(account: Account, said: list[bytes]) -> tuple[WindowReading, ...]:
    """Of the account's windows, heard as from a worker."""
    at_ms = WALL.now_ms()
    heard = Listener(dict(account.tiers)).hear(Record("o", at_ms, line) for line in said)
    telling = (fact for fact in heard.facts if isinstance(fact, WindowsRead | TurnEnded))
    return tuple(reading for fact in telling for reading in fact.readings)


@dataclass(frozen=True, slots=True)
class ClientProver:
    """A `ports.Prover`: asks with the account's own credential, as a worker of it would."""

    home: Home
    home_id: str
    client: Client
    environ: Mapping[str, str]
    secrets: Secrets

    def __call__(self, account: Account) -> Proof:
        try:
            prove(self.client.path, self.client.version, self.home.client_proofs)
        except (ClientRefused, OSError) as failed:
            raise NotAsked(str(failed)) from failed
        reply = ask(
            self.client.path,
            account,
            self.home.config_dir(account.name),
            self.environ,
            f"probe-{account.name}@{self.home_id}",
            lambda: kept_token(self.secrets, account.name),
        )
        return Proof(
            ok=reply.answered or reply.limited,
            story=reply.story,
            refused=reply.refused,
            passing=reply.kind in _PASSING,
            readings=reply.readings,
        )
