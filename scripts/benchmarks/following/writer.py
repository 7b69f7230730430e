"""Stands in for many supervisors: holds their runs' locks and writes what their clients would say.

    python -I -S writer.py RUNS LINES_PER_S SECONDS ATTEMPT…

Standard library only and cheap. Says a line on standard output when it holds the locks, begins at a line on its
standard input, says another when everything is written, and keeps the locks until its input ends. The attempts' turns
are spread evenly over time, as those of real clients are.
"""

from __future__ import annotations

import fcntl
import json
import os
import sys
import time

TEXT = "The parser reads each record once, keeps the offset of its last whole line, and goes on from there. "
CODE = """def parse(line: bytes) -> Record:
    head, space, payload = line[2:].partition(b" ")
    return Record(head, payload)
"""
FILE = "/fleet/worktrees/t7/parse.py"
SESSION = "7c1b3f0e-0000-4000-8000-000000000007"


def line(attempt: str, number: int) -> bytes:
    """A round is four lines: words, a tool call, now and then the windows, what the tool gave. 1 to 3 KB each."""
    told, step = divmod(number, 4)
    if step == 3:
        said = tool_result(number, told)
    elif step == 2 and told % 4 == 0:
        said = windows(told)
    elif step == 0:
        said = answer(attempt, told, {"type": "text", "text": TEXT * (8 + told % 5)})
    else:
        said = answer(attempt, told, edit(number, told))
    common = {"parent_tool_use_id": None, "session_id": SESSION, "uuid": f"{number:032x}"}
    return json.dumps({**said, **common}, separators=(",", ":")).encode()


def answer(attempt: str, told: int, part: dict[str, object]) -> dict[str, object]:
    usage = {"input_tokens": 4, "cache_creation_input_tokens": 300, "cache_read_input_tokens": 5000 + told}
    message = {
        "id": f"msg_{attempt}_{told}",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-5-5",
        "content": [part],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {**usage, "output_tokens": 1, "service_tier": "standard"},
        "context_management": None,
    }
    return {"type": "assistant", "message": message, "request_id": f"req_{told:016x}"}


def edit(number: int, told: int) -> dict[str, object]:
    change = {"file_path": FILE, "old_string": CODE * 4, "new_string": CODE * (5 + told % 3)}
    return {"type": "tool_use", "id": f"toolu_{number:020x}", "name": "Edit", "input": change}


def tool_result(number: int, told: int) -> dict[str, object]:
    text = (TEXT + CODE) * (5 + told % 5)
    result = {"tool_use_id": f"toolu_{number:020x}", "type": "tool_result", "content": text}
    told_back = {"stdout": TEXT * 3, "stderr": "", "interrupted": False}
    return {"type": "user", "message": {"role": "user", "content": [result]}, "tool_use_result": told_back}


def windows(told: int) -> dict[str, object]:
    window = {"utilization": 0.3 + told % 100 / 1000, "resetsAt": 1795356756, "status": "allowed"}
    both = {"five_hour": window, "seven_day": {**window, "resetsAt": 1795556756}}
    top = {"status": "allowed", "resetsAt": 1795356756, "rateLimitType": "five_hour"}
    return {"type": "rate_limit_event", "rate_limit_info": {**top, "unifiedWindows": both}}


def main(runs: str, lines_per_s: float, seconds: float, attempts: list[str]) -> None:
    locks = [os.open(f"{runs}/{name}/lock", os.O_RDWR | os.O_CREAT, 0o600) for name in attempts]
    for lock in locks:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    spools = [
        os.open(f"{runs}/{name}/spool", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600) for name in attempts
    ]
    prepared = [line(attempts[0], number) for number in range(64)]
    os.write(1, b"ready\n")
    sys.stdin.buffer.readline()
    began = time.monotonic()
    total = int(lines_per_s * seconds) * len(attempts)
    for count in range(total):
        wait = began + count / (lines_per_s * len(attempts)) - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        turn, which = divmod(count, len(attempts))
        # A new message id each time, as a client has it; the rest of the line is made ahead.
        said = prepared[turn % 64].replace(b"msg_", b"msg_%d_" % (turn // 64), 1)
        os.write(spools[which], b"o %d %b\n" % (time.time_ns() // 1_000_000, said))
    os.write(1, b"written\n")
    sys.stdin.buffer.read()


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), float(sys.argv[3]), sys.argv[4:])
