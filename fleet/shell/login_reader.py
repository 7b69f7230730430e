"""Reads the windows of an idle account through its own client, with the login that the client keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fleet.core.events import WindowReading
from fleet.core.model import Account
from fleet.home import Home
from fleet.ports import NoReading
from fleet.shell.hosts.driver import Client
from fleet.shell.starting import profile_of
from profiles.isolation import worker_environment
from profiles.windows import scope_of
from workers.client.probe import ANSWER_S_MAX, NoUsage, ask_usage
from workers.pinned.proof import ClientRefused, prove
from workers.processes import ProcessesRemain


@dataclass(frozen=True, slots=True)
class ClientReader:
    """A `ports.LoginReader`. What the client stored stays the client's: it is only asked."""

    home: Home
    home_id: str
    client: Client
    environ: Mapping[str, str]
    answer_s_max: float = ANSWER_S_MAX

    def __call__(self, account: Account) -> tuple[WindowReading, ...]:
        config_dir = self.home.config_dir(account.name)
        try:
            isolation = worker_environment(
                profile_of(account),
                config_dir,
                self.environ,
                run_marker=f"usage-{account.name}@{self.home_id}",
            )
            prove(self.client.path, self.client.version, self.home.client_proofs)
            windows = ask_usage(
                self.client.path, self.client.flags, isolation.env, config_dir, self.answer_s_max
            )
        except (ClientRefused, NoUsage, ProcessesRemain, OSError) as failed:
            raise NoReading(str(failed)) from failed
        tiers = dict(account.tiers)
        return tuple(
            WindowReading(one.name, scope_of(one.name, tiers), one.utilization, one.resets_at_ms, one.status)
            for one in windows
        )
