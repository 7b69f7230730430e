"""One account, as a person reads it."""

from __future__ import annotations

from tests.cli.commands import Shell


def test_an_account_is_shown_in_words_and_without_what_is_unknown(shell: Shell) -> None:
    words = ("--base-url", "http://127.0.0.1:9", "--tier-map", "small=m,large=n")
    added = shell.fleet("account", "add", "box", "--kind", "local", *words)
    assert added.returncode == 0, added.stderr
    shown = shell.fleet("account", "show", "box").stdout
    assert "tiers: small=m, large=n\n" in shown and "login: no\n" in shown
    assert "None" not in shown and "{" not in shown
