"""What the real client said in each situation; docs/client-facts.md says how."""

from __future__ import annotations

import json
from pathlib import Path

from workers.client.listen.messages import Message, Result
from workers.client.listen.stream import read
from workers.client.listen.verdict import Exit, Seen, Verdict, judge

FOLDER = Path(__file__).parent / "recorded"
NAMES = sorted(path.stem for path in FOLDER.glob("*.jsonl"))


def payloads(name: str) -> list[bytes]:
    return (FOLDER / f"{name}.jsonl").read_bytes().splitlines()


def lines(name: str) -> list[Message]:
    return [read(payload) for payload in payloads(name)]


def result(name: str) -> Result | None:
    return next((line for line in reversed(lines(name)) if isinstance(line, Result)), None)


def ended(name: str) -> Exit:
    data = json.loads((FOLDER / f"{name}.exit.json").read_text())
    code = data["exit_code"]
    return Exit(None if code < 0 else code, -code if code < 0 else None, data["stderr"])


def verdict(name: str) -> Verdict:
    seen = Seen()
    for line in lines(name):
        seen = seen.after(line)
    return judge(result(name), seen, ended(name))
