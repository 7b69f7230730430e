"""What every git of ours is told beside its words: settings that win over a person's and a repository's, and what of
the caller's environment it gets. Travels."""

from __future__ import annotations

import re
from collections.abc import Mapping

from workers.environment import allowed

# GIT_* variables of the caller that say where its settings and certificates are; all others choose a repository, a
# behaviour, or a key of the person's.
_KEPT = re.compile(
    r"GIT_(SSL_.*|HTTP_.*|PROXY_SSL_.*|EXEC_PATH|CONFIG_(GLOBAL|SYSTEM|NOSYSTEM)|ALLOW_PROTOCOL)"
)

_PLAIN = {
    # How output looks.
    "color.branch": "never",
    "color.diff": "never",
    "color.status": "never",
    "color.ui": "never",
    "column.ui": "never",
    "diff.ignoreSubmodules": "untracked",
    "diff.mnemonicPrefix": "false",
    "diff.noprefix": "false",
    "diff.orderFile": "/dev/null",
    "diff.relative": "false",
    "format.pretty": "medium",
    "i18n.commitEncoding": "UTF-8",
    "i18n.logOutputEncoding": "UTF-8",
    "log.decorate": "no",
    "log.follow": "false",
    "log.mailmap": "false",
    "log.showSignature": "false",
    "status.branch": "false",
    "status.showUntrackedFiles": "normal",
    "status.submoduleSummary": "false",
    # What else a command does: sign, look at signatures, fetch or check out more, write configuration, run programs.
    "branch.autoSetupMerge": "false",
    "branch.autoSetupRebase": "never",
    "checkout.guess": "false",
    "commit.cleanup": "whitespace",
    "commit.gpgSign": "false",
    "commit.verbose": "false",
    "core.fsmonitor": "false",
    "fetch.prune": "false",
    "fetch.pruneTags": "false",
    "fetch.recurseSubmodules": "false",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "merge.autoStash": "false",
    "merge.log": "false",
    "merge.verifySignatures": "false",
    "push.followTags": "false",
    "push.gpgSign": "false",
    "push.recurseSubmodules": "no",
    "rerere.autoUpdate": "false",
    "rerere.enabled": "false",
    "submodule.recurse": "false",
    "tag.gpgSign": "false",
    "worktree.guessRemote": "false",
}
"""What a person has set for their own eyes and habits never reaches what we read and do (`log.showSignature` stopped
landings for good). Settings that say what content is (filters, line ends, what is ignored) stay theirs."""


def configured(settings: Mapping[str, str]) -> dict[str, str]:
    """The variables that give these settings to a command, besides those that every command has."""
    pairs = {"GIT_CONFIG_COUNT": str(len(_PLAIN) + len(settings))}
    for number, (key, value) in enumerate({**_PLAIN, **settings}.items()):
        pairs |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return pairs


FIXED = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_EDITOR": ":",
    "GIT_PAGER": "cat",
    "LANGUAGE": "C",
    "LC_ALL": "C",
    # A commit is what its id says. A worker may have put another in its place, for every git that allows it, and then
    # something else would be looked at than what lands.
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_GRAFT_FILE": "/dev/null/none",
    **configured({}),
}


def for_work(environ: Mapping[str, str]) -> dict[str, str]:
    """What work may have, for git runs what a worker may have written: hooks, filters."""
    return allowed(environ, [name for name in environ if _KEPT.fullmatch(name)])
