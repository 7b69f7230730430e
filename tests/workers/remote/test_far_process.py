"""The far end as a process: its greeting, its refusals, its end."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.own_home import HOME_ID
from tests.patience import PATIENCE_S
from tests.workers.remote.far_process import Far, command, greeting, reached
from workers.far.errors import FarFailed
from workers.remote.bundle import bundle


def refused(words: list[str]) -> str:
    ended = subprocess.run(
        words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=PATIENCE_S, check=False
    )
    assert ended.returncode == 3
    story = greeting(ended.stdout)["refused"]
    assert isinstance(story, str)
    return story


def test_it_greets_with_what_the_host_is_like(far: Far, root: Path) -> None:
    assert far.facts["dir"] == str(root) and far.facts["cores"] >= 1
    assert far.facts["git"] and far.facts["write_ms"] > 0 and far.facts["unwritable"] is None
    assert abs(far.facts["now_ns"] - time.time_ns()) < 30e9
    assert (root.stat().st_mode & 0o777, (root / "host.json").is_file()) == (0o700, True)


def test_the_tilde_is_the_hosts_home(archive: Path, tmp_path: Path) -> None:
    env = {**os.environ, "HOME": str(tmp_path)}
    with reached(command(archive, "~/.fleet/abc"), env) as far:
        assert far.facts["dir"] == str(tmp_path / ".fleet/abc")


def test_a_probe_tells_again_and_of_the_variables_that_are_asked_for(archive: Path, root: Path) -> None:
    env = {**os.environ, "LC_TEST": "x", "HTTPS_PROXY": "http://p:1", "SECRET": "s"}
    with reached(command(archive, root, "--env", "HTTPS_PROXY,NOT_SET"), env) as far:
        assert far.facts["environ"] == {"HTTPS_PROXY": "http://p:1", "PATH": far.facts["path"]}
        facts = far.call("probe", env=["LC_*"])
    assert {"HTTPS_PROXY": "http://p:1", "LC_TEST": "x"}.items() <= facts["environ"].items()
    assert "SECRET" not in facts["environ"]
    assert facts["now_ns"] > far.facts["now_ns"] and facts["boot_id"] == far.facts["boot_id"]


def test_one_directory_is_one_home_and_one_name(archive: Path, root: Path) -> None:
    with reached(command(archive, root)), reached(command(archive, root)) as second:
        assert second.call("ping")["now_ns"]
    assert "already in use under the name 'box'" in refused(command(archive, root, host="other"))
    (root / "host.json").write_text('{"home": "another", "host": "box"}')
    assert "belongs to another fleet's home" in refused(command(archive, root))


def test_a_directory_that_cannot_be_had_is_refused(archive: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "name another one with --dir" in refused(command(archive, tmp_path / "file" / "fleet"))


def test_it_ends_with_its_input_or_after_silence(far: Far, archive: Path, tmp_path: Path) -> None:
    assert far.hang_up() == 0
    with reached(command(archive, tmp_path / "quiet", "--silence-s", "0.1")) as quiet:
        assert quiet.process.wait(PATIENCE_S) == 0
    with reached(command(archive, tmp_path / "told")) as told:
        told.process.send_signal(signal.SIGTERM)
        assert told.process.wait(PATIENCE_S) == 0


def test_what_it_cannot_do_is_told_and_it_goes_on(far: Far) -> None:
    with pytest.raises(ValueError, match="no operation 'dance'"):
        far.call("dance")
    with pytest.raises(FarFailed, match="KeyError: 'attempt'"):
        far.call("started")
    with pytest.raises(ValueError, match="must be usable as the name of a directory"):
        far.call("watch", attempts={"../x": 0})
    far.tell("started", attempt="t1.1")
    assert far.call("started", attempt="t1.1") == {"started": False}


def test_bytes_that_are_no_frames_end_it(far: Far) -> None:
    assert far.process.stdin is not None
    far.process.stdin.write(b"\xff" * 8)
    assert far.process.wait(PATIENCE_S) == 0


def test_the_same_modules_make_the_same_archive() -> None:
    first = bundle()
    bundle.cache_clear()
    assert bundle() == first and first.name == f"far-{first.digest[:16]}.pyz"
    assert HOME_ID not in first.name
