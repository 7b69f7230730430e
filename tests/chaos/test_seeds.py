"""A fleet at work, with real parts, and troubles that a seed draws: at the end everything has landed once, and nothing
is left over or was reached that must not be.

`scripts/test --chaos N` tries N seeds; a seed that finds something becomes a test of its own elsewhere.
"""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from fleet.double import Account, Double, Script, Task
from tests.chaos.scene import Scene, hostile_files
from tests.chaos.troubles import TROUBLES, Trouble
from tests.real.farm import farm
from tests.real.staging import answered, living, prompt, query, said, writes
from tests.small_disks import mounted

pytestmark = pytest.mark.client

ALWAYS = (1,)
"""Seeds that are tried by every run of the tests: what goes on in them takes the least time."""
HOME_KB = 96 * 1024
MERGE = ("--target", "main", "--land", "merge")


@dataclass(frozen=True)
class Story:
    """What a seed draws. A moment: seconds of peace, the trouble, seconds that it lasts."""

    seed: int
    tasks: tuple[Task, ...]
    moments: tuple[tuple[float, Trouble, float], ...]
    with_host: bool
    hostile: bool

    @property
    def spares_workers(self) -> bool:
        return all(trouble.spares_workers for _, trouble, _ in self.moments)

    def __str__(self) -> str:
        told = ", ".join(f"{peace:.1f} s, {t.name} for {lasts:.1f} s" for peace, t, lasts in self.moments)
        return f"seed {self.seed}{', a host' * self.with_host}{', hostile files' * self.hostile}: {told}"


def story_of(seed: int) -> Story:
    draw = random.Random(seed)
    tasks = tuple(
        writes(name, *(f"{name}{n}.txt" for n in range(draw.randint(1, 3))), delay_s=draw.uniform(0.1, 1.0))
        for name in ("red", "green", "blue")[: draw.randint(2, 3)]
    )
    with_host = draw.random() < 0.4
    possible = [trouble for trouble in TROUBLES.values() if with_host or not trouble.of_host]
    moments = tuple(
        (draw.uniform(0.0, 2.0), draw.choice(possible), draw.uniform(0.2, 3.0))
        for _ in range(draw.randint(2, 4))
    )
    return Story(seed, tasks, moments, with_host, hostile=draw.random() < 0.5)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    asked = os.environ.get("FLEET_TEST_CHAOS")
    metafunc.parametrize("seed", ALWAYS if asked is None else range(int(asked)))


def test_whatever_happens_all_work_lands_once_and_nothing_is_left_or_reached(
    tmp_path: Path, seed: int
) -> None:
    story = story_of(seed)
    print(story)
    with begun(tmp_path, story) as scene:
        house = scene.house
        ids = [house.add_task(prompt(task.name), *MERGE) for task in story.tasks]
        draw = random.Random(seed)
        for peace_s, trouble, lasts_s in story.moments:
            scene.begin()
            time.sleep(peace_s)
            with trouble.happens(scene, draw):
                time.sleep(lasts_s)
        scene.end()
        house.up_until_idle()
        assert_whole(scene, story, ids)


@contextmanager
def begun(root: Path, story: Story) -> Iterator[Scene]:
    shim = root / "bin"
    shim.mkdir()
    with ExitStack() as stack:
        stack.enter_context(mounted(root / "home", HOME_KB))
        evil = stack.enter_context(Double(Script((Account("evil", "tok-evil"),))))
        house = stack.enter_context(living(root, *story.tasks))
        house.make_repo(hostile_files(root / "obeyed", evil.base_url) if story.hostile else None)
        house.extra_env["PATH"] = f"{shim}:{house.env['PATH']}"
        house.set_clock(0)
        house.add_account("work", "--concurrency", "3")
        log = stack.enter_context((root / "up.log").open("ab"))
        scene = Scene(house, log, shim)
        if story.with_host:
            scene.farm = stack.enter_context(farm(house, "one"))
            scene.farm.add("one")
        stack.callback(scene.end)
        yield scene
        assert evil.requests == [], "a repository sent the account's words elsewhere"
        assert not (root / "obeyed").exists(), "a repository's own command was run"
        assert not (root / "evil").exists(), "a host wrote at home"


def assert_whole(scene: Scene, story: Story, ids: list[str]) -> None:
    house, told = scene.house, f"{story}\n{said(scene.house)}"
    shown = [house.task(task) for task in ids]
    assert [task["state"] for task in shown] == ["landed"] * len(ids), f"{shown}\n{told}"
    for task in story.tasks:
        for name in files_of(task):
            assert house.git("show", f"main:{name}") == f"{name} of {task.name}\n", told
    for name in ids:
        work = house.git("log", "--format=%H", "--no-merges", f"--grep=Fleet-Task: {name}$", "main").split()
        assert len(work) == 1, f"the work of {name} stands on main {len(work)} times\n{told}"
    played = Counter(answered(house))
    assert not story.spares_workers or max(played.values()) == 1, f"steps were played twice: {played}\n{told}"
    once = Counter(
        (task, attempt, text)
        for task, attempt, text in query(house, "SELECT task, attempt, text FROM journal")
        if text.startswith(("worker runs", "worker ended", "landed", "verified", "added"))
    )
    assert max(once.values()) == 1, f"lines of the history are doubled: {once}\n{told}"
    assert house.leftovers() == [], told
    left = [line for line in house.git("worktree", "list").splitlines()[1:] if "/landing-" not in line]
    assert left == [], told
    subprocess.run(["git", "-C", str(house.repo), "fsck", "--strict"], check=True, capture_output=True)
    with closing(sqlite3.connect(house.home / "fleet.db")) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def files_of(task: Task) -> list[str]:
    return [call.input["file_path"].rpartition("/")[2] for step in task.steps for call in step.tools]
