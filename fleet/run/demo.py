"""`fleet up --demo [STORY]`: a story on a sample repository, with the real client against the scripted double.

A story is a folder in `demo_material`: what it is about (`story.toml`), its tasks, and what its accounts and their
model answer (`double.toml`).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from importlib import resources
from pathlib import Path

from fleet import streams
from fleet.core.events import AccountAdded
from fleet.core.model import Account
from fleet.double import Double, Script, read_script
from fleet.double.stage import Request
from fleet.errors import NotDone
from fleet.home import Home
from fleet.run.up import UpOptions, up
from fleet.service.requests import submit
from fleet.service.tasks import add, read_file
from fleet.shell.logs import open_log
from fleet.shell.stamp import stamp
from fleet.shell.veil import Veil
from fleet.views.outcome import Outcome
from profiles.profile import make_profile
from profiles.secrets import MemorySecrets
from workers.git import Git

STORY = "limit"
"""The one that is shown unless another is named."""

PATIENCE_S = 60.0
"""How long the moment at which a coordinator is killed is waited for."""

_OWN_CONFIGURATION = {
    "user.name": "Demo",
    "user.email": "demo@localhost",
    "commit.gpgSign": "false",
    "core.hooksPath": "/dev/null",
    "core.excludesFile": "/dev/null",
    "core.attributesFile": "/dev/null",
    "core.autocrlf": "false",
}
"""Of the sample repository, so that the demo is the same whatever the person's own git configuration says."""


@dataclass(frozen=True, slots=True)
class Killed:
    """When the story's first coordinator is killed, and how long it is left dead: answers of the model."""

    after_answers: int
    alone_answers: int


@dataclass(frozen=True, slots=True)
class Story:
    name: str
    about: str
    killed: Killed | None


@dataclass(frozen=True, slots=True)
class Demo:
    """A story in a new temporary directory, with a fleet's home and a sample repository; it stays to be looked at."""

    story: Story
    place: Path

    @property
    def home(self) -> Home:
        return Home(self.place / "home")

    @property
    def repo(self) -> Path:
        return self.place / "sample"


def stories() -> dict[str, Story]:
    """By name; the one that is shown unless another is named comes first."""
    with _material() as material:
        found = [_read_story(path) for path in material.glob("*/story.toml")]
    return {story.name: story for story in sorted(found, key=lambda story: (story.name != STORY, story.name))}


def _read_story(path: Path) -> Story:
    said = tomllib.loads(path.read_text(encoding="utf-8"))
    killed = Killed(**said["killed"]) if "killed" in said else None
    return Story(path.parent.name, said["about"], killed)


def lay_out(name: str) -> Demo:
    """Raises NotDone for a name that no story has."""
    known = stories()
    if name not in known:
        raise NotDone(f"there is no demo {name}: fleet up --demo list names those that there are")
    return Demo(known[name], Path(tempfile.mkdtemp(prefix="fleet-demo-")))


def run(demo: Demo, options: UpOptions, environ: Mapping[str, str]) -> Outcome:
    """Runs the coordinator until every task has ended. Raises NotDone."""
    options = _as_demo(options)
    with _material() as material:
        _sample_repository(demo.repo, material / "sample")
        script = read_script(material / demo.story.name / "double.toml")
        with Double(script) as double:
            for account in script.accounts:
                submit(demo.home, AccountAdded(**stamp(), account=_account(account.name, double.base_url)))
            tasks = _tasks(demo, material / demo.story.name / "tasks.toml")
            add(demo.home, read_file(tasks), datetime.now().astimezone())
            if demo.story.killed is not None:
                _run_until_killed(demo, demo.story.killed, options, double)
            return up(demo.home, options, environ, _secrets(script))


def _as_demo(options: UpOptions) -> UpOptions:
    return replace(options, until_idle=True, protect_by_forecast=False, heeds_load=False)


@contextmanager
def _material() -> Iterator[Path]:
    with resources.as_file(resources.files("fleet.run") / "demo_material") as material:
        yield material


def _secrets(script: Script) -> MemorySecrets:
    secrets = MemorySecrets()
    for account in script.accounts:
        secrets.put(account.name, account.token)
    return secrets


def _account(name: str, base_url: str) -> Account:
    profile = make_profile(name=name, kind="subscription", base_url=base_url)
    return Account(
        name=name,
        kind="subscription",
        tiers=tuple(profile.tiers.items()),
        concurrency=3,
        pool=profile.pool,
        added_ms=int(stamp()["at_ms"]),
        base_url=profile.base_url,
    )


def _sample_repository(path: Path, material: Path) -> None:
    """A repository as a person might have it, with another branch checked out than the one that work lands on."""
    path.mkdir()
    git = Git(path)
    git.run("init", "--quiet", "--template=", "--initial-branch=main")
    for key, value in _OWN_CONFIGURATION.items():
        git.run("config", key, value)
    for source in sorted(material.rglob("*")):
        if source.is_file():
            target = path / source.relative_to(material)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
    git.run("add", "--all")
    git.run("commit", "--quiet", "--message", "Begin")
    git.run("switch", "--quiet", "--create", "my-own-work")


def _tasks(demo: Demo, material: Path) -> Path:
    """The tasks' file, beside the repository that it names."""
    path = demo.place / "tasks.toml"
    repo = json.dumps(str(demo.repo), ensure_ascii=False)
    path.write_text(material.read_text(encoding="utf-8").replace('"REPO"', repo), encoding="utf-8")
    return path


# --- the coordinator that is killed ---


def _run_until_killed(demo: Demo, killed: Killed, options: UpOptions, double: Double) -> None:
    """Runs a coordinator in a process of its own, kills it in the middle of the work, and waits until the workers have
    gone on by themselves."""
    log = open_log(options.log_format, Veil(), streams.err(), options.log_level)
    given = json.dumps([str(demo.home.root), demo.story.name, options.log_format, options.log_level])
    code = "from fleet.run.demo import coordinate; coordinate()"
    first = subprocess.Popen(
        [sys.executable, "-c", code, given], stdin=subprocess.DEVNULL, stderr=streams.lent()[1]
    )
    try:
        answered = _answered(double, lambda count: count >= killed.after_answers)
    finally:
        first.kill()
        first.wait()
    log.warning(f"the coordinator {first.pid} was killed with kill -9")
    alone = _answered(double, lambda count: count >= answered + killed.alone_answers) - answered
    log.info(f"with no coordinator, the workers went on: the model answered them {alone} times")


def _answered(double: Double, enough: Callable[[int], bool]) -> int:
    """How often the model has answered workers, as soon as that is enough. Raises NotDone."""

    def count(log: list[Request]) -> int:
        return sum(1 for entry in log if entry.part is not None and entry.outcome == "answered")

    try:
        return count(double.wait_for(lambda log: enough(count(log)), PATIENCE_S))
    except TimeoutError as failed:
        raise NotDone(f"the demo's workers did not come so far: {failed}") from failed


def coordinate() -> None:
    """The coordinator that is going to be killed; it is told in an argument what to run."""
    root, name, log_format, log_level = json.loads(sys.argv[1])
    options = _as_demo(UpOptions(log_format=log_format, log_level=log_level))
    with _material() as material:
        script = read_script(material / name / "double.toml")
    up(Home(Path(root)), options, os.environ, _secrets(script))
