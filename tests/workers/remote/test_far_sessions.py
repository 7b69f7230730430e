"""Histories of sessions go to a host's account directories and come back, only what is new of them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from tests.workers.remote.far_process import Far

SESSION = "0b0e6d1c-7a33-4f0a-9a4e-5a2f0d3c1b2a"
TRANSCRIPT = f"-work-t1/{SESSION}.jsonl"
SIDE = f"-work-t1/{SESSION}/tool-results/x.txt"


def put(far: Far, *files: tuple[str, int, bytes]) -> None:
    parts = [{"path": path, "offset": offset, "length": len(data)} for path, offset, data in files]
    far.call(
        "session_write",
        b"".join(data for _, _, data in files),
        account="work",
        session_id=SESSION,
        files=parts,
    )


def have(far: Far) -> dict[str, Any]:
    files = far.call("session_have", account="work", session_id=SESSION)["files"]
    assert isinstance(files, dict)
    return files


def read(far: Far, **offsets: int) -> tuple[list[Any], bytes]:
    named = {"side": SIDE, "transcript": TRANSCRIPT}
    files = {named[name]: offset for name, offset in offsets.items()}
    frame = far.answer(far.ask("session_read", account="work", session_id=SESSION, files=files))
    return frame.header["ok"]["parts"], frame.blob


def test_what_is_written_is_had_and_read_back_from_an_offset(far: Far, root: Path) -> None:
    put(far, (SIDE, 0, b"result"), (TRANSCRIPT, 0, b"one\n"))
    put(far, (TRANSCRIPT, 4, b"two\n"))
    assert 0 <= have(far)[TRANSCRIPT][2] < 60
    whole = b"one\ntwo\n"
    assert have(far)[TRANSCRIPT][:2] == [8, hashlib.sha256(whole).hexdigest()]
    assert have(far)[SIDE][:2] == [6, hashlib.sha256(b"result").hexdigest()]
    parts, blob = read(far, transcript=4, side=0)
    assert blob == b"resulttwo\n"
    assert parts == [
        {"path": SIDE, "offset": 0, "length": 6},
        {"path": TRANSCRIPT, "offset": 4, "length": 4},
    ]
    file = root / "accounts/work/projects" / TRANSCRIPT
    assert file.read_bytes() == whole and file.stat().st_mode & 0o777 == 0o600
    assert not [path for path in file.parent.iterdir() if path.name.startswith(".")]


def test_half_a_line_stays_until_it_is_whole(far: Far, root: Path) -> None:
    """The client there is still writing."""
    put(far, (TRANSCRIPT, 0, b"one\ntw"))
    assert have(far)[TRANSCRIPT][:2] == [4, hashlib.sha256(b"one\n").hexdigest()]
    assert read(far, transcript=0)[1] == b"one\n"
    assert read(far, transcript=4) == ([{"path": TRANSCRIPT, "offset": 4, "length": 0}], b"")
    (root / "accounts/work/projects" / TRANSCRIPT).write_bytes(b"x" * 100_000)
    assert have(far)[TRANSCRIPT][0] == 0


def test_a_file_is_only_extended_from_its_very_end(far: Far) -> None:
    put(far, (TRANSCRIPT, 0, b"one\n"))
    with pytest.raises(ValueError, match="has 4 bytes here, not 3"):
        put(far, (TRANSCRIPT, 3, b"x\n"))
    put(far, (TRANSCRIPT, 0, b"anew\n"))
    assert read(far, transcript=0)[1] == b"anew\n"


def test_a_session_that_is_not_there_has_no_files(far: Far) -> None:
    assert have(far) == {} and read(far, transcript=0) == ([], b"")


@pytest.mark.parametrize("path", ["../../settings.json", "/etc/x/y", "settings.json"])
def test_nothing_but_histories_is_written(far: Far, path: str) -> None:
    with pytest.raises(ValueError, match="no file of session"):
        put(far, (path, 0, b"x"))
    with pytest.raises(ValueError, match="badly formed"):
        far.call("session_have", account="work", session_id="../x")
