"""Small scenarios for these tests: one tier and round figures unless told otherwise."""

from __future__ import annotations

from typing import Any

from fleet.core.rules.placing import Choose
from fleet.simulate.cases import draw
from fleet.simulate.record import Record
from fleet.simulate.run import run_case
from fleet.simulate.scenario import Scenario, parse


def bucket(
    name: str = "five_hour", length: str = "5h", capacity: float = 100.0, **more: Any
) -> dict[str, Any]:
    return {"name": name, "length": length, "capacity": capacity, "weights": {"sonnet": 1}, **more}


def account(name: str = "a", *buckets: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": name, "concurrency": 1, "buckets": list(buckets) or [bucket()], **more}


def task(key: str, work: float = 1.0, **more: Any) -> dict[str, Any]:
    """`work` in units of the kind "plain", which takes 10 work units and an hour."""
    return {"key": key, "kind": "plain", "size": work, **more}


def said(**more: Any) -> dict[str, Any]:
    return {
        "version": 1,
        "horizon": "1d",
        "tiers": [{"name": "sonnet", "weight": 1}],
        "accounts": [account()],
        "kinds": [{"name": "plain", "doing": {"sonnet": {"work": 10, "duration": "1h"}}}],
        **more,
    }


def scenario(**more: Any) -> Scenario:
    return parse(said(**more))


def run(choose: Choose, *, seed: int = 1, **more: Any) -> Record:
    return run_case(draw(scenario(**more), seed), choose, policy="test")


def placed(record: Record) -> list[tuple[str, str]]:
    """Which task went where, in the order it was placed."""
    stays = sorted(
        (stay.begins_ms, n, stay)
        for n, stay in enumerate(s for course in record.courses.values() for s in course.stays)
    )
    return [(stay.task, stay.account) for _, _, stay in stays]
