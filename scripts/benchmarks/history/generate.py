"""A made-up history of usage with every trap that real ones are known for, and what it truly holds.

The traps: answers written several times while they stream; forks and moved sessions that bring their past along;
subagents and workflow agents below a session; side questions that tell the main chain's answers again under new
request ids; gateways that omit the message's or the request's id or both, that repeat one message id for all answers,
or give empty ones; usage in tool results and progress records; synthetic errors with a limit; nulls; cache writes with
and without their lifetimes; torn lines, garbage, NULs, and a last line that is still being written.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.history import records
from benchmarks.history.records import Where
from benchmarks.history.truth import Tokens, Truth

YEAR_BEGINS_MS = 1_731_888_000_000
"""2024-11-18, a Monday."""
WEEKS = 52
HOUR_MS = 3_600_000
MODELS = ("claude-opus-5-1", "claude-sonnet-5-5", "claude-haiku-4-5-20251001", "claude-fable-5", "kimi-k2.5")
MODEL_WEIGHTS = (20, 50, 22, 6, 2)
CONFIG_DIRS = ("first", "second")
PROJECTS = 24
EVENING = (1, 1, 0, 0, 0, 0, 1, 2, 5, 8, 8, 7, 4, 6, 8, 8, 6, 5, 5, 9, 12, 12, 9, 4)
"""How likely each hour of the day is."""
WEEKDAY = (6, 8, 6, 8, 5, 2, 2)
GATEWAYS = ("plain", "no request", "no message", "no ids", "one message", "one message, no request", "empty")
GATEWAY_WEIGHTS = (86, 4, 2, 2, 2, 2, 2)
KINDS = ("session", "agent", "workflow", "fork", "moved", "aside")
KIND_WEIGHTS = (62, 20, 4, 8, 4, 2)


@dataclass(frozen=True, slots=True)
class Size:
    files: int
    lines: int
    bytes: int


FULL = Size(2_000, 1_000_000, 1_200_000_000)
SMALL = Size(60, 20_000, 24_000_000)


def generate(root: Path, size: Size, seed: int = 4) -> Truth:
    """Writes config directories below `root`; returns what they truly hold. The same for the same seed."""
    return _History(root, size, random.Random(seed)).written()


@dataclass(slots=True)
class _Told:
    """A session as it has been written: its lines, and after how many of them each answer is complete."""

    where: Where
    config_dir: str
    gateway: str
    at_ms: int
    lines: list[str]
    complete: list[int]
    parent: str = ""
    context: int = 8_000


class _History:
    def __init__(self, root: Path, size: Size, rng: random.Random) -> None:
        self.root, self.size, self.rng = root, size, rng
        self.truth = Truth()
        self.pool = records.pool_of_text(rng)
        self.mean = size.bytes / size.lines
        self.past: list[_Told] = []

    def written(self) -> Truth:
        for quota in self._quotas():
            told = self._begun()
            self._fill(told, quota)
            self._write(told)
        return self.truth

    def _quotas(self) -> Iterator[int]:
        """Lines of each file: most are short, a few very long."""
        weights = [self.rng.lognormvariate(0, 1.1) for _ in range(self.size.files)]
        scale = self.size.lines / sum(weights)
        for weight in weights:
            yield max(12, round(weight * scale))

    def _begun(self) -> _Told:
        kind = self.rng.choices(KINDS, KIND_WEIGHTS)[0] if len(self.past) > 4 else "session"
        if kind == "session":
            return self._session()
        parent = self.rng.choice(self.past)
        begin = {"fork": self._fork, "moved": self._moved, "aside": self._aside}.get(kind)
        if begin is None:
            return self._agent(parent, workflow=kind == "workflow")
        return begin(parent)

    def _session(self) -> _Told:
        project = int(self.rng.paretovariate(0.9)) % PROJECTS
        where = Where(
            self._uuid(), f"/home/me/work/project-{project}", self.rng.choice(("main", "main", "feature/x"))
        )
        gateway = self.rng.choices(GATEWAYS, GATEWAY_WEIGHTS)[0]
        told = _Told(where, self.rng.choice(CONFIG_DIRS), gateway, self._moment(), [], [])
        told.lines.append(f'{{"type":"queue-operation","operation":"enqueue","sessionId":"{where.session}"}}')
        return told

    def _agent(self, parent: _Told, *, workflow: bool) -> _Told:
        agent = f"{self.rng.getrandbits(68):017x}"
        where = Where(
            parent.where.session, parent.where.cwd, parent.where.branch, f"wf-{agent}" if workflow else agent
        )
        return _Told(where, parent.config_dir, parent.gateway, parent.at_ms - HOUR_MS // 2, [], [])

    def _fork(self, parent: _Told) -> _Told:
        """The client names the session that asked in newer forks, and does not in older ones."""
        if parent.where.agent:
            return self._session()
        where = Where(self._uuid(), parent.where.cwd, parent.where.branch)
        told = self._copied(parent, where)
        old, new = parent.where.session, where.session
        asked = f',"requestSessionId":"{old}"}}' if self.rng.random() < 0.5 else "}"
        told.lines = [self._forked(line.replace(old, new), asked) for line in told.lines]
        told.at_ms += self.rng.randrange(HOUR_MS, 48 * HOUR_MS)
        return told

    @staticmethod
    def _forked(line: str, asked: str) -> str:
        return line[:-1] + asked if '"type":"assistant",' in line else line

    def _moved(self, parent: _Told) -> _Told:
        """The same session goes on under another config directory."""
        if parent.where.agent or parent.config_dir == CONFIG_DIRS[1]:
            return self._session()
        self.past.remove(parent)
        told = self._copied(parent, parent.where)
        told.config_dir = CONFIG_DIRS[1]
        return told

    def _copied(self, parent: _Told, where: Where) -> _Told:
        until = self.rng.choice(parent.complete)
        copied = [line for line in parent.lines[:until] if line.endswith("}")]
        return _Told(where, parent.config_dir, parent.gateway, parent.at_ms, copied, [len(copied)])

    def _aside(self, parent: _Told) -> _Told:
        """A side question: the main chain's answers again, as a side chain with request ids of its own."""
        if parent.where.agent or parent.gateway != "plain":
            return self._session()
        where = Where(
            parent.where.session, parent.where.cwd, parent.where.branch, f"aside_question-{self._uuid()[:8]}"
        )
        until = self.rng.choice(parent.complete)
        again = [
            self._replayed(line)
            for line in parent.lines[:until]
            if line.startswith('{"parentUuid"') and line[-1] == "}"
        ]
        return _Told(where, parent.config_dir, "plain", parent.at_ms, again, [len(again)])

    def _replayed(self, line: str) -> str:
        line = line.replace('"isSidechain":false', '"isSidechain":true', 1)
        before, found, after = line.partition('"requestId":"')
        return f"{before}{found}again_{after}" if found else line

    def _fill(self, told: _Told, quota: int) -> None:
        """Turns until the file has its lines; in each a prompt or tool results, and an answer."""
        while len(told.lines) < quota:
            told.at_ms += int(self.rng.expovariate(1 / 25_000)) + 500
            self._ask(told)
            if self.rng.random() < 0.004:
                self._interrupt(told)
            self._answer(told)
        if self.rng.random() < 0.02:
            told.lines.append(told.lines[-1][:-40])
        self.past.append(told)
        del self.past[:-12]

    def _ask(self, told: _Told) -> None:
        at, mean = records.stamp(told.at_ms), self.mean
        for _ in range(1 if self.rng.random() < 0.7 else 2):
            uuid = self._uuid()
            room = int(self.rng.expovariate(1 / mean)) * 3 // 2 + 40
            result = '{"stdout":"ok","stderr":"","interrupted":false}'
            if self.rng.random() < 0.03:
                result = f'{{"status":"completed","usage":{records.usage((9, 900, 90, 0, 9000))},"totalTokens":9999}}'
            told.lines.append(
                records.tool_result(told.where, told.parent, uuid, at, self._text(room), result)
            )
            told.parent = uuid
        if self.rng.random() < 0.25:
            uuid = self._uuid()
            told.lines.append(records.attachment(told.where, told.parent, uuid, at, self._text(900)))
            told.parent = uuid

    def _interrupt(self, told: _Told) -> None:
        """What is no answer: a synthetic error, a decoy, or a line that the disk or the network broke."""
        at, uuid = records.stamp(told.at_ms), self._uuid()
        kind = self.rng.choice(("limit", "progress", "torn", "joined", "nul"))
        said = records.message(f"msg_{uuid}", MODELS[0], "", "null", records.usage((7, 700, 70, 0, 7000)))
        whole = records.answer(told.where, told.parent, uuid, at, f"req_{uuid}", said)
        if kind == "limit":
            told.lines.append(records.limit_hit(told.where, told.parent, uuid, at, told.at_ms))
            self.truth.readings += 1
        elif kind == "progress":
            told.lines.append(records.progress(told.where, told.parent, uuid, at, said))
        else:
            if kind == "joined":  # What was written behind the tear is whole.
                self.truth.add(at[:10], MODELS[0], told.where.cwd, (7, 700, 70, 0, 7000))
            broken = {"torn": whole[:-90], "joined": whole[:200] + whole, "nul": "\0" * 400}[kind]
            told.lines.append(broken)

    def _answer(self, told: _Told) -> None:
        model = self.rng.choices(MODELS, MODEL_WEIGHTS)[0]
        tokens, split = self._tokens(told)
        message, request = self._ids(told.gateway)
        copies = self.rng.choice((1, 1, 2, 2, 3))
        for copy in range(1, copies + 1):
            told.at_ms += self.rng.randrange(200, 6_000)
            last = copy == copies
            output = tokens[1] if last else min(tokens[1], self.rng.randrange(1, 9))
            used = records.usage(
                (tokens[0], output, *tokens[2:]), split=split, nulls=told.gateway == "no request"
            )
            content = f'{{"type":"text","text":"{self._text(int(self.mean * 0.35))}"}}'
            said = records.message(message, model, content, '"tool_use"' if last else "null", used)
            uuid = self._uuid()
            at = records.stamp(told.at_ms)
            told.lines.append(records.answer(told.where, told.parent, uuid, at, request, said))
            told.parent = uuid
        told.complete.append(len(told.lines))
        self.truth.add(records.stamp(told.at_ms)[:10], model, told.where.cwd, tokens)

    def _tokens(self, told: _Told) -> tuple[Tokens, bool]:
        told.context += self.rng.randrange(50, 3_000)
        output = int(self.rng.lognormvariate(5.5, 1.2)) + 9
        if told.gateway != "plain" and self.rng.random() < 0.5:
            return (told.context, output, 0, 0, 0), False
        written, split = self.rng.randrange(1, 4_000), self.rng.random() < 0.85
        hour = written if split and self.rng.random() < 0.5 else 0
        return (self.rng.randrange(1, 30), output, written - hour, hour, told.context), split

    def _ids(self, gateway: str) -> tuple[str | None, str | None]:
        message: str | None = f"msg_01{self.rng.getrandbits(96):024x}"
        request: str | None = f"req_011{self.rng.getrandbits(96):024x}"
        if gateway in ("no message", "no ids"):
            message = None
        if gateway in ("no request", "no ids", "one message, no request"):
            request = None
        if gateway.startswith("one message"):
            message = "msg_gateway"
        if gateway == "empty":
            request = ""
        return message, request

    def _text(self, length: int) -> str:
        """A piece of the pool; cut where no escape is."""
        length = min(length, records.POOL_SIZE // 4)
        begin = self.pool.index(" ", self.rng.randrange(records.POOL_SIZE // 2))
        return (
            self.pool[begin : self.pool.rindex(" ", begin, begin + length + 2) + 1] if length > 40 else "ok"
        )

    def _uuid(self) -> str:
        digits = f"{self.rng.getrandbits(128):032x}"
        return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"

    def _moment(self) -> int:
        """When a session begins: weekdays and evenings more often than nights."""
        day = self.rng.randrange(WEEKS) * 7 + self.rng.choices(range(7), WEEKDAY)[0]
        hour = self.rng.choices(range(24), EVENING)[0]
        return YEAR_BEGINS_MS + (day * 24 + hour) * HOUR_MS + self.rng.randrange(HOUR_MS)

    def _write(self, told: _Told) -> None:
        slug = "".join(letter if letter.isalnum() else "-" for letter in told.where.cwd)
        folder = self.root / told.config_dir / "projects" / slug
        name = f"{told.where.session}.jsonl"
        if told.where.agent:
            folder = folder / told.where.session / "subagents"
            if told.where.agent.startswith("wf-"):
                folder = folder / "workflows" / told.where.agent[:9]
            name = f"agent-{told.where.agent}.jsonl"
        folder.mkdir(parents=True, exist_ok=True)
        whole = told.lines[-1].endswith("}")
        body = ("\n".join(told.lines) + ("\n" if whole else "")).encode()
        (folder / name).write_bytes(body)
        self.truth.files += 1
        self.truth.lines += len(told.lines)
        self.truth.bytes += len(body)
        self.truth.broken += sum(_is_broken(line) for line in told.lines[: None if whole else -1])
        spare = self.truth.lines * self.size.bytes / self.size.lines - self.truth.bytes
        self.mean = max(200.0, self.size.bytes / self.size.lines * (1 + math.tanh(spare / 5e6)))


def _is_broken(line: str) -> bool:
    return line[0] != "{" or line[-1] != "}" or line.count('{"parentUuid"') > 1
