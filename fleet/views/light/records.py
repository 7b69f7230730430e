"""The shape in which each thing is shown, made from its stored body.

What is told in words is a text, empty where there is nothing to tell; what has no value, no name or no time is null.

Light: see `reading`. So `typing` is only for the type checker here and in its neighbours: importing it takes as long
as all the reading does.
"""

from __future__ import annotations

from fleet.moments import iso, with_moments
from fleet.spoken.task_fields import FIELDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Record = dict[str, Any]

READING_LIFE_MS = 5 * 3_600_000
"""`Settings.reading_life_ms`, held to it by a test: the core is too heavy to import here."""

DAY_MS = 86_400_000

TOKEN_SOON_DAYS = 30

PAUSED = "paused by you"
"""`feasible.PAUSED`, held to it by a test, as what is said here of tokens is to `Account.token_ends_ms`."""

HERE = "local"
"""`fleet.core.model.HERE`, which is too heavy to import here."""

_BRIEF = ("title", "priority", "deadline_ms", "repo", "land", "after", "paused", "tiers", "labels")
_FURTHER = tuple(field for field in FIELDS if field.name not in (*_BRIEF, "project", "key"))
"""The fields of a task that are shown as they are kept, beside those of `task_brief`."""

_TOKENS = ("input", "output", "cache_read", "cache_write")


# --- accounts and their buckets -------------------------------------------------------------------------


def bucket(body: Record, now_ms: int) -> Record:
    """A refusal outranks the reading until its reset; past its reset a reading is unknown."""
    refused_until = body["refused_until_ms"]
    refused = refused_until is not None and now_ms < refused_until
    utilization = _utilization_now(body, now_ms)
    status = body["status"] if utilization is not None and body["status"] != "rejected" else None
    resets = refused_until if refused else body["resets_ms"]
    return {
        "name": body["name"],
        "scope": body["scope"],
        "utilization": utilization,
        "resets_at": iso(resets) if resets is not None and now_ms < resets else None,
        "observed_at": iso(body["observed_ms"]),
        "source": body["source"],
        "status": "rejected" if refused else status or "unknown",
    }


def _utilization_now(body: Record, now_ms: int) -> float | None:
    resets = body["resets_ms"]
    until = body["observed_ms"] + READING_LIFE_MS if resets is None else resets
    known: float | None = body["utilization"] if now_ms < until else None
    return known


def buckets_by_pool(bodies: list[Record], now_ms: int) -> dict[str, list[Record]]:
    by_pool: dict[str, list[Record]] = {}
    for body in bodies:
        by_pool.setdefault(body["pool"], []).append(bucket(body, now_ms))
    return by_pool


def account_brief(body: Record, buckets: list[Record], now_ms: int) -> Record:
    return {
        "name": body["name"],
        "kind": body["kind"],
        "state": _account_state(body, buckets),
        "reason": _reason(body),
        "needs_person": body.get("needs_person", False),
        "since": iso(_account_since_ms(body)),
        "tiers": dict(body["tiers"]),
        **_token_ends(body, now_ms),
        "buckets": buckets,
    }


def _account_state(body: Record, buckets: list[Record]) -> str:
    """`paused` by a person, `waiting` for the keyring, `limited` when a bucket for all tiers gives nothing now. A
    tier's own bucket leaves the others their work. Bodies of older versions have neither of the first two."""
    state: str = body["state"]
    if state == "ready" and body.get("paused"):
        return "paused"
    if state == "ready" and body.get("unreached"):
        return "waiting"
    spent = (
        b["scope"] is None and (b["status"] == "rejected" or (b["utilization"] or 0) >= 1) for b in buckets
    )
    return "limited" if state == "ready" and any(spent) else state


def _reason(body: Record) -> str:
    if body["state"] == "ready" and body.get("paused"):
        why, until = body.get("paused_why"), iso(body.get("paused_until_ms"))
        return f"{PAUSED}{f': {why}' if why else ''}{f', until {until}' if until else ''}"
    return body["reason"] or body.get("unreached") or ""


def _account_since_ms(body: Record) -> int:
    """Since when it is in its state, or since when its credential cannot be had; of an older release's, since when at
    the earliest."""
    if body["state"] == "ready" and body.get("unreached") and body.get("unreached_ms") is not None:
        unreached_ms: int = body["unreached_ms"]
        return unreached_ms
    since_ms: int | None = body.get("since_ms")
    return body["added_ms"] if since_ms is None else since_ms


def _token_ends(body: Record, now_ms: int) -> Record:
    """`Account.token_ends_ms`, and whether it is time to renew it."""
    if body["kind"] != "subscription" or not body["secret"] or body["login"]:
        return {"token_ends_at": None, "token_ends_soon": False, "token_ends_soon_since": None}
    given_ms = body["added_ms"] if body.get("token_ms") is None else body["token_ms"]
    ends_ms = given_ms + 365 * DAY_MS
    soon = (ends_ms - now_ms) // DAY_MS <= TOKEN_SOON_DAYS
    since = iso(ends_ms - (TOKEN_SOON_DAYS + 1) * DAY_MS) if soon else None
    return {"token_ends_at": iso(ends_ms), "token_ends_soon": soon, "token_ends_soon_since": since}


def account(body: Record, buckets: list[Record], workers: list[Record], now_ms: int) -> Record:
    brief = account_brief(body, buckets, now_ms)
    return {
        "name": brief["name"],
        "kind": brief["kind"],
        "state": brief["state"],
        "reason": brief["reason"],
        "tiers": dict(body["tiers"]),
        "concurrency": body["concurrency"],
        # `Account.spends`, held to it by a test: the core is too heavy to import here.
        "spend": body.get("spend") or ("when-needed" if body["kind"] == "api-key" else "free"),
        "workers": sum(worker["account"] == body["name"] for worker in workers),
        "pool": body["pool"],
        "base_url": body["base_url"],
        "login": body["login"],
        "added_at": iso(body["added_ms"]),
        "token_ends_at": brief["token_ends_at"],
        "token_ends_soon": brief["token_ends_soon"],
        "buckets": buckets,
    }


# --- tasks, attempts, worktrees -------------------------------------------------------------------------


def task_brief(body: Record) -> Record:
    spec = body["spec"]
    return {
        "id": body["id"],
        "title": spec["title"],
        "state": body["state"],
        "priority": spec["priority"],
        "deadline": iso(spec["deadline_ms"]),
        "repo": spec["repo"],
        "branch": body["branch"],
        "land": spec["land"],
        "landed_commit": body["landed_commit"],
        "after": body["after"],
        "reason": body["reason"],
        "trouble": trouble(body),
        "needs_consent": needs_consent(body),
        "paused": pause(spec.get("paused")),
        "created_at": iso(body["created_ms"]),
        "ended_at": iso(body["ended_ms"]),
        "since": iso(_since_ms(body)),
        "trouble_since": iso((body.get("trouble") or {}).get("since_ms")),
        "at_risk_since": iso(body.get("at_risk_ms")),
        "denied": dict(body.get("denied", ())),
        "denied_since": iso(body.get("denied_ms")),
        "tiers": spec["tiers"],
        "labels": spec.get("labels", []),
    }


def _since_ms(body: Record) -> int:
    """Since when a task is in its state; of one that an older release put there, since when at the earliest."""
    since_ms: int | None = body.get("since_ms")
    return since_ms if since_ms is not None else body["ended_ms"] or body["created_ms"]


def pause(body: Record) -> Record | None:
    """What a person has paused a task or a project by."""
    return body and {"by": body["by"], "why": body["why"], "until": iso(body.get("until_ms"))}


def state_of(task: Record) -> str:
    """The one word for where a task is, of its record."""
    from fleet.spoken.choice import state_word

    return state_word(task["state"], task["land"], paused=bool(task["paused"]))


def trouble(body: Record) -> str:
    """What the coordinator tries in vain for the task; bodies of older versions have no such field."""
    found = body.get("trouble")
    return found["story"] if found else ""


def needs_consent(body: Record) -> bool:
    """Whether that is a text of its repository which a person has to agree to first."""
    found = body.get("trouble")
    return bool(found and found.get("consent"))


def task_full(body: Record) -> Record:
    spec = body["spec"]
    return {
        **task_brief(body),
        **{field.shown: spec.get(field.name, field.older) for field in _FURTHER},
        "project": spec.get("project") or spec["repo"],
        "session_id": body["session_id"],
        "words": body["words"],
        "verdict": verdict(body.get("verdict")),
    }


def verdict(body: Record | None) -> Record | None:
    """What a model found that reviewed the task's work last."""
    return body and {
        "commit": body["commit"],
        "tier": body["tier"],
        "account": body["account"],
        "passed": all(one["severity"] != "blocking" for one in body["findings"]),
        "findings": body["findings"],
    }


def attempt(body: Record) -> Record:
    """`tokens` include those of the turn that is still running."""
    counted = [body[part] for part in ("tokens", "running_tokens", "answer_tokens")]
    return {
        "id": body["id"],
        "account": body["account"],
        "tier": body["tier"],
        "model": body["model"],
        "host": body["host"],
        "session_id": body["session_id"],
        "state": body["state"],
        "reason": body["reason"],
        "detail": body["detail"] or "",
        "started_at": iso(body["started_ms"]),
        "ended_at": iso(body["ended_ms"]),
        "tokens": {kind: sum(part[kind] for part in counted) for kind in _TOKENS},
        "cost_usd": body["cost_usd"],
        "malformed": body["malformed"],
    }


def event(line: tuple[Any, ...]) -> Record:
    """A line of the journal (`ports.HistoryLine`) as faces follow it."""
    seq, *_, task_id, _, _, _, _, _ = line
    return {"seq": seq, **history_line(line), "task": task_id}


def history_line(line: tuple[Any, ...]) -> Record:
    """`type` is null of a line that an older version wrote."""
    _, at_ms, level, kind, _, attempt_id, account_name, host_name, text, data = line
    return {
        "at": iso(at_ms),
        "level": level,
        "type": kind,
        "attempt": attempt_id,
        "account": account_name,
        "host": host_name,
        "text": text,
        "data": with_moments(data),
    }


def worktree_brief(body: Record) -> Record:
    """`host` is the one it is on, `moves_from` the one that its work has still to be brought from. `checkpoint` is the
    ref at home with what was in no commit at `checkpoint_at`, when the work was last brought home."""
    return {
        "path": body["path"],
        "state": body["state"],
        "preserved": body["preserved"],
        "host": body.get("host", HERE),
        "moves_from": body.get("moves_from"),
        "checkpoint": body.get("checkpoint"),
        "checkpoint_at": iso(body.get("checkpoint_ms")),
    }


def worktree(body: Record, task_state: str) -> Record:
    return {
        "task": body["task"],
        "task_state": task_state,
        "repo": body["repo"],
        "slot": body["slot"],
        **worktree_brief(body),
    }


# --- workers and hosts ----------------------------------------------------------------------------------


def worker(body: Record) -> Record:
    return {
        "attempt": body["id"],
        "task": body["task"],
        "account": body["account"],
        "tier": body["tier"],
        "host": body["host"],
        "state": body["state"],
        "started_at": iso(body["started_ms"]),
    }


def host(body: Record, workers: list[Record]) -> Record:
    """`address` is None for this machine, `silent_since` for a host that answers; `observed_at` is when it last did."""
    return {
        "name": body["name"],
        "address": body.get("address") or None,
        "state": body.get("state", "ready"),
        "silent_since": iso(body.get("silent_since_ms")),
        "draining": body.get("draining", False),
        "problem": body["problem"] or "",
        "workers": sum(one["host"] == body["name"] for one in workers),
        "workers_max": body["workers_max"],
        "cores": body.get("cores"),
        "load": body.get("load"),
        "memory_free_bytes": body["memory_free_bytes"],
        "disk_free_bytes": body.get("disk_free_bytes"),
        "disk_low_since": iso(body.get("disk_low_ms")),
        "labels": body.get("labels", []),
        "unfit": [_unfit(one) for one in body.get("unfit", ())],
        "unsandboxed": body.get("unsandboxed", ""),
        "observed_at": iso(body["observed_ms"] or None),
    }


def _unfit(body: Record) -> Record:
    """A repository that its git refuses."""
    return {
        "repo": body["repo"],
        "why": body["why"],
        "since": iso(body["since_ms"]),
        "again": iso(body["again_ms"]),
        "times": body["times"],
        "lasting": body.get("lasting", False),
    }


def host_full(body: Record, workers: list[Record], worktrees: list[Record], history: list[Record]) -> Record:
    """`worktrees` are those on it, `checkpoint_at` is when work of one of them was last brought home, `history` is what
    was told of the host itself."""
    return {
        **host(body, workers),
        "jump": body.get("jump"),
        "identity": body.get("identity"),
        "directory": body.get("directory"),
        "client": body.get("client"),
        "warm": body.get("warm", []),
        "worktrees": worktrees,
        "checkpoint_at": max((one["checkpoint_at"] or "" for one in worktrees), default="") or None,
        "history": history,
    }


# --- the breaker ----------------------------------------------------------------------------------------


def breaker(policy: Record) -> Record:
    """Why it is open, empty while it is not, and since when, where that is known."""
    since = iso(policy.get("breaker_since_ms"))
    return {"breaker": policy.get("breaker") or "", **({"breaker_since": since} if since else {})}
