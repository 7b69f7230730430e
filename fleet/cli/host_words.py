"""How a host is told in few words. Light: `fleet status` uses it."""

from __future__ import annotations

from fleet.cli.show import clock, put, table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

HEAD = ("HOST", "STATE", "WORKERS", "CORES", "LOAD", "MEMORY FREE", "LABELS", "PROBLEM")
PROBLEM_WIDTH = 100


def row(host: dict[str, Any]) -> tuple[str, ...]:
    return (
        host["name"],
        state(host),
        f"{host['workers']}/{host['workers_max']}",
        "?" if host["cores"] is None else str(host["cores"]),
        "?" if host["load"] is None else f"{host['load']:.1f}",
        memory(host),
        ",".join(host["labels"]),
        _in_a_row(host["problem"] or ""),
    )


def put_all(head: tuple[str, ...], hosts: Sequence[tuple[tuple[str, ...], dict[str, Any]]]) -> None:
    """A table of hosts, each as its row and as it is, and below it where work runs in no sandbox, and what their git
    refuses."""
    table(head, [row for row, _ in hosts])
    for line in [line for _, host in hosts for line in (*unsandboxed(host), *refused(host))]:
        put(f"  {line}")


def unsandboxed(host: dict[str, Any]) -> list[str]:
    """A line where its work runs in no sandbox."""
    why = host["unsandboxed"]
    return [f"{host['name']}: no sandbox, workers run as its user: {why}"] if why else []


def refused(host: dict[str, Any], *, whole: bool = False) -> list[str]:
    """A line for each repository that its git refuses; `whole`: with all that git says."""
    return [
        f"{host['name']}: its git refuses {one['repo']} since {clock(one['since'])}, tried again from "
        f"{clock(one['again'])} on: {one['why'] if whole else _in_a_row(' '.join(one['why'].split()))}"
        for one in host["unfit"]
    ]


def _in_a_row(problem: str) -> str:
    """`fleet host show` has all of it."""
    return problem if len(problem) <= PROBLEM_WIDTH else problem[: PROBLEM_WIDTH - 1].rstrip() + "…"


def state(host: dict[str, Any]) -> str:
    """`ready`, `draining` until its last worker is gone, `drained`; `connecting` while nothing speaks against it,
    `suspected`, `lost` or `distrusted` with the time since when."""
    drained = ("draining" if host["workers"] else "drained") if host["draining"] else ""
    if host["state"] == "ready":
        return drained or "ready"
    untold = host["state"] == "suspected" and not host["problem"]
    told = f"{'connecting' if untold else host['state']} since {clock(host['silent_since'])}"
    return f"{told}, {drained}" if drained else told


def memory(host: dict[str, Any]) -> str:
    free = host["memory_free_bytes"]
    return "?" if free is None else f"{free / 1e9:.1f} GB"
