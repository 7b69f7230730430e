"""What a host says of itself, found out on this machine as it would be there."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import pytest

from tests.workers.remote.far_process import command, reached
from tests.workers.worktree.repositories import write
from workers.far.directory import Directory
from workers.far.probe import Probe, kills_at_logout

HELP = "Usage: claude --print --input-format FORMAT, --resume ID"


def client(path: Path, version: str = "2.1.330", code: int = 0) -> Path:
    """A program that answers as the client does, with a word on where it believes its home to be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    script = f'case $1 in --version) echo "{version} (Claude Code)";; --help) echo "{HELP}";; esac'
    path.write_text(f"#!/bin/sh\necho told by $HOME >&2\n{script}\nexit {code}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Directory:
    """A host without a client, whose user has a home of their own."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    (tmp_path / "root").mkdir()
    return Directory(tmp_path / "root")


def test_a_client_is_found_where_its_installers_put_it_and_its_folder_is_added_to_the_path(
    there: Directory, tmp_path: Path
) -> None:
    """A login without a terminal has not read the profile that completes the PATH."""
    assert Probe(there, None, ()).facts()["client_trouble"] == (
        "there is no `claude` on the PATH or where its installers put it"
    )
    old, new = (client(tmp_path / f"home/.nvm/versions/node/v{major}.0.0/bin/claude") for major in (20, 22))
    facts = Probe(there, None, ()).facts()
    assert facts["client"]["path"] == str(new) != str(old)
    assert facts["path"] == facts["environ"]["PATH"] == f"/usr/bin:/bin:{new.parent}"
    own = client(tmp_path / "home/.local/bin/claude")
    assert Probe(there, None, ()).facts()["client"]["path"] == str(own)


def test_a_client_that_is_named_is_the_one(there: Directory, tmp_path: Path) -> None:
    client(tmp_path / "home/.local/bin/claude")
    named = client(tmp_path / "home/mine", "2.1.400")
    facts = Probe(there, "~/mine", ()).facts()
    assert facts["client"] == {
        "path": str(named),
        "version": "2.1.400",
        "flags": ["--input-format", "--print", "--resume"],
    }
    missing = Probe(there, "/nowhere/claude", ()).facts()
    assert missing["client"] is None
    assert missing["client_trouble"] == "/nowhere/claude cannot be started: No such file or directory"


def test_a_client_that_is_broken_is_told_of(there: Directory, tmp_path: Path) -> None:
    broken = client(tmp_path / "home/mine", code=7)
    trouble = Probe(there, str(broken), ()).facts()["client_trouble"]
    assert trouble == f"{broken} ended with 7: told by {tmp_path / 'home'}"
    odd = client(tmp_path / "home/mine", version="hello")
    assert Probe(there, str(odd), ()).facts()["client_trouble"] == f"{odd} does not print a version"


def test_a_client_behind_a_shim_is_started_as_workers_are_and_what_it_lacks_is_named(
    there: Directory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shim, real = tmp_path / "home/.asdf/shims/claude", client(tmp_path / "home/real")
    shim.parent.mkdir(parents=True)
    shim.write_text('#!/bin/sh\nexec "$HOME/real" "$@"\n')
    shim.chmod(0o755)
    assert Probe(there, str(shim), ()).facts()["client"]["version"] == "2.1.330"
    shim.write_text(f'#!/bin/sh\n: "${{MY_SHIMS:?}}"; exec {real} "$@"\n')
    assert "variable" not in Probe(there, str(shim), ()).facts()["client_trouble"]
    monkeypatch.setenv("MY_SHIMS", "1")
    trouble = Probe(there, str(shim), ()).facts()["client_trouble"]
    assert "only with the variable MY_SHIMS of the login, which workers do not get" in trouble


def test_sizes_and_times_are_those_of_this_machine(there: Directory) -> None:
    facts = Probe(there, None, ()).facts()
    assert facts["python"] == platform.python_version() and facts["dir"] == str(there.root)
    assert 0 < facts["memory_free_bytes"] <= facts["memory_total_bytes"]
    assert facts["disk_free_bytes"] > 0 and facts["load1"] >= 0 and facts["file_system"]
    assert facts["boot_id"] == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert facts["environ"] == {"PATH": facts["path"]} and not list(there.root.iterdir())


def test_a_system_that_ends_workers_at_logout_is_told_of(tmp_path: Path) -> None:
    write(
        tmp_path, {"proc/1/comm": "systemd\n", "etc/systemd/logind.conf": "[Login]\n#KillUserProcesses=yes\n"}
    )
    assert not kills_at_logout("ann", tmp_path)
    write(tmp_path, {"run/systemd/logind.conf.d/50-strict.conf": "[Login]\nKillUserProcesses = yes\n"})
    assert kills_at_logout("ann", tmp_path) and not kills_at_logout("root", tmp_path)
    write(tmp_path, {"var/lib/systemd/linger/ann": ""})
    assert not kills_at_logout("ann", tmp_path) and kills_at_logout("ben", tmp_path)
    write(tmp_path, {"proc/1/comm": "init\n"})
    assert not kills_at_logout("ben", tmp_path)


def test_a_directory_that_fills_up_is_told_of_and_its_runs_are_still_followed(
    archive: Path, root: Path
) -> None:
    """What workers have done must come home all the same."""
    with reached(command(archive, root)):
        (root / "runs/t1.1").mkdir(parents=True)
        (root / "runs/t1.1/spool").write_bytes(b"s 1 {}\n")
    full = ["sh", "-c", 'ulimit -f 0; exec "$@"', "sh"]
    with reached([*full, *command(archive, root)]) as far:
        assert far.facts["write_ms"] is None and far.facts["unwritable"].startswith(
            f"{root} cannot be written: "
        )
        far.call("watch", attempts={"t1.1": 0})
        far.listen(lambda: far.spool("t1.1") == b"s 1 {}\n", "the spool")


def test_a_new_directory_on_a_full_disk_is_refused(archive: Path, root: Path) -> None:
    full = ["sh", "-c", 'ulimit -f 0; exec "$@"', "sh"]
    with reached([*full, *command(archive, root)], dict(os.environ)) as far:
        assert "cannot be used there (File too large)" in far.facts["refused"]
        assert not (root / "host.json").exists()
