"""The fields of a task: by which word a person says each, and how it is shown.

The one list behind the options of `fleet task add` and `edit`, the keys of a tasks file, what `task show --json` prints
and what may be revised. Light: `fleet status` starts with what imports it.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class Field:
    """`name` is that of `TaskSpec`, `word` the key in a tasks file and, with dashes, the option; `shown` the key in
    what is printed. What is said is read by `of`; a field that is said `many` times is a list, a `flag` is said without
    a value, and one with `alone` may be, then meaning that. One that `stays` cannot be revised. Without a `help_` it is
    no option; `older` is what it is in a body of a version that did not have it."""

    __slots__ = (
        "alone",
        "choices",
        "flag",
        "help_",
        "many",
        "metavar",
        "name",
        "of",
        "older",
        "shown",
        "stays",
        "word",
    )

    def __init__(
        self,
        name: str,
        word: str = "",
        *,
        shown: str = "",
        help_: str = "",
        metavar: str | None = None,
        of: Callable[[str], Any] = str,
        many: bool = False,
        flag: bool = False,
        alone: str | None = None,
        choices: tuple[str, ...] | None = None,
        older: Any = None,
        stays: bool = False,
    ) -> None:
        self.name = name
        self.word = word or name
        self.shown = shown or self.word
        self.help_ = help_
        self.metavar = metavar
        self.of = of
        self.many = many
        self.flag = flag
        self.alone = alone
        self.choices = choices
        self.older = older
        self.stays = stays

    @property
    def option(self) -> str:
        return "--" + self.word.replace("_", "-")


FIELDS = (
    Field("prompt", metavar="TEXT", help_="what to do; - reads it from standard input"),
    Field("repo", metavar="PATH", help_="the git repository (default: the one you stand in)", stays=True),
    Field("title", metavar="T", help_="what it is called (default: its prompt's first line)"),
    Field("key", "id", stays=True),
    Field("tiers", "tier", shown="tiers", metavar="TIER[,TIER]", help_="tiers it may use; auto: all of them"),
    Field("priority", metavar="N", of=int, help_="higher runs first (default 0)"),
    # Read by `fleet.spoken.times.parse_when`, which knows what time it is.
    Field("deadline_ms", "deadline", metavar="WHEN", help_="2h, 18:30, 2026-11-30T18:30"),
    Field("after", metavar="ID", many=True, help_="start only when that task has landed", stays=True),
    Field("verify", metavar="CMD", many=True, help_="must succeed before it lands"),
    Field(
        "land", choices=("branch", "merge"), help_="leave the branch, or merge it into the target", stays=True
    ),
    Field("target", metavar="BRANCH", help_="start from and land in (default: the current branch)"),
    Field(
        "allow_tools",
        "allow_tool",
        shown="allow_tools",
        metavar="RULE",
        many=True,
        help_="such as 'Bash(npm test *)'",
    ),
    Field("max_turns", metavar="N", of=int, help_="for each thing that its session is told"),
    Field("max_budget_usd", metavar="X", of=float, help_="over all its attempts, by the client's estimate"),
    Field(
        "kind",
        metavar="WORD",
        help_="execution (default), judgement, reasoning, or a word of yours",
        older="execution",
        stays=True,
    ),
    Field(
        "size",
        metavar="X",
        help_="S, M (default), L, XL, or a multiple of a usual task",
        older=1.0,
        stays=True,
    ),
    Field("value", metavar="V", of=float, help_="what it is worth (default 2 ** priority)"),
    Field("project", metavar="NAME", help_="default: its repository", stays=True),
    Field("plan_tier", "plan", metavar="TIER", help_="plan with this tier, then execute", stays=True),
    Field("subagent_tier", "subagents", metavar="TIER", help_="the tier of its subagents", stays=True),
    Field(
        "labels",
        "label",
        shown="labels",
        metavar="L",
        many=True,
        help_="only on hosts that have this label",
        older=[],
    ),
    Field(
        "allow_empty",
        flag=True,
        help_="it is done, too, when nothing has to be changed",
        older=False,
    ),
    Field(
        "review",
        alone="person",
        metavar="WHO",
        help_="who looks at verified work before it lands: person (default), model, model:TIER, model+person",
    ),
    Field("source", metavar="NAME", help_="who asks; of a source there is one task in a project", stays=True),
    Field("paused", metavar="REASON", help_="nothing starts it until it is resumed"),
)

WORDS = {field.name: field.word.replace("_", " ") for field in FIELDS}
"""Each as a sentence names it."""
