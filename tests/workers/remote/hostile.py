"""What a host that is in other hands might answer: anything that JSON can say, and what an honest one says with one
part of it changed."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

SESSION = "0b0e6d1c-7a33-4f0a-9a4e-5a2f0d3c1b2a"
OTHER = "11111111-7a33-4f0a-9a4e-5a2f0d3c1b2a"
OID, DIGEST = "a" * 40, "b" * 64

EVIL: list[Any] = [
    *(
        None,
        True,
        False,
        -1,
        0,
        1,
        1 << 60,
        1 << 63,
        -(1 << 70),
        10**400,
        0.5,
        -1e300,
        float("nan"),
        float("inf"),
    ),
    *(
        "",
        "\0",
        "\x1b]52;c;AAAA\x07",
        "\ud83d",
        "\udcff",
        "-x",
        "..",
        "/",
        "//",
        "x\n",
        "\u202e",
    ),
    *(
        "/etc/passwd",
        "../../.bashrc",
        f"../{SESSION}.jsonl",
        f"x/{OTHER}.jsonl",
        "refs/heads/main",
        "--upload-pack=x",
    ),
    *([], [[]], {}, {"": 1}),
]
HUGE: list[Any] = ["a" * 2_000_000, ["t1.1"] * 20_000, {str(n): OID for n in range(20_001)}]
json = st.recursive(
    st.one_of(st.sampled_from(EVIL), st.integers(), st.floats(), st.text(max_size=20)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=12), inner, max_size=4)
    ),
    max_leaves=8,
)

FACTS = {
    "dir": "/h/fleet",
    "python": "3.11.2",
    "git": "2.39.2",
    "git_lfs": None,
    "git_trouble": None,
    "sandbox": {"program": "/usr/bin/bwrap"},
    "client_trouble": None,
    "client": {"path": "/h/claude", "version": "2.1.332", "flags": ["--print"]},
    "path": "/bin",
    "home": "/h",
    "user": "fleet",
    "shell": None,
    "cores": 2,
    "file_system": "ext4",
    "network_file_system": False,
    "boot_id": "x",
    "kernel": "Linux",
    "kills_at_logout": False,
    "memory_total_bytes": 1,
    "load1": 0.5,
    "memory_free_bytes": None,
    "disk_free_bytes": 9,
    "write_ms": 1.5,
    "unwritable": None,
    "now_ns": 1,
    "environ": {"PATH": "/bin"},
}
_MADE = {"branch": "fleet/t1-x", "base_commit": OID, "setup_output": ""}
_ASKED_SESSION = {"account": "work", "session_id": SESSION}
_TRANSCRIPT, _SIDE = f"-repo/{SESSION}.jsonl", f"-repo/{SESSION}/subagents/a.jsonl"

HONEST: dict[str, tuple[dict[str, Any], dict[str, Any], bytes]] = {
    "ping": ({}, {"now_ns": 5}, b""),
    "probe": ({}, FACTS, b""),
    "watch": ({"attempts": {"t1.1": 0}}, {}, b""),
    "forget": ({"attempts": ["t1.1"]}, {}, b""),
    "took": ({"bytes": 1}, {}, b""),
    "take_turn": ({}, {"turn": 1}, b""),
    "launch": ({"attempt": "t1.1"}, {}, b""),
    "abandon": ({"attempt": "t1.1"}, {"abandoned": True}, b""),
    "drop_runs": ({"task": "t1"}, {"dropped": ["t1.1"]}, b""),
    "order": ({"attempt": "t1.1"}, {"found": True}, b""),
    "alive": ({"attempts": ["t1.1", "t2.1"]}, {"alive": ["t1.1"], "sizes": {"t2.1": 7}}, b""),
    "started": ({"attempt": "t1.1"}, {"started": True}, b""),
    "prove_client": ({"path": "/usr/bin/claude", "version": "2.1.332"}, {"refused": None}, b""),
    "spec": ({"attempt": "t1.1"}, {"spec": "{}"}, b""),
    "sweep": ({"attempt": "t1.1"}, {"pids": [4]}, b""),
    "sweep_marker": ({"marker": "m"}, {"pids": []}, b""),
    "runs": ({}, {"attempts": ["t1.1"]}, b""),
    "living": ({}, {"attempts": []}, b""),
    "worktrees": (
        {},
        {"worktrees": [{"path": "/h/worktrees/r/t1", "task": "t1", "mirror": "r", "branch": None}]},
        b"",
    ),
    "ready": ({"mirror": "r", "path": "/h/worktrees/r/t1"}, {"made": _MADE}, b""),
    "prepare": (
        {"branch": "fleet/t1-x", "base_commit": OID},
        {**_MADE, "launched": None, "named": ["A_NEW_ONE"], "sandbox": ["/usr/bin/bwrap", "--"]},
        b"",
    ),
    "commit": (
        {"path": "/h/worktrees/r/t1"},
        {"commit": None, "head": OID, "remade": False, "ignored": "", "noticed": ""},
        b"",
    ),
    "hang_again": ({"path": "/h/worktrees/r/t1"}, {"told": ""}, b""),
    "ports": ({"path": "/h/worktrees/r/t1"}, {"first": 20_020}, b""),
    "snapshot": ({}, {"head": OID, "branch": "b", "branch_tip": OID, "kept": None}, b""),
    "preserve": ({}, {"commit": OID}, b""),
    "remove": ({}, {"preserved": None, "kept_at": None, "branch": "b", "branch_tip": None}, b""),
    "dry_run_work": ({"name": "dry-1"}, {"head": OID}, b""),
    "dry_run_end": ({"name": "dry-1"}, {}, b""),
    "verify": (
        {"commands": ["make"], "setup": []},
        {
            "ok": False,
            "command": "make",
            "code": 1,
            "output_tail": "no\udcff",
            "duration_s": 0.5,
            "tree": OID,
            "noticed": "",
            "asked_for": ["build/report.txt"],
            "denied": ["it was denied /home/ann/data"],
        },
        b"",
    ),
    "mirror": ({"name": "r"}, {"path": "/h/mirrors/r.git", "made": True}, b""),
    "mirror_config": ({}, {}, b""),
    "refs": ({}, {"refs": {"refs/heads/main": OID}}, b""),
    "lfs_have": ({"oids": [DIGEST]}, {"missing": [DIGEST]}, b""),
    "lfs_put": ({}, {"size": 3}, b""),
    "lfs_get": ({"offset": 2, "length": 10}, {"size": 5}, b"abc"),
    "session_have": (
        _ASKED_SESSION,
        {"files": {_SIDE: [3, DIGEST, 0.5], _TRANSCRIPT: [4, DIGEST, 1]}},
        b"",
    ),
    "session_read": (
        {**_ASKED_SESSION, "files": {_TRANSCRIPT: 1}},
        {"parts": [{"path": _TRANSCRIPT, "offset": 1, "length": 3}]},
        b"abc",
    ),
    "session_write": ({**_ASKED_SESSION, "files": []}, {}, b""),
}
"""For each operation: what is asked, what an honest far end answers, and the bytes that come with it."""


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in it."""
    yield at
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places(inner, (*at, key))


def changed(value: Any, at: tuple[Any, ...], evil: Any) -> Any:
    """The same with something else in that place."""
    if not at:
        return evil
    made = copy.deepcopy(value)
    inner = made
    for key in at[:-1]:
        inner = inner[key]
    inner[at[-1]] = evil
    return made


def renamed(value: Any, at: tuple[Any, ...], evil: str) -> Any:
    """The same with another name for what is in that place of an object."""
    made = copy.deepcopy(value)
    inner = made
    for key in at[:-1]:
        inner = inner[key]
    if isinstance(inner, dict):
        inner[evil] = inner.pop(at[-1])
    return made
