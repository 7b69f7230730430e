"""The ids of texts, models and places, made when they are new."""

from __future__ import annotations

import sqlite3

from fleet.history.ledger.paths import storable
from fleet.history.prices.names import canonical

_PUT_PLACE = (
    "INSERT INTO places (config_dir, account, project, branch, session, agent, sidechain)"
    " VALUES (?, ?, ?, ?, ?, ?, ?)"
)
_FIND_PLACE = (
    "SELECT id FROM places WHERE config_dir = ? AND project = ? AND branch = ? AND session = ? AND agent = ?"
    " AND sidechain = ?"
)


class Texts:
    """For one transaction: what another has made meanwhile would be unknown to it."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._ids = {"": 0}
        self._models: set[int] = set()

    def id(self, text: str) -> int:
        known = self._ids.get(text)
        if known is None:
            known = self._ids[text] = self._find_or_make(storable(text))
        return known

    def _find_or_make(self, text: str) -> int:
        found = self._connection.execute("SELECT id FROM texts WHERE text = ?", (text,)).fetchone()
        if found is None:
            return int(
                self._connection.execute("INSERT INTO texts (text) VALUES (?)", (text,)).lastrowid or 0
            )
        return int(found[0])

    def model(self, name: str) -> int:
        """The id of a model's name, with its tier known."""
        model = self.id(name)
        if model not in self._models:
            tier = self.id(_tier_of(name))
            self._connection.execute(
                "INSERT OR IGNORE INTO models (model, tier) VALUES (?, ?)", (model, tier)
            )
            self._models.add(model)
        return model

    def place(self, config_dir: int, account: int, told: tuple[str, str, str, str], sidechain: bool) -> int:
        """`told`: project, branch, session, agent."""
        ids = tuple(map(self.id, told))
        found = self._connection.execute(_FIND_PLACE, (config_dir, *ids, sidechain)).fetchone()
        if found is not None:
            return int(found[0])
        made = self._connection.execute(_PUT_PLACE, (config_dir, account, *ids, sidechain))
        return int(made.lastrowid or 0)


def _tier_of(model: str) -> str:
    """The family's name of one of Anthropic's models, whatever it may be: `claude-opus-4-1` and `claude-3-opus` are
    `opus`. '' for all others."""
    words = canonical(model).split("-")
    if words[0] != "claude":
        return ""
    return next((word for word in words[1:] if word.isalpha()), "")
