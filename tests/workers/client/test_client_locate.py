from __future__ import annotations

import sys
from pathlib import Path

import pytest

from workers.client.probe.locating import (
    OLDEST,
    ClientBinary,
    ClientMissing,
    ClientTooOld,
    ClientUnusable,
    Version,
    bundled_client,
    flags,
    kept_flags,
    locate,
    version,
)


def script(folder: Path, body: str) -> ClientBinary:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "claude"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return ClientBinary(path, "setting")


def test_the_settings_come_before_the_path(tmp_path: Path) -> None:
    """A client named in the settings is used, whatever is on the PATH."""
    named, found = script(tmp_path / "a", ""), script(tmp_path / "b", "")
    assert locate(named.path, str(found.path.parent), tmp_path / "none") == named
    assert locate(None, str(found.path.parent), tmp_path / "none") == ClientBinary(found.path, "path")


def test_the_sdks_copy_is_the_last_resort(tmp_path: Path) -> None:
    """With no client on the PATH, the one that came with the SDK is used, and the SDK is not imported for
    it.
    """
    before = set(sys.modules)
    found = locate(None, str(tmp_path), tmp_path / "none")
    assert found.source == "bundled"
    assert found.path == bundled_client()
    assert not [name for name in set(sys.modules) - before if name.startswith("claude_agent_sdk")]


def test_a_named_client_that_is_missing_is_not_replaced(tmp_path: Path) -> None:
    """If the settings name a file that is not there, that is said; no other client is taken."""
    with pytest.raises(ClientMissing, match="no such file"):
        locate(tmp_path / "gone", str(script(tmp_path, "").path.parent), tmp_path / "none")
    plain = tmp_path / "plain"
    plain.write_text("x")
    with pytest.raises(ClientMissing, match="chmod"):
        locate(plain, "", tmp_path / "none")


def test_no_client_at_all_says_how_to_get_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any client, the error names the ways to install one."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ClientMissing, match=r"fleet client install.*npm install"):
        locate(None, str(tmp_path), tmp_path / "none")


def test_a_clients_version_is_read(tmp_path: Path) -> None:
    """`2.1.330 (Claude Code)` is version 2.1.330, newer than 2.1.99 would be."""
    assert version(script(tmp_path, "echo '2.1.330 (Claude Code)'")) == Version(2, 1, 330)
    assert Version(2, 1, 330) > Version(2, 1, 99)


def test_an_old_client_is_told_to_update(tmp_path: Path) -> None:
    """A client that is too old is refused with its version and what to run."""
    with pytest.raises(ClientTooOld, match=r"1\.0\.3.*Update"):
        version(script(tmp_path, "echo '1.0.3 (Claude Code)'"))


@pytest.mark.parametrize(
    ("body", "story"),
    [
        ("", "printed nothing"),
        ("echo hello", "printed 'hello'"),
        ("echo 'bad library' >&2; exit 127", "exit code 127: bad library"),
        ("kill -SEGV $$", "signal 11"),
    ],
)
def test_a_client_that_is_none_is_told_with_its_story(tmp_path: Path, body: str, story: str) -> None:
    """A client that prints nothing, crashes or is something else is refused, with what it did."""
    with pytest.raises(ClientUnusable, match=story):
        version(script(tmp_path, body))


def test_a_client_that_hangs_does_not_hang_us(tmp_path: Path) -> None:
    """A client that never answers is given up after the timeout, and said so."""
    with pytest.raises(ClientUnusable, match=r"within 0\.2 s"):
        version(script(tmp_path, "exec sleep 30"), timeout=0.2)


def test_a_file_that_cannot_run_is_told(tmp_path: Path) -> None:
    """A binary for another machine is refused with the system's words."""
    path = tmp_path / "claude"
    path.write_bytes(b"\x7fELF\x00\x00")
    path.chmod(0o755)
    with pytest.raises(ClientUnusable, match="cannot be started"):
        version(ClientBinary(path, "setting"))


def test_the_flags_are_those_of_the_help(tmp_path: Path) -> None:
    """Flags are asked of the client, and a client that cannot be talked to is refused."""
    found = flags(script(tmp_path, "echo 'Options: --input-format <x>, --allowedTools, -p, --print  a-b--c'"))
    assert {"--input-format", "--print"} <= found
    with pytest.raises(ClientUnusable, match="input-format"):
        flags(script(tmp_path, "echo nothing"))


def test_the_flags_are_asked_once_of_each_client_and_anew_when_it_has_changed(tmp_path: Path) -> None:
    """Its file may change in place, or stay as it is and start another version."""
    asked, memory = tmp_path / "asked", tmp_path / "memory"
    says = f"echo x >> {asked}; echo 'Options: --input-format <x>"
    client = script(tmp_path, f"{says} --old'")

    def kept(of: Version) -> tuple[bool, int]:
        return "--new" in kept_flags(client, of, memory), len(asked.read_text().split())

    assert [kept(OLDEST), kept(OLDEST)] == [(False, 1), (False, 1)]
    script(tmp_path, f"{says} --new'")
    assert [kept(OLDEST), kept(OLDEST)] == [(True, 2), (True, 2)]
    assert kept(Version(9, 9, 9)) == (True, 3)
    script(tmp_path, "echo nothing")
    for _ in range(2):
        with pytest.raises(ClientUnusable, match="input-format"):
            kept_flags(client, OLDEST, memory)
