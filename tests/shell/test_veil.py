"""Credentials are hidden by who was told of them, and by their fingerprints where nobody was."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from fleet.shell.veil import HIDDEN, Veil, VeiledSecrets
from profiles.secrets import MemorySecrets

TOKEN = "a-long-token-0123456789-of-no-known-shape"


def test_another_process_hides_a_credential_that_the_coordinator_was_told_of(tmp_path: Path) -> None:
    kept = tmp_path / "veil"
    Veil(kept).learn(TOKEN)
    assert (
        Veil(kept).hide(f"it is {TOKEN}, says {TOKEN}{TOKEN}.") == f"it is {HIDDEN}, says {HIDDEN}{HIDDEN}."
    )
    assert Veil(tmp_path / "none").hide(TOKEN) == TOKEN


def test_the_file_of_fingerprints_tells_nothing_and_is_private(tmp_path: Path) -> None:
    kept = tmp_path / "veil"
    Veil(kept).learn(TOKEN)
    assert TOKEN[:5] not in kept.read_text()
    assert kept.stat().st_mode & 0o777 == 0o600


def test_a_credential_is_kept_once_and_a_guessable_one_not_at_all(tmp_path: Path) -> None:
    kept = tmp_path / "veil"
    for _ in range(3):
        Veil(kept).learn(TOKEN)
    before = kept.read_text()
    Veil(kept).learn("ollama")
    assert len(before.split("\n")) == len(["", "", ""])
    assert kept.read_text() == before


def test_a_torn_file_hides_what_it_can(tmp_path: Path) -> None:
    kept = tmp_path / "veil"
    kept.write_bytes(b'["00", "a-lo')
    Veil(kept).learn(TOKEN)
    assert Veil(kept).hide(TOKEN) == HIDDEN


@given(st.text(max_size=60), st.text(max_size=60), st.text(alphabet="ab-", min_size=20, max_size=40))
def test_a_credential_is_hidden_whatever_stands_around_it(before: str, after: str, secret: str) -> None:
    from fleet.shell.veil import Fingerprint

    assert secret not in Fingerprint.of(secret).hide(f"{before}{secret}{after}").replace(HIDDEN, "")


def test_every_credential_that_was_used_is_known_also_after_it_was_renewed() -> None:
    secrets = MemorySecrets()
    secrets.put("a", "the first token of a")
    veiled = VeiledSecrets(secrets, Veil())
    assert set(veiled.seen(["a", "b"])) == {"the first token of a"}
    secrets.put("a", "the second token of a")
    veiled.get("a")
    assert set(veiled.seen(["a", "b"])) == {"the first token of a", "the second token of a"}
