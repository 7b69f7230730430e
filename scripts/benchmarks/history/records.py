"""The records that the client writes, as text: in the shapes of Claude Code 2.1.330."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from datetime import UTC, datetime

from benchmarks.history.truth import Tokens

TEXT = (
    "the ledger reads what was used and keeps it café naïve größer 測試 usage: { } [ ] token session model branch "
    'project answer def return import assert path value None True False == != / data index \\ " \n \t'
)
POOL_SIZE = 1 << 20


def pool_of_text(rng: random.Random) -> str:
    """Text to cut pieces from, already escaped for JSON, without a backslash at the places where it is cut."""
    words = [json.dumps(word, ensure_ascii=False)[1:-1] for word in TEXT.split(" ")]
    text = " ".join(rng.choices(words, k=POOL_SIZE // 4))
    return text[:POOL_SIZE]


def stamp(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%dT%H:%M:%S}.{at_ms % 1000:03d}Z"


@dataclass(frozen=True, slots=True)
class Where:
    """What stands in every record of a session."""

    session: str
    cwd: str
    branch: str
    agent: str = ""

    def head(self, parent: str) -> str:
        agent = f'"agentId":"{self.agent}",' if self.agent else ""
        side = "true" if self.agent else "false"
        known = f'"{parent}"' if parent else "null"
        return f'{{"parentUuid":{known},"isSidechain":{side},{agent}'

    def tail(self, uuid: str, at: str) -> str:
        return (
            f'"uuid":"{uuid}","timestamp":"{at}","userType":"external","entrypoint":"cli","cwd":"{self.cwd}",'
            f'"sessionId":"{self.session}","version":"2.1.330","gitBranch":"{self.branch}"}}'
        )


def usage(tokens: Tokens, *, split: bool = True, nulls: bool = False) -> str:
    """`split`: cache writes told by their lifetime; without it only their sum. `nulls`: what is 0 is told as null."""
    plain, output, write_5m, write_1h, read = tokens
    lifetimes = (
        f'"cache_creation":{{"ephemeral_1h_input_tokens":{write_1h},"ephemeral_5m_input_tokens":{write_5m}}},'
    )
    written = "null" if nulls and not write_5m + write_1h else write_5m + write_1h
    return (
        f'{{"input_tokens":{plain},"cache_creation_input_tokens":{written},"cache_read_input_tokens":{read},'
        f'"output_tokens":{output},"server_tool_use":{{"web_search_requests":0,"web_fetch_requests":0}},'
        f'"service_tier":"standard",{lifetimes if split else ""}"inference_geo":"","speed":"standard"}}'
    )


def message(id_: str | None, model: str, content: str, stop: str, used: str) -> str:
    known = "" if id_ is None else f'"id":"{id_}",'
    return (
        f'{{{known}"type":"message","role":"assistant","model":"{model}","content":[{content}],"stop_reason":{stop},'
        f'"stop_sequence":null,"usage":{used},"stop_details":null}}'
    )


def answer(
    where: Where, parent: str, uuid: str, at: str, request: str | None, said: str, more: str = ""
) -> str:
    known = "" if request is None else f'"requestId":"{request}",'
    return f'{where.head(parent)}"message":{said},{known}"type":"assistant",{more}{where.tail(uuid, at)}'


def tool_result(where: Where, parent: str, uuid: str, at: str, text: str, result: str) -> str:
    content = f'[{{"tool_use_id":"toolu_{uuid[:8]}","type":"tool_result","content":"{text}"}}]'
    return (
        f'{where.head(parent)}"type":"user","message":{{"role":"user","content":{content}}},'
        f'"toolUseResult":{result},{where.tail(uuid, at)}'
    )


def prompt(where: Where, parent: str, uuid: str, at: str, text: str) -> str:
    said = f'{{"role":"user","content":"{text}"}}'
    return f'{where.head(parent)}"type":"user","message":{said},{where.tail(uuid, at)}'


def attachment(where: Where, parent: str, uuid: str, at: str, text: str) -> str:
    told = f'{{"type":"deferred_tools_delta","addedLines":["{text}"]}}'
    return f'{where.head(parent)}"attachment":{told},"type":"attachment",{where.tail(uuid, at)}'


def progress(where: Where, parent: str, uuid: str, at: str, said: str) -> str:
    """A decoy: what a subagent was just answered, told again in its parent's transcript."""
    inner = f'{{"type":"assistant","timestamp":"{at}","message":{said}}}'
    return (
        f'{where.head(parent)}"type":"progress","data":{{"type":"agent_progress","message":{inner}}},'
        f"{where.tail(uuid, at)}"
    )


def limit_hit(where: Where, parent: str, uuid: str, at: str, at_ms: int) -> str:
    """A synthetic error: no usage, but a reading of a bucket."""
    said = message(
        uuid,
        "<synthetic>",
        '{"type":"text","text":"You\'ve hit your limit"}',
        '"stop_sequence"',
        usage((0,) * 5),
    )
    limits = f'{{"status":"rejected","resetsAt":{at_ms // 1000 + 9000},"rateLimitType":"five_hour"}}'
    more = f'"quotaLimits":{limits},"error":"rate_limit","isApiErrorMessage":true,'
    return answer(where, parent, uuid, at, f"req_{uuid[:12]}", said, more)
