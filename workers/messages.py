"""What the fleet's own commits say, so that the repository takes them: by its settings, else in a way that its
commit-msg hook lets pass. The hook is asked before anything is merged or committed, so nobody pays for our words.
Travels.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from workers.command import raise_if_machines
from workers.git import Git, GitError
from workers.git_commands import NO_SUCH_COMMAND
from workers.worktree.entry import git_dir

FIELDS = ("title", "id", "branch", "target")
"""What a message of `.fleet.toml` may name in braces."""

_FIELD = re.compile(r"\{([^{}]*)\}")
_STYLE = re.compile(r"[a-z]+(\([^()]*\))?!?: ", re.IGNORECASE)
"""How a subject begins where it says of what kind its change is (conventionalcommits.org)."""


class MessageRefused(GitError):
    """A commit-msg hook of the repository refuses whatever the fleet would say. `setting` is the table of `.fleet.toml`
    in which a person says what it shall be."""

    def __init__(self, setting: str, message: str, said: str) -> None:
        subject = message.partition("\n")[0]
        super().__init__(
            f"the repository's commit-msg hook refuses the message of Fleet's own commit ({subject!r}): "
            f"{said.strip() or '(it said nothing)'} — say in .fleet.toml what it shall be, in the branch that work "
            f'starts from: [{setting}] message = "…", in which {", ".join(f"{{{name}}}" for name in FIELDS)} are '
            "filled in"
        )


def unknown_fields(message: str) -> list[str]:
    """What a message of a person's names in braces and nobody can fill in."""
    return [name for name in _FIELD.findall(message) if name not in FIELDS]


def filled(message: str, fields: Mapping[str, str]) -> str:
    """Each of `FIELDS` in braces as what it is here; other braces are the person's own."""
    return _FIELD.sub(lambda found: fields.get(found[1], found[0]), message)


def ways_to_say(subject: str, plain: str, trailers: str, before: str) -> tuple[str, ...]:
    """Messages to try, the first one as Fleet likes it: `subject`; then `plain` in the manner of conventional commits,
    of the kind of the commit `before` and as a chore; then as that one said it, which the repository has taken."""
    style = _STYLE.match(before)
    kinds = dict.fromkeys([style[0] if style else "chore: ", "chore: "])
    subjects = [subject, *(f"{kind}{plain}" for kind in kinds), before.strip()]
    return tuple(f"{one}\n\n{trailers}" for one in subjects if one)


def fitting(git: Git, messages: Sequence[str], setting: str, source: str) -> str:
    """The first of the messages that the hooks in `git`'s worktree let pass; `source` is what git tells
    prepare-commit-msg of a commit's (`message`) and a merge's (`merge`). Raises MessageRefused."""
    if not _has_hook(git):
        return messages[0]
    said = ""
    for message in messages:
        refused = _refusal(git, message, source)
        if refused is None:
            return message
        said = said or refused
    raise MessageRefused(setting, messages[0], said)


def _has_hook(git: Git) -> bool:
    return (git.directory / git.said("rev-parse", "--git-path", "hooks/commit-msg")).is_file()


def _refusal(git: Git, message: str, source: str) -> str | None:
    """What the hooks said against it, None when they let it pass, or cannot be asked."""
    with TemporaryDirectory(prefix="fleet-message-", dir=git_dir(git.directory)) as scratch:
        file = Path(scratch) / "COMMIT_EDITMSG"
        file.write_text(message, encoding="utf-8", errors="replace")
        for hook, *words in (("prepare-commit-msg", source), ("commit-msg",)):
            run = ("hook", "run", "--ignore-missing", hook, "--", str(file), *words)
            result = git.run(*run, check=False)
            output = f"{result.out}\n{result.err}"
            if NO_SUCH_COMMAND in result.err:
                return None
            if not result.ok:
                raise_if_machines(output, git.directory)
                return output
    return None
