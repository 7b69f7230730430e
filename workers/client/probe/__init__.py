"""Which client there is, whether it is fit for use, and what it tells of an account's windows while no worker runs."""

from workers.client.probe.idle import ANSWER_S_MAX, ask_usage
from workers.client.probe.locating import (
    BUNDLED,
    ClientBinary,
    ClientError,
    Version,
    flags,
    installed_versions,
    kept_flags,
    locate,
    version,
)
from workers.client.probe.usage import NoUsage

__all__ = [
    "ANSWER_S_MAX",
    "BUNDLED",
    "ClientBinary",
    "ClientError",
    "NoUsage",
    "Version",
    "ask_usage",
    "flags",
    "installed_versions",
    "kept_flags",
    "locate",
    "version",
]
