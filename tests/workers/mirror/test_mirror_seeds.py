"""Ignored files that `.fleet.toml` copies: packed at home, laid down in a worktree on a host."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.workers.mirror.trees import prepare
from tests.workers.mirror.wires import Wires
from tests.workers.worktree.repositories import git, write
from workers.remote import seeds
from workers.remote.mirror import Mirror, base_ref
from workers.remote.seeds import Packed, pack_seeds
from workers.worktree.wanted import SettingsWrong, WorktreeSettings


def test_copied_files_arrive_as_they_were(host: Wires, repo: Path, root: Path) -> None:
    write(repo, {".env": "A=1\n", "cache/x/run.sh": "#!/bin/sh\n", "cache/y": "y\n"})
    (repo / "cache" / "x" / "run.sh").chmod(0o755)
    (repo / "cache" / "link").symlink_to("y")
    os.link(repo / "cache" / "y", repo / "cache" / "hard")
    packed = pack_seeds(WorktreeSettings(copy_paths=(".env", "cache/")), repo)
    assert packed.notes == ()
    mirror = Mirror(host, repo)
    tip = git(repo, "rev-parse", "HEAD")
    mirror.send({base_ref("main"): tip})
    tree = prepare(mirror, root, tip, files=packed.files)
    assert (tree / ".env").read_text() == "A=1\n"
    assert os.access(tree / "cache" / "x" / "run.sh", os.X_OK)
    assert (tree / "cache" / "link").readlink() == Path("y")
    assert (tree / "cache" / "hard").read_text() == "y\n"
    assert git(tree, "status", "--porcelain") == ""


def test_what_cannot_travel_is_noted(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seeds, "PACKED_BYTES_MAX", 2 * 1024 * 1024)
    write(repo, {"big.log": "x" * 3 * 1024 * 1024, ".env": "A=1\n"})
    packed = pack_seeds(WorktreeSettings(copy_paths=("big.log", "gone.log", ".env"), link=("cache/",)), repo)
    assert b"A=1" in packed.files and b"xxx" not in packed.files
    link, big, gone = packed.notes
    assert big.startswith("big.log: not brought, it has 3 MB") and "2 MB together" in big
    assert gone.startswith("gone.log: not brought") and link.startswith("cache/: not linked")


def test_nothing_to_bring_is_nothing(repo: Path) -> None:
    assert pack_seeds(WorktreeSettings(), repo) == Packed(b"", ())
    assert pack_seeds(WorktreeSettings(copy_paths=(".env",)), repo).files == b""
    bare = pack_seeds(WorktreeSettings(copy_paths=(".env",)), None)
    assert bare.files == b"" and "bare repository" in bare.notes[0]


def test_a_path_that_leads_out_of_the_checkout_is_refused(repo: Path, tmp_path: Path) -> None:
    write(tmp_path / "outside", {"secret": "s\n"})
    (repo / "cache").symlink_to(tmp_path / "outside")
    with pytest.raises(SettingsWrong, match="leads out"):
        pack_seeds(WorktreeSettings(copy_paths=("cache/secret",)), repo)
