"""What needs a person, derived from the state that faces show (`fleet.views.live.State`), never from a message: so it
is there exactly as long as it is true. Pure, and light: `fleet status` takes its consents from here.

A need has a key that stays the same while it is open, a kind of `KINDS`, its subject (a task, an account, a host, a
repository …), since when, a text, and commands to type. Those of `INFORMING` nobody has to act on.
"""

from __future__ import annotations

from zlib import crc32

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any

    Record = dict[str, Any]

KINDS = (
    "review",
    "held",
    "failed",
    "denied-tools",
    "deadline-at-risk",
    "consent",
    "account-refused",
    "account-silent",
    "account-none",
    "keyring-locked",
    "token-expires",
    "host-distrusted",
    "host-lost",
    "host-unfit",
    "disk-full",
    "breaker-open",
    "tier-nobody-has",
    "label-nobody-has",
    "all-waiting",
)
INFORMING = ("all-waiting",)

AUTO = "auto"
"""`fleet.core.model.policy.AUTO`, held to it by a test: the core is too heavy to import here."""

UNFIT_TIMES = 6
"""`Settings.faults_max`, as well."""

_OF_A_TASK: dict[str, tuple[str, ...]] = {
    "review": ("fleet task diff {id}", "fleet task approve {id}", 'fleet task send-back {id} "…"'),
    "held": ("fleet why {id}",),
    "failed": ("fleet why {id}", "fleet task logs {id}", "fleet task retry {id}", "fleet task cancel {id}"),
}
"""The states in which a task needs a person, and what to type. Another such state is one line more."""


def needs(sections: Mapping[str, Mapping[str, Any]]) -> list[Record]:
    """All that is open, those of tasks first, each kind in the order of its subjects."""
    tasks = list(sections["tasks"].values())
    accounts = list(sections["accounts"].values())
    return [
        *_of_tasks(tasks),
        *_of_open_tasks(tasks),
        *(_consent(found) for found in consents(tasks)),
        *_of_accounts(accounts),
        *_of_hosts(sections["hosts"].values()),
        *_of_the_breaker(sections["fleet"]),
        *_of_what_nobody_has(tasks, accounts, list(sections["hosts"].values())),
        *_waiting(tasks, sections["workers"]),
    ]


def consents(briefs: Iterable[Record]) -> list[Record]:
    """What waits for a person's consent: each story once, with the command to type in it, and whose work waits."""
    found: dict[str, Record] = {}
    for brief in briefs:
        if brief["needs_consent"]:
            since = brief["trouble_since"] or brief["since"]
            plain = {"repo": brief["repo"], "story": brief["trouble"], "tasks": [], "since": since}
            need = found.setdefault(brief["trouble"], plain)
            need["tasks"].append(brief["id"])
            need["since"] = min(need["since"], since)
    return list(found.values())


def asks_somebody(found: Iterable[Record]) -> bool:
    """Whether one of these has to be acted on."""
    return any(need["kind"] not in INFORMING for need in found)


def _need(kind: str, subject: str, text: str, *commands: str, since: str | None, key: str = "") -> Record:
    return {
        "key": f"{kind}:{key or subject}",
        "kind": kind,
        "subject": subject,
        "since": since,
        "text": text,
        "commands": list(commands),
    }


def _of_tasks(tasks: list[Record]) -> Iterator[Record]:
    for state, commands in _OF_A_TASK.items():
        for task in tasks:
            if task["state"] == state and not task["needs_consent"]:
                typed = (command.format(id=task["id"]) for command in commands)
                text = task["reason"] or task["title"]
                yield _need(state, task["id"], text, *typed, since=task["since"])


def _of_open_tasks(tasks: list[Record]) -> Iterator[Record]:
    """What a person may do something about before the task itself needs them."""
    for task in tasks:
        name = task["id"]
        if task["state"] in _OF_A_TASK:
            continue
        if task["denied_since"]:
            told = ", ".join(f"{tool} {count} times" for tool, count in task["denied"].items())
            logs, edit = f"fleet task logs {name}", f"fleet task edit {name} --allow-tool RULE"
            text = f"its session was denied {told}: allow what it needs, or say how to do without"
            yield _need("denied-tools", name, text, logs, edit, since=task["denied_since"])
        if task["at_risk_since"]:
            why, edit = f"fleet why {name}", f"fleet task edit {name} --deadline WHEN"
            text = f"it is not expected to be done by its deadline, {task['deadline']}"
            yield _need("deadline-at-risk", name, text, why, "fleet plan", edit, since=task["at_risk_since"])


def _consent(found: Record) -> Record:
    repo, names = found["repo"], found["tasks"]
    key = f"{repo}:{crc32(found['story'].encode(errors='replace')):08x}"
    waiting = f"{len(names)} tasks wait" if len(names) > 1 else f"{names[0]} waits"
    return _need(
        "consent",
        repo,
        f"{waiting}: {found['story']}",
        f"fleet project allow {repo}",
        since=found["since"],
        key=key,
    )


def _of_accounts(accounts: list[Record]) -> Iterator[Record]:
    for account in accounts:
        name, state = account["name"], account["state"]
        renew = (f"fleet account token {name}",) if account["token_ends_at"] else ()
        if state == "quarantined":
            verify = f"fleet account verify {name}"
            yield _need("account-refused", name, account["reason"], *renew, verify, since=account["since"])
        if state == "silent" and account["needs_person"]:
            verify = f"fleet account verify {name}"
            yield _need("account-silent", name, account["reason"], verify, since=account["since"])
        if account["token_ends_soon"] and state != "quarantined":
            text = f"its token ends by {account['token_ends_at']}"
            yield _need("token-expires", name, text, *renew, since=account["token_ends_soon_since"])
    waiting = [account for account in accounts if account["state"] == "waiting"]
    if waiting:
        names = ", ".join(account["name"] for account in waiting)
        text = f"{names} cannot be used until the keyring can be reached: {waiting[0]['reason']}"
        since = min(account["since"] for account in waiting)
        yield _need("keyring-locked", "keyring", text, "fleet doctor", since=since)


def _of_hosts(hosts: Iterable[Record]) -> Iterator[Record]:
    for host in hosts:
        name = host["name"]
        since = host["silent_since"] or host["observed_at"]
        if host["state"] in ("distrusted", "lost"):
            show = (f"fleet host show {name}", f"fleet host verify {name}")
            yield _need(f"host-{host['state']}", name, host["problem"], *show, since=since)
        if host["disk_low_since"]:
            free = (
                f"{host['disk_free_bytes'] / 1e9:.1f} GB" if host["disk_free_bytes"] is not None else "little"
            )
            clean = ("fleet clean --dry-run",) if host["address"] is None else ()
            text = f"its disk is nearly full: {free} free where work lies"

            yield _need(
                "disk-full", name, text, *clean, f"fleet host show {name}", since=host["disk_low_since"]
            )
        for unfit in host["unfit"]:
            if unfit["lasting"] and unfit["times"] >= UNFIT_TIMES:
                text = f"its git refuses {unfit['repo']}: {unfit['why']}"
                verify, key = f"fleet host verify {name}", f"{name}:{unfit['repo']}"
                yield _need("host-unfit", name, text, verify, since=unfit["since"], key=key)


def _of_the_breaker(fleet: Mapping[str, Any]) -> Iterator[Record]:
    if fleet["breaker"]:
        text = f"the circuit breaker is open: {fleet['breaker']}"
        since = fleet.get("breaker_since")
        yield _need("breaker-open", "fleet", text, "fleet breaker close", since=since, key="fleet")


def _of_what_nobody_has(tasks: list[Record], accounts: list[Record], hosts: list[Record]) -> Iterator[Record]:
    """Tiers and labels that tasks ask for and nothing has, each once."""
    queued = [task for task in tasks if task["state"] in ("queued", "waiting")]
    if queued and not accounts:
        text = f"{_tasks(queued)} but there is no account"
        yield _need("account-none", "accounts", text, "fleet account add --help", since=_first(queued))
        return
    had = {tier for account in accounts for tier in account["tiers"]}
    asked: dict[str, list[Record]] = {}
    for task in queued:
        if AUTO not in task["tiers"] and had.isdisjoint(task["tiers"]):
            asked.setdefault(",".join(task["tiers"]), []).append(task)
    for tiers, waiting in asked.items():
        text = f"{_tasks(waiting)} for tier {tiers}, which no account has"
        edit = f"fleet task edit {waiting[0]['id']} --tier T"
        why = f"fleet why {waiting[0]['id']}"
        yield _need("tier-nobody-has", tiers, text, why, edit, since=_first(waiting))
    there = [frozenset(host["labels"]) for host in hosts]
    asked = {}
    for task in queued:
        if task["labels"] and not any(labels.issuperset(task["labels"]) for labels in there):
            asked.setdefault(",".join(task["labels"]), []).append(task)
    for labels, waiting in asked.items():
        text = f"{_tasks(waiting)} for a host with {labels}, and none has that"
        why = f"fleet why {waiting[0]['id']}"
        yield _need("label-nobody-has", labels, text, why, "fleet host list", since=_first(waiting))


def _waiting(tasks: list[Record], workers: Mapping[str, Record]) -> Iterator[Record]:
    """Nothing runs, though there is work that nobody has paused."""
    queued = [task for task in tasks if task["state"] == "queued" and not task["paused"]]
    if queued and not workers:
        text = f"nothing runs; {_tasks(queued)}"
        why, since = f"fleet why {queued[0]['id']}", _first(queued)
        yield _need("all-waiting", "fleet", text, why, "fleet plan", since=since, key="fleet")


def _first(tasks: list[Record]) -> str:
    """Since when the first of them waits."""
    since: str = min(task["since"] for task in tasks)
    return since


def _tasks(tasks: list[Record]) -> str:
    return f"{tasks[0]['id']} waits" if len(tasks) == 1 else f"{len(tasks)} tasks wait"
