"""What is found of a host's facts, and what to do about it."""

from __future__ import annotations

from typing import Any

import pytest

from workers.client.probe.locating import OLDEST
from workers.remote.fitness import Finding, findings, problem, unsandboxed, workers_that_fit

CLIENT = "2.1.250"
WELL: dict[str, Any] = {
    "dir": "/home/fleet/.fleet/abc",
    "python": "3.11.2",
    "kernel": "Linux 6.1.0 x86_64",
    "git": "2.39.5",
    "git_lfs": None,
    "git_trouble": None,
    "client": {"path": "/usr/local/bin/claude", "version": CLIENT, "flags": ["--input-format"]},
    "client_trouble": None,
    "user": "fleet",
    "cores": 4,
    "memory_free_bytes": 8_000_000_000,
    "load1": 0.3,
    "disk_free_bytes": 50_000_000_000,
    "file_system": "ext4",
    "network_file_system": False,
    "write_ms": 3.1,
    "unwritable": None,
    "kills_at_logout": False,
}


def by_name(clock_ahead_s: float | None = 0.0, **facts: Any) -> dict[str, Finding]:
    found = findings(WELL | facts, home_client=CLIENT, clock_ahead_s=clock_ahead_s)
    return {finding.what: finding for finding in found}


def test_a_host_that_is_well_has_nothing_to_be_done() -> None:
    assert {(found.grade, found.advice) for found in by_name().values()} == {("ok", "")}
    assert problem(WELL) == ""


@pytest.mark.parametrize(
    ("facts", "what", "grade", "story", "cure"),
    [
        ({"git": None}, "git", "error", "no git on its PATH", "dnf install git"),
        ({"git": "2.25.1"}, "git", "error", "git 2.25.1 is older than 2.34", "apt install git"),
        (
            {"client": None, "client_trouble": "there is no `claude` on the PATH"},
            "client",
            "error",
            "there is no `claude`",
            "npm install -g @anthropic-ai/claude-code",
        ),
        (
            {"client": {"path": "/c", "version": "1.9.9"}},
            "client",
            "error",
            f"is version 1.9.9; at least {OLDEST} is needed",
            "/c update",
        ),
        (
            {"client": {"path": "/c", "version": "2.1.249"}},
            "client",
            "warning",
            f"2.1.249 (/c), but {CLIENT} here",
            "(there): claude update",
        ),
        (
            {"client": {"path": "/c", "version": "2.2.0"}},
            "client",
            "warning",
            "sessions move between the two",
            "(here): claude update",
        ),
        ({"memory_free_bytes": 300_000_000}, "memory", "warning", "0.3 GB of memory free", "memory"),
        ({"memory_free_bytes": None}, "memory", "warning", "one at a time", ""),
        ({"disk_free_bytes": 1_900_000_000}, "disk", "warning", "1.9 GB free below /home/fleet", "--dir"),
        ({"disk_free_bytes": 100_000_000}, "disk", "error", "its disk is full", "free some space there"),
        (
            {
                "unwritable": "/home/fleet/.fleet/abc cannot be written: Read-only file system",
                "write_ms": None,
            },
            "directory",
            "error",
            "Read-only file system",
            "--dir",
        ),
        ({"write_ms": 350.0}, "directory", "warning", "took 350 ms", "--dir"),
        (
            {"network_file_system": True, "file_system": "nfs4"},
            "file system",
            "warning",
            "network file system (nfs4)",
            "--dir",
        ),
        (
            {"kills_at_logout": True},
            "logout",
            "error",
            "kills what fleet runs",
            "loginctl enable-linger fleet",
        ),
    ],
)
def test_what_is_amiss_is_told_with_its_cure(
    facts: dict[str, Any], what: str, grade: str, story: str, cure: str
) -> None:
    found = by_name(**facts)[what]
    assert found.grade == grade
    assert story in found.story
    assert cure in found.advice
    told = problem(WELL | facts)
    assert bool(told) is (grade == "error")
    if told:
        assert story in told and cure in told


@pytest.mark.parametrize(
    ("ahead_s", "story"),
    [
        (-4.9, None),
        (7.0, "its clock is 7 s ahead of this machine's, which Fleet reckons with"),
        (-600.0, "its clock is 600 s behind this machine's: Fleet reckons with that, but TLS"),
        (None, None),
    ],
)
def test_a_clock_that_is_off_is_a_warning_whatever_it_is(ahead_s: float | None, story: str | None) -> None:
    found = by_name(clock_ahead_s=ahead_s).get("clock")
    assert (found is None) is (story is None)
    if found is not None and story is not None:
        assert found.grade == "warning" and story in found.story and "timedatectl" in found.advice


def test_a_host_of_which_nothing_is_known_is_judged_without_breaking() -> None:
    """What an older or stranger host does not say is not known, which is told."""
    assert {found.what for found in findings({}) if found.grade == "error"} == {"git", "client"}


@pytest.mark.parametrize(
    ("cores", "free", "fit"),
    [
        (4, 64_000_000_000, 8),
        (4, 4_000_000_000, 5),
        (16, 100_000_000, 1),
        (2, None, 4),
        (None, None, 2),
    ],
)
def test_as_many_workers_fit_as_cores_and_memory_have_room_for(
    cores: int | None, free: int | None, fit: int
) -> None:
    assert workers_that_fit({"cores": cores, "memory_free_bytes": free}) == fit


def test_a_host_without_a_sandbox_is_told_of_with_the_cure_and_may_work() -> None:
    facts = {
        **WELL,
        "sandbox": {"why": "bubblewrap (bwrap) is not installed", "cure": "apt-get install bubblewrap"},
    }
    told = next(finding for finding in findings(facts) if finding.what == "sandbox")
    assert told.grade == "warning" and "workers run as its user" in told.story and "apt-get" in told.advice
    assert problem(facts) == "" and unsandboxed(facts).endswith("apt-get install bubblewrap")
    assert unsandboxed({**WELL, "sandbox": {"program": "/usr/bin/bwrap"}}) == ""
