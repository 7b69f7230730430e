"""`fleet completion`, and the names that a shell asks for at a TAB."""

from __future__ import annotations

import os

from fleet.cli.show import put, put_lines
from fleet.homepath import home_path
from fleet.store.sqlite_reader import SqliteReader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fleet.cli.parser import Parser
    from fleet.cli.run import Words

DRAWN = os.path.join(os.path.dirname(__file__), "drawn")  # noqa: PTH118, PTH120 a TAB waits for no pathlib
"""By scripts/draw_completion.py, from the parser."""

SCRIPTS = {"bash": "fleet.bash", "zsh": "_fleet", "fish": "fleet.fish"}


def words(parser: Parser) -> None:
    parser.description = (
        "Print the script that completes commands, options, states, and the names that there are. "
        "bash: put `source <(fleet completion bash)` into ~/.bashrc. "
        "fish: fleet completion fish >~/.config/fish/completions/fleet.fish. "
        "zsh: fleet completion zsh >~/.zfunc/_fleet, with fpath+=~/.zfunc before compinit in ~/.zshrc."
    )
    parser.add_argument("shell", choices=tuple(SCRIPTS))


def completion(args: Words) -> int:
    return put_drawn(SCRIPTS[args.shell])


def put_drawn(name: str) -> int:
    with open(os.path.join(DRAWN, name), encoding="utf-8") as drawn:  # noqa: PTH118, PTH123
        put_lines(drawn.read(), end="")
    return 0


def names(args: Words) -> int:
    """What there is of a kind that begins so, for the scripts."""
    with SqliteReader(home_path(os.environ)) as reader:
        for name in reader.names(args.kind, args.beginning):
            put(name)
    return 0
