"""Stands in for many supervisors: holds their runs' locks and writes what their clients would say.

    python -I -S writer.py RUNS LINES_PER_S SECONDS ATTEMPT…

Standard library only and cheap. Says a line on standard output when it holds the locks, begins when its standard input
ends. The attempts' turns are spread evenly over time, as those of real clients are.
"""

from __future__ import annotations

import fcntl
import json
import os
import sys
import time

TEXT = "The parser reads each record once, keeps the offset of its last whole line, and goes on from there. "
CODE = 'def parse(line: bytes) -> Record:\n    head, space, payload = line[2:].partition(b" ")\n    return Record(head, payload)\n'


def line(attempt: str, number: int) -> bytes:
    """A round is four lines: words, a tool call, now and then the windows, what the tool gave. 1 to 3 KB each."""
    told, step = divmod(number, 4)
    session = "7c1b3f0e-0000-4000-8000-%012d" % (abs(hash(attempt)) % 10**12)
    common = {"parent_tool_use_id": None, "session_id": session, "uuid": "%032x" % number}
    if step < 2 or (step == 2 and told % 4):
        part: dict[str, object] = {"type": "text", "text": TEXT * (8 + number % 5)}
        if step:
            edit = {
                "file_path": "/fleet/worktrees/t7/parse.py",
                "old_string": CODE * 4,
                "new_string": CODE * (5 + told % 3),
            }
            part = {"type": "tool_use", "id": "toolu_%020x" % (number + step), "name": "Edit", "input": edit}
        usage = {
            "input_tokens": 4,
            "cache_creation_input_tokens": 300,
            "cache_read_input_tokens": 5000 + number,
        }
        message = {
            "id": "msg_%s_%d" % (attempt, told),
            "type": "message",
            "role": "assistant",
            "model": "claude-sonnet-5-5",
            "content": [part],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {**usage, "output_tokens": 1, "service_tier": "standard"},
            "context_management": None,
        }
        said: dict[str, object] = {
            "type": "assistant",
            "message": message,
            **common,
            "request_id": "req_%016x" % told,
        }
    elif step == 2:
        window = {"utilization": 0.3 + told % 100 / 1000, "resetsAt": 1795356756, "status": "allowed"}
        info = {"status": "allowed", "resetsAt": 1795356756, "rateLimitType": "five_hour"}
        windows = {"five_hour": window, "seven_day": {**window, "resetsAt": 1795556756}}
        said = {"type": "rate_limit_event", "rate_limit_info": {**info, "unifiedWindows": windows}, **common}
    else:
        result = {
            "tool_use_id": "toolu_%020x" % number,
            "type": "tool_result",
            "content": (TEXT + CODE) * (5 + told % 5),
        }
        said = {"type": "user", "message": {"role": "user", "content": [result]}, **common}
        said["tool_use_result"] = {"stdout": TEXT * 3, "stderr": "", "interrupted": False}
    return json.dumps(said, separators=(",", ":")).encode()


def main(runs: str, lines_per_s: float, seconds: float, attempts: list[str]) -> None:
    locks = [os.open(os.path.join(runs, name, "lock"), os.O_RDWR | os.O_CREAT, 0o600) for name in attempts]
    for lock in locks:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    spools = [
        os.open(os.path.join(runs, name, "spool"), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        for name in attempts
    ]
    prepared = [[line(name, number) for number in range(64)] for name in attempts[:1]][0]
    os.write(1, b"ready\n")
    sys.stdin.buffer.read()
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


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), float(sys.argv[3]), sys.argv[4:])
