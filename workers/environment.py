"""What of a process's environment reaches the work that it runs: git, setup, verification, clients. Travels.

An allow list: what it runs may be a worker's own words (a hook, a filter, a Makefile), and a person's environment leads
to their agent, their keyring and their tokens under any number of names. The client alone knows more than seven hundred
variables, and many of them choose another credential, another provider or another directory.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

_NETWORK = "the way out of this network"
_CERTIFICATES = "certificates of this network"
_IDENTITY = "identity of commits where no git configuration has it"
_TOOLCHAIN = "where the project's tools lie"

ALLOWED: Mapping[str, str] = {
    "PATH": "to find git and the project's tools",
    "HOME": "git's identity, caches of package managers; the client's own state is moved by CLAUDE_CONFIG_DIR",
    "USER": "asked for by tools",
    "LOGNAME": "asked for by tools",
    "SHELL": "the client's Bash tool runs in it",
    "TMPDIR": "scratch space of this host",
    "TERM": "tools print as the terminal can show",
    "TZ": "times in output are the person's",
    "LANG": "text encoding",
    "LANGUAGE": "text encoding",
    **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"), _NETWORK),
    **dict.fromkeys(("http_proxy", "https_proxy", "all_proxy", "no_proxy"), _NETWORK),
    **dict.fromkeys(("NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "SSL_CERT_DIR"), _CERTIFICATES),
    **dict.fromkeys(("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO"), _CERTIFICATES),
    **dict.fromkeys(("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL"), _IDENTITY),
    **dict.fromkeys(("GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"), _IDENTITY),
    "XDG_CONFIG_HOME": "where git and tools keep their settings",
    "XDG_CACHE_HOME": "caches of package managers",
    "XDG_DATA_HOME": "tools' data",
    "XDG_STATE_HOME": "tools' data",
    **dict.fromkeys(("JAVA_HOME", "ANDROID_HOME", "DOTNET_ROOT", "GOROOT", "GOPATH"), _TOOLCHAIN),
    **dict.fromkeys(("CARGO_HOME", "RUSTUP_HOME", "NVM_DIR", "PNPM_HOME", "BUN_INSTALL"), _TOOLCHAIN),
    **dict.fromkeys(("PYENV_ROOT", "RBENV_ROOT", "SDKMAN_DIR", "ASDF_DATA_DIR", "MISE_DATA_DIR"), _TOOLCHAIN),
    "MAKEFLAGS": "how many jobs a build may have on this machine",
}
"""Variables taken over, each with its reason. On purpose not among them: SSH_AUTH_SOCK (unattended work doesn't act as
the person on other machines), XDG_RUNTIME_DIR and DBUS_SESSION_BUS_ADDRESS (the way to the keyring with every account's
token), other GIT_* (GIT_DIR would point out of the worktree), VIRTUAL_ENV and PYTHON* (ours, not the task's), FLEET_*.
A profile's `pass_env` adds what one account's workers need."""

_ALLOWED_PREFIX = "LC_"


def allowed(environ: Mapping[str, str], also: Iterable[str] = ()) -> dict[str, str]:
    """The part of `environ` that work may have, and what is named in `also`."""
    wanted = {*ALLOWED, *also}
    return {
        name: value for name, value in environ.items() if name in wanted or name.startswith(_ALLOWED_PREFIX)
    }
